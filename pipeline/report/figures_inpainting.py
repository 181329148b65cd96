"""Question 2 as figures: missing pixels, their completions, and how the methods score."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.pixels.images import SIDE
from pipeline.report.mosaic import UNKNOWN, Grid, Picture, mosaic
from pipeline.report.style import EXACT, legend_below, panels
from pipeline.report.tables import Arrays, select

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
# Above the completions of a gallery's first row.
HEADS = ("most probable", "second", "third", "fourth")
# Images and samples that `inpainted` shows at most.
MOST_IMAGES, MOST_SAMPLES = 12, 6


def task_panels(
    table: pd.DataFrame, **layout: Any
) -> tuple[Figure, np.ndarray, Iterator[tuple[Axes, pd.DataFrame]]]:
    """A panel for each task: the figure, its panels, and panels with rows."""
    figure, axes = panels(len(TASKS), **layout)
    for panel, title in zip(axes[0], TASKS.values()):
        panel.set_title(title)
    return figure, axes, zip(axes[0], (select(table, task=task) for task in TASKS))


def scores_by_snapshot(scores: pd.DataFrame) -> Figure:
    """What the truth costs given everything else, and given the past alone."""
    scores = select(scores, masks="uniform")
    figure, axes, columns = task_panels(scores, size=(4.4, 3.0), gap=(0.65, 0))
    for panel, rows in columns:
        for offset, method in ((-0.19, "exact"), (0.19, "past_only")):
            own = select(rows, method=method)
            look: dict[str, Any] = {"color": METHODS[method], "capsize": 2}
            look["label"] = method.replace("_", " ")
            place = np.arange(len(own))
            panel.bar(place + offset, own.nats, 0.38, yerr=2 * own.nats_se, **look)
        panel.set_xticks(place, own.snapshot)
        panel.set(xlabel="snapshot", ylabel="-log p(truth | seen) (nats per image)")
        panel.grid(axis="x", visible=False)
    axes[0, 0].legend(title="bars: two standard errors")
    return figure


def methods(scores: pd.DataFrame) -> Figure:
    """How often each method's fill is right, for each kind of mask."""
    scores = scores[scores.snapshot.isin(["final", "none"])]
    kinds = scores.masks.unique()
    place, width = np.arange(len(kinds)), 0.8 / len(METHODS)
    layout = {"bottom": 1.1, "sharey": True}
    figure, axes, columns = task_panels(scores, size=(5.1, 2.9), **layout)
    for panel, rows in columns:
        for number, (method, colour) in enumerate(METHODS.items()):
            own = select(rows, method=method)
            offset = width * (number - (len(METHODS) - 1) / 2)
            high, error = 100 * own.fill_accuracy, 200 * own.fill_accuracy_se
            look: dict[str, Any] = {"color": colour, "label": method.replace("_", " ")}
            panel.bar(place + offset, high, width, yerr=error, **look)
        panel.set_xticks(place, kinds)
        panel.set_xlabel("kind of mask")
        panel.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("all missing pixels right (%)")
    legend_below(figure, axes[0, 0], len(METHODS), "bars: two standard errors")
    return figure


def reliability(table: pd.DataFrame) -> Figure:
    """Confidence against accuracy of the exact posterior."""
    layout = {"gap": (0.35, 0), "right": 0.2, "sharey": True}
    table = table[table.forecasts > 0]
    figure, axes, columns = task_panels(table, size=(4.45, 3.65), **layout)
    for panel, rows in columns:
        panel.plot([0, 1], [0, 1], color=EXACT, linestyle="--", linewidth=1)
        for kind, colour in KINDS.items():
            own = select(rows, masks=kind)
            look: dict[str, Any] = {"color": colour, "label": kind, "capsize": 2}
            look |= {"fmt": "o-", "markersize": 4, "yerr": 2 * own.accuracy_se}
            panel.errorbar(own.confidence, own.accuracy, **look)
        panel.set_xlabel("probability of the most probable fill")
        panel.set(xlim=(0, 1), ylim=(-0.03, 1.03))
    axes[0, 0].set_ylabel("share of these that are right")
    axes[0, 0].legend(title="kind of mask; bars:\ntwo standard errors")
    return figure


