"""Fill the missing pixels of one's own images: the exact posterior, fills, and samples.

`python -m pipeline.inpaint FILE.npy --out OUT.npz [--figure FIGURE.png]` works at once in a
fresh clone, with the committed final network. `inpaint` is the same as a function.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from jaxtyping import Float, Int, Integer, UInt8
from tqdm import tqdm

from pipeline import (
    completions,
    figures,
    files,
    guard,
    infill,
    masks,
    model_file,
    network,
    randomness,
    scores,
    storage,
    tables,
)
from pipeline.images import PIXELS, SIDE

MOST_MISSING = 12
MOST_SAMPLES = 1000
# Images between two steps of the progress bar.
CHUNK = 256


class Inpainted(NamedTuple):
    """What `inpaint` found, one row for each image.

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


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Masked images (N, PIXELS), and the truth if the file has it.

    Args:
        path: a .npy file: the course's format (2, N, PIXELS), [0] with -1 for missing
            pixels and [1] the truth; or (N, PIXELS) or (N, SIDE, SIDE) without truth.

    Raises:
        ValueError: the file is no such array; says what it is and what is allowed.
    """
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
            rest = file.read(1)
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; give the path of a .npy file") from None
    except Exception as error:  # whatever numpy says, depending on where the damage is
        raise ValueError(
            f"{path}: not a whole .npy file of numbers ({storage.reason(error)}); save it "
            "with numpy.save"
        ) from None
    if rest:
        raise ValueError(f"{path}: more after the array; save one array with numpy.save")
    return check(array, str(path))


def check(array: np.ndarray, name: str = "array") -> tuple[np.ndarray, np.ndarray | None]:
    """Masked images and truth from an array in one of the formats of `read`.

    Raises:
        ValueError: wrong shape or values, nothing missing, or too much.
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
    allowed: list[tuple[str, np.ndarray, tuple]] = [("", array, (-1, 0, 1))]
    if truth is not None:
        allowed.append(("truth, ", truth, (0, 1)))
    for part, values, known in allowed:
        wrong = ~np.isin(values, known)
        if wrong.any():
            image, pixel = np.argwhere(wrong)[0]
            raise ValueError(
                f"{name}: {part}image {image}, pixel {pixel}: got {values[image, pixel]}; "
                f"allowed: {', '.join(map(str, known))}"
            )
    count = (array == masks.MISSING).sum(axis=1)
    if (count == 0).any():
        raise ValueError(
            f"{name}: image {count.argmin()}: nothing is missing; mark missing pixels -1"
        )
    if count.max() > MOST_MISSING:
        raise ValueError(
            f"{name}: image {count.argmax()}: {count.max()} pixels are missing; allowed: "
            f"up to {MOST_MISSING}, for their 2^M completions are enumerated"
        )
    differs = np.zeros(len(array), bool)
    if truth is not None:
        differs = ((array != truth) & (array != masks.MISSING)).any(axis=1)
    if differs.any():
        raise ValueError(
            f"{name}: image {differs.argmax()}: known pixels differ from "
            "the truth; allowed: -1 or the same value"
        )
    return array.astype(np.int8), None if truth is None else truth.astype(np.uint8)


def inpaint(
    model: keras.Model,
    masked: Integer[np.ndarray, "N pixels"],
    samples: int,
    rng: np.random.Generator,
) -> Inpainted:
    """The exact posterior over the missing pixels of each image.

    p(completion | known pixels) = p(X with completion) / sum over completions, where p(X)
    is the product of the network's one-step predictions.

    Args:
        model: a network with one logit, such as models/pixels/final.keras.
        masked: binary images in raster order, -1 where a pixel is missing: 1 to
            MOST_MISSING in each image, anywhere.
        samples: completions drawn from the posterior for each image.
        rng: source of randomness of the samples.

    Raises:
        ValueError: an image breaks these rules.
    """
    masked, _ = check(masked)
    is_missing = masked == masks.MISSING
    count = is_missing.sum(axis=1)
    images = np.where(is_missing, 0, masked).astype(np.uint8)
    # Stable: the missing pixels first, in raster order.
    order = np.argsort(~is_missing, axis=1, kind="stable")[:, : count.max()]
    log_posterior = np.full((len(images), 2 ** count.max()), -np.inf)
    fill = images.copy()
    drawn = np.repeat(images[:, None], samples, axis=1)
    with tqdm(total=len(images), unit="image", disable=None) as bar:
        for some in np.unique(count):
            rows = np.flatnonzero(count == some)
            for start in range(0, len(rows), CHUNK):
                chunk = rows[start : start + CHUNK]
                missing = order[chunk, :some]
                joint, _ = infill.score_completions(model, images[chunk], missing)
                log_p = completions.log_p_given_rest(joint)
                log_posterior[chunk, : 2**some] = log_p
                fill[chunk] = completions.fill(images[chunk], missing, log_p.argmax(axis=1))
                # Inverse CDF, one uniform number for each sample.
                below = np.cumsum(np.exp(log_p), axis=1)[:, None]
                number = (below < rng.random((len(chunk), samples, 1))).sum(axis=2)
                for s in range(samples):
                    which = np.minimum(number[:, s], 2**some - 1)
                    drawn[chunk, s] = completions.fill(images[chunk], missing, which)
                bar.update(len(chunk))
    order[np.arange(order.shape[1]) >= count[:, None]] = -1
    return Inpainted(log_posterior, order, fill, drawn)


