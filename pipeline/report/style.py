"""What all figures share: matplotlib's settings, colours, panels, and PNG files.

The same thing has the same colour in every figure.
"""

import io
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

TRAIN, TEST, EXACT = "#4477aa", "#ee6677", "black"
# Of the meta-tasks: the reset, then the symbols.
CHARACTERS = ("0.35", "#4477aa", "#ee6677", "#228833")
RESET = "0.85"
NETWORK = "#4477aa"
# Other exact predictors, as lines.
KNOWN_P, PRIOR_ONLY = ("0.45", ":"), ("0.45", "-.")
RECIPES = {"published": "#ee9944", "tuned": "#aa3377", "converged": "#228833"}

# Width of a figure in inches.
NARROWEST = 6.5

# Without the user's matplotlibrc, which would change every figure.
matplotlib.rcdefaults()
matplotlib.rcParams.update(
    {
        "figure.dpi": 90,
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.titley": 1.0,  # else every label is measured to find room for the title
        "grid.alpha": 0.3,
        "legend.frameon": False,
    }
)


def panels(
    columns: int,
    rows: int = 1,
    *,
    size: tuple[float, float],
    left: float = 0.7,
    right: float = 0.15,
    bottom: float = 0.5,
    top: float = 0.3,
    gap: tuple[float, float] = (0.15, 0.15),
    **shared: Any,
) -> tuple[Figure, np.ndarray]:
    """A figure of equal panels (rows, columns).

    The margins are fixed: matplotlib's own layouts measure every label two or three times,
    which takes longer than drawing.

    Args:
        columns: panels in a row.
        rows: rows of panels.
        size: width and height of a panel in inches; it is wider in a figure narrower than
            NARROWEST, whose legend would have no room.
        left: room for the labels of the first column; and so on for the other sides.
        right: see `left`.
        bottom: see `left`.
        top: see `left`.
        gap: between two columns and between two rows.
        shared: sharex, sharey.
    """
    around = left + (columns - 1) * gap[0] + right
    wide, high = max(size[0], (NARROWEST - around) / columns), size[1]
    width = around + columns * wide
    height = bottom + rows * high + (rows - 1) * gap[1] + top
    figure = Figure((width, height))
    places = {"left": left / width, "right": 1 - right / width, "wspace": gap[0] / wide}
    places |= {"bottom": bottom / height, "top": 1 - top / height, "hspace": gap[1] / high}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=places, **shared)
    return figure, axes


def narrow_panel(figure: Figure, panel: Axes) -> Axes:
    """A narrow panel to the right of another, for its colour bar."""
    place = panel.get_position()
    inch = 1 / figure.get_figwidth()
    return figure.add_axes((place.x1 + 0.1 * inch, place.y0, 0.14 * inch, place.height))


def legend_below(figure: Figure, panel: Axes, columns: int, title: str = "") -> None:
    """One legend for all panels, in the room below them."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="lower center", ncols=columns, title=title, borderaxespad=0.3
    )


def png(figure: Figure) -> bytes:
    """The same bytes each time: no version of matplotlib among them."""
    file = io.BytesIO()
    # As small as by level 6, in half the time.
    options = {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}}
    FigureCanvasAgg(figure).print_png(file, **options)
    return file.getvalue()
