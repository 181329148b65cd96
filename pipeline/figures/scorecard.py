"""The published numbers by how far they are from another training of ours."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.figures.style import BAND, VERDICTS, legend_below, panels

ROW = 0.19  # inches
FARTHEST = 8.0  # z at the edge of a panel; what is farther is drawn there, with its number


def dots(card: pd.DataFrame) -> Figure:
    """Z of each published number: cross-entropies on the left, accuracies on the right.

    A bar is the 95 % interval of another training. A hollow dot is z if the images were the
    first ones of the test set. A number without several trainings of ours has no dot.
    """
    is_nats = card.unit.str.startswith("nats")
    halves = card[is_nats], card[~is_nats]
    rows = max(len(own) + own.block.nunique() for own in halves)
    layout: dict[str, Any] = {"left": 2.2, "gap": (2.5, 0), "top": 0.35, "bottom": 1.0}
    figure, (sides,) = panels(2, 1, (2.9, ROW * rows), **layout)
    for panel, own, title in zip(sides, halves, ("cross-entropies", "accuracies")):
        panel.set_title(title)
        _dots(panel, own, rows)
    legend_below(figure, 3)
    return figure


def _dots(panel: Axes, card: pd.DataFrame, rows: int) -> None:
    panel.axvline(0, color="0.5", linewidth=0.8)
    labels, height = [], 0
    for block, own in card.groupby("block", sort=False):
        labels.append((height, block, "bold"))
        for row in own.itertuples():
            height += 1
            labels.append((height, _label(row.quantity), "normal"))
            if not np.isnan(row.z):
                _dot(panel, row, height)
        height += 1
    look: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"),
        "ha": "right",
        "va": "center",
        "size": 9,
    }
    for place, text, weight in labels:
        panel.annotate(text, (-0.03, place), weight=weight, **look)
    panel.set(xlim=(-FARTHEST - 1, FARTHEST + 1), ylim=(rows - 0.5, -0.6), yticks=[])
    panel.set_xticks(np.arange(-8, 9, 4))
    panel.set_xlabel("z = (published - our mean) / deviation")


def _dot(panel: Axes, row: Any, height: int) -> None:
    """One number, its band, and what z is on the first images."""
    colour = VERDICTS[row.verdict]
    # A claim "over ..." is bounded on one side.
    low = -FARTHEST - 1 if row.written.startswith("over") else -row.factor
    band: dict[str, Any] = {
        "height": 0.72,
        "color": BAND,
        "label": "another training of ours, 95 %",
    }
    panel.barh(height, row.factor - low, left=low, **band)
    dot: dict[str, Any] = {
        "linestyle": "",
        "marker": "o",
        "markersize": 5,
        "markeredgecolor": colour,
    }
    if row.z_first != row.z:
        hollow = dot | {"markerfacecolor": "white", "label": "on the first images"}
        hollow["markeredgecolor"] = VERDICTS[row.verdict_first]
        panel.plot(np.clip(row.z_first, -FARTHEST, FARTHEST), height, **hollow)
    z = np.clip(row.z, -FARTHEST, FARTHEST)
    panel.plot(z, height, color=colour, label=row.verdict, **dot)
    if abs(row.z) > FARTHEST:
        beside: dict[str, Any] = {
            "textcoords": "offset points",
            "ha": "right",
            "va": "center",
            "size": 8,
        }
        panel.annotate(f"{row.z:.0f}", (z, height), (-5, 0), **beside)


def _label(quantity: str) -> str:
    """Without what the panel and the block say."""
    _, rollout, where = quantity.partition("rollout, ")
    return where if rollout else quantity
