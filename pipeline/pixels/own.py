"""Images of one's own: checked, and made like those of MNIST. Nothing here needs TensorFlow."""

import numpy as np
from jaxtyping import Bool, Integer, Real, UInt8

from pipeline.pixels import context, images, masks
from pipeline.pixels.images import PIXELS, SIDE

MOST_MISSING = 12
# MNIST's digits were scaled into a square of so many pixels a side.
BOX = 20


def check(
    array: np.ndarray, name: str = "array", complete: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """Masked images (N, PIXELS), and the truth if the array has it.

    Args:
        array: the course's format (2, N, PIXELS), [0] with -1 for missing pixels and [1]
            the truth; or (N, PIXELS) or (N, SIDE, SIDE) without truth.
        name: of the array in messages.

        complete: whether images without a missing pixel are allowed, but not all of them.

    Raises:
        ValueError: if shape or values are wrong, nothing is missing, or too much.
    """
    truth = None
    if array.dtype.kind not in "iufb":
        raise ValueError(f"{name}: got dtype {array.dtype}; allowed: numbers -1, 0 and 1")
    if array.ndim == 3 and array.shape[1:] == (SIDE, SIDE):
        array = array.reshape(len(array), PIXELS)
    elif array.ndim == 3 and len(array) == 2 and array.shape[2] == PIXELS:
        array, truth = array
    elif array.ndim != 2 or array.shape[1] != PIXELS:
        raise ValueError(
            f"{name}: got shape {array.shape}; allowed: (2, N, {PIXELS}) with the truth as "
            f"second, (N, {PIXELS}) or (N, {SIDE}, {SIDE})"
        )
    if not len(array):
        raise ValueError(f"{name}: got no image; allowed: one or more")
    _require_values(f"{name}: ", array, (-1, 0, 1))
    if truth is not None:
        _require_values(f"{name}: truth, ", truth, (0, 1))
    count = (array == masks.MISSING).sum(axis=1)
    if complete and not count.any():
        raise ValueError(f"{name}: nothing is missing in any image; mark missing pixels -1")
    if not complete and (count == 0).any():
        raise ValueError(
            f"{name}: image {count.argmin()}: nothing is missing; mark missing pixels -1"
        )
    if count.max() > MOST_MISSING:
        raise ValueError(
            f"{name}: image {count.argmax()}: {count.max()} pixels are missing; allowed: "
            f"up to {MOST_MISSING}, because their 2^M completions are enumerated"
        )
    if truth is None:
        return array.astype(np.int8), None
    differs = ((array != truth) & (array != masks.MISSING)).any(axis=1)
    if differs.any():
        raise ValueError(
            f"{name}: image {differs.argmax()}: known pixels differ from "
            "the truth; allowed: -1 or the same value"
        )
    return array.astype(np.int8), truth.astype(np.uint8)


def _require_values(name: str, images: np.ndarray, values: tuple[int, ...]) -> None:
    wrong = ~np.isin(images, values)
    if wrong.any():
        image, pixel = np.argwhere(wrong)[0]
        raise ValueError(
            f"{name}image {image}, pixel {pixel}: got {images[image, pixel]}; "
            f"allowed: {', '.join(map(str, values))}"
        )


def require_applies(
    what: context.Context, masked: Integer[np.ndarray, "N pixels"], name: str = "array"
) -> None:
    """Require that a table of this context says something about all missing pixels.

    Raises:
        ValueError: if it does not; names the first image.
    """
    applies = context.applies(what, masked == masks.MISSING)
    if not applies.all():
        target = "single pixels" if len(what.target) == 1 else "whole 2 x 2 patches"
        raise ValueError(
            f"{name}: image {applies.argmin()}: a table of {what.sizes[-1]} pixels needs {target}, "
            "each with so many known pixels around it; give other masks, or use a network"
        )


def like_mnist(
    grey: Real[np.ndarray, "rows columns"], missing: Bool[np.ndarray, "rows columns"]
) -> tuple[UInt8[np.ndarray, "28 28"], Bool[np.ndarray, "28 28"]]:
    """A picture as MNIST has it: ink is bright, scaled into BOX x BOX, its mass in the centre.

    A picture of SIDE x SIDE is taken as it is, because it has been scaled. Ink is what the
    border is not: a bright border is paper. A pixel is missing if half of its area is.

    Args:
        grey: 0 to 255.
        missing: where the grey value means nothing.

    Raises:
        ValueError: if there is no ink.

    Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits.
    """
    ink = np.where(missing, 0, grey)
    if ink.shape == (SIDE, SIDE):
        return ink.astype(np.uint8), missing
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) > 127:
        ink = np.where(missing, 0, 255 - grey)
    used = (ink > 0) | missing
    if not used.any():
        raise ValueError("got an empty picture; allowed: one with ink")
    rows, columns = (np.flatnonzero(used.any(axis=axis)) for axis in (1, 0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    ink, hidden = ink[window], missing[window].astype(float)
    shape = [max(1, round(BOX * size / max(ink.shape))) for size in ink.shape]
    down, across = (_shares(size, target) for size, target in zip(ink.shape, shape))
    small, hidden = (down @ part @ across.T for part in (ink, hidden))
    weight = small if small.any() else np.ones_like(small)
    centre = [
        (np.arange(size) + 0.5) @ weight.sum(axis=1 - axis) / weight.sum()
        for axis, size in enumerate(shape)
    ]
    top, left = (int(np.clip(round(SIDE / 2 - at), 0, SIDE - n)) for at, n in zip(centre, shape))
    made, lost = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), bool)
    place = slice(top, top + shape[0]), slice(left, left + shape[1])
    made[place], lost[place] = np.rint(small), hidden >= 0.5
    return made, lost


def _shares(size: int, target: int) -> np.ndarray:
    """The share (target, size) that each of `size` cells has in each of `target` on its length."""
    ends = np.arange(target + 1) * size / target
    cells = np.arange(size)
    overlap = np.minimum(ends[1:, None], cells + 1) - np.maximum(ends[:-1, None], cells)
    return overlap.clip(0) * target / size


def binarised(
    grey: Real[np.ndarray, "rows columns"],
    missing: Bool[np.ndarray, "rows columns"],
    threshold: float,
) -> Integer[np.ndarray, "pixels"]:
    """A picture like those of MNIST, binary in raster order, -1 where a pixel is missing."""
    made, lost = like_mnist(grey, missing)
    binary = images.binarise_threshold(made[None], threshold)[0].astype(np.int8)
    binary[lost.ravel()] = masks.MISSING
    return binary


def sketch(image: Integer[np.ndarray, "pixels"]) -> str:
    """An image as text, what the network sees: # for ink, ? where a pixel is missing."""
    rows = np.array([".", "#", "?"])[image].reshape(SIDE, SIDE)
    return "\n".join("".join(row) for row in rows)
