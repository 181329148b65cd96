import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imsave
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import paths
from pipeline.__main__ import run_command
from pipeline.commands import inpaint
from pipeline.core import randomness
from pipeline.files import formats, models
from pipeline.params import loading
from pipeline.pixels import context, inpainting
from pipeline.pixels.images import PIXELS, SIDE
from tests.commands import wrong_arrays
from tests.commands.wrong_arrays import MASKED, TRUTH, mask
from tests.conftest import THREADS
from tests.tiny import ROOT

BOTH = np.stack([MASKED, TRUTH])


@pytest.mark.parametrize("dtype", ["int8", "int64", "float16", "float64"])
@pytest.mark.parametrize("shape", [(2, 3, PIXELS), (3, PIXELS), (3, SIDE, SIDE)])
def test_every_format_and_type_is_read_alike(tmp_path, dtype, shape):
    has_truth = shape[0] == 2
    array = BOTH if has_truth else MASKED
    np.save(tmp_path / "file.npy", array.astype(dtype).reshape(shape))
    masked, truth = inpaint.read(tmp_path / "file.npy")
    assert masked.dtype == np.int8
    assert_array_equal(masked, MASKED)
    assert_array_equal(truth, TRUTH if has_truth else None)


@pytest.mark.parametrize("name", wrong_arrays.CASES)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, name):
    content, message = wrong_arrays.CASES[name]
    path = tmp_path / "file.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{path}: .*{re.escape(message)}.*$(?!\n)"):
        inpaint.read(path)


def test_a_file_that_cannot_be_read_is_called_so(tmp_path):
    with pytest.raises(OSError, match=rf"^{tmp_path}: cannot be read: is a directory$"):
        inpaint.read(tmp_path)


@pytest.mark.parametrize("taken", ["file.png", "model.npz", "link.npz", "figure.png"])
def test_no_output_replaces_what_the_call_reads_or_writes(folder, taken):
    """A link to it counts as the file itself."""
    Path("link.npz").symlink_to("file.png")
    option = "--figure" if taken.endswith("png") else "--out"
    outputs = {"--out": Path("figure.npz"), "--figure": Path("figure.png")}
    inpaint.require_outputs(outputs, (Path("file.png"), Path("model.npz")))
    read = Path("file.png"), Path("model.npz"), Path("figure.png")
    with pytest.raises(ValueError, match=f"^{option}: got {taken}, which this command uses"):
        inpaint.require_outputs(outputs | {option: Path(taken)}, read)


