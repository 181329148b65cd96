import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.pixels import baselines
from pipeline.pixels.images import SIDE

# Two rows and a half known, two rows and a half unknown.
PIXELS, FIRST = 5 * SIDE, 5 * SIDE // 2


def draw(rng: np.random.Generator, count: int = 6) -> np.ndarray:
    return rng.integers(0, 2, (count, PIXELS), dtype=np.uint8)


def test_copy_left_and_copy_above_follow_their_rule_pixel_by_pixel(rng):
    images = draw(rng)
    for rule, back in ((baselines.copy_left, 1), (baselines.copy_above, SIDE)):
        expected = images.copy()
        for pixel in range(FIRST, PIXELS):
            expected[:, pixel] = expected[:, pixel - back]
        assert_array_equal(rule(images, FIRST), expected[:, FIRST:])


def test_majority_by_hand():
    train = np.array([[1, 1, 1, 0], [0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]], np.uint8)
    # Three of four, all, two of four (even: paper), one of four.
    assert_array_equal(baselines.majority(train, 0, 2), [[1, 1, 0, 0]] * 2)
    assert_array_equal(baselines.majority(train, 1, 1), [[1, 0, 0]])


def test_log_p_of_guess_by_hand():
    # At the first pixel the guess was 1 on three training images, of which two have ink,
    # and 0 on one, which has none. At the second it was 0 on all four, one with ink.
    train_guess = np.array([[1, 0], [1, 0], [1, 0], [0, 0]], np.uint8)
    train_truth = np.array([[1, 0], [1, 1], [0, 0], [0, 0]], np.uint8)
    guess = np.array([[1, 0], [0, 1]], np.uint8)
    ink = np.exp(baselines.log_p_of_guess(train_guess, train_truth, guess))[..., 1]
    # A guess that never came in training: one half.
    expected = [[(2 + 1) / (3 + 2), (1 + 1) / (4 + 2)], [(0 + 1) / (1 + 2), 1 / 2]]
    assert_allclose(ink, expected, rtol=1e-12)


def test_every_baseline_predicts(rng):
    train, images = draw(rng, 20), draw(rng)
    found = {name: rest for name, *rest in baselines.predict(train, images, FIRST)}
    assert list(found) == ["all_zero", "copy_left", "copy_above", "training_majority", "nearest"]
    assert not found["all_zero"][0].any()
    assert_array_equal(found["copy_above"][0], baselines.copy_above(images, FIRST))
    assert_array_equal(found["training_majority"][0], baselines.majority(train, FIRST, 6))
    for guess, log_p in found.values():
        assert guess.shape == (6, PIXELS - FIRST)
        assert np.isfinite(log_p).all()
        assert_allclose(np.exp(log_p).sum(axis=-1), 1, rtol=1e-12)
    # These two say the same of every image, so their probabilities are the same.
    assert_array_equal(found["all_zero"][1], found["training_majority"][1])


def test_nearest_is_what_a_loop_finds(rng, monkeypatch):
    train, images = draw(rng, 30), draw(rng, 5)
    train[7] = train[3]  # equally near: the first counts
    monkeypatch.setattr(baselines, "NEAREST", 4)
    monkeypatch.setattr(baselines, "CHUNK", 2)
    found = np.exp(baselines.nearest(train, images, FIRST))
    for image, own in zip(images, found):
        distances = [
            (int((image[:FIRST] != other[:FIRST]).sum()), n) for n, other in enumerate(train)
        ]
        near = [n for _, n in sorted(distances)[:4]]
        share = (train[:, FIRST:].sum(axis=0) + 1) / (30 + 2)
        ink = (train[near, FIRST:].sum(axis=0) + share) / (4 + 1)
        assert_allclose(own, np.stack([1 - ink, ink], axis=-1), rtol=1e-12)
