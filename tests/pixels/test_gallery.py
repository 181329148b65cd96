import numpy as np
from numpy.testing import assert_array_equal

from pipeline.pixels import gallery, methods


def test_pick_rollouts_by_hand():
    accuracy = np.array([0.5, 0.9, 0.7, 0.9, 0.1, 0.6, 0.2])
    variance = np.array([0.0, 0.3, 0.2, 0.1, 0.3, 0.0, 0.0])
    chosen = gallery.pick_rollouts(accuracy, variance, 2)
    # Ranked 1, 3, 2, 5, 0, 6, 4: ties go to the earlier one.
    assert list(chosen) == ["best", "middle", "worst", "highest variance"]
    assert_array_equal(chosen["best"], [1, 3])
    assert_array_equal(chosen["middle"], [2, 5])
    assert_array_equal(chosen["worst"], [6, 4])
    assert_array_equal(chosen["highest variance"], [1, 4])


def test_pick_fills_by_hand():
    confidence = np.array([0.9, 0.4, 0.8, 0.9, 0.3, 0.7])
    right = np.array([True, False, True, True, True, False])
    chosen = gallery.pick_fills(confidence, right, 2)
    assert list(chosen) == ["surest right", "surest wrong", "least sure"]
    assert_array_equal(chosen["surest right"], [0, 3])
    assert_array_equal(chosen["surest wrong"], [5, 1])
    assert_array_equal(chosen["least sure"], [4, 1])


def test_a_kind_that_is_rare_has_fewer_examples():
    confidence = np.array([0.9, 0.8, 0.7])
    chosen = gallery.pick_fills(confidence, np.array([True, False, True]), 2)
    assert_array_equal(chosen["surest right"], [0, 2])
    assert_array_equal(chosen["surest wrong"], [1])
    chosen = gallery.pick_fills(confidence, np.array([True, True, True]), 2)
    assert len(chosen["surest wrong"]) == 0


def test_shown_rollouts_belong_together(rng):
    images = rng.integers(0, 2, (9, 784), dtype=np.uint8)
    argmax = rng.integers(0, 2, (9, 5), dtype=np.uint8)
    samples = rng.integers(0, 2, (9, 3, 5), dtype=np.uint8)
    accuracy, variance = rng.random(9), rng.random(9)
    shown = gallery.show_rollouts(images, argmax, samples, accuracy, variance, 2)
    assert_array_equal(shown["kind"][[0, 2, 4, 6]], ["best", "middle", "worst", "highest variance"])
    assert shown["image"][0] == accuracy.argmax()
    for name, everything in (
        ("truth", images),
        ("argmax", argmax),
        ("samples", samples),
        ("accuracy", accuracy),
        ("variance", variance),
    ):
        assert_array_equal(shown[name], everything[shown["image"]])


def test_shown_fills_are_chosen_among_all_kinds_of_masks(rng):
    images = rng.integers(0, 2, (4, 784), dtype=np.uint8)
    missing, truth = np.array([[3], [5]]), np.array([0, 1])
    tasks = [
        methods.Task("one_pixel", kind, np.array(numbers), images[at : at + 2], missing, truth)
        for kind, numbers, at in (("uniform", [7, 8], 0), ("centre", [2, 9], 2))
    ]
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.45, 0.55]])
    shown = gallery.show_fills(tasks, np.log(p), 1)
    # Right are the rows 0, 1 and 3.
    assert shown["one_pixel-kind"].tolist() == [
        "surest right",
        "surest wrong",
        "least sure",
    ]
    assert shown["one_pixel-masks"].tolist() == ["uniform", "centre", "centre"]
    assert shown["one_pixel-image"].tolist() == [7, 2, 9]
    assert_array_equal(shown["one_pixel-truth"], images[[0, 2, 3]])
    assert_array_equal(shown["one_pixel-missing"], [[3], [3], [5]])
    assert_array_equal(shown["one_pixel-log_posterior"], np.log(p[[0, 2, 3]]))
