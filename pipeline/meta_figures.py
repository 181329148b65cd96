"""Question 3 as matplotlib figures: networks of the meta-tasks beside exact Bayes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, TwoSlopeNorm
from matplotlib.figure import Figure

from pipeline import meta_findings
from pipeline.style import (
    CHARACTERS,
    EXACT,
    KNOWN_P,
    NETWORK,
    PRIOR_ONLY,
    RECIPES,
    RESET,
    TEST,
    TRAIN,
    plt,
)

Record = dict[str, Any]

# Nats below which a map of KL distinguishes nothing.
FAINTEST = 1e-6


def curves(
    by_model: Mapping[str, list[Record]], limits: list[Record], steps: int
) -> Figure:
    """Training curves of every model, with what three exact predictors reach.

    Args:
        by_model: records of each point of a model's curves.
        limits: cross-entropy and accuracy of the exact predictors by position.
        steps: characters in a sequence, for the mean over its positions.
    """
    figure, axes = plt.subplots(
        2, len(by_model), figsize=(3.2 * len(by_model), 6), sharex=True, squeeze=False
    )
    lines = (
        ("exact", "exact Bayes", EXACT, "--"),
        ("known_p", "p known", *KNOWN_P),
        ("prior_only", "counts ignored", *PRIOR_ONLY),
    )
    for column, (name, rows) in enumerate(by_model.items()):
        batches = [row["batch"] for row in rows]
        for panel, quantity, limit, factor in zip(
            axes[:, column], ("loss", "accuracy"), ("cross_entropy", "accuracy"), (1, 100)
        ):
            # The two coincide: the wider line shows on both sides of the other.
            for which, colour, width in (("train", TRAIN, 4), ("test", TEST, 1.5)):
                values = [factor * row[f"{which}_{quantity}"] for row in rows]
                panel.plot(batches, values, color=colour, linewidth=width, label=which)
            for predictor, label, colour, dash in lines:
                reached = meta_findings.per_character(limits, name, predictor, limit, steps)
                panel.axhline(
                    factor * reached, color=colour, linestyle=dash, label=label, zorder=1
                )
        axes[0, column].set_title(name)
        axes[1, column].set_xlabel("mini-batches")
    axes[0, 0].set_ylabel("cross-entropy (nats per character)")
    axes[1, 0].set_ylabel("accuracy (%)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


def predictions(characters: np.ndarray, network: np.ndarray, exact: np.ndarray) -> Figure:
    """Probability of each character over time, network against exact, on one sequence."""
    symbols = exact.shape[1]
    time = np.arange(len(characters))
    figure, axes = plt.subplots(
        symbols, 1, squeeze=False, figsize=(9.5, 1.55 * symbols), sharex=True, sharey=True
    )
    for symbol, panel in enumerate(axes.flat):
        colour = CHARACTERS[symbol % len(CHARACTERS)]
        for reset in np.flatnonzero(characters == 0):
            panel.axvline(reset, color=RESET, linewidth=1, zorder=0)
        panel.plot(time, network[:, symbol], color=colour, linewidth=2, label="network")
        panel.plot(
            time, exact[:, symbol], color=EXACT, linestyle="--", linewidth=1, label="exact"
        )
        came = characters == symbol
        if came.any():  # a line of no points, not clipped, would upset the layout
            above = np.full(came.sum(), 1.06)
            panel.plot(time[came], above, "|", color=colour, clip_on=False)
        panel.set(ylim=(-0.03, 1.1), ylabel=f"p(character {symbol})")
        panel.set_yticks([0, 0.5, 1])
        panel.grid(visible=False)
        panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axes[-1, 0].set_xlabel("time step (ticks above: this character came; grey: reset)")
    return figure


def excess(points: list[Record]) -> Figure:
    """Excess against mini-batches: the median network, and a band for all of them."""
    models = list(dict.fromkeys(row["model"] for row in points))
    figure, axes = plt.subplots(
        1, len(models), figsize=(3.2 * len(models), 3.9), sharey=True, squeeze=False
    )
    for panel, model in zip(axes[0], models):
        for recipe, colour in RECIPES.items():
            rows = [
                row
                for row in points
                if (row["model"], row["recipe"]) == (model, recipe) and row["batch"]
            ]
            batches = [row["batch"] for row in rows]
            panel.fill_between(
                batches,
                [row["lowest"] for row in rows],
                [row["highest"] for row in rows],
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
            panel.plot(batches, [row["median"] for row in rows], color=colour, label=recipe)
        panel.set(title=model, xscale="log", yscale="log", xlabel="mini-batches")
    axes[0, 0].set_ylabel("excess over exact Bayes\n(nats per symbol)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def regret(rows: list[Record]) -> Figure:
    """Regret at each step; network less exact predictor, at each step and cumulated."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    figure, axes = plt.subplots(
        3, len(models), figsize=(3.2 * len(models), 8), sharex=True, squeeze=False
    )
    for column, model in enumerate(models):
        own = [row for row in rows if row["model"] == model]
        time = [row["step"] for row in own]
        top, middle, bottom = axes[:, column]
        columns = {
            name: np.array([row[name] for row in own])
            for name in own[0]
            if name not in ("model", "recipe")
        }
        # At a reset exact Bayes has no regret, and the network little: a gap in the line.
        at_symbol = np.where(columns["exact"] > 0, 1.0, np.nan)
        top.plot(time, columns["network"] * at_symbol, color=NETWORK, label="network")
        top.plot(
            time,
            columns["exact"] * at_symbol,
            "--",
            color=EXACT,
            linewidth=1,
            label="exact",
        )
        for panel, name, mask in (
            (middle, "difference", at_symbol),
            (bottom, "cumulated", 1.0),
        ):
            low, high = (columns[f"{name}_{end}"] * mask for end in ("low", "high"))
            panel.fill_between(time, low, high, color=NETWORK, alpha=0.25, linewidth=0)
            panel.plot(time, columns[name] * mask, color=NETWORK)
            panel.axhline(0, color=EXACT, linestyle="--", linewidth=1)
        top.set_title(model)
        bottom.set_xlabel("time step")
    axes[0, 0].set_ylabel("regret against p\n(nats per symbol)")
    axes[1, 0].set_ylabel("network less exact\n(nats per symbol)")
    axes[2, 0].set_ylabel("network less exact,\ncumulated (nats)")
    axes[0, -1].legend()
    return figure


