"""What all figures share: matplotlib's settings, colours, panels, and PNG files.

The same thing has the same colour in every figure.
"""

import io
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

TRAIN, TEST, EXACT = "#4477aa", "#ee6677", "black"
# Of the meta-tasks: the reset, then the symbols.
CHARACTERS = ("0.35", "#4477aa", "#ee6677", "#228833")
RESET = "0.85"
NETWORK = "#4477aa"
DASHED: dict[str, Any] = {"color": EXACT, "linestyle": "--", "linewidth": 1}
PUBLISHED = "#aa3377"
RECIPES = {"plain": "#ee9944", "tuned": "#aa3377", "converged": "#228833"}
# Of published numbers.
VERDICTS = {"inside": "#228833", "outside": "#ee6677", "unattainable": EXACT, "open": "0.6"}
BAND = "0.88"
NARROWEST = 6.5  # width of a figure in inches

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
    rows: int,
    size: tuple[float, float],
    *,
    left: float = 0.7,
    right: float = 0.15,
    bottom: float = 0.5,
    top: float = 0.3,
    gap: tuple[float, float] = (0.15, 0.15),
    **shared: Any,
) -> tuple[Figure, np.ndarray]:
    """A figure of panels (rows, columns), each of the same size, and the room around them.

    All in inches. Panels are wider than `size` in a figure narrower than NARROWEST, whose
    legend would have no room. The margins are fixed: matplotlib's own layouts measure every
    label two or three times, which takes longer than drawing.
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


def panels_by(
    table: pd.DataFrame, size: tuple[float, float], rows: int = 1, by: str = "model", **layout: Any
) -> tuple[Figure, np.ndarray, list[tuple[np.ndarray, pd.DataFrame]]]:
    """A figure, its panels, and a column of them for each value of `by` with its own rows."""
    own = [some for _, some in table.groupby(by, sort=False)]
    figure, axes = panels(len(own), rows, size, **layout)
    for panel, some in zip(axes[0], own):
        panel.set_title(some[by].iloc[0])
    return figure, axes, list(zip(axes.T, own))


def colour_bar(figure: Figure, panel: Axes, colours: ScalarMappable, **look: Any) -> Colorbar:
    """A colour bar to the right of a panel."""
    place, inch = panel.get_position(), 1 / figure.get_figwidth()
    bar = figure.add_axes((place.x1 + 0.1 * inch, place.y0, 0.14 * inch, place.height))
    return figure.colorbar(colours, cax=bar, **look)


def legend_below(figure: Figure, columns: int, title: str = "") -> None:
    """One legend for all panels, in the room below them."""
    handles: dict[str, Any] = {}
    for panel in figure.axes:
        handles |= dict(zip(*reversed(panel.get_legend_handles_labels())))
    look: dict[str, Any] = {"loc": "lower center", "borderaxespad": 0.3}
    figure.legend(handles.values(), handles.keys(), ncols=columns, title=title, **look)


def png(figure: Figure) -> bytes:
    """The same bytes each time: no version of matplotlib among them."""
    file = io.BytesIO()
    # As small as by level 6, in half the time.
    options = {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}}
    FigureCanvasAgg(figure).print_png(file, **options)
    return file.getvalue()
