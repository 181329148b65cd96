"""Questions 1 and 2 as matplotlib figures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from pipeline.images import SIDE
from pipeline.style import CHARACTERS, EXACT, RESET, TEST, TRAIN, plt

Record = dict[str, Any]

STRATEGIES = {"argmax": "#ee6677", "sample": "#ccbb44", "teacher_forced": "#228833"}
BASELINES = {
    "all_zero": (":", "0.45"),
    "copy_left": ("--", "0.45"),
    "copy_above": ("-.", "0.45"),
    "training_majority": ("-", "0.45"),
}
METHODS = {
    "exact": "#4477aa",
    "past_only": "#ee9944",
    "greedy": "#aa3377",
    "sampled": "#ccbb44",
    "lookup": "0.35",
    "majority": "0.7",
}
KINDS = {"uniform": "#4477aa", "centre": "#ee6677", "boundary": "#228833"}
TASKS = {"one_pixel": "one missing pixel", "patch_2x2": "a missing 2 x 2 patch"}
UNKNOWN = "#f3d9a4"

# Paper, ink, unknown.
IMAGE_COLOURS = ListedColormap(["white", "black", UNKNOWN])


def binarised(examples: Mapping[str, np.ndarray]) -> Figure:
    """One test image of each digit, grey and binary."""
    columns = len(examples["grey"])
    figure, axes = plt.subplots(2, columns, figsize=(columns, 2.4))
    for column in range(columns):
        top, bottom = axes[:, column]
        top.imshow(examples["grey"][column], cmap="gray_r", vmin=0, vmax=255)
        _show(bottom, examples["binary"][column])
        top.set_title(f"no. {examples['image'][column]}", fontsize=9)
    _rows(axes, ["grey", "binary"])
    return figure


def learning_curves(history: list[Record]) -> Figure:
    """Cross-entropy and accuracy of both sets after every epoch."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    epochs = [row["epoch"] for row in history]
    for which, colour in (("train", TRAIN), ("test", TEST)):
        for axes, name, factor in ((left, "loss", 1), (right, "accuracy", 100)):
            values = [factor * row[f"{which}_{name}"] for row in history]
            axes.plot(epochs, values, "o-", color=colour, markersize=4, label=which)
    left.set(xlabel="epoch, counted from 0", ylabel="cross-entropy (nats per pixel)")
    right.set(xlabel="epoch, counted from 0", ylabel="one-step accuracy (%)")
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    return figure


def rollout_scores(steps: list[Record]) -> Figure:
    """Accuracy and cross-entropy of the final network's continuations by horizon.

    At each horizon the mean over all predicted pixels up to it, as in the table.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4))
    lines = [("final", name, "-", colour) for name, colour in STRATEGIES.items()]
    lines += [(name, "baseline", *style) for name, style in BASELINES.items()]
    for predictor, strategy, dash, colour in lines:
        rows = [
            row
            for row in steps
            if (str(row["predictor"]), row["strategy"]) == (predictor, strategy)
        ]
        label = strategy if predictor == "final" else predictor
        horizon = np.arange(1, len(rows) + 1)
        for axes, name, factor in ((left, "accuracy", 100), (right, "cross_entropy", 1)):
            mean = np.cumsum([row[name] for row in rows]) / horizon
            axes.plot(
                horizon, factor * mean, dash, color=colour, label=label.replace("_", " ")
            )
    left.set(ylabel="accuracy of the predicted pixels (%)")
    right.set(ylabel="cross-entropy (nats per pixel)")
    for axes in (left, right):
        axes.set(xlabel="pixels ahead (mean over all up to here)", xscale="log")
        axes.set_xticks([1, 3, 10, 28, 100, 300], [1, 3, 10, 28, 100, 300])
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def rollout_gallery(gallery: Mapping[str, np.ndarray]) -> Figure:
    """Ground truth, masked, argmax continuation and samples of the chosen images."""
    samples = gallery["samples"].shape[1]
    count, pixels = gallery["truth"].shape
    first = pixels - gallery["argmax"].shape[1]
    known = gallery["truth"][:, :first]
    figure, axes = plt.subplots(
        count, 3 + samples, figsize=(1.05 * (3 + samples) + 1.7, 1.08 * count)
    )
    titles = ["truth", "masked", "argmax"] + [f"sample {n + 1}" for n in range(samples)]
    for axis, title in zip(axes[0], titles):
        axis.set_title(title, fontsize=10)
    for row in range(count):
        blank = np.full(pixels - first, 2)
        parts = [gallery["truth"][row, first:], blank, gallery["argmax"][row]]
        parts += list(gallery["samples"][row])
        for axis, part in zip(axes[row], parts):
            _show(axis, np.concatenate([known[row], part]))
    _rows(
        axes,
        [
            f"{kind}\nno. {image}\n{100 * accuracy:.0f} % right"
            for kind, image, accuracy in zip(
                gallery["kind"], gallery["image"], gallery["accuracy"]
            )
        ],
    )
    return figure


def inpainting_scores(table: list[Record]) -> Figure:
    """What the truth costs given everything else, and given the past alone."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8))
    for panel, (task, title) in zip(axes, TASKS.items()):
        for number, method in enumerate(("exact", "past_only")):
            rows = [
                row
                for row in table
                if (row["task"], row["masks"], row["method"]) == (task, "uniform", method)
            ]
            panel.bar(
                np.arange(len(rows)) + 0.38 * (number - 0.5),
                [row["nats"] for row in rows],
                0.38,
                yerr=[2 * row["nats_se"] for row in rows],
                color=METHODS[method],
                label=method.replace("_", " "),
                capsize=2,
            )
            panel.set_xticks(range(len(rows)), [str(row["snapshot"]) for row in rows])
        panel.set(
            title=title, xlabel="snapshot", ylabel="-log p(truth | seen) (nats per image)"
        )
        panel.grid(axis="x", visible=False)
    axes[0].legend(title="bars: two standard errors")
    return figure