@pytest.fixture
def command(make_network: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs the command on an array with the tiny network, in an empty folder."""
    path = Path("model.keras")
    path.write_bytes(models.encode(path, make_network("gru")))
    # TensorFlow has computed before.
    monkeypatch.setattr(os, "cpu_count", lambda: THREADS)

    def run(array: np.ndarray, options: str = "") -> dict[str, np.ndarray]:
        np.save("file.npy", array)
        network = "" if "--method" in options else "--model model.keras"
        given = f"file.npy --out out.npz {network} {options}"
        run_command("inpaint", given.split())
        return formats.read_arrays(Path("out.npz"))

    return run


def test_the_command_writes_arrays_scores_and_figure(command, make_network, capsys):
    written = command(BOTH, "--figure figure.png")
    # The default number of samples, and the default seed.
    rng = randomness.generator(0, "inpaint")
    found = inpainting.inpaint(MASKED, make_network("gru"), 5, rng)
    scored = inpainting.score(found, TRUTH.astype(np.uint8))
    expected = found._asdict() | scored | {"image": np.arange(3)}
    assert set(written) == set(expected)
    for name, array in expected.items():
        # Sums of 784 float32 log probabilities of order one.
        assert_allclose(written[name], array, atol=1e-4)
    assert Path("figure.png").read_bytes().startswith(b"\x89PNG\r\n")
    said = capsys.readouterr().out
    assert f"3 images: fill right in {100 * scored['fill_right'].mean():.1f} ± " in said
    assert said.endswith("wrote out.npz\nwrote figure.png\n")


def test_one_image_has_no_standard_error(command, capsys):
    command(BOTH[:, :1])
    form = r"1 images: fill right in \d+\.0 %, -log p\(truth \| rest\) \d\.\d{4} nats per image\n"
    assert re.search(form, capsys.readouterr().out)


def test_without_truth_there_are_no_scores_and_the_seed_decides_the_samples(command, capsys):
    images = MASKED.reshape(3, SIDE, SIDE)
    runs = [command(images, f"--seed {seed} --samples 20") for seed in (3, 3, 4)]
    assert set(runs[0]) == {"image", "log_posterior", "missing", "fill", "samples"}
    said = capsys.readouterr().out.splitlines()
    assert said[:4] == said[4:8]
    assert re.match(r"image 0: pixels 0 are [01] with probability 0\.\d+, [01] with .*", said[0])
    assert re.match(r"image 1: pixels 300 301 783 are [01]{3} with probability 0\.\d+, ", said[1])
    assert said[3] == "wrote out.npz"
    first, again, other = (run["samples"] for run in runs)
    assert first.shape == (3, 20, PIXELS)
    assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("method", context.TABLES)
def test_a_table_of_the_training_images(command, method):
    patch = method == "joint_lookup"
    masked = mask(TRUTH, [[100, 101, 128, 129] if patch else [100, 200]] * 3)
    paths.BINARISED.parent.mkdir(parents=True)
    train = TRUTH.astype(np.uint8)
    paths.BINARISED.write_bytes(formats.encode(paths.BINARISED, {"train": train}))
    written = command(np.stack([masked, TRUTH]), f"--method {method}")
    what = context.TABLES[method]
    table = context.count(train, what)[12 if patch else int(method[7:])]
    expected = context.log_p_of_fills(table, train, written["missing"])
    assert_array_equal(written["log_posterior"], expected)
    assert len(written["nats"]) == 3


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (MASKED, "--method lookup_8", "file.npy: image 1: a table of 8 pixels needs single pixels"),
        (
            MASKED,
            "--method joint_lookup",
            "file.npy: image 0: a table of 12 pixels needs whole 2 x",
        ),
        (MASKED[:1], "--method lookup_20", "data/mnist/binarised.npz: not found; lookup_20 counts"),
        (
            MASKED,
            "--method lookup_8 --model a",
            "--model: got a; the table lookup_8 has no network",
        ),
        (TRUTH, "", "file.npy: nothing is missing in any image"),
        (MASKED, "--samples 0", "--samples: got 0"),
        (MASKED, "--samples 1001", "--samples: got 1001; allowed: 1 to 1000"),
        (MASKED, "--seed -1", "--seed"),
        (MASKED, "--out ./figure.png", "--out: got figure.png; allowed: a name that ends in .npz"),
        (MASKED, "--figure out.svg", "--figure: got out.svg; allowed: a name that ends in .png"),
        (MASKED, "--figure a.jpg", "--figure: got a.jpg; allowed: a name that ends in .png"),
        (MASKED, "--model .", "."),
        (MASKED, "--model nowhere.keras", "nowhere.keras: not found; give a .keras file like"),
        (MASKED, "--model file.npy", "file.npy"),
        (MASKED, "--model softmax.keras", "softmax.keras: got 4 inputs and 4 logits a step"),
    ],
)
def test_on_bad_input_the_command_says_why_and_writes_nothing(
    command, make_network, array, options, message
):
    path = Path("softmax.keras")
    path.write_bytes(models.encode(path, make_network("softmax")))
    with pytest.raises((ValueError, OSError), match=rf"^{re.escape(message)}.*$(?!\n)"):
        command(array, f"--figure figure.png {options}")
    written = {path.name for path in Path().iterdir()}
    assert written == {"file.npy", "model.keras", "softmax.keras"}


def test_complete_images_are_passed_over(command, capsys):
    written = command(np.stack([TRUTH[0], MASKED[1], TRUTH[2]]))
    assert written["image"].tolist() == [1]
    assert written["fill"].shape == (1, PIXELS)
    said = capsys.readouterr().out
    assert said.startswith(
        "image 0: complete, passed over\nimage 2: complete, passed over\nimage 1:"
    )


def test_probabilities_are_of_the_missing_pixels_in_raster_order():
    """Bit 0 is the first missing pixel."""
    log_p = np.log([0.1, 0.5, 0.25, 0.15])
    said = inpaint.describe(np.append(log_p, [-np.inf] * 4), np.array([5, 9, -1]))
    assert said == (
        "pixels 5 9 are 10 with probability 0.500, 01 with probability 0.250, "
        "11 with probability 0.150"
    )


def test_a_picture_is_read_as_the_network_would_see_it(folder, capsys):
    """Dark ink on paper, four times as large, transparent where it is missing."""
    shutil.copy(ROOT / loading.FILE, folder)
    ink = np.zeros((20, 20), bool)
    ink[:, 8:12] = ink[:2] = ink[-2:] = True
    missing = np.zeros_like(ink)
    missing[10, 9] = missing[10, 10] = True
    expected = np.pad(np.where(missing, -1, ink), 4)
    large = np.pad(np.kron(np.stack([ink, missing]), np.ones((4, 4))), ((0, 0), (30, 10), (3, 9)))
    shown = np.repeat(1 - large[0][..., None], 4, axis=2)
    shown[..., 3] = 1 - large[1]
    imsave("picture.png", shown)
    masked, truth = inpaint.read(Path("picture.png"))
    assert truth is None
    assert_array_equal(masked[0].reshape(SIDE, SIDE), expected)
    seen = capsys.readouterr().out.splitlines()
    assert seen[14] == "............#??#............"
    # The same as an array, with bright ink.
    np.save("grey.npy", np.where(large[1], -1, 255 * large[0])[None])
    assert_array_equal(inpaint.read(Path("grey.npy"), grey=True)[0], masked)
    with pytest.raises(ValueError, match=r"^grey.npy: got shape"):
        inpaint.read(Path("grey.npy"))
    Path("picture.png").write_bytes(Path("picture.png").read_bytes()[:60])
    with pytest.raises(ValueError, match=r"^picture.png: not a whole .png file"):
        inpaint.read(Path("picture.png"))
