"""What the report judges: which means differ, what is attainable, what was learned.

All else that it says is a cell of a table, which the templates select and word.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.tables.published import Claim

# Below this fraction of the gain from counting, an excess is negligible.
NEGLIGIBLE = 0.01


def compare(one: Any, other: Any, quantity: str) -> int:
    """1 if one mean is higher than another, -1 if it is lower, 0 if neither is certain.

    A difference is certain if it exceeds two standard errors. Both are rows with the cells
    QUANTITY and QUANTITY_se.
    """
    difference = getattr(one, quantity) - getattr(other, quantity)
    # The errors of two methods on the same images are positively correlated, so that this
    # standard error of the difference is too large rather than too small.
    error = np.hypot(getattr(one, f"{quantity}_se"), getattr(other, f"{quantity}_se"))
    return int(np.sign(difference)) if abs(difference) > 2 * error else 0


def sign(row: Any, quantity: str) -> int:
    """1 or -1 if a paired difference exceeds two of its standard errors, 0 if it does not."""
    difference, error = getattr(row, quantity), getattr(row, f"{quantity}_se")
    return int(np.sign(difference)) if abs(difference) > 2 * error else 0


def attainable(table: pd.DataFrame, published: Mapping[str, Claim]) -> pd.DataFrame:
    """Published accuracies, and what exact predictors reach in expectation.

    Returns:
        model; exact and known_p, by exact Bayes and by the predictor that knows p; written,
        the published one; verdict: reached, if it may stand for at most as much, needs_p or
        impossible.
    """
    found = table.set_index(["model", "predictor"]).accuracy.unstack(sort=False).reset_index()
    found = found[found.model.isin([*published])]
    claims = [published[model] for model in found.model]
    least = np.array([claim.least for claim in claims])
    verdicts = np.select(
        [least <= found.exact, least <= found.known_p], ["reached", "needs_p"], "impossible"
    )
    return found.assign(written=[claim.written for claim in claims], verdict=verdicts)


def outcome(row: Any) -> str:
    """What a network of recipes.csv has learned: "prior", "exact" or "nearly"."""
    if row.gain <= 0:
        return "prior"  # counting is worth nothing
    return "exact" if row.excess_high < NEGLIGIBLE * row.gain else "nearly"


def likely(reading: Any, plain: Any = None) -> str:
    """A verdict on a reading of the write-up, a row of readings.csv.

    "unlikely" if more than a fifth of the published numbers is outside; chance would put 5 %
    there, but they are not independent. "likely" if none is. Else "open"; so too if none is
    outside of the `plain` reading either, with which this one competes.
    """
    outside = reading.numbers - reading.inside
    if outside > reading.numbers / 5:
        return "unlikely"
    if outside or (plain and plain.inside == plain.numbers):
        return "open"
    return "likely"