def inpainting_gallery(
    gallery: Mapping[str, np.ndarray], task: str, values: np.ndarray
) -> Figure:
    """Truth, what is missing, and the likeliest fillings with their posterior.

    Args:
        gallery: arrays named after the task.
        task: "one_pixel" or "patch_2x2".
        values: (C, M) what each completion gives to each missing pixel.
    """
    kinds, masks, numbers, truth, missing, log_posterior = (
        gallery[f"{task}-{name}"]
        for name in ("kind", "masks", "image", "truth", "missing", "log_posterior")
    )
    shown = min(4, len(values))
    count = len(truth)
    figure, axes = plt.subplots(
        count, 2 + shown, figsize=(1.25 * (2 + shown) + 1.7, 1.35 * count), squeeze=False
    )
    heads = ["truth", "missing"] + [f"likeliest {n + 1}" for n in range(shown)]
    for row in range(count):
        masked = truth[row].astype(int)
        masked[missing[row]] = 2
        order = np.argsort(-log_posterior[row], kind="stable")[:shown]
        pictures = [truth[row], masked]
        notes = ["", ""]
        for completion in order:
            filled = truth[row].copy()
            filled[missing[row]] = values[completion]
            pictures.append(filled)
            is_truth = np.array_equal(filled, truth[row])
            notes.append(
                f"p = {_probability(log_posterior[row, completion])}"
                + (" (truth)" if is_truth else "")
            )
        for axis, picture, note, head in zip(axes[row], pictures, notes, heads):
            _show(axis, picture)
            _frame(axis, missing[row])
            if head != "truth":
                _zoom(axis, missing[row])
            axis.set_title("\n".join(filter(None, [head if not row else "", note])), size=9)
    _rows(
        axes,
        [
            f"{kind}\n{mask} mask\nno. {number}"
            for kind, mask, number in zip(kinds, masks, numbers)
        ],
    )
    return figure


def inpainting_worked(gallery: Mapping[str, np.ndarray], values: np.ndarray) -> Figure:
    """All 16 completions of the least sure patch, the likeliest first."""
    row = int(np.flatnonzero(gallery["patch_2x2-kind"] == "least sure")[0])
    truth = gallery["patch_2x2-truth"][row]
    missing = gallery["patch_2x2-missing"][row]
    log_posterior = gallery["patch_2x2-log_posterior"][row]
    figure, axes = plt.subplots(2, 8, figsize=(10.5, 3.3))
    for axis, completion in zip(axes.flat, np.argsort(-log_posterior, kind="stable")):
        _show_fill(axis, truth, missing, values[completion], log_posterior[completion])
    _rows(axes, [])
    return figure


