"""What the report judges: which means differ, what is attainable, what was learned.

All else that it says is a cell of a table, which the templates select and word.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.params.sections import MetaModel
from pipeline.report.tables import group, numbered_columns, record, select

# Below this fraction of the gain from counting, an excess is negligible.
NEGLIGIBLE = 0.01


def compare(one: Any, other: Any, quantity: str) -> int:
    """1 if one mean is higher than another, -1 if it is lower, 0 if neither is certain.

    A difference is certain if it exceeds two standard errors.

    Args:
        one: a row with the cells QUANTITY and QUANTITY_se.
        other: the same.
        quantity: name of a column.
    """
    difference = getattr(one, quantity) - getattr(other, quantity)
    # The errors of two methods on the same images are positively correlated, so that this
    # standard error of the difference is too large rather than too small.
    error = np.hypot(getattr(one, f"{quantity}_se"), getattr(other, f"{quantity}_se"))
    return int(np.sign(difference)) if abs(difference) > 2 * error else 0


class Case(NamedTuple):
    """A task and kind of mask: rows of scores.csv, of the final network or of none."""

    exact: Any
    past_only: Any
    best: Any  # the method with the most right fills besides exact
    likelihood: int  # 1 if exact gives the truth more probability than lookup, -1 if less


def cases(scores: pd.DataFrame) -> list[Case]:
    """Every task and kind of mask, in the order of the table."""
    found = []
    for rows in group(scores[scores.snapshot.isin(["final", "none"])], "task", "masks"):
        by_method = {row.method: row for row in rows}
        exact = by_method.pop("exact")
        best = max(by_method.values(), key=lambda row: row.fill_accuracy)
        likelihood = compare(by_method["lookup"], exact, "nats")
        found.append(Case(exact, by_method["past_only"], best, likelihood))
    return found


class Attainable(NamedTuple):
    """A published accuracy, and what exact predictors reach in expectation."""

    model: str
    published: float
    exact: float
    known: float  # by the predictor that knows p
    verdict: str  # reached, tolerated, needs_p or impossible


def attainable(
    table: pd.DataFrame, published: Mapping[str, float], tolerance: float
) -> list[Attainable]:
    """Which published accuracies a predictor can reach, to within the tolerance."""
    found = []
    for model in table.model.unique():
        accuracy = published.get(model)
        if accuracy is None:
            continue
        exact, known = (
            record(table, model=model, predictor=name).accuracy for name in ("exact", "known_p")
        )
        if accuracy <= exact:
            verdict = "reached"
        elif accuracy <= exact + tolerance:
            verdict = "tolerated"
        else:
            verdict = "needs_p" if accuracy <= known + tolerance else "impossible"
        found.append(Attainable(model, accuracy, exact, known, verdict))
    return found


def outcome(row: Any) -> str:
    """What a network of recipes.csv has learned: "prior", "exact" or "nearly"."""
    if row.gain <= 0:
        return "prior"  # counting is worth nothing
    return "exact" if row.excess < NEGLIGIBLE * row.gain else "nearly"


def covered_models(recipes: pd.DataFrame, models: Mapping[str, MetaModel]) -> list[str]:
    """The models that the studies were run for, with the T and alpha that they have now."""
    found = []
    for name, model in models.items():
        own = select(recipes, model=name)
        alpha = own[numbered_columns(own.columns, "alpha")].to_numpy(float)
        if (
            len(own)
            and (own.reset_every == model.reset_every).all()
            and alpha.shape[1] == len(model.alpha)
            # Tables have six significant digits.
            and np.allclose(alpha, model.alpha, rtol=1e-5, atol=0)
        ):
            found.append(name)
    return found


def is_triangle(simplex: pd.DataFrame) -> bool:
    """Whether there are three symbols: the simplex of others cannot be drawn."""
    return len(numbered_columns(simplex.columns, "p")) == 3
