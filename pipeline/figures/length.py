"""The figure of networks that are unrolled for a few steps only."""

import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import style
from pipeline.figures.meta import logarithmic
from pipeline.figures.style import DASHED, NETWORK, panels_by
from pipeline.tables.rows import select

# Of sequences that networks read in one go.
LONGER = ("#ee6677", "#228833", "#ee9944", "#aa3377")


def excess(table: pd.DataFrame) -> Figure:
    """Excess of GRUs by the length that they are trained on, for each length of the test."""
    figure, axes, columns = panels_by(
        select(table, cell="gru"), (2.85, 2.75), left=0.85, bottom=0.9, sharey=True
    )
    for (panel,), rows in columns:
        own = rows[rows.tested == rows.length]
        panel.plot(own.length, own.excess, "o-", color=NETWORK, label="own length", markersize=4)
        # Those that the networks of all lengths have.
        others = [n for n, some in rows.groupby("tested") if set(some.length) == {*rows.length}]
        for tested, colour in zip(others, LONGER):
            far = select(rows, tested=tested)
            panel.fill_between(far.length, far.lowest, far.highest, color=colour, alpha=0.2)
            panel.plot(far.length, far.excess, "s-", color=colour, label=f"over {tested:,}", ms=4)
        panel.plot(own.length, own.window_excess, label="exact, window alone", **DASHED)
        panel.set_xlabel("steps of a window in training")
        logarithmic(panel)
        panel.set_xticks(own.length, own.length.astype(str))
    axes[0, 0].set_ylabel("excess (nats per character)")
    style.legend_below(figure, 4)
    return figure