def inpainting_methods(table: list[Record]) -> Figure:
    """How often each method's fill is right, for each kind of mask."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    kinds = list(dict.fromkeys(row["masks"] for row in table))
    width = 0.8 / len(METHODS)
    for panel, (task, title) in zip(axes, TASKS.items()):
        for number, (method, colour) in enumerate(METHODS.items()):
            rows = [
                row
                for row in table
                if (row["task"], row["method"]) == (task, method)
                and row["snapshot"] in ("final", "none")
            ]
            panel.bar(
                np.arange(len(kinds)) + width * (number - (len(METHODS) - 1) / 2),
                [100 * row["fill_accuracy"] for row in rows],
                width,
                yerr=[200 * row["fill_accuracy_se"] for row in rows],
                color=colour,
                label=method.replace("_", " "),
            )
        panel.set_xticks(range(len(kinds)), kinds)
        panel.set(title=title, xlabel="kind of mask")
        panel.grid(axis="x", visible=False)
    axes[0].set_ylabel("all missing pixels right (%)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=len(METHODS),
        title="bars: two standard errors",
    )
    return figure


def inpainting_reliability(table: list[Record]) -> Figure:
    """Confidence against accuracy of the exact posterior, with how many forecasts each."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), sharey=True)
    for panel, (task, title) in zip(axes, TASKS.items()):
        panel.plot([0, 1], [0, 1], color=EXACT, linestyle="--", linewidth=1)
        for kind, colour in KINDS.items():
            rows = [
                row
                for row in table
                if (row["task"], row["masks"]) == (task, kind) and row["forecasts"]
            ]
            panel.errorbar(
                [row["confidence"] for row in rows],
                [row["accuracy"] for row in rows],
                yerr=[2 * row["accuracy_se"] for row in rows],
                fmt="o-",
                color=colour,
                markersize=4,
                capsize=2,
                label=kind,
            )
        panel.set(title=title, xlabel="probability of the likeliest fill", xlim=(0, 1))
        panel.set_ylim(-0.03, 1.03)
    axes[0].set_ylabel("share of these that are right")
    axes[0].legend(title="kind of mask; bars:\ntwo standard errors")
    return figure


def inpainted(
    masked: np.ndarray,
    log_posterior: np.ndarray,
    missing: np.ndarray,
    fill: np.ndarray,
    samples: np.ndarray,
) -> Figure:
    """The first images of a file: masked, most probable fill, samples of the posterior."""
    count, drawn = min(len(masked), 12), min(samples.shape[1], 6)
    figure, axes = plt.subplots(
        count, 2 + drawn, figsize=(1.25 * (2 + drawn) + 1, 1.35 * count), squeeze=False
    )
    for row in range(count):
        where = missing[row, missing[row] >= 0]
        unknown = masked[row].astype(int)
        unknown[where] = 2
        likeliest = f"p = {_probability(log_posterior[row].max())}"
        heads = ["masked", f"most probable\n{likeliest}" if row == 0 else likeliest]
        heads += [f"sample {n + 1}" if row == 0 else "" for n in range(drawn)]
        pictures = [unknown, fill[row], *samples[row, :drawn]]
        for axis, picture, head in zip(axes[row], pictures, heads):
            _show(axis, picture)
            _frame(axis, where)
            axis.set_title(head if row == 0 or head != "masked" else "", size=9)
    _rows(axes, [f"no. {row}" for row in range(count)])
    return figure


