from pathlib import Path

import numpy as np
import pytest

from pipeline.runtime import checks

PATH = Path("some.npz")
SHAPE = ((2, 3), np.dtype(np.uint8))
INFINITE = "got a value that is not a number, or infinite"
NO_SHAPE = r"got shape .*; expected \(2, 3\) of uint8"
NO_SUM = "probabilities sum to one with an error of .*"


@pytest.mark.parametrize(
    ("check", "more", "good", "wrong", "message"),
    [
        ("shape", SHAPE, np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), NO_SHAPE),
        ("shape", SHAPE, np.zeros((2, 3), np.uint8), np.zeros((2, 3)), NO_SHAPE),
        ("values", ((0, 1),), [0, 1, 1], [0, 1, 2], r"got the value 2; expected \(0, 1\)"),
        ("finite", (), ["text"], [1.0, np.inf], INFINITE),
        ("finite", (), [1.0, -2.0], [1.0, -np.inf], INFINITE),
        ("finite", (True,), [1.0, -np.inf], [1.0, np.nan], INFINITE),
        ("finite", (True,), ["text"], [1.0, np.inf], INFINITE),
        ("normalised", (), [0.25, 0.75], [[0.5, 0.5], [0.5, 0.6]], NO_SUM),
        ("normalised", (), [0.5, 0.5 + 1e-7], [0.5, 0.4999], NO_SUM),
        ("normalised", (), [[0, 1], [1, 0]], [[0, 1], [np.nan, 1]], NO_SUM),
    ],
)
def test_what_breaks_a_rule_is_refused(check, more, good, wrong, message):
    require = getattr(checks, f"require_{check}")
    require(PATH, np.array(good), *more)
    with pytest.raises(ValueError, match=rf"^some\.npz: {message}$"):
        require(PATH, np.array(wrong), *more)
