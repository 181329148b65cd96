"""Question 1 as figures: images, the pixel network's learning, and its continuations."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures.mosaic import UNKNOWN, Grid, Picture, mosaic
from pipeline.figures.style import NETWORK, PUBLISHED, TEST, TRAIN, legend_below, panels
from pipeline.tables import published
from pipeline.tables.rows import Arrays, select

# As published: (loss, accuracy) of each snapshot; (accuracy, loss) of its continuations by
# horizon.
Snapshots = Mapping[str, tuple[str, str]]
Rollouts = Mapping[str, Mapping[int, tuple[str, str]]]

STRATEGIES = {
    "argmax": "#ee6677",
    "sample": "#ccbb44",
    "marginal": "#4477aa",
    "teacher_forced": "#228833",
}
BASELINES: dict[str, Any] = {
    "all_zero": {"linestyle": ":"},
    "copy_left": {"linestyle": "--"},
    "copy_above": {"linestyle": "-."},
    "training_majority": {"linestyle": (0, (6, 2))},
    "nearest": {"linewidth": 2},
}
STAR: dict[str, Any] = {
    "marker": "*",
    "markersize": 9,
    "linestyle": "",
    "color": PUBLISHED,
    "label": "published",
}


def binarised(examples: Arrays) -> Figure:
    """One test image of each digit, grey and binary."""
    grey = examples["grey"].reshape(len(examples["grey"]), -1)
    titles = [f"no. {number}" for number in examples["image"]]
    tops = [Picture(image, title, grey=True) for image, title in zip(grey, titles)]
    bottoms = [*map(Picture, examples["binary"])]
    return mosaic([tops, bottoms], ["grey", "binary"], Grid(left=50))


def learning_curves(history: pd.DataFrame, written: Snapshots) -> Figure:
    """Cross-entropy and accuracy of both sets after every epoch.

    Stars: loss and accuracy of snapshots as `written`.
    """
    figure, ((left, right),) = panels(2, 1, (4.2, 3.3), gap=(0.75, 0), bottom=0.85, top=0.1)
    for which, colour in (("train", TRAIN), ("test", TEST)):
        for panel, name, factor in ((left, "loss", 1), (right, "accuracy", 100)):
            values = factor * history[f"{which}_{name}"]
            panel.plot(history.epoch, values, "o-", color=colour, markersize=4, label=which)
    for snapshot, (loss, accuracy) in written.items():
        left.plot(int(snapshot), float(loss), **STAR)
        right.plot(int(snapshot), 100 * float(accuracy), **STAR)
    left.set_ylabel("cross-entropy (nats per pixel)")
    right.set_ylabel("one-step accuracy (%)")
    for panel in (left, right):
        panel.set_xlabel("epoch, counted from 0")
        panel.locator_params(axis="x", integer=True)
    legend_below(figure, 3)
    return figure


def context(baselines: pd.DataFrame) -> Figure:
    """One-step test loss of tables by their pixels of context, and of each snapshot."""
    figure, axes = panels(1, 1, (6.5, 3.6), top=0.15, right=1.5)
    panel = axes[0, 0]
    tables = select(baselines, predictor="table")
    panel.plot(tables.context_pixels, tables.test_loss, "o-", color="0.3", label="table of counts")
    for row in baselines[baselines.context_pixels.isna()].itertuples():
        if row.predictor != "network_untrained":  # far above all others
            panel.axhline(row.test_loss, color=NETWORK, linewidth=1)
            label = f" {row.predictor.replace('_', ' ')}: {row.test_loss:.4f}"
            place = (1, row.test_loss)
            panel.annotate(label, place, xycoords=("axes fraction", "data"), va="center", size=9)
    panel.set(xlabel="pixels of context, the nearest first", ylabel="test loss (nats per pixel)")
    panel.set_xticks(tables.context_pixels)
    panel.legend()
    return figure


def rollout_scores(steps: pd.DataFrame, written: Rollouts) -> Figure:
    """Accuracy and cross-entropy of the final network's continuations by horizon.

    At each horizon the mean over all predicted pixels up to it, as in the table. Stars: what is
    `written` of the argmax continuations of the last of its snapshots, beside ours.
    """
    figure, ((left, right),) = panels(2, 1, (4.9, 3.3), gap=(0.65, 0), bottom=1.3, top=0.1)
    lines: list[tuple[str, str, dict[str, Any]]]
    lines = [("final", name, {"color": colour}) for name, colour in STRATEGIES.items()]
    lines += [(name, "baseline", {"color": "0.45"} | look) for name, look in BASELINES.items()]
    for snapshot in [*written][-1:]:
        lines.append((snapshot, "argmax", {"color": PUBLISHED, "linewidth": 0.9}))
        for ahead, (accuracy, cross_entropy) in written[snapshot].items():
            left.plot(ahead, 100 * float(accuracy), **STAR)
            right.plot(ahead, float(cross_entropy), **STAR)
    for predictor, strategy, look in lines:
        scores = select(steps, predictor=predictor, strategy=strategy).expanding()
        own = f"{strategy}, snapshot {predictor}" if predictor.isdigit() else predictor
        label = strategy if predictor == "final" else own
        for panel, name, factor in ((left, "accuracy", 100), (right, "cross_entropy", 1)):
            mean = factor * scores[name].mean().to_numpy()
            horizon = np.arange(1, len(mean) + 1)
            panel.plot(horizon, mean, label=label.replace("_", " "), **look)
    left.set_ylabel("accuracy of the predicted pixels (%)")
    right.set_ylabel("cross-entropy (nats per pixel)")
    for panel in (left, right):
        panel.set(xlabel="pixels ahead (mean over all up to here)", xscale="log")
        panel.set_xticks([1, 3, 10, 28, 100, 300], [1, 3, 10, 28, 100, 300])
        panel.minorticks_off()
    legend_below(figure, 4)
    return figure


def score_by_loss(trainings: pd.DataFrame) -> Figure:
    """Scores of argmax continuations against the one-step test loss of the same network.

    A line for each training, through its snapshots; stars are the published numbers. A network
    that learns faster moves along the lines; one that is measured otherwise leaves them.
    """
    one_step = select(trainings, strategy="teacher_forced", horizon=0)
    loss = one_step.set_index(["training", "batches"]).cross_entropy.rename("loss")
    own = select(trainings, strategy="argmax").join(loss, on=["training", "batches"])
    horizons = own.horizon.unique()
    figure, axes = panels(len(horizons), 2, (2.1, 2.1), left=0.75, gap=(0.4, 0.3), bottom=0.95)
    for column, horizon in zip(axes.T, horizons):
        column[0].set_title(f"{horizon} ahead")
        column[1].set_xlabel("test loss (nats per pixel)")
        for row, (panel, name) in enumerate(zip(column, ("accuracy", "cross_entropy"))):
            for _, some in select(own, horizon=horizon).groupby("training"):
                look: dict[str, Any] = {"color": NETWORK, "markersize": 3, "linewidth": 0.6}
                panel.plot(some.loss, some[name], "o-", alpha=0.5, label="our trainings", **look)
            for snapshot, (x, _) in published.SNAPSHOTS.items():
                if written := published.ROLLOUT[snapshot].get(horizon):
                    place = float(x), float(written[row])
                    panel.plot(*place, **STAR)
                    panel.annotate(snapshot, place, (5, 3), textcoords="offset points", size=9)
            panel.set_xlim(0.25, 0.09)
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("nats per pixel")
    legend_below(figure, 2)
    return figure


def rollout_gallery(gallery: Arrays) -> Figure:
    """Ground truth, masked, argmax continuation and samples of the chosen images.

    Below each label, how many of the first pixels are right, and what went wrong.
    """
    count, samples = gallery["samples"].shape[:2]
    titles = ["truth", "masked", "argmax"] + [f"sample {n + 1}" for n in range(samples)]
    rows = [[*map(Picture, continuations(gallery, row))] for row in range(count)]
    columns = (gallery[name] for name in ("kind", "image", "right", "failure"))
    labels = []
    for kind, image, right, failure in zip(*columns):
        counts = "  ".join(f"{n}/{of}" for n, of in zip(right, gallery["horizons"]))
        labels.append(f"{kind}, no. {image}\nright {counts}\n{failure}")
    return mosaic(rows, labels, Grid(left=196), titles)


def continuations(gallery: Arrays, row: int) -> list[np.ndarray]:
    """Images of a row of the gallery: truth, masked, argmax, and each sample."""
    truth = gallery["truth"][row]
    first = len(truth) - gallery["argmax"].shape[1]
    hidden = np.full(len(truth) - first, UNKNOWN)
    parts = [truth[first:], hidden, gallery["argmax"][row], *gallery["samples"][row]]
    return [np.concatenate([truth[:first], part]) for part in parts]
