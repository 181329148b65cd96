"""What must hold of results before they are written."""

from pathlib import Path

import numpy as np

# What rounding to single precision leaves of a sum of probabilities.
TOLERANCE = 1e-5


def shaped(path: Path, array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """An array has this shape and type.

    Raises:
        ValueError: it has not.
    """
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            f"{path}: got shape {array.shape} of {array.dtype}; expected {shape} of {dtype}"
        )


def among(path: Path, array: np.ndarray, values: tuple[int, ...]) -> None:
    """All values of an array are among those given.

    Raises:
        ValueError: one is not.
    """
    wrong = ~np.isin(array, values)
    if wrong.any():
        raise ValueError(f"{path}: got the value {array[wrong][0]}; expected {values}")


def numbers(path: Path, array: np.ndarray) -> None:
    """An array has neither nan nor plus infinity; minus infinity is the log of zero.

    Raises:
        ValueError: it has.
    """
    if array.dtype.kind == "f" and (np.isnan(array) | (array == np.inf)).any():
        raise ValueError(f"{path}: got a value that is not a number, or infinite")


def finite(path: Path, array: np.ndarray) -> None:
    """All numbers of an array are finite.

    Raises:
        ValueError: one is not.
    """
    if not np.isfinite(array).all():
        raise ValueError(f"{path}: got a value that is not a number, or infinite")


def normalised(path: Path, p: np.ndarray) -> None:
    """Probabilities (..., K) sum to one over the last axis.

    Raises:
        ValueError: some do not.
    """
    error = np.abs(p.sum(axis=-1) - 1)
    if not (error <= TOLERANCE).all():  # also where it is nan
        raise ValueError(f"{path}: probabilities sum to one with an error of {error.max()}")
