"""What must hold of results before they are written; if not, a ValueError names the file."""

from pathlib import Path

import numpy as np

# What rounding to single precision leaves of a sum of probabilities.
TOLERANCE = 1e-5


def require_shape(path: Path, array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Require a shape and a type."""
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(
            f"{path}: got shape {array.shape} of {array.dtype}; expected {shape} of {dtype}"
        )


def require_values(path: Path, array: np.ndarray, values: tuple[int, ...]) -> None:
    """Require every element to be one of `values`."""
    wrong = ~np.isin(array, values)
    if wrong.any():
        raise ValueError(f"{path}: got the value {array[wrong][0]}; expected {values}")


def require_finite(path: Path, array: np.ndarray, log_scale: bool = False) -> None:
    """Require finite numbers (or text); on a log scale also minus infinity, the log of zero."""
    allowed = array[array != -np.inf] if log_scale else array
    if array.dtype.kind == "f" and not np.isfinite(allowed).all():
        raise ValueError(f"{path}: got a value that is not a number, or infinite")


def require_normalised(path: Path, p: np.ndarray) -> None:
    """Require probabilities (..., K) to sum to one over the last axis, up to TOLERANCE."""
    error = np.abs(p.sum(axis=-1) - 1)
    if not (error <= TOLERANCE).all():  # also where it is NaN
        raise ValueError(f"{path}: probabilities sum to one with an error of {error.max()}")
