"""Files that are no masked images, for tests of the command `inpaint` and for faults/."""

import io
from typing import Any

import numpy as np

from pipeline.pixels.images import PIXELS, SIDE

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


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def changed(image: int, pixel: int, value: Any, dtype: str = "int8") -> np.ndarray:
    array = np.stack([MASKED, TRUTH]).astype(dtype)
    array[0, image, pixel] = value
    return array


NOT_NPY = "not a whole .npy file"
DIFFERS = "image 2: known pixels differ from the truth"
HUGE = npy(MASKED).replace(b"(3, 784), }" + 12 * b" ", b"(3" + 12 * b"0" + b", 784), }")

# By name: the bytes of a file, or None for no file; and a part of the message.
CASES: dict[str, tuple[bytes | None, str]] = {
    "no file": (None, "not found"),
    "empty": (b"", NOT_NPY),
    "text": (b"0 1 -1\n0 1 1\n", NOT_NPY),
    "truncated": (npy(MASKED)[:-1], NOT_NPY),
    "header alone": (npy(MASKED)[:128], NOT_NPY),
    "half a header": (npy(MASKED)[:40], NOT_NPY),
    "objects": (npy(MASKED.astype(object), allow_pickle=True), NOT_NPY),
    "trailing bytes": (npy(MASKED) + b"\0", "more after the array"),
    "two arrays": (npy(MASKED) + npy(TRUTH), "more after the array"),
    "broken header": (npy(MASKED).replace(b"(3, 784)", b"(3, 784,"), NOT_NPY),
    "huge header": (HUGE, NOT_NPY),
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
    "nothing missing": (npy(TRUTH), "nothing is missing in any image"),
    "13 missing": (npy(mask(draw(2), [[5], [*range(13)]])), "image 1: 13 pixels are"),
    "-1 in the truth": (npy(np.stack([MASKED, MASKED])), "truth, image 0, pixel 0: got -1"),
    "another truth": (npy(changed(2, 100, 1 - TRUTH[2, 100])), DIFFERS),
    "a bit of a pixel flipped": (npy(changed(2, 100, MASKED[2, 100] ^ 1)), DIFFERS),
    "a bit of its header flipped": (npy(MASKED).replace(b"descr", b"dercr"), NOT_NPY),
}
