import numpy as np
from numpy.testing import assert_array_equal

from pipeline.pixels import gallery


def test_pick_rollouts_by_hand():
    accuracy = np.array([0.5, 0.9, 0.7, 0.9, 0.1, 0.6, 0.2])
    variance = np.array([0.0, 0.3, 0.2, 0.1, 0.3, 0.0, 0.0])
    chosen = gallery.pick_rollouts(accuracy, variance, 2)
    # Ranked 1, 3, 2, 5, 0, 6, 4: ties go to the earlier one.
    assert list(chosen) == ["best", "middle", "worst", "highest variance"]
    assert_array_equal(list(chosen.values()), [[1, 3], [2, 5], [6, 4], [1, 4]])


def test_pick_fills_by_hand():
    confidence = np.array([0.9, 0.4, 0.8, 0.9, 0.3, 0.7])
    right = np.array([True, False, True, True, True, False])
    learned = np.array([-1.0, 0.2, 3.0, 0.0, 3.0, 0.1])
    chosen = gallery.pick_fills(confidence, right, learned, 2)
    assert list(chosen) == ["most learned", "surest wrong", "least sure"]
    assert_array_equal(list(chosen.values()), [[2, 4], [5, 1], [4, 1]])
    # A kind that is rare has fewer examples.
    assert_array_equal(gallery.pick_fills(confidence, right, learned, 3)["surest wrong"], [5, 1])
    assert len(gallery.pick_fills(confidence, right | True, learned, 2)["surest wrong"]) == 0


def test_what_is_shown_belongs_together():
    chosen = {"best": np.array([4, 0]), "worst": np.array([], int), "middle": np.array([3])}
    letters, numbers = np.array(list("abcde")), np.arange(10).reshape(5, 2)
    shown = gallery.show(chosen, letters=letters, numbers=numbers)
    assert list(shown) == ["kind", "letters", "numbers"]
    assert shown["kind"].tolist() == ["best", "best", "middle"]
    assert shown["letters"].tolist() == ["e", "a", "d"]
    assert_array_equal(shown["numbers"], [[8, 9], [0, 1], [6, 7]])
