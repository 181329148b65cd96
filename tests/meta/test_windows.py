from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core import scores
from pipeline.meta import windows
from pipeline.meta.source import Source
from tests import reference

# Products of a few probabilities, of which the reference divides two.
DOUBLE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}
SOURCES = [Source((10.0, 1.0, 1.0), 5), Source((1.3, 1.3, 1.3), 3), Source((0.4, 2.0), 2)]


@pytest.mark.parametrize("source", SOURCES)
def test_the_exact_predictor_of_a_window_sums_over_all_places_in_a_period(source, rng):
    characters, _ = windows.draw(source, rng, 40, 7)
    found = windows.log_p_in_window(source, characters)
    for row, own in zip(characters.tolist(), found):
        expected = reference.window_predictive(row, source.alpha, source.reset_every)
        assert_allclose(np.exp(own), np.exp(expected), **DOUBLE)


def test_a_window_by_hand():
    # Two equal symbols, resets at every other step: a window is 0 k 0 k ... or k 0 k 0 ...
    source = Source((1.0, 1.0), 2)
    p = np.exp(windows.log_p_in_window(source, np.array([[1, 0, 2]], np.uint8)))
    expected = [[1 / 2, 1 / 4, 1 / 4], [1.0, 0.0, 0.0], [0.0, 1 / 2, 1 / 2]]
    assert_allclose(p[0], expected, **DOUBLE)


@pytest.mark.parametrize("source", SOURCES)
def test_a_window_that_begins_with_a_reset_has_all_of_the_past(source, rng):
    characters, exact = windows.draw(source, rng, 60, 9)
    at_reset = characters[:, 0] == 0
    found = windows.log_p_in_window(source, characters)
    later = np.arange(1, 10)
    assert at_reset.any()
    assert_allclose(found[at_reset][:, later], exact[at_reset][:, later], **DOUBLE)
    # Others lack the symbols before the window, and at first the time of the next reset.
    assert (scores.kl(exact, found)[~at_reset].max(axis=1) > 0.01).all()


def test_drawn_sequences_begin_everywhere_and_keep_their_past():
    source = Source((5.0, 1.0), 4)
    characters, exact = windows.draw(source, np.random.default_rng(3), 4000, 6)
    assert characters.shape == (4000, 7)
    assert exact.shape == (4000, 7, 3)
    first_reset = (characters == 0).argmax(axis=1)
    # Four standard errors of a share of a quarter.
    assert_allclose(np.bincount(first_reset) / 4000, 1 / 4, atol=4 * np.sqrt(3 / 16 / 4000))
    # Resets are certain, and from the first one on the past is in the sequence.
    assert_array_equal(exact[..., 0] == 0, characters == 0)
    row = int((first_reset == 1).argmax())
    own = np.array(reference.posterior_predictive(characters[row, 1:].tolist(), source.alpha, 4))
    assert_allclose(exact[row][np.arange(1, 7)], own, **DOUBLE)
    # The second symbol of a period, its first one before the sequence: (5 + N) / (6 + 1).
    second = np.unique(np.exp(exact[first_reset == 2][:, 0, 1]))
    assert_allclose(second, [5 / 7, 6 / 7], **DOUBLE)


def test_windows_overlap_in_one_character():
    values = np.array([[0, 1, 2, 3, 4, 5, 6], [10, 11, 12, 13, 14, 15, 16]])
    three = [[0, 1, 2, 3], [3, 4, 5, 6], [10, 11, 12, 13], [13, 14, 15, 16]]
    assert_array_equal(windows.cut(values, 3), three)
    assert_array_equal(windows.cut(values, 6), values)
    # What is left at the end is dropped, and other axes stay.
    four = windows.cut(np.stack([values, -values], axis=2), 4)
    assert_array_equal(four[..., 0], [[0, 1, 2, 3, 4], [10, 11, 12, 13, 14]])
    assert_array_equal(four[..., 1], -four[..., 0])


def test_the_first_character_of_a_window_does_not_count():
    values = np.array([[9.0, 1, 2], [9, 3, 4], [9, 5, 6], [9, 7, 8]])
    assert_array_equal(windows.mean_of_predicted(values, 2), [2.5, 6.5])


@pytest.mark.parametrize("length", [1, 2, 4])
def test_every_length_has_as_many_predicted_characters(length):
    source, seed = Source((1.0, 1.0), 3), np.random.SeedSequence(1)
    one, two = (windows.batches(source, seed, 6, 4, length) for _ in range(2))
    first, second = next(one), next(one)
    assert first.shape == (6 * 4 // length, length + 1)
    assert_array_equal(first, next(two))
    assert (first != second).any()


def test_a_longer_window_is_worth_something():
    source = Source((1.3, 1.3, 1.3), 5)
    characters, exact = windows.draw(source, np.random.default_rng(2), 500, 20)
    excess = []
    for length in (1, 2, 5, 10, 20):
        own, truth = (windows.cut(values, length) for values in (characters, exact))
        kl = scores.kl(truth, windows.log_p_in_window(source, own))
        excess.append(windows.mean_of_predicted(kl, 500).mean())
    assert (np.diff(excess) < 0).all()