def overview(
    rollouts: Mapping[str, np.ndarray],
    fills: Mapping[str, np.ndarray],
    values: np.ndarray,
    characters: np.ndarray,
    network: np.ndarray,
    exact: np.ndarray,
) -> Figure:
    """One example of each of the three questions, for the README."""
    figure = plt.figure(figsize=(11, 5.4))
    halves: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1])
    top, bottom = halves
    left, right = top.subfigures(1, 2, width_ratios=[1.15, 1])

    axes = left.subplots(2, 4)
    left.suptitle("1. A network continues a hidden image", fontsize=11)
    for row, kind in enumerate(("middle", "highest variance")):
        which = int(np.flatnonzero(rollouts["kind"] == kind)[0])
        truth = rollouts["truth"][which]
        first = len(truth) - rollouts["argmax"].shape[1]
        parts = [
            truth[first:],
            np.full(len(truth) - first, 2),
            rollouts["argmax"][which],
            rollouts["samples"][which, 0],
        ]
        for axis, part, head in zip(
            axes[row], parts, ("truth", "hidden", "argmax", "drawn")
        ):
            _show(axis, np.concatenate([truth[:first], part]))
            axis.set_title("" if row else head, size=9)
    _rows(axes, [])

    axes = right.subplots(2, 4)
    right.suptitle("2. It fills a missing patch, with exact probabilities", fontsize=11)
    for row, kind in enumerate(("least sure", "surest wrong")):
        # Where every fill is right there is no wrong one to show.
        which = int(np.argmax(fills["patch_2x2-kind"] == kind))
        truth, missing = (
            fills[f"patch_2x2-{name}"][which] for name in ("truth", "missing")
        )
        log_posterior = fills["patch_2x2-log_posterior"][which]
        unknown = truth.astype(int)
        unknown[missing] = 2
        _show(axes[row, 0], unknown)
        _frame(axes[row, 0], missing)
        for axis, completion in zip(
            axes[row, 1:], np.argsort(-log_posterior, kind="stable")
        ):
            log_p = log_posterior[completion]
            _show_fill(axis, truth, missing, values[completion], log_p)
    _rows(axes, [])

    panel = bottom.subplots()
    bottom.suptitle(
        "3. Another learns a prior, and is held against exact Bayes", fontsize=11
    )
    time = np.arange(len(characters))
    for reset in np.flatnonzero(characters == 0):
        panel.axvline(reset, color=RESET, linewidth=1, zorder=0)
    for symbol in range(1, exact.shape[1]):
        colour = CHARACTERS[symbol % len(CHARACTERS)]
        panel.plot(time, network[:, symbol], color=colour, label=f"symbol {symbol}")
        panel.plot(time, exact[:, symbol], "--", color=EXACT, linewidth=0.8)
    panel.plot([], [], "--", color=EXACT, linewidth=0.8, label="exact")
    panel.set(xlabel="time step (grey: reset)", ylabel="probability", ylim=(-0.03, 1.03))
    panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _show(axis: Axes, image: np.ndarray) -> None:
    """A binary image in raster order; 2 is unknown."""
    axis.imshow(
        image.reshape(SIDE, SIDE), cmap=IMAGE_COLOURS, vmin=0, vmax=2, interpolation="none"
    )


def _show_fill(
    axis: Axes, truth: np.ndarray, missing: np.ndarray, values: np.ndarray, log_p: float
) -> None:
    """The surroundings of a patch filled with these values, and their probability."""
    filled = truth.copy()
    filled[missing] = values
    _show(axis, filled)
    _frame(axis, missing)
    _zoom(axis, missing)
    note = " (truth)" if np.array_equal(filled, truth) else ""
    axis.set_title(f"{_probability(log_p)}{note}", size=9)


def _frame(axis: Axes, missing: np.ndarray) -> None:
    """A line around the missing pixels, which are otherwise hard to find."""
    rows, columns = missing // SIDE, missing % SIDE
    corner = (columns.min() - 1, rows.min() - 1)
    width, height = np.ptp(columns) + 2, np.ptp(rows) + 2
    axis.add_patch(
        plt.Rectangle(corner, width, height, fill=False, edgecolor="#cc3311", linewidth=1.2)
    )


def _zoom(axis: Axes, missing: np.ndarray, width: int = 13) -> None:
    """Only the surroundings of the missing pixels, within the image."""
    for place, limit in (
        (missing % SIDE, axis.set_xlim),
        (missing // SIDE, lambda low, high: axis.set_ylim(high, low)),
    ):
        low = np.clip(round(place.mean()) - width // 2, 0, SIDE - width)
        limit(low - 0.5, low + width - 0.5)


def _rows(axes: np.ndarray, labels: list[str]) -> None:
    """Pictures without ticks, in a thin frame, a label to the left of each row."""
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)
        axis.spines[:].set(visible=True, color="0.6", linewidth=0.5)
    for axis, label in zip(axes[:, 0], labels):
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)


def _probability(log_p: float) -> str:
    p = float(np.exp(log_p))
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"
