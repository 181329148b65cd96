"""The figure of networks that are unrolled for a few steps only."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import style
from pipeline.figures.meta import logarithmic
from pipeline.figures.style import DASHED, NETWORK, panels_by
from pipeline.tables.rows import select


def excess(table: pd.DataFrame) -> Figure:
    """Excess of GRUs by the length that they are trained on, for each length of the test."""
    figure, axes, columns = panels_by(
        select(table, cell="gru"), (2.85, 2.75), left=0.85, bottom=0.9, sharey=True
    )
    for (panel,), rows in columns:
        own = rows[rows.tested == rows.length]
        panel.plot(own.length, own.window_excess, label="exact, window alone", **DASHED)
        panel.plot(own.length, own.excess, "o-", color=NETWORK, label="own length", markersize=4)
        # Each network is also tested on these, so that every length has them.
        others = [n for n, some in rows.groupby("tested") if set(some.length) == {*rows.length}]
        for tested, colour in zip(others, matplotlib.colormaps["autumn"](np.linspace(0, 0.6, 4))):
            far = select(rows, tested=tested)
            panel.fill_between(far.length, far.lowest, far.highest, color=colour, alpha=0.2)
            panel.plot(far.length, far.excess, "s-", color=colour, label=f"over {tested:,}", ms=4)
        panel.set_xlabel("steps of a window in training")
        logarithmic(panel)
        panel.set_xticks(own.length, own.length.astype(str))
    axes[0, 0].set_ylabel("excess (nats per character)")
    style.legend_below(figure, 4)
    return figure
