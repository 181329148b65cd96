import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.pixels import context
from pipeline.pixels.images import PIXELS, SIDE
from tests import reference

PLACES = [0, 27, 405, 756, 783]


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    """Six images, from little ink to much."""
    density = np.linspace(0.1, 0.9, 6)[:, None]
    return (rng.random((6, PIXELS)) < density).astype(np.uint8)


def test_offsets_are_whole_rings():
    distances = [row**2 + column**2 for row, column in context.AROUND]
    assert distances[:21] == [1] * 4 + [2] * 4 + [4] * 4 + [5] * 8 + [8]
    assert context.CAUSAL[:4] == [(-1, 0), (0, -1), (-1, -1), (-1, 1)]
    # Every causal pixel of the 11 x 11 surroundings, and none that comes later.
    assert len(context.CAUSAL) == 60
    assert all(SIDE * row + column < 0 for row, column in context.CAUSAL)
    # The patch and its ring are a square of 4 x 4.
    square = {(row, column) for row in range(-1, 3) for column in range(-1, 3)}
    assert {*context.RING, *context.PATCH} == square


@pytest.mark.parametrize(
    "what",
    [
        context.Context(context.CAUSAL, (2, 4, 7)),
        context.Context(context.AROUND, (4, 8)),
        context.Context(context.RING, (3, 6), context.PATCH),
    ],
)
def test_equals_reference(images, what):
    train, image = images[:5], images[5]
    tables = context.count(train, what)
    assert list(tables) == list(what.sizes)
    for number, size in enumerate(what.sizes, start=1):
        everywhere = context.log_p_everywhere(tables[size], image[None])[0]
        for place in PLACES:
            expected = reference.context_log_p(
                train.tolist(), image.tolist(), place, what.near, what.sizes[:number], what.target
            )
            assert_allclose(everywhere[place], expected, rtol=1e-12)
        there = context.log_p_at(tables[size], image[None], np.array([405]))
        assert_array_equal(there[0], everywhere[405])


def test_by_hand():
    # One image of ink: a pixel inside has ink above and to its left.
    table = context.count(np.ones((1, PIXELS), np.uint8), context.Context(context.CAUSAL, (2,)))[2]
    n = (SIDE - 1) ** 2
    log_p = context.log_p_everywhere(table, np.ones((1, PIXELS), np.uint8))[0, SIDE + 1]
    assert_allclose(np.exp(log_p), [0.5 / (n + 1), (n + 0.5) / (n + 1)])
    # Where nothing was seen, what is left is the smaller context: here none.
    unseen = context.log_p_everywhere(
        context.count(np.zeros((1, PIXELS), np.uint8), context.Context(context.CAUSAL, (2,)))[2],
        np.ones((1, PIXELS), np.uint8),
    )[0, SIDE + 1]
    assert_allclose(np.exp(unseen), [0.5, 0.5])


def test_causal_tables_see_no_future(images, rng):
    tables = context.count(images, context.Context(context.CAUSAL, (4, 10)))
    before = context.log_p_everywhere(tables[10], images)
    for pixel in PLACES:
        changed = images.copy()
        changed[:, pixel] ^= 1
        after = context.log_p_everywhere(tables[10], changed)
        assert_array_equal(after[:, : pixel + 1], before[:, : pixel + 1])


def test_probabilities_are_normalised(images):
    for table in context.count(
        images, context.Context(context.RING, (8, 12), context.PATCH)
    ).values():
        assert_allclose(np.exp(table.log_p).sum(axis=1), 1)


def test_counts_in_chunks(images, monkeypatch):
    what = context.Context(context.AROUND, (4, 8))
    whole = context.count(images, what)
    monkeypatch.setattr(context, "CHUNK", 4)
    for size, table in context.count(images, what).items():
        assert_array_equal(table.log_p, whole[size].log_p)
