import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import files, inpaint, model_file
from pipeline.images import PIXELS, SIDE

# One, three and two missing pixels: the first and the last of the image, and a patch.
MISSING: list[list[int]] = [[0], [300, 301, 783], [28, 29]]


def draw(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (count, PIXELS), dtype=np.int8)


def mask(truth: np.ndarray, missing: list[list[int]]) -> np.ndarray:
    masked = truth.copy()
    for image, pixels in zip(masked, missing):
        image[pixels] = -1
    return masked


TRUTH = draw(3)
MASKED = mask(TRUTH, MISSING)


@pytest.fixture(scope="module")
def model(make_network: Callable[..., Any]) -> Any:
    return make_network("gru")


@pytest.fixture(scope="module")
def found(model: Any) -> inpaint.Inpainted:
    return inpaint.inpaint(model, MASKED, 5, np.random.default_rng(0))


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def changed(image: int, pixel: int, value: Any, dtype: str = "int8") -> np.ndarray:
    array = np.stack([MASKED, TRUTH]).astype(dtype)
    array[0, image, pixel] = value
    return array


def test_posterior_is_that_of_each_image_alone(model, found):
    assert found.log_posterior.shape == (3, 8)
    for log_p, image, missing in zip(found.log_posterior, MASKED.tolist(), MISSING):
        joint, _ = reference.completion_scores(model, image, missing)
        # Sums of 784 float32 log probabilities of order one.
        assert_allclose(np.exp(log_p[: len(joint)]), reference.posterior(joint), atol=1e-4)
        assert (log_p[len(joint) :] == -np.inf).all()
        assert_allclose(np.exp(log_p).sum(), 1, rtol=1e-12)


def test_missing_pixels_are_listed_with_minus_one_behind(found):
    assert_array_equal(found.missing, [[0, -1, -1], [300, 301, 783], [28, 29, -1]])


def test_fill_is_the_most_probable_completion(found):
    known = MASKED >= 0
    assert_array_equal(found.fill[known], MASKED[known])
    for log_p, filled, missing in zip(found.log_posterior, found.fill, MISSING):
        assert sum(filled[pixel] << b for b, pixel in enumerate(missing)) == log_p.argmax()


def test_samples_have_the_frequencies_of_the_posterior(model):
    count = 4000
    drawn = inpaint.inpaint(model, MASKED, count, np.random.default_rng(1))
    for row, missing in enumerate(MISSING):
        known = np.delete(np.arange(PIXELS), missing)
        assert (drawn.samples[row][:, known] == MASKED[row, known]).all()
        bits = drawn.samples[row][:, missing].astype(int) << np.arange(len(missing))
        p = np.exp(drawn.log_posterior[row, : 2 ** len(missing)])
        assert p.max() < 0.95  # otherwise any sampler would do
        frequency = np.bincount(bits.sum(axis=1), minlength=len(p)) / count
        # Five standard errors, and the one sample that a tiny p may give.
        error = 5 * np.sqrt(p * (1 - p) / count) + 1 / count
        assert (np.abs(frequency - p) <= error).all()


def test_samples_come_from_the_generator_that_is_given(model, found):
    again = inpaint.inpaint(model, MASKED, 5, np.random.default_rng(0))
    for one, two in zip(found, again):
        assert_array_equal(one, two)
    other = inpaint.inpaint(model, MASKED, 5, np.random.default_rng(1))
    assert (found.samples != other.samples).any()
    assert_array_equal(found.log_posterior, other.log_posterior)


def test_images_in_several_chunks_are_the_same(model, found, monkeypatch):
    monkeypatch.setattr(inpaint, "CHUNK", 1)
    order = [1, 0, 2, 1, 2, 0]
    apart = inpaint.inpaint(model, MASKED[order], 1, np.random.default_rng(0))
    # Other numbers of rows in a product of matrices change the last bits.
    assert_allclose(apart.log_posterior, found.log_posterior[order], atol=1e-4)
    assert_array_equal(apart.missing, found.missing[order])
    assert_array_equal(apart.fill, found.fill[order])


def test_score_by_hand():
    truth = np.zeros((2, PIXELS), np.uint8)
    truth[1, 8] = 1
    with np.errstate(divide="ignore"):
        log_posterior = np.log([[0.7, 0.3, 0, 0], [0.4, 0.1, 0.2, 0.3]])
    right_and_wrong = np.stack([truth[0], np.zeros(PIXELS, np.uint8)])
    missing = np.array([[5, -1], [7, 8]])
    table = inpaint.score(
        inpaint.Inpainted(log_posterior, missing, right_and_wrong, truth[:, None]), truth
    )
    assert_allclose(table["nats"], [-np.log(0.7), -np.log(0.2)], rtol=1e-12)
    assert_array_equal(table["fill_right"], [True, False])


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


def test_two_square_images_are_not_taken_for_image_and_truth():
    masked, truth = inpaint.check(MASKED[:2].reshape(2, SIDE, SIDE))
    assert_array_equal(masked, MASKED[:2])
    assert truth is None


def test_booleans_are_numbers_but_cannot_mark_what_is_missing():
    with pytest.raises(ValueError, match="nothing is missing"):
        inpaint.check(TRUTH.astype(bool))


def test_as_many_missing_pixels_as_allowed():
    masked, _ = inpaint.check(mask(draw(1), [list(range(12))]))
    assert (masked == -1).sum() == 12


