from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.meta.source import Source
from pipeline.probes import alpha, bounds
from tests import reference

DOUBLE: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-12}


@pytest.mark.parametrize(
    ("data", "believed"),
    [
        ((10.0, 0.5, 0.5), (10.0, 1.0, 1.0)),
        ((1.1, 1.1, 1.1), (1.3, 1.3, 1.3)),
        ((2.0, 1.0), (1.0, 3.0)),
    ],
)
def test_expectations_are_sums_over_every_sequence(data, believed):
    found = alpha.mistaken(Source(data, 6), Source(believed, 6), 100)
    expected = reference.mistaken(data, believed, 6)
    assert_allclose([found[name] for name in expected], [*expected.values()], **DOUBLE)
    scores = bounds.attainable(bounds.expected_scores(Source(data, 6)), 100)
    assert found["accuracy"] == scores.set_index("predictor").accuracy["exact"]


def test_a_mistake_by_hand():
    # Two symbols, resets at every third step: p(1) is 3/4, then (3 + N) / 5, against 1/2, then
    # (1 + N) / 3; the first symbol is 1 in 3/4 of the periods.
    found = alpha.mistaken(Source((3.0, 1.0), 3), Source((1.0, 1.0), 3), 3)
    one, other = 4 / 5 - 2 / 3, 3 / 5 - 1 / 3
    mean = (1 / 4 + 3 / 4 * one + 1 / 4 * other) / 2
    expected = {"bias": mean, "apart": mean, "start": 1 / 4, "level": one, "level_most": one}
    expected |= {"rise": one - 1 / 4, "accuracy": (1 + 3 / 4 + 3 / 4) / 3}
    assert_allclose([found[name] for name in expected], [*expected.values()], **DOUBLE)


def test_the_right_alpha_is_no_mistake():
    source = Source((1.3, 2.0, 0.7), 4)
    found = alpha.mistaken(source, source, 100)
    assert {value for name, value in found.items() if name != "accuracy"} == {0}


def test_a_period_of_one_symbol_has_no_level():
    found = alpha.mistaken(Source((3.0, 1.0), 2), Source((1.0, 1.0), 2), 10)
    assert np.isnan([found["level"], found["level_most"], found["rise"]]).all()
    assert_allclose([found["start"], found["bias"]], 1 / 4, **DOUBLE)


def test_only_the_other_entries_are_scaled():
    assert alpha.with_others_scaled((10.0, 1.0, 3.0), 0.5) == (10.0, 0.5, 1.5)
