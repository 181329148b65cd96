"""In-painting of anybody's images: the posterior over completions, the best fill, and samples.

`python -m pipeline inpaint FILE.npy` is the same as a command.
"""

from typing import NamedTuple

import keras
import numpy as np
from jaxtyping import Float, Int, Integer, UInt8
from tqdm import tqdm

from pipeline.pixels import completions, context, infill, masks
from pipeline.pixels.images import PIXELS, SIDE

MOST_MISSING = 12
# Images between two steps of the progress bar.
CHUNK = 256


class Inpainted(NamedTuple):
    """The result of `inpaint`, one row for each image.

    log_posterior: log p(completion | known pixels) in nats, over C = 2^M completions, M
        the largest number of missing pixels; bit b of c is the value of missing pixel b in
        raster order. An image with fewer missing pixels has -inf behind its own 2^M.
    missing: raster indices of the missing pixels, -1 behind them.
    fill: the images with the most probable completion.
    samples: the images with completions drawn from the posterior.
    """

    log_posterior: Float[np.ndarray, "N C"]
    missing: Int[np.ndarray, "N missing"]
    fill: UInt8[np.ndarray, "N pixels"]
    samples: UInt8[np.ndarray, "N samples pixels"]


def check(array: np.ndarray, name: str = "array") -> tuple[np.ndarray, np.ndarray | None]:
    """Masked images (N, PIXELS), and the truth if the array has it.

    Args:
        array: the course's format (2, N, PIXELS), [0] with -1 for missing pixels and [1]
            the truth; or (N, PIXELS) or (N, SIDE, SIDE) without truth.
        name: of the array in messages.

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
    if (count == 0).any():
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


def inpaint(
    source: keras.Model | context.Table,
    masked: Integer[np.ndarray, "N pixels"],
    samples: int,
    rng: np.random.Generator,
) -> Inpainted:
    """The posterior over the missing pixels of each image.

    Of a network it is exact: p(completion | known pixels) = p(X with completion) / sum over
    completions, where p(X) is the product of the network's one-step predictions. Of a table it
    is what `context.log_p_of_fills` says. `masked` has -1 where a pixel is missing: 1 to
    MOST_MISSING in each image, anywhere; for a table where it `context.applies`.

    Raises:
        ValueError: if an image breaks these rules.
    """
    masked, _ = check(masked)
    is_missing = masked == masks.MISSING
    if isinstance(source, context.Table):
        require_applies(source.context, masked)
    count = is_missing.sum(axis=1)
    images = np.where(is_missing, 0, masked).astype(np.uint8)
    # Stable: the missing pixels first, in raster order.
    order = np.argsort(~is_missing, axis=1, kind="stable")[:, : count.max()]
    log_posterior = np.full((len(images), 2 ** count.max()), -np.inf)
    fill = images.copy()
    drawn = np.repeat(images[:, None], samples, axis=1)
    with tqdm(total=len(images), unit="image", disable=None) as bar:
        for same in np.unique(count):
            rows = np.flatnonzero(count == same)
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                missing = order[chunk, :same]
                log_p = _log_p(source, images[chunk], missing)
                log_posterior[chunk, : 2**same] = log_p
                fill[chunk] = completions.fill(images[chunk], missing, log_p.argmax(axis=1))
                # Inverse CDF, one uniform number for each sample.
                below = np.cumsum(np.exp(log_p), axis=1)[:, None]
                number = (below < rng.random((len(chunk), samples, 1))).sum(axis=2)
                which = np.minimum(number, 2**same - 1)
                for s in range(samples):
                    drawn[chunk, s] = completions.fill(images[chunk], missing, which[:, s])
                bar.update(len(chunk))
    order[np.arange(order.shape[1]) >= count[:, None]] = -1
    return Inpainted(log_posterior, order, fill, drawn)


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


def _log_p(
    source: keras.Model | context.Table, images: np.ndarray, missing: np.ndarray
) -> np.ndarray:
    if isinstance(source, context.Table):
        return context.log_p_of_fills(source, images, missing)
    joint, _ = infill.score_completions(source, images, missing)
    return completions.log_p_given_rest(joint)


def score(found: Inpainted, truth: UInt8[np.ndarray, "N pixels"]) -> dict[str, np.ndarray]:
    """For each image -log p(truth | rest) in nats, and whether the fill is right."""
    nats = np.empty(len(truth))
    for row, (log_p, missing) in enumerate(zip(found.log_posterior, found.missing)):
        nats[row] = -log_p[completions.number(truth[row, missing[missing >= 0]])]
    return {"nats": nats, "fill_right": (found.fill == truth).all(axis=1)}