BAD_FILES: dict[str, tuple[bytes | None, str]] = {
    "no file": (None, "not found"),
    "empty": (b"", "not a whole .npy file"),
    "text": (b"0 1 -1\n0 1 1\n", "not a whole .npy file"),
    "truncated": (npy(MASKED)[:-1], "not a whole .npy file"),
    "header alone": (npy(MASKED)[:128], "not a whole .npy file"),
    "half a header": (npy(MASKED)[:40], "not a whole .npy file"),
    "objects": (npy(MASKED.astype(object), allow_pickle=True), "not a whole .npy file"),
    "trailing bytes": (npy(MASKED) + b"\0", "more after the array"),
    "two arrays": (npy(MASKED) + npy(TRUTH), "more after the array"),
    "broken header": (npy(MASKED).replace(b"(3, 784)", b"(3, 784,"), "not a whole .npy"),
    "huge header": (
        npy(MASKED).replace(b"(3, 784), }" + 12 * b" ", b"(3" + 12 * b"0" + b", 784), }"),
        "not a whole .npy file",
    ),
    "strings": (npy(MASKED.astype(str)), "got dtype <U"),
    "complex numbers": (npy(MASKED.astype(complex)), "got dtype complex128"),
    "one image alone": (npy(MASKED[0]), "got shape (784,)"),
    "a number": (npy(np.int8(-1)), "got shape ()"),
    "too few pixels": (npy(MASKED[:, 1:]), "got shape (3, 783)"),
    "a third part": (npy(np.stack([MASKED] * 3)), "got shape (3, 3, 784)"),
    "not square": (npy(MASKED.reshape(3, 14, 56)), "got shape (3, 14, 56)"),
    "no images": (npy(MASKED[:0]), "got no image"),
    "no square images": (npy(MASKED[:0].reshape(0, SIDE, SIDE)), "got no image"),
    "no images with truth": (npy(np.zeros((2, 0, PIXELS))), "got no image"),
    "another value": (npy(changed(1, 7, 2)), "image 1, pixel 7: got 2"),
    "a fraction": (npy(changed(1, 7, 0.5, "float64")), "image 1, pixel 7: got 0.5"),
    "nan": (npy(changed(2, 783, np.nan, "float64")), "image 2, pixel 783: got nan"),
    "infinity": (npy(changed(0, 5, np.inf, "float64")), "image 0, pixel 5: got inf"),
    # Cast to int8 without a look, 255 would be -1 and 256 would be 0.
    "255": (npy(changed(0, 5, 255, "uint8")[0]), "got 255"),
    "256": (npy(changed(0, 5, 256, "int16")), "image 0, pixel 5: got 256"),
    "nothing missing": (
        npy(np.stack([MASKED[0], TRUTH[1]])),
        "image 1: nothing is missing",
    ),
    "13 missing": (npy(mask(draw(2), [[5], [*range(13)]])), "image 1: 13 pixels are"),
    "-1 in the truth": (npy(np.stack([MASKED, MASKED])), "truth, image 0, pixel 0: got -1"),
    "another truth": (
        npy(changed(2, 100, 1 - TRUTH[2, 100])),
        "image 2: known pixels differ from the truth",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, name):
    content, message = BAD_FILES[name]
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


def test_the_function_checks_its_images_too(model, rng):
    with pytest.raises(ValueError, match=r"^array: image 0: nothing is missing"):
        inpaint.inpaint(model, TRUTH, 1, rng)


@pytest.fixture
def command(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Runs the command on an array with the tiny network, in an empty folder."""
    model_file.write(tmp_path / "model.keras", model)
    monkeypatch.chdir(tmp_path)

    def run(array: np.ndarray, *options: str) -> None:
        np.save("file.npy", array)
        arguments = ["file.npy", "--out", "out.npz", "--model", "model.keras", *options]
        monkeypatch.setattr(sys, "argv", ["inpaint", *arguments])
        inpaint.main()

    return run


def test_the_command_writes_arrays_scores_and_figure(command, found, capsys):
    command(np.stack([MASKED, TRUTH]), "--figure", "figure.png")
    written = files.read_arrays(Path("out.npz"))
    assert set(written) == {
        "log_posterior", "missing", "fill", "samples", "nats", "fill_right",
    }  # fmt: skip
    # Sums of 784 float32 log probabilities of order one.
    assert_allclose(written["log_posterior"], found.log_posterior, atol=1e-4)
    assert_array_equal(written["missing"], found.missing)
    assert_array_equal(written["fill"], found.fill)
    assert written["samples"].shape == (3, 5, PIXELS)
    right = (found.fill == TRUTH).all(axis=1)
    assert_array_equal(written["fill_right"], right)
    for row, missing in enumerate(MISSING):
        number = sum(int(TRUTH[row, pixel]) << b for b, pixel in enumerate(missing))
        assert_allclose(written["nats"][row], -found.log_posterior[row, number], atol=1e-4)
    assert Path("figure.png").read_bytes().startswith(b"\x89PNG\r\n")
    said = capsys.readouterr().out
    assert f"3 images: fill right in {100 * right.mean():.1f} ± " in said
    assert "wrote out.npz" in said
    assert "wrote figure.png" in said


def test_the_command_without_truth_writes_no_scores(command, capsys):
    command(MASKED.reshape(3, SIDE, SIDE), "--samples", "2")
    written = files.read_arrays(Path("out.npz"))
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
        written.append(files.read_arrays(Path("out.npz"))["samples"])
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
def test_on_bad_input_the_command_says_why_and_writes_nothing(
    command, array, options, message
):
    with pytest.raises(SystemExit) as info:
        command(array, "--figure", "figure.png", *options)
    # sys.exit prints a string and returns 1.
    assert str(info.value.code).startswith("error: ")
    assert message in str(info.value.code)
    assert "\n" not in str(info.value.code)
    written = {path.name for path in Path().iterdir()}
    assert written == {"file.npy", "model.keras"}
