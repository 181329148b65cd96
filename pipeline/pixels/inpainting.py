"""In-painting of anybody's images: the posterior over completions, the best fill, and samples.

`python -m pipeline inpaint FILE.npy` is the same as a command.
"""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from jaxtyping import Float, Int, Integer, UInt8
from tqdm import tqdm

from pipeline import paths
from pipeline.pixels import completions, context, infill, masks
from pipeline.pixels.own import check, require_applies

# Images between two steps of the progress bar.
CHUNK = 256
# Of the project, wherever Python was started.
TOP = Path(__file__).parents[2]


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


def inpaint(
    masked: Integer[np.ndarray, "N pixels"],
    source: keras.Model | context.Table | None = None,
    samples: int = 5,
    rng: np.random.Generator | None = None,
) -> Inpainted:
    """The posterior over the missing pixels of each image, by default of the final network.

    Of a network it is exact: p(completion | known pixels) = p(X with completion) / sum over
    completions, where p(X) is the product of the network's one-step predictions. Of a table it
    is what `context.log_p_of_fills` says. `masked` has -1 where a pixel is missing: 1 to
    MOST_MISSING in each image, anywhere; for a table where it `context.applies`.

    Raises:
        ValueError: if an image breaks these rules.
    """
    masked, _ = check(masked)
    if source is None:
        source = keras.saving.load_model(TOP / paths.pixel_model("final"), compile=False)
    rng = rng or np.random.default_rng(0)
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
