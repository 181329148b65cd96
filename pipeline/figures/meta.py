"""Question 3 as figures: networks of the meta-tasks compared with exact Bayes."""

from collections.abc import Collection
from itertools import product
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.figures import style
from pipeline.figures.style import DASHED, EXACT, NETWORK, colour_bar, panels, panels_by
from pipeline.tables.published import META_ACCURACY
from pipeline.tables.rows import Arrays, Tables, numbered_columns, record, select

FAINTEST = 1e-6  # nats below which a map of KL distinguishes nothing
SMALL = 0.05  # differences of probabilities that are shown at least


def symbol_colours(symbols: int) -> list[str]:
    """The colours of the symbols 1, 2, ...; repeated if there are many."""
    return [style.CHARACTERS[k % len(style.CHARACTERS)] for k in range(1, symbols + 1)]


def mark_resets(panel: Axes, characters: np.ndarray) -> None:
    """A grey line at each reset, all drawn as one."""
    at = np.flatnonzero(characters == 0).repeat(3)
    height = np.resize([0, 1, np.nan], len(at))
    transform = panel.get_xaxis_transform()
    panel.plot(at, height, color=style.RESET, linewidth=1, zorder=0, transform=transform)


def whole_numbers(*axes: Axis) -> None:
    """Ticks at whole numbers alone."""
    for axis in axes:
        axis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def logarithmic(panel: Axes) -> None:
    """Both axes logarithmic, with few ticks and plain numbers, which are drawn faster."""
    panel.set(xscale="log", yscale="log")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter("{x:g}")
    panel.minorticks_off()


def curves(by_name: Tables, attainable: pd.DataFrame) -> Figure:
    """Training curves of every model, what three exact predictors reach, what was published."""
    figure, axes = panels(len(by_name), 2, (2.6, 2.4), gap=(0.55, 0.2), bottom=0.85, sharex=True)
    lines = (
        ("exact", "exact Bayes", EXACT, "--"),
        ("known_p", "p known", "0.45", ":"),
        ("prior_only", "counts ignored", "0.45", "-."),
    )
    scores = (("loss", "cross_entropy", 1), ("accuracy", "accuracy", 100))
    for column, (name, points) in zip(axes.T, by_name.items()):
        for panel, (quantity, limit, factor) in zip(column, scores):
            # The two coincide: the wider line shows on both sides of the other.
            for which, colour, width in (("train", style.TRAIN, 4), ("test", style.TEST, 1.5)):
                values = factor * points[f"{which}_{quantity}"]
                panel.plot(points.batch, values, color=colour, linewidth=width, label=which)
            for predictor, label, colour, dash in lines:
                reached = getattr(record(attainable, model=name, predictor=predictor), limit)
                panel.axhline(factor * reached, color=colour, linestyle=dash, label=label, zorder=1)
            panel.locator_params(nbins=5)
        if name in META_ACCURACY:
            claim = META_ACCURACY[name]
            low, high = claim.least, 1.0 if claim.over else claim.number + claim.half
            band = {"color": style.PUBLISHED, "alpha": 0.3, "linewidth": 0, "zorder": 0}
            panel.axhspan(factor * low, factor * high, label="published", **band)
        column[0].set_title(name)
        column[1].set_xlabel("mini-batches")
    axes[0, 0].set_ylabel("cross-entropy (nats per character)")
    axes[1, 0].set_ylabel("accuracy (%)")
    style.legend_below(figure, 6)
    return figure


def sequence_arrays(predictions: Arrays, model: str, kind: str) -> list[np.ndarray]:
    """Characters, network and exact of a kind of sequences (own, fixed) of a model."""
    parts = ("characters", "network", "exact")
    return [predictions[f"{model}-{kind}-{part}"] for part in parts]


