"""Fill the missing pixels of one's own images: the posterior, fills, and samples.

`python -m pipeline inpaint FILE.npy --out OUT.npz [--figure FIGURE.png]` works at once in a
fresh clone, with the committed final network, exactly. With `--method` a table of counts does
it, which needs the training images; see `pipeline.pixels.context.applies` for which masks. In
Python it is `pipeline.pixels.inpainting.inpaint`.
"""

import argparse
import io
import os
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from pipeline import paths
from pipeline.core import parallel, randomness, scores
from pipeline.files import formats, models
from pipeline.pixels import context, inpainting, methods
from pipeline.report import words
from pipeline.runtime import process, transaction

MOST_SAMPLES = 1000
FINAL = paths.pixel_model("final")
SUFFIXES = {"--out": ".npz", "--figure": ".png"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `main`."""
    parser.add_argument("file", type=Path, metavar="FILE.npy")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.npz")
    parser.add_argument("--figure", type=Path, metavar="FIGURE.png")
    parser.add_argument("--samples", type=int, default=5, help="for each image (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default 0)")
    parser.add_argument("--model", type=Path, help=f"default: {FINAL}")
    known = ("exact", *methods.TABLES)
    parser.add_argument("--method", choices=known, default="exact", help="default: %(default)s")


def main(
    file: Path,
    out: Path,
    figure: Path | None,
    samples: int,
    seed: int,
    model: Path | None,
    method: str,
) -> None:
    """The command.

    Raises:
        ValueError: if an argument or a file is wrong.
        OSError: if a file cannot be read or written.
    """
    parallel.use_threads(os.cpu_count() or 1)
    if not 1 <= samples <= MOST_SAMPLES:
        raise ValueError(f"--samples: got {samples}; allowed: 1 to {MOST_SAMPLES}")
    if seed < 0:
        raise ValueError(f"--seed: got {seed}; allowed: 0 or more")
    require_outputs({"--out": out, "--figure": figure}, (file, model or FINAL, paths.BINARISED))
    masked, truth = read(file)
    if method == "exact":
        source = read_network(model or FINAL)
    elif model:
        raise ValueError(f"--model: got {model}; the table {method} has no network, leave it out")
    else:
        inpainting.require_applies(methods.TABLES[method], masked, str(file))
        source = count_table(method)
    found = inpainting.inpaint(source, masked, samples, randomness.generator(seed, "inpaint"))
    result = found._asdict()
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


def read_network(path: Path) -> keras.Model:
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
    what = methods.TABLES[method]
    train = formats.read_arrays(paths.BINARISED, "train")["train"]
    return context.count(train, what)[what.sizes[-1]]


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Masked images, and the truth if the file has it; formats as of `inpainting.check`.

    Raises:
        ValueError: if the file is no such .npy file; says what it is and what is allowed.
        OSError: if it cannot be read.
    """
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
    return inpainting.check(array, str(path))
