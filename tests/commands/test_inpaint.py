import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.commands import inpaint
from pipeline.core import randomness
from pipeline.files import formats, models
from pipeline.pixels import inpainting
from pipeline.pixels.images import PIXELS, SIDE
from tests.commands import wrong_arrays
from tests.commands.wrong_arrays import MASKED, TRUTH
from tests.conftest import THREADS


@pytest.mark.parametrize("dtype", ["int8", "int64", "float16", "float64"])
@pytest.mark.parametrize("shape", [(2, 3, PIXELS), (3, PIXELS), (3, SIDE, SIDE)])
def test_every_format_and_type_is_read_alike(tmp_path, dtype, shape):
    array = np.stack([MASKED, TRUTH]) if shape[0] == 2 else MASKED
    path = tmp_path / "file.npy"
    np.save(path, array.astype(dtype).reshape(shape))
    masked, truth = inpaint.read(path)
    assert_array_equal(masked, MASKED)
    assert masked.dtype == np.int8
    if shape[0] == 2:
        assert_array_equal(truth, TRUTH)
    else:
        assert truth is None


@pytest.mark.parametrize("name", wrong_arrays.CASES)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, name):
    content, message = wrong_arrays.CASES[name]
    path = tmp_path / "file.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)) as info:
        inpaint.read(path)
    assert str(info.value).startswith(f"{path}: ")
    assert "\n" not in str(info.value)


def test_a_folder_is_one_line_too(tmp_path):
    with pytest.raises(ValueError, match=r"^[^\n]*not a whole \.npy file[^\n]*$"):
        inpaint.read(tmp_path)


@pytest.fixture(scope="module")
def model(make_network: Callable[..., Any]) -> Any:
    return make_network("gru")


@pytest.fixture
def command(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs the command on an array with the tiny network, in an empty folder."""
    path = tmp_path / "model.keras"
    path.write_bytes(models.encode(path, model))
    monkeypatch.chdir(tmp_path)
    # TensorFlow has computed before.
    monkeypatch.setattr(os, "cpu_count", lambda: THREADS)

    def run(array: np.ndarray, *options: str) -> None:
        np.save("file.npy", array)
        inpaint.main(["file.npy", "--out", "out.npz", "--model", "model.keras", *options])

    return run


def test_the_command_writes_arrays_scores_and_figure(command, model, capsys):
    command(np.stack([MASKED, TRUTH]), "--figure", "figure.png")
    written = formats.read_arrays(Path("out.npz"))
    # The default number of samples, and the default seed.
    found = inpainting.inpaint(model, MASKED, 5, randomness.generator(0, "inpaint"))
    scored = inpainting.score(found, TRUTH.astype(np.uint8))
    expected = found._asdict() | scored
    assert set(written) == set(expected)
    for name, array in expected.items():
        # Sums of 784 float32 log probabilities of order one.
        assert_allclose(written[name], array, atol=1e-4)
    assert Path("figure.png").read_bytes().startswith(b"\x89PNG\r\n")
    said = capsys.readouterr().out
    right = scored["fill_right"]
    assert f"3 images: fill right in {100 * right.mean():.1f} ± " in said
    assert "wrote out.npz" in said
    assert "wrote figure.png" in said


def test_the_command_without_truth_writes_no_scores(command, capsys):
    command(MASKED.reshape(3, SIDE, SIDE), "--samples", "2")
    written = formats.read_arrays(Path("out.npz"))
    assert set(written) == {"log_posterior", "missing", "fill", "samples"}
    assert written["samples"].shape == (3, 2, PIXELS)
    assert capsys.readouterr().out == "wrote out.npz\n"
    assert not list(Path().glob("*.png"))


def test_one_image_has_no_standard_error(command, capsys):
    command(np.stack([MASKED[:1], TRUTH[:1]]))
    said = capsys.readouterr().out
    assert "1 images: fill right in" in said
    assert "nan" not in said


def test_the_seed_decides_the_samples(command):
    written = []
    for seed in ("3", "3", "4"):
        command(MASKED, "--seed", seed, "--samples", "20")
        written.append(formats.read_arrays(Path("out.npz"))["samples"])
    assert_array_equal(written[0], written[1])
    assert (written[0] != written[2]).any()


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (TRUTH, (), "file.npy: image 0: nothing is missing"),
        (MASKED, ("--samples", "0"), "--samples: got 0"),
        (MASKED, ("--samples", "1001"), "--samples: got 1001; allowed: 1 to 1000"),
        (MASKED, ("--model", "."), "."),
        (MASKED, ("--seed", "-1"), "--seed"),
        (MASKED, ("--model", "nowhere.keras"), "nowhere.keras"),
        (MASKED, ("--model", "file.npy"), "file.npy"),
    ],
)
def test_on_bad_input_the_command_says_why_and_writes_nothing(command, array, options, message):
    with pytest.raises((ValueError, OSError)) as info:
        command(array, "--figure", "figure.png", *options)
    assert message in str(info.value)
    assert "\n" not in str(info.value)
    written = {path.name for path in Path().iterdir()}
    assert written == {"file.npy", "model.keras"}


def test_too_little_memory_has_a_remedy_of_its_own(command, monkeypatch):
    def exhaust(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(inpainting, "inpaint", exhaust)
    with pytest.raises(ValueError, match="give fewer images, or ask for fewer samples"):
        command(MASKED)
    assert not Path("out.npz").exists()
