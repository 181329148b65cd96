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


def number(image: np.ndarray, pixels: list[int]) -> int:
    return sum(int(image[pixel]) << bit for bit, pixel in enumerate(pixels))


@pytest.mark.parametrize(
    ("offsets", "what"),
    [
        # Single pixels, in corners, side by side in raster order alone, and not near another.
        (context.AROUND, [[0], [27, 28], [783], [100, 105, 430]]),
        # Patches, of which two share their rows: their pixels alternate.
        (context.RING, [[0, 1, 28, 29], [100, 101, 105, 106, 128, 129, 133, 134]]),
    ],
)
def test_fills_are_those_of_their_parts(images, offsets, what):
    """A fill's log probability is the sum over its targets, each in its known context."""
    target = context.PATCH if offsets is context.RING else [(0, 0)]
    table = context.count(images, context.Context(offsets, (8,), target))[8]
    at = [SIDE * row + column for row, column in target]
    everywhere = context.log_p_everywhere(table, images)
    for missing in what:
        found = context.log_p_of_fills(table, images, np.tile(missing, (6, 1)))
        assert found.shape == (6, 2 ** len(missing))
        assert_allclose(np.exp(found).sum(axis=1), 1)
        places = [pixel for pixel in missing if {pixel + step for step in at} <= {*missing}]
        for row, image in enumerate(images):
            for completion in (0, 1, found.shape[1] - 1, found.shape[1] // 3):
                filled = image.copy()
                filled[missing] = completion >> np.arange(len(missing)) & 1
                expected = [
                    everywhere[row, place, number(filled, [place + step for step in at])]
                    for place in places
                ]
                assert_allclose(found[row, completion], sum(expected), rtol=1e-12)
        # What the images have at missing pixels is ignored.
        other = images.copy()
        other[:, missing] ^= 1
        again = context.log_p_of_fills(table, other, np.tile(missing, (6, 1)))
        assert_array_equal(again, found)


@pytest.mark.parametrize(
    ("offsets", "size", "missing", "expected"),
    [
        (context.AROUND, 8, [100], True),
        (context.AROUND, 8, [100, 102], True),
        (context.AROUND, 12, [100, 102], False),  # two columns away
        (context.AROUND, 8, [100, 129], False),  # diagonal
        (context.AROUND, 20, [27, 28], True),  # the end of a row and the start of the next
        (context.RING, 12, [100, 101, 128, 129], True),
        (context.RING, 12, [100, 101, 128], False),
        (context.RING, 12, [100, 101, 128, 129, 400], False),
        (context.RING, 12, [27, 28, 55, 56], False),
        (context.RING, 12, [100, 101, 102, 128, 129, 130], False),
        (context.RING, 12, [100, 101, 128, 129, 102, 103, 130, 131], False),
        (context.RING, 12, [100, 101, 128, 129, 103, 104, 131, 132], True),
    ],
)
def test_where_a_table_applies(images, offsets, size, missing, expected):
    target = context.PATCH if offsets is context.RING else [(0, 0)]
    what = context.Context(offsets, (size,), target)
    is_missing = np.zeros((2, PIXELS), bool)
    is_missing[0, missing] = is_missing[1, 500] = is_missing[1, 700] = True
    assert_array_equal(context.applies(what, is_missing), [expected, len(target) == 1])
    if not expected:
        table = context.count(images, what)[size]
        with pytest.raises(ValueError, match="missing: expected whole targets"):
            context.log_p_of_fills(table, images[:1], np.sort([missing]))


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
