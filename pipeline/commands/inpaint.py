"""Fill the missing pixels of one's own images: the posterior, fills, and samples.

`python -m pipeline inpaint FILE --out OUT.npz [--figure FIGURE.png]` works at once in a fresh
clone, with the committed final network, exactly. FILE is an array (.npy) of binary images, -1
where a pixel is missing; with --grey, of values 0 to 255. Or it is a picture (.png) of any size,
transparent where it is missing; it is scaled, centred and binarised as MNIST is. With `--method`
a table of counts fills, which needs the training images; see `pipeline.pixels.context.applies` for
which masks. In Python it is `pipeline.pixels.inpainting.inpaint`.
"""

import argparse
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import paths
from pipeline.core import randomness, scores
from pipeline.files import formats, models
from pipeline.params import loading
from pipeline.pixels import context, masks, own
from pipeline.report import words
from pipeline.runtime import process, transaction

MOST_SAMPLES = 1000
FINAL = paths.pixel_model("final")
SUFFIXES = {"--out": ".npz", "--figure": ".png"}
# Of these images, and of these completions of each, probabilities are printed.
IMAGES, COMPLETIONS = 10, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `main`."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--grey", action="store_true", help="the array is of grey images")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.npz")
    parser.add_argument("--figure", type=Path, metavar="FIGURE.png")
    parser.add_argument("--samples", type=int, default=5, help="for each image (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default 0)")
    parser.add_argument("--model", type=Path, help=f"default: {FINAL}")
    known = ("exact", *context.TABLES)
    parser.add_argument("--method", choices=known, default="exact", help="default: %(default)s")


def main(
    file: Path,
    out: Path,
    figure: Path | None,
    samples: int,
    seed: int,
    model: Path | None,
    method: str,
    grey: bool,
) -> None:
    """The command.

    Raises:
        ValueError: if an argument or a file is wrong.
        OSError: if a file cannot be read or written.
    """
    if not 1 <= samples <= MOST_SAMPLES:
        raise ValueError(f"--samples: got {samples}; allowed: 1 to {MOST_SAMPLES}")
    if seed < 0:
        raise ValueError(f"--seed: got {seed}; allowed: 0 or more")
    require_outputs({"--out": out, "--figure": figure}, (file, model or FINAL, paths.BINARISED))
    masked, truth = read(file, grey)
    image = np.flatnonzero((masked == masks.MISSING).any(axis=1))
    for number in np.setdiff1d(np.arange(len(masked)), image):
        print(f"image {number}: complete, passed over")
    masked, truth = masked[image], truth if truth is None else truth[image]
    if method != "exact" and not model:
        own.require_applies(context.TABLES[method], masked, str(file))
    with process.quietly():  # TensorFlow, after all that may be wrong with the input
        from pipeline.core import parallel
        from pipeline.pixels import inpainting
    parallel.use_threads(os.cpu_count() or 1)
    if method == "exact":
        source = read_network(model or FINAL)
    elif model:
        raise ValueError(f"--model: got {model}; the table {method} has no network, leave it out")
    else:
        source = count_table(method)
    found = inpainting.inpaint(masked, source, samples, randomness.generator(seed, "inpaint"))
    result = found._asdict() | {"image": image}
    for row, number in enumerate(image[:IMAGES]):
        print(f"image {number}: {describe(found.log_posterior[row], found.missing[row])}")
    if truth is not None:
        result |= inpainting.score(found, truth)
        right = words.percent(*scores.estimate(result["fill_right"]), digits=1)
        nats = words.pm(*scores.estimate(result["nats"]), digits=4)
        print(
            f"{len(truth)} images: fill right in {right} %, "
            f"-log p(truth | rest) {nats} nats per image"
        )
    outputs = {out: formats.encode(out, result)}
    if figure:
        # Matplotlib takes half a second to import, and is not always needed.
        from pipeline.figures import inpainting as figures
        from pipeline.figures import style

        outputs[figure] = style.png(figures.inpainted(masked, found))
    transaction.place(outputs)
    for path in outputs:
        print(f"wrote {path}")


def describe(log_p: np.ndarray, missing: np.ndarray) -> str:
    """The most probable completions, as the values of the missing pixels in raster order."""
    count = (missing >= 0).sum()
    best = np.argsort(-log_p, kind="stable")[: min(COMPLETIONS, 2**count)]
    said = [f"{c:0{count}b}"[::-1] + f" with probability {np.exp(log_p[c]):.3f}" for c in best]
    places = " ".join(map(str, missing[:count]))
    return f"pixels {places} are {', '.join(said)}"