def histories(states: list[Record]) -> Figure:
    """KL(exact || network) by the count of symbol 1 and that of all others."""
    models = list(dict.fromkeys(row["model"] for row in states))
    figure, axes = plt.subplots(
        1, len(models), figsize=(3.1 * len(models), 3.6), squeeze=False
    )
    maps = {}
    for model in models:
        own = [row for row in states if row["model"] == model]
        longest = max(row["seen"] for row in own)
        total = np.zeros((2, longest + 1, longest + 1))
        for row in own:
            place = row["seen"] - row["count_1"], row["count_1"]
            total[0][place] += row["probability"] * row["kl"]
            total[1][place] += row["probability"]
        with np.errstate(invalid="ignore"):  # 0 / 0 where more would be than a period has
            maps[model] = total[0] / total[1]
    lowest = min(np.nanmin(values) for values in maps.values())
    highest = max(np.nanmax(values) for values in maps.values())
    scale = LogNorm(max(lowest, FAINTEST), highest)
    for panel, (model, values) in zip(axes[0], maps.items()):
        picture = panel.imshow(values, origin="lower", norm=scale, cmap="viridis")
        panel.set(title=model, xlabel="count of symbol 1")
        panel.grid(visible=False)
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.yaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("count of all other symbols")
    figure.colorbar(picture, ax=axes, label="KL(exact || network) (nats)", shrink=0.8)
    return figure


def argmax(states: list[Record]) -> Figure:
    """How often each symbol is the likeliest one to network and exact predictor."""
    shares = meta_findings.argmax_shares(states)
    models = list(shares)
    figure, axes = plt.subplots(
        1, len(models), figsize=(2.7 * len(models), 3.3), sharey=True, squeeze=False
    )
    for panel, model in zip(axes[0], models):
        for offset, which, style in (
            (-0.2, "network", {"alpha": 1.0}),
            (0.2, "exact", {"alpha": 0.45, "hatch": "//"}),
        ):
            values = shares[model][which]
            panel.bar(
                np.arange(1, len(values) + 1) + offset,
                [100 * value for value in values],
                0.4,
                color=[CHARACTERS[k % len(CHARACTERS)] for k in range(1, len(values) + 1)],
                label=which,
                **style,
            )
        panel.set(title=model, xlabel="symbol")
        panel.set_xticks(range(1, len(values) + 1))
        panel.grid(axis="x", visible=False)
    first = axes[0, 0]
    first.set_ylabel("likeliest symbol (% of predictions)")
    first.legend()
    return figure


