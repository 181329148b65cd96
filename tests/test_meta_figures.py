"""What figures of question 3 look like where the data are at an extreme."""

import numpy as np
import pytest

from pipeline import meta_figures


def sequence(symbols: int, came: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Characters of periods of five in which only some symbols come, and probabilities."""
    characters = np.resize((0, *np.resize(came, 4)), 20)
    p = np.full((20, symbols + 1), 1 / (symbols + 1))
    return characters, p


@pytest.mark.parametrize("came", [(1,), (1, 2), (1, 2, 3)])
def test_panels_are_equally_high_whichever_characters_come(came):
    characters, p = sequence(3, came)
    figure = meta_figures.predictions(characters, p, p)
    figure.canvas.draw()
    heights = [panel.get_position().height for panel in figure.axes]
    assert len(heights) == 4
    assert min(heights) > 0.9 * max(heights) > 0.1
