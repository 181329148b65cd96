"""What must hold of results before they are written."""

from pathlib import Path

import numpy as np

# What rounding to single precision leaves of a sum of probabilities.
TOLERANCE = 1e-5


def require_shape(path: Path, array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Require a shape and a type.

    Raises:
        ValueError: if either differs.
    """
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            f"{path}: got shape {array.shape} of {array.dtype}; expected {shape} of {dtype}"
        )


def require_values(path: Path, array: np.ndarray, values: tuple[int, ...]) -> None:
    """Require every element to be one of `values`.

    Raises:
        ValueError: if one is not; names it.
    """
    wrong = ~np.isin(array, values)
    if wrong.any():
        raise ValueError(f"{path}: got the value {array[wrong][0]}; expected {values}")


def require_log_scale(path: Path, array: np.ndarray) -> None:
    """Require numbers without NaN and plus infinity; minus infinity is the log of zero.

    Raises:
        ValueError: if there is one of them.
    """
    if array.dtype.kind == "f" and (np.isnan(array) | (array == np.inf)).any():
        raise ValueError(f"{path}: got a value that is not a number, or infinite")


def require_finite(path: Path, array: np.ndarray) -> None:
    """Require finite numbers.

    Raises:
        ValueError: if one is NaN or infinite.
    """
    if not np.isfinite(array).all():
        raise ValueError(f"{path}: got a value that is not a number, or infinite")


def require_normalised(path: Path, p: np.ndarray) -> None:
    """Require probabilities (..., K) to sum to one over the last axis.

    Raises:
        ValueError: if a sum differs from one by more than TOLERANCE.
    """
    error = np.abs(p.sum(axis=-1) - 1)
    if not (error <= TOLERANCE).all():  # also where it is NaN
        raise ValueError(f"{path}: probabilities sum to one with an error of {error.max()}")
