import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.core import intervals
from tests import reference


def test_another_training_by_hand():
    found = intervals.predict(np.array([1.0, 2.0, 3.0]), 0.5, 1.5)
    # s = 1, so that s^2 (1 + 1/3) = 4/3; the errors add 0.25 + 2.25.
    assert (found.trainings, found.mean, found.spread) == (3, 2.0, 1.0)
    assert found.deviation == pytest.approx(math.sqrt(4 / 3 + 2.5))
    # Two degrees of freedom, from a table of Student's t.
    assert intervals.student(3) == pytest.approx(4.303, abs=5e-4)
    assert intervals.student(10, 0.9) == pytest.approx(1.833, abs=5e-4)


@pytest.mark.parametrize("count", [0, 1])
def test_one_training_predicts_no_other(count):
    found = intervals.predict(np.full(count, 0.5), 0.1)
    assert (found.trainings, found.mean) == (
        count,
        pytest.approx(0.5 if count else np.nan, nan_ok=True),
    )
    assert np.isnan([found.spread, found.deviation, intervals.student(count)]).all()


@pytest.mark.parametrize(
    ("trainings", "error", "unit", "at_least"),
    [
        (2, 0.0, 0.0, 0.95),
        (5, 0.0, 0.0, 0.95),
        (5, 0.0, 1.0, 0.95),
        (10, 0.5, 1.0, 0.95),
        (3, 3.0, 0.0, 0.99),  # an error of known size needs less than Student's t
    ],
)
def test_intervals_cover_what_another_training_would_publish(trainings, error, unit, at_least, rng):
    """The cases in which the published number of one more training is inside."""
    count, inside = 5000, 0
    rounding = intervals.rounding_error(unit / 2)
    for _ in range(count):
        ours, published = reference.another_training(rng, trainings, 1.0, error, unit)
        found = intervals.predict(np.array(ours), error, rounding)
        half = intervals.student(trainings) * found.deviation
        inside += abs(published - found.mean) <= half
    # Three standard errors of a share.
    slack = 3 * math.sqrt(0.95 * 0.05 / count)
    assert inside / count > at_least - slack
    if error == unit == 0:
        assert inside / count < at_least + slack


@pytest.mark.parametrize("half", [0.005, 0.5])
def test_rounding_is_uniform(half, rng):
    errors = rng.uniform(-half, half, 100_000)
    assert intervals.rounding_error(half) == pytest.approx(errors.std(), rel=0.01)


def test_each_training_is_judged_by_the_others(rng):
    values = rng.normal(size=(4, 6))
    values[:, 5] += 30
    found = intervals.mean_z_of_each(pd.DataFrame(values), np.full(4, 0.1))
    assert_allclose(found, reference.leave_one_out(values.tolist(), 0.1))
    assert found.abs().idxmax() == 5
    # A row that two trainings alone have judges nobody.
    short = np.vstack([values, [1.0, 2.0, *[np.nan] * 4]])
    assert_allclose(intervals.mean_z_of_each(pd.DataFrame(short), np.full(5, 0.1)), found)


def test_two_trainings_do_not_judge_each_other():
    assert intervals.mean_z_of_each(pd.DataFrame([[0.1, 0.2]]), np.zeros(1)).isna().all()
