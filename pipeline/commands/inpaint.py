"""Fill the missing pixels of one's own images: the exact posterior, fills, and samples.

`python -m pipeline inpaint FILE.npy --out OUT.npz [--figure FIGURE.png]` works at once in a
fresh clone, with the committed final network. In Python it is
`pipeline.pixels.inpainting.inpaint`.
"""

import argparse
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from pipeline import paths
from pipeline.core import parallel, randomness, scores
from pipeline.files import formats, models
from pipeline.pixels import inpainting
from pipeline.runtime import process, transaction

MOST_SAMPLES = 1000


def main(arguments: list[str]) -> None:
    """The command.

    Raises:
        ValueError: if an argument or a file is wrong, or memory does not suffice.
        OSError: if a file cannot be read or written.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline inpaint", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE.npy")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.npz")
    parser.add_argument("--figure", type=Path, metavar="FIGURE.png")
    parser.add_argument("--samples", type=int, default=5, help="for each image (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default 0)")
    final = paths.pixel_model("final")
    parser.add_argument("--model", type=Path, default=final, help="default: %(default)s")
    given = parser.parse_args(arguments)
    parallel.use_threads(os.cpu_count() or 1)
    try:
        _run(given)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise ValueError("not enough memory; give fewer images, or ask for fewer samples") from None


def _run(given: argparse.Namespace) -> None:
    if not 1 <= given.samples <= MOST_SAMPLES:
        raise ValueError(f"--samples: got {given.samples}; allowed: 1 to {MOST_SAMPLES}")
    if given.seed < 0:
        raise ValueError(f"--seed: got {given.seed}; allowed: 0 or more")
    if given.figure and given.figure.resolve() == given.out.resolve():
        raise ValueError(f"--figure: got {given.figure}, the same as --out; give another")
    masked, truth = read(given.file)
    model = _read_model(given.model)
    rng = randomness.generator(given.seed, "inpaint")
    found = inpainting.inpaint(model, masked, given.samples, rng)
    result = found._asdict()
    if truth is not None:
        scored = inpainting.score(found, truth)
        result |= scored
        right, nats = 100.0 * scored["fill_right"], scored["nats"]
        print(
            f"{len(truth)} images: fill right in {_estimate(right, 1)} %, "
            f"-log p(truth | rest) {_estimate(nats, 4)} nats per image"
        )
    # In the format of .npz, whatever the file is called.
    outputs = {given.out: formats.encode(Path("out.npz"), result)}
    if given.figure:
        # Matplotlib takes half a second to import, and is not always needed.
        from pipeline.report import figures_inpainting, style

        outputs[given.figure] = style.png(figures_inpainting.inpainted(masked, *found))
    transaction.place(outputs)
    for path in outputs:
        print(f"wrote {path}")


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Masked images, and the truth if the file has it; formats as of `inpainting.check`.

    Raises:
        ValueError: if the file is no such .npy file; says what it is and what is allowed.
    """
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
            rest = file.read(1)
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; give the path of a .npy file") from None
    except Exception as error:  # NumPy's error depends on where the damage is
        raise ValueError(
            f"{path}: not a whole .npy file of numbers ({process.first_line(error)}); save "
            "it with numpy.save"
        ) from None
    if rest:
        raise ValueError(f"{path}: more after the array; save one array with numpy.save")
    return inpainting.check(array, str(path))


def _read_model(path: Path) -> keras.Model:
    try:
        model = models.read(path)
    except FileNotFoundError:
        raise ValueError(
            f"{path}: not found; give a .keras file like {paths.pixel_model('final')}"
        ) from None
    if (model.input_shape[-1], model.output_shape[-1]) != (1, 1):
        raise ValueError(
            f"{path}: got {model.input_shape[-1]} inputs and {model.output_shape[-1]} "
            "logits a step; allowed: 1 and 1, a network of binary pixels"
        )
    return model


def _estimate(values: np.ndarray, digits: int) -> str:
    """Mean ± standard error; the mean alone where there is no standard error."""
    mean, error = scores.estimate(values)
    spread = "" if np.isnan(error) else f" ± {error:.{digits}f}"
    return f"{mean:.{digits}f}{spread}"