def sequences(predictions: Arrays, models: Collection[str]) -> Figure:
    """The end of a sequence from the own prior, and from fixed p: network, exact, difference.

    Of every model as many steps as the longest period has.
    """
    kinds = {"own": "own prior", "fixed": "fixed p"}
    layout: dict[str, Any] = {"gap": (0.6, 0.25), "left": 1.05, "bottom": 0.85}
    figure, axes = panels(len(models), 2 * len(kinds), (2.2, 1.35), **layout, sharex="col")
    resets = [np.flatnonzero(predictions[f"{model}-own-characters"] == 0) for model in models]
    longest = max(int(np.diff(at).max(initial=1)) for at in resets)
    for column, model in zip(axes.T, models):
        for (above, below), kind in zip(column.reshape(-1, 2), kinds):
            characters, network, exact = sequence_arrays(predictions, model, kind)
            _last_steps(above, below, longest, characters, network, exact)
        column[0].set_title(model)
        column[-1].set_xlabel("time step")
        whole_numbers(column[-1].xaxis)
    for panel, (kind, what) in zip(axes[:, 0], product(kinds.values(), ("p", "difference"))):
        panel.set_ylabel(f"{what}\n{kind}")
    style.legend_below(figure, 4)
    return figure


def _last_steps(
    above: Axes,
    below: Axes,
    steps: int,
    characters: np.ndarray,
    network: np.ndarray,
    exact: np.ndarray,
) -> None:
    """Both predictors in one panel, and their difference in another."""
    time = np.arange(max(0, len(characters) // steps - 1) * steps, len(characters))
    is_reset = characters[time] == 0
    # At a reset all symbols are impossible: a gap in the lines.
    network, exact = (
        np.where(is_reset[:, None], np.nan, p[time].astype(float)) for p in (network, exact)
    )
    for symbol, colour in enumerate(symbol_colours(exact.shape[1] - 1), start=1):
        line: dict[str, Any] = {"color": colour, "marker": ".", "markersize": 4, "linewidth": 1.2}
        above.plot(time, network[:, symbol], label=f"network, symbol {symbol}", **line)
        above.plot(time, exact[:, symbol], label="exact Bayes", **DASHED)
        below.plot(time, network[:, symbol] - exact[:, symbol], **line)
        came = time[characters[time] == symbol]
        above.plot(came, np.full(len(came), 1.06), "|", color=colour, clip_on=False)
    for panel in (above, below):
        for reset in time[is_reset]:
            panel.axvline(reset, color=style.RESET, linewidth=1, zorder=0)
    below.axhline(0, **DASHED)
    limit = max(SMALL, 1.1 * np.nanmax(np.abs(network - exact).T[1:]))
    above.set(ylim=(-0.03, 1.1), yticks=[0, 0.5, 1])
    below.set(ylim=(-limit, limit))
    below.locator_params(axis="y", nbins=5)


def excess(points: pd.DataFrame) -> Figure:
    """Excess against mini-batches: the median network, and a band for all of them."""
    figure, axes, columns = panels_by(points, (2.85, 2.75), left=1.15, bottom=0.9, sharey=True)
    for (panel,), own in columns:
        for recipe, colour in style.RECIPES.items():
            some = select(own[own.batch > 0], recipe=recipe)
            band = {"color": colour, "alpha": 0.2, "linewidth": 0}
            panel.fill_between(some.batch, some.lowest, some.highest, **band)
            panel.plot(some.batch, some["median"], color=colour, label=recipe)
        panel.set_xlabel("mini-batches")
        logarithmic(panel)
    axes[0, 0].set_ylabel("excess over exact Bayes\n(nats per symbol)")
    style.legend_below(figure, 3)
    return figure


def regret(steps: pd.DataFrame) -> Figure:
    """Regret at each step; network less exact predictor, at each step and cumulative."""
    figure, axes, models = panels_by(
        steps, (2.4, 2.3), 3, left=1.05, bottom=0.9, gap=(0.65, 0.15), sharex=True
    )
    for column, own in models:
        # At a reset exact Bayes has no regret, and the network little: a gap in the line.
        at_symbol = np.where(own.exact > 0, 1.0, np.nan)
        column[0].plot(own.step, own.network * at_symbol, color=NETWORK, label="network")
        column[0].plot(own.step, own.exact * at_symbol, label="exact", **DASHED)
        for panel, name, mask in zip(column[1:], ("difference", "cumulative"), (at_symbol, 1.0)):
            low, high = (own[f"{name}_{end}"] * mask for end in ("lowest", "highest"))
            panel.fill_between(own.step, low, high, color=NETWORK, alpha=0.25, linewidth=0)
            panel.plot(own.step, own[name] * mask, color=NETWORK)
            panel.axhline(0, **DASHED)
        for panel in column:
            panel.locator_params(nbins=5)
        column[2].set_xlabel("time step")
    axes[0, 0].set_ylabel("regret against p\n(nats per symbol)")
    axes[1, 0].set_ylabel("network less exact\n(nats per symbol)")
    axes[2, 0].set_ylabel("network less exact,\ncumulative (nats)")
    style.legend_below(figure, 2)
    return figure


def knowledge(states: pd.DataFrame) -> Figure:
    """KL(exact || network) by the count of symbol 1 and that of all others."""
    figure, axes, columns = panels_by(states, (2.4, 2.4), gap=(0.35, 0), right=1.1)
    maps = {panel: _kl_by_counts(own) for (panel,), own in columns}
    every = np.concatenate([values.ravel() for values in maps.values()])
    scale = LogNorm(max(np.nanmin(every), FAINTEST), np.nanmax(every))
    for panel, values in maps.items():
        picture = panel.imshow(values, origin="lower", norm=scale, cmap="viridis")
        panel.set_xlabel("count of symbol 1")
        panel.grid(visible=False)
        whole_numbers(panel.xaxis, panel.yaxis)
    axes[0, 0].set_ylabel("count of all other symbols")
    bar = {"label": "KL(exact || network) (nats)", "format": "{x:g}"}
    colour_bar(figure, axes[0, -1], picture, **bar).minorticks_off()
    return figure


def _kl_by_counts(states: pd.DataFrame) -> np.ndarray:
    """Mean KL (others, count of symbol 1) of a model's states by their probability."""
    places = [states.seen - states.count_1, states.count_1]
    sums = (states.probability * states.kl).groupby(places).sum()
    # NaN where the counts would be more than a period has.
    return (sums / states.probability.groupby(places).sum()).unstack().to_numpy()


def leaks(table: pd.DataFrame) -> Figure:
    """How far a network is off right after a reset, by the count of symbol 1 before it."""
    figure, axes, columns = panels_by(table, (2.3, 2.3), left=1.1, gap=(0.7, 0), bottom=0.9)
    colours = symbol_colours(len(numbered_columns(table, "previous")))
    for (panel,), own in columns:
        for k, colour in enumerate(colours, start=1):
            dots = {"color": colour, "alpha": 0.6, "label": f"p(symbol {k})"}
            panel.plot(own.previous_1, own[f"network_{k}"] - own[f"exact_{k}"], ".", **dots)
        panel.axhline(0, **DASHED)
        panel.set_xlabel("symbols 1 in the period before")
        whole_numbers(panel.xaxis)
        panel.locator_params(axis="y", nbins=5)
    axes[0, 0].set_ylabel("network less exact Bayes,\nright after a reset")
    style.legend_below(figure, len(colours))
    return figure


def hidden_states(points: pd.DataFrame) -> Figure:
    """The hidden states on their first two principal components, coloured by counts."""
    figure, axes, columns = panels_by(points, (1.75, 2.35), 2, gap=(1.4, 0.55), right=0.9)
    for column, own in columns:
        seen = own[numbered_columns(own, "count")].sum(axis=1)
        for panel, values in zip(column, (own.count_1, seen)):
            picture = panel.scatter(own.x, own.y, s=5, c=values, cmap="viridis")
            bar = colour_bar(figure, panel, picture, ticks=MaxNLocator(4, integer=True))
            panel.set_xlabel(f"component 1 ({100 * own.x_share.iloc[0]:.0f} %)")
            panel.set_ylabel(f"component 2 ({100 * own.y_share.iloc[0]:.0f} %)")
            panel.locator_params(nbins=4)
            if panel in axes[:, -1]:
                bar.set_label("count of symbol 1" if panel is column[0] else "symbols seen")
    return figure


def simplex(table: pd.DataFrame) -> Figure:
    """Network less exact predictor with the same prior, on a grid of fixed p."""
    figure, axes, columns = panels_by(table, (2.55, 2.2), left=0.1, right=1.3, top=0.6)
    furthest = table.network_less_own.abs().max()
    dots = {"s": 130, "cmap": "RdBu_r", "edgecolors": "0.5", "linewidths": 0.5}
    dots["norm"] = TwoSlopeNorm(0, -furthest, furthest)
    top, corner = np.sqrt(3) / 2, {"ha": "center", "size": 8}
    for (panel,), own in columns:
        x, y = own.p_2 + own.p_3 / 2, own.p_3 * np.sqrt(3) / 2
        picture = panel.scatter(x, y, c=own.network_less_own, **dots)
        panel.plot([0, 1, 0.5, 0], [0, 0, top, 0], color="0.6", linewidth=0.8, zorder=0)
        panel.text(0, -0.06, "p = (1, 0, 0)", va="top", **corner)
        panel.text(1, -0.06, "(0, 1, 0)", va="top", **corner)
        panel.text(0.5, top + 0.06, "(0, 0, 1)", va="bottom", **corner)
        panel.set(aspect="equal", xlim=(-0.2, 1.2), ylim=(-0.2, 1.0))
        panel.axis("off")
        panel.set_title(panel.get_title(), pad=18)
    label = "network less exact (nats per symbol)\nblue: the network is ahead"
    colour_bar(figure, axes[0, -1], picture, label=label)
    return figure


def reactions(after: pd.DataFrame) -> Figure:
    """Network less exact after nothing but symbol 1: who reacts faster? A line each."""
    layout: dict[str, Any] = {"left": 1.1, "bottom": 0.9, "gap": (0.7, 0)}
    figure, axes, columns = panels_by(after, (2.4, 2.4), **layout)
    for (panel,), own in columns:
        for recipe in ("plain", "converged"):
            gap = select(own, recipe=recipe).pivot(index="seen", columns="repetition")
            line = {"color": style.RECIPES[recipe], "label": recipe, "alpha": 0.8, "markersize": 3}
            panel.plot(gap.index, gap.network - gap.exact, ".-", **line)
        panel.axhline(0, **DASHED)
        panel.set_xlabel("symbols 1 in a row since the reset")
        whole_numbers(panel.xaxis)
        panel.locator_params(axis="y", nbins=6)
    axes[0, 0].set_ylabel("p(symbol 1),\nnetwork less exact Bayes")
    style.legend_below(figure, 2)
    return figure


def memory(table: pd.DataFrame) -> Figure:
    """What is lost of the gain by counting, by hidden units, a line for each period."""
    table = table[table.lost.notna()]  # with one symbol in a period there is nothing to count
    figure, axes, columns = panels_by(table, (4.55, 3.45), by="prior", left=0.95, sharey=True)
    periods = table.reset_every.unique()
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(periods)))
    for (panel,), rows in columns:
        for period, colour in zip(periods, shades):
            own = select(rows, reset_every=period)
            line = {"color": colour, "label": f"T = {period}", "markersize": 4}
            panel.plot(own.units, 100 * own.lost, "o-", **line)
        panel.axhline(100, **DASHED)
        panel.set(title=f"{panel.get_title()} prior", xlabel="hidden units")
        logarithmic(panel)
        panel.set_xticks(own.units, own.units.astype(str))
    axes[0, 0].set_ylabel("lost of what counting is worth (%)")
    axes[0, -1].legend()
    return figure
