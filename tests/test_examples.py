import numpy as np
from numpy.testing import assert_array_equal

from pipeline import examples


def test_of_rollouts_by_hand():
    accuracy = np.array([0.5, 0.9, 0.7, 0.9, 0.1, 0.6, 0.2])
    variance = np.array([0.0, 0.3, 0.2, 0.1, 0.3, 0.0, 0.0])
    chosen = examples.of_rollouts(accuracy, variance, 2)
    # Ranked 1, 3, 2, 5, 0, 6, 4: of equals the earlier first.
    assert list(chosen) == ["best", "middle", "worst", "highest variance"]
    assert_array_equal(chosen["best"], [1, 3])
    assert_array_equal(chosen["middle"], [2, 5])
    assert_array_equal(chosen["worst"], [6, 4])
    assert_array_equal(chosen["highest variance"], [1, 4])


def test_of_fills_by_hand():
    confidence = np.array([0.9, 0.4, 0.8, 0.9, 0.3, 0.7])
    right = np.array([True, False, True, True, True, False])
    chosen = examples.of_fills(confidence, right, 2)
    assert list(chosen) == ["surest right", "surest wrong", "least sure"]
    assert_array_equal(chosen["surest right"], [0, 3])
    assert_array_equal(chosen["surest wrong"], [5, 1])
    assert_array_equal(chosen["least sure"], [4, 1])


def test_a_kind_that_is_rare_has_fewer_examples():
    confidence = np.array([0.9, 0.8, 0.7])
    chosen = examples.of_fills(confidence, np.array([True, False, True]), 2)
    assert_array_equal(chosen["surest right"], [0, 2])
    assert_array_equal(chosen["surest wrong"], [1])
    chosen = examples.of_fills(confidence, np.array([True, True, True]), 2)
    assert len(chosen["surest wrong"]) == 0
