"""What the report judges: which means differ, what is attainable, what was learned.

All else that it says is a cell of a table, which the templates select and word.
"""

from typing import Any

import numpy as np
import pandas as pd

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


def attainable(table: pd.DataFrame, published: dict[str, float], tolerance: float) -> pd.DataFrame:
    """Published accuracies, and what exact predictors reach in expectation.

    Returns:
        model, published; exact and known_p, by exact Bayes and by the predictor that knows p;
        verdict: reached, tolerated, needs_p or impossible.
    """
    found = table.set_index(["model", "predictor"]).accuracy.unstack(sort=False).reset_index()
    number = found["published"] = found.model.map(published)
    limits = found.exact, found.exact + tolerance, found.known_p + tolerance
    verdicts = ["reached", "tolerated", "needs_p"]
    found["verdict"] = np.select([number <= limit for limit in limits], verdicts, "impossible")
    return found.dropna(subset="published")


def outcome(row: Any) -> str:
    """What a network of recipes.csv has learned: "prior", "exact" or "nearly"."""
    if row.gain <= 0:
        return "prior"  # counting is worth nothing
    return "exact" if row.excess_high < NEGLIGIBLE * row.gain else "nearly"