def gallery(arrays: Arrays, task: str) -> Figure:
    """Truth, what is missing, and the most probable completions with their posterior."""
    names = ("truth", "missing", "log_posterior", "kind", "masks", "image")
    rows, labels = [], []
    for truth, missing, log_p, kind, mask, number in zip(
        *(arrays[f"{task}-{name}"] for name in names)
    ):
        filled = completion_pictures(truth, missing, log_p, "p = ")[: len(HEADS)]
        unknown = Picture(hide(truth, missing), "", missing, zoomed=True)
        rows.append([Picture(truth, "", missing), unknown, *filled])
        labels.append(f"{kind}\n{mask} mask\nno. {number}")
    first, second, *filled = rows[0]
    rows[0] = [first._replace(title="truth"), second._replace(title="missing")]
    for head, picture in zip(HEADS, filled):
        rows[0].append(picture._replace(title=f"{head}\n{picture.title}"))
    return mosaic(rows, labels, Grid(columns=36, rows=24, left=100, top=40))


def worked(arrays: Arrays) -> Figure:
    """All 16 completions of the least sure patch, the most probable first."""
    row = list(arrays["patch_2x2-kind"]).index("least sure")
    names = ("truth", "missing", "log_posterior")
    filled = completion_pictures(*(arrays[f"patch_2x2-{name}"][row] for name in names))
    return mosaic([filled[:8], filled[8:]], [], Grid(size=4 * SIDE, columns=8, rows=24))


def completion_pictures(
    truth: np.ndarray, missing: np.ndarray, log_posterior: np.ndarray, note: str = ""
) -> list[Picture]:
    """The surroundings of the missing pixels with each completion, the most probable first.

    The title is a note, the probability, and whether this is the truth.
    """
    pictures = []
    for completion in np.argsort(-log_posterior, kind="stable"):
        filled = truth.copy()
        # Bit b of the number of a completion is the value of missing pixel b.
        filled[missing] = completion >> np.arange(len(missing)) & 1
        title = note + probability(log_posterior[completion])
        title += " (truth)" if np.array_equal(filled, truth) else ""
        pictures.append(Picture(filled, title, missing, zoomed=True))
    return pictures


def hide(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """The image with its missing pixels unknown."""
    image = image.astype(int)
    image[missing] = UNKNOWN
    return image


def inpainted(
    images: np.ndarray,
    log_posterior: np.ndarray,
    missing: np.ndarray,
    fill: np.ndarray,
    samples: np.ndarray,
) -> Figure:
    """The first images of a file: masked, most probable fill, samples of the posterior.

    Args:
        images: (N, PIXELS) with -1 for missing pixels.
        log_posterior: (N, C) of each completion, in nats.
        missing: (N, M) raster indices of the missing pixels, -1 behind them.
        fill: (N, PIXELS) with the most probable completion.
        samples: (N, samples, PIXELS) with completions drawn from the posterior.
    """
    drawn = min(samples.shape[1], MOST_SAMPLES)
    rows = []
    for row in range(min(len(images), MOST_IMAGES)):
        where = missing[row, missing[row] >= 0]
        titles = ["", f"p = {probability(log_posterior[row].max())}", *[""] * drawn]
        if row == 0:
            titles = ["masked", f"most probable\n{titles[1]}"]
            titles += [f"sample {n + 1}" for n in range(drawn)]
        shown = [hide(images[row], where), fill[row], *samples[row]]
        rows.append([Picture(*one, where) for one in zip(shown, titles)])
    labels = [f"no. {row}" for row in range(len(rows))]
    return mosaic(rows, labels, Grid(columns=16, rows=24, left=50, top=40))


def probability(log_p: float) -> str:
    """A probability with three decimals, or its first digit if it is small."""
    p = float(np.exp(log_p))
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"
