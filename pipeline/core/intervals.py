"""Where one more training of a network would fall, by the trainings that there are."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import t

# Share of the cases in which an interval covers what it is for.
COVERAGE = 0.95


def student(trainings: int, coverage: float = COVERAGE) -> float:
    """Half an interval, in standard errors of K trainings, by Student's t (K - 1 degrees)."""
    return float(t.ppf((1 + coverage) / 2, trainings - 1)) if trainings > 1 else float("nan")


class Prediction(NamedTuple):
    """What another training would show: its mean, and the standard deviation from it.

    `spread` is the standard deviation of the trainings alone. With fewer than two of them
    `spread` and `deviation` are nan, and with none `mean` as well.
    """

    trainings: int
    mean: float
    spread: float
    deviation: float


def predict(values: Float[np.ndarray, "K"], *errors: float) -> Prediction:
    """What another training would show, by K trainings and other errors of the comparison.

    The variance of the difference of one more value and the mean of the K is
    s^2 (1 + 1 / K) + e_1^2 + e_2^2 + ..., where s is over the trainings and each e is the
    standard deviation of an error that they share or that the one more has: of the images on
    either side, of rounding. Half an interval is `student(K)` of its roots. With all of the
    variance in the errors that covers more than it says, never less.

    Source: Hahn and Meeker 1991, Statistical intervals, section 4.7, for one future value.
    """
    count = len(values)
    mean = float(values.mean()) if count else float("nan")
    spread = float(values.std(ddof=1)) if count > 1 else float("nan")
    variance = spread**2 * (1 + 1 / count) if count else float("nan")
    return Prediction(count, mean, spread, float(np.sqrt(variance + np.square(errors).sum())))


def rounding_error(half: float) -> float:
    """Standard deviation of a number that may be anything up to `half` away from what is written.

    All of that is equally probable: "0.15" was between 0.145 and 0.155, 0.005 / sqrt(3).
    """
    return half / np.sqrt(3)


def mean_z_of_each(values: pd.DataFrame, errors: Float[np.ndarray, "rows"]) -> pd.Series:
    """How far each training is from the others, over all quantities at once.

    For training i it is the mean over the rows of z = (x_i - m) / sqrt(s^2 (1 + 1 / K) + e^2),
    with m and s over the K others. A row's z has a spread of about one. The rows are not
    independent, so what their mean can be is not to be computed from their number: the
    trainings themselves show it.

    Args:
        values: a row for each quantity, a column for each training; nan where it has none.
        errors: e of each quantity, such as of rounding.

    Returns:
        By training; nan for one that has fewer than two others to be compared with.
    """
    means = {}
    for own in values:
        others = values.drop(columns=own)
        variance = others.var(axis=1, ddof=1) * (1 + 1 / others.count(axis=1)) + errors**2
        means[own] = ((values[own] - others.mean(axis=1)) / np.sqrt(variance)).mean()
    return pd.Series(means, dtype=float)