def leaks(rows: list[Record]) -> Figure:
    """What the network says right after a reset, by the count of symbol 1 before it."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    figure, axes = plt.subplots(
        1, len(models), figsize=(3.1 * len(models), 3.4), sharey=True, squeeze=False
    )
    symbols = sum(name.startswith("previous_") for name in rows[0])
    for panel, model in zip(axes[0], models):
        own = [row for row in rows if row["model"] == model]
        for k in range(1, symbols + 1):
            colour = CHARACTERS[k % len(CHARACTERS)]
            panel.plot(
                [row["previous_1"] for row in own],
                [row[f"network_{k}"] for row in own],
                ".",
                color=colour,
                alpha=0.6,
                label=f"p(symbol {k})",
            )
            panel.axhline(own[0][f"exact_{k}"], color=EXACT, linestyle="--", linewidth=1)
        panel.set(title=model, xlabel="symbols 1 in the period before", ylim=(0, 1))
        panel.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("probability right after a reset")
    axes[0, -1].legend(title="dashed: exact")
    return figure


def hidden_states(points: list[Record]) -> Figure:
    """The hidden states on their first two principal components, coloured by counts."""
    models = list(dict.fromkeys(row["model"] for row in points))
    figure, axes = plt.subplots(
        2, len(models), figsize=(3.1 * len(models), 6), squeeze=False
    )
    names = [name for name in points[0] if name.startswith("count_")]
    for column, model in enumerate(models):
        own = [row for row in points if row["model"] == model]
        x, y = ([row[name] for row in own] for name in ("x", "y"))
        first = [row[names[0]] for row in own]
        seen = [sum(row[name] for name in names) for row in own]
        for panel, values, label in zip(
            axes[:, column], (first, seen), ("count of symbol 1", "symbols seen")
        ):
            picture = panel.scatter(x, y, s=5, c=values, cmap="viridis")
            figure.colorbar(
                picture, ax=panel, label=label if column + 1 == len(models) else ""
            )
            panel.set_xlabel(f"component 1 ({100 * own[0]['x_share']:.0f} %)")
            panel.set_ylabel(f"component 2 ({100 * own[0]['y_share']:.0f} %)")
        axes[0, column].set_title(model)
    return figure


def simplex(rows: list[Record]) -> Figure:
    """Network less exact predictor with the same prior, on a grid of fixed p."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    figure, axes = plt.subplots(
        1, len(models), figsize=(3.1 * len(models), 3.3), squeeze=False
    )
    furthest = max(abs(row["network_less_own"]) for row in rows)
    scale = TwoSlopeNorm(0, -furthest, furthest)
    for panel, model in zip(axes[0], models):
        own = [row for row in rows if row["model"] == model]
        picture = panel.scatter(
            [row["p_2"] + row["p_3"] / 2 for row in own],
            [row["p_3"] * np.sqrt(3) / 2 for row in own],
            s=130,
            c=[row["network_less_own"] for row in own],
            norm=scale,
            cmap="RdBu_r",
            edgecolors="0.5",
            linewidths=0.5,
        )
        _triangle(panel)
        panel.set_title(model, pad=18)
    label = "network less exact (nats per symbol)\nblue: the network is ahead"
    figure.colorbar(picture, ax=axes, label=label, shrink=0.85)
    return figure


def in_a_row(states: list[Record]) -> Figure:
    """The probability of symbol 1 after nothing else has come: who reacts faster?"""
    models = list(dict.fromkeys(row["model"] for row in states))
    figure, axes = plt.subplots(
        1, len(models), figsize=(3.1 * len(models), 3.3), sharey=True, squeeze=False
    )
    for panel, model in zip(axes[0], models):
        rows = meta_findings.only_first(states, model)
        seen = [row["seen"] for row in rows]
        panel.plot(
            seen, [row["network_1"] for row in rows], "o-", color=NETWORK, label="network"
        )
        panel.plot(seen, [row["exact_1"] for row in rows], "--", color=EXACT, label="exact")
        panel.set(title=model, xlabel="symbols 1 in a row since the reset")
        panel.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel("p(symbol 1)")
    axes[0, -1].legend()
    return figure


def memory(rows: list[Record]) -> Figure:
    """Excess by hidden units, a line for each length of the period."""
    priors = list(dict.fromkeys(row["prior"] for row in rows))
    periods = list(dict.fromkeys(row["reset_every"] for row in rows))
    figure, axes = plt.subplots(
        1, len(priors), figsize=(5 * len(priors), 4.2), sharey=True, squeeze=False
    )
    shades = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(periods)))
    for panel, prior in zip(axes[0], priors):
        for period, colour in zip(periods, shades):
            own = [
                row for row in rows if (row["prior"], row["reset_every"]) == (prior, period)
            ]
            units = [row["units"] for row in own]
            panel.plot(
                units,
                [row["excess_per_character"] for row in own],
                "o-",
                color=colour,
                markersize=4,
                label=f"T = {period}",
            )
        panel.set(title=f"{prior} prior", xscale="log", yscale="log", xlabel="hidden units")
        panel.set_xticks(units, [str(count) for count in units])
        panel.minorticks_off()
    axes[0, 0].set_ylabel("excess over exact Bayes (nats per character)")
    axes[0, -1].legend()
    return figure


def _triangle(panel: Axes) -> None:
    """The simplex of three probabilities, with its corners named."""
    corners = {
        "p = (1, 0, 0)": (0, 0),
        "(0, 1, 0)": (1, 0),
        "(0, 0, 1)": (0.5, np.sqrt(3) / 2),
    }
    outline = [*corners.values(), (0.0, 0.0)]
    panel.plot(*zip(*outline), color="0.6", linewidth=0.8, zorder=0)
    for name, (x, y) in corners.items():
        below = y == 0
        panel.annotate(
            name,
            (x, y),
            (0, -10 if below else 10),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=8,
        )
    panel.set(aspect="equal", xlim=(-0.2, 1.2), ylim=(-0.2, 1.0))
    panel.axis("off")
