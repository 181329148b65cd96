from pathlib import Path

import numpy as np
import pytest

from pipeline.runtime import checks

PATH = Path("some.npz")
UINT8 = np.dtype(np.uint8)


def test_shape_and_type():
    checks.require_shape(PATH, np.zeros((2, 3), np.uint8), (2, 3), UINT8)
    for array in (np.zeros((3, 2), np.uint8), np.zeros((2, 3)), np.zeros(6, np.uint8)):
        with pytest.raises(ValueError, match=r"some\.npz: got shape .*; expected \(2, 3\) of"):
            checks.require_shape(PATH, array, (2, 3), UINT8)


def test_values():
    checks.require_values(PATH, np.array([0, 1, 1]), (0, 1))
    with pytest.raises(ValueError, match=r"got the value 2; expected \(0, 1\)"):
        checks.require_values(PATH, np.array([0, 1, 2]), (0, 1))


def test_log_scale():
    checks.require_log_scale(PATH, np.array([1.0, -np.inf]))
    checks.require_log_scale(PATH, np.array(["text"]))
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="not a number, or infinite"):
            checks.require_log_scale(PATH, np.array([1.0, value]))


def test_finite():
    checks.require_finite(PATH, np.array([1.0, -2.0]))
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match=r"some\.npz: got a value that is not"):
            checks.require_finite(PATH, np.array([1.0, value]))


@pytest.mark.parametrize("wrong", [[0.5, 0.6], [0.5, 0.4999], [np.nan, 1], [np.inf, 0]])
def test_normalised(wrong):
    checks.require_normalised(PATH, np.array([[0.25, 0.75], [0.5, 0.5 + 1e-7]]))
    with pytest.raises(ValueError, match="probabilities sum to one with an error of"):
        checks.require_normalised(PATH, np.array([[0.25, 0.75], wrong]))