def score(found: Inpainted, truth: UInt8[np.ndarray, "N pixels"]) -> dict[str, np.ndarray]:
    """For each image -log p(truth | rest) in nats, and whether the fill is right."""
    nats = np.empty(len(truth))
    for row, (log_p, missing) in enumerate(zip(found.log_posterior, found.missing)):
        nats[row] = -log_p[completions.number(truth[row, missing[missing >= 0]])]
    return {"nats": nats, "fill_right": (found.fill == truth).all(axis=1)}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.inpaint", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE.npy")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.npz")
    parser.add_argument("--figure", type=Path, metavar="FIGURE.png")
    parser.add_argument("--samples", type=int, default=5, help="for each image (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default 0)")
    parser.add_argument(
        "--model",
        type=Path,
        default=files.pixel_model("final"),
        help="default: %(default)s",
    )
    arguments = parser.parse_args()
    for difference in guard.other_versions():
        print(f"warning: {difference}", file=sys.stderr)
    try:
        _run(arguments)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {storage.reason(error)}")
    except MemoryError:
        sys.exit("error: not enough memory; give fewer images or ask for fewer samples")
    except KeyboardInterrupt:
        sys.exit(guard.INTERRUPTED)


def _read_model(path: Path) -> keras.Model:
    try:
        model = model_file.read(path)
    except FileNotFoundError:
        raise ValueError(
            f"{path}: not found; give a .keras file like {files.pixel_model('final')}"
        ) from None
    if (model.input_shape[-1], model.output_shape[-1]) != (1, 1):
        raise ValueError(
            f"{path}: got {model.input_shape[-1]} inputs and {model.output_shape[-1]} "
            "logits a step; allowed: 1 and 1, a network of binary pixels"
        )
    return model


def _run(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.samples <= MOST_SAMPLES:
        raise ValueError(
            f"--samples: got {arguments.samples}; allowed: 1 to {MOST_SAMPLES}"
        )
    if arguments.seed < 0:
        raise ValueError(f"--seed: got {arguments.seed}; allowed: 0 or more")
    if arguments.figure and arguments.figure.resolve() == arguments.out.resolve():
        raise ValueError(f"--figure: got {arguments.figure}, as for --out; give another")
    masked, truth = read(arguments.file)
    model = _read_model(arguments.model)
    rng = randomness.generator(arguments.seed, "inpaint")
    found = inpaint(model, masked, arguments.samples, rng)
    result = found._asdict()
    if truth is not None:
        scored = score(found, truth)
        result |= scored
        right = tables.estimate(*scores.estimate(100.0 * scored["fill_right"]), digits=1)
        nats = tables.estimate(*scores.estimate(scored["nats"]), digits=4)
        print(
            f"{len(truth)} images: fill right in {right} %, -log p(truth | rest) {nats} "
            "nats per image"
        )
    with storage.together():
        files.write_arrays(arguments.out, result)
        if arguments.figure:
            picture = figures.inpainted(masked, *found)
            storage.write(arguments.figure, files.figure_as_png(picture))
    for path in filter(None, (arguments.out, arguments.figure)):
        print(f"wrote {path}")


if __name__ == "__main__":
    network.use_threads(os.cpu_count() or 1)
    main()