def require_outputs(outputs: Mapping[str, Path | None], read: tuple[Path, ...]) -> None:
    """Require each output to be of its format, and none to be another, or what is `read`.

    Raises:
        ValueError: if one is not; names its option.
    """
    taken = {path.resolve() for path in read}
    for option, path in outputs.items():
        if not path:
            continue
        if path.suffix != SUFFIXES[option]:
            raise ValueError(
                f"{option}: got {path}; allowed: a name that ends in {SUFFIXES[option]}"
            )
        if path.resolve() in taken:
            raise ValueError(
                f"{option}: got {path}, which this command uses otherwise; give another"
            )
        taken.add(path.resolve())


def read_network(path: Path) -> Any:
    """A network of binary pixels.

    Raises:
        ValueError: if there is none in this file.
        OSError: if it cannot be read.
    """
    if not path.exists():
        raise ValueError(f"{path}: not found; give a .keras file like {FINAL}")
    network = models.read(path)
    inputs, logits = network.input_shape[-1], network.output_shape[-1]
    if (inputs, logits) != (1, 1):
        raise ValueError(
            f"{path}: got {inputs} inputs and {logits} logits a step; allowed: 1 and 1, a "
            "network of binary pixels"
        )
    return network


def count_table(method: str) -> context.Table:
    """The table of a method, counted in the training images.

    Raises:
        ValueError: if they are not there, or damaged.
    """
    if not paths.BINARISED.exists():
        raise ValueError(
            f"{paths.BINARISED}: not found; {method} counts these training images; "
            "`dvc repro binarise` makes them"
        )
    what = context.TABLES[method]
    train = formats.read_arrays(paths.BINARISED, "train")["train"]
    return context.count(train, what)[what.sizes[-1]]


def read(path: Path, grey: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
    """Masked images, and the truth if the file has it; formats as of `own.check`.

    Grey images are made like those of MNIST, and a picture is shown so.

    Raises:
        ValueError: if the file is no such .npy file; says what it is and what is allowed.
        OSError: if it cannot be read.
    """
    if path.suffix == ".png":
        array = read_picture(path)[None]
        print(own.sketch(array[0]))
        return own.check(array, str(path), complete=True)
    try:
        file = io.BytesIO(formats.read_bytes(path))
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; give the path of a .npy file") from None
    try:
        array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # NumPy's error depends on where the damage is
        reason = process.first_line(error)
        raise ValueError(
            f"{path}: not a whole .npy file of numbers ({reason}); save it with numpy.save"
        ) from None
    if file.read(1):
        raise ValueError(f"{path}: more after the array; save one array with numpy.save")
    if grey:
        array = like_mnist(array, path)
    return own.check(array, str(path), complete=True)


def read_picture(path: Path) -> np.ndarray:
    """A .png file as a masked image in raster order.

    Raises:
        ValueError: if it is none, or has no ink.
    """
    from matplotlib.image import imread

    try:
        picture = np.atleast_3d(imread(path, format="png"))
    except Exception as error:  # Pillow's error depends on where the damage is
        raise ValueError(f"{path}: not a whole .png file ({process.first_line(error)})") from None
    # Grey, or red, green and blue; then perhaps how opaque.
    colours = 1 if picture.shape[2] < 3 else 3
    opaque = picture[..., colours] if picture.shape[2] > colours else np.ones(picture.shape[:2])
    scale = 255 if picture.dtype.kind == "f" else 255 / np.iinfo(picture.dtype).max
    values = scale * picture[..., :colours].mean(axis=2)
    return binarised([values], [opaque * scale < 128], path)[0]


def like_mnist(array: np.ndarray, path: Path) -> np.ndarray:
    """Grey images (N, rows, columns), -1 where a pixel is missing, as masked images.

    Raises:
        ValueError: if shape or values are wrong, or an image has no ink.
    """
    wrong = array.ndim != 3 or array.dtype.kind not in "iuf" or not array.size
    if wrong or not ((array >= -1) & (array <= 255)).all():
        raise ValueError(
            f"{path}: got shape {array.shape} of {array.dtype}; allowed with --grey: images "
            "(N, rows, columns) of values 0 to 255, and -1 where a pixel is missing"
        )
    return binarised(array, array < 0, path)


def binarised(grey: Any, missing: Any, path: Path) -> np.ndarray:
    """Pictures as binary images, by the threshold of params.yaml."""
    threshold = loading.load().data.threshold
    try:
        return np.array([own.binarised(*one, threshold) for one in zip(grey, missing)])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
