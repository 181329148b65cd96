"""Question 2 as figures: missing pixels, their completions, and how the methods score."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures.mosaic import UNKNOWN, Grid, Picture, mosaic
from pipeline.figures.style import DASHED, legend_below, panels_by
from pipeline.pixels.images import SIDE
from pipeline.tables.rows import Arrays, select

METHODS = {
    "exact": "#4477aa",
    "past_only": "#ee9944",
    "greedy": "#aa3377",
    "sampled": "#ccbb44",
    "majority": "0.8",
    "lookup_8": "0.62",
    "lookup_12": "0.5",
    "lookup_20": "0.3",
    "joint_lookup": "0.3",
}
# Probabilities that the reliability diagram shows, in log-odds.
SHOWN = (1e-4, 1 - 1e-4)
TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
TASKS = {"one_pixel": "one missing pixel", "patch_2x2": "a missing 2 x 2 patch"}
# Above a gallery's first row.
HEADS = ("truth", "missing", "most probable", "second", "third", "fourth")
# Images and samples that `inpainted` shows at most.
MOST_IMAGES, MOST_SAMPLES = 12, 6


def task_panels(table: pd.DataFrame, size: tuple[float, float], **layout: Any) -> Any:
    """A panel for each task: as of `panels_by`."""
    return panels_by(table.assign(task=table.task.map(TASKS)), size, by="task", **layout)


def scores_by_snapshot(scores: pd.DataFrame) -> Figure:
    """What the truth costs given everything else, and given the past alone."""
    # The untrained network would set the scale.
    scores = select(scores[scores.snapshot != "untrained"], masks="uniform")
    figure, axes, columns = task_panels(scores, (4.4, 3.0), gap=(0.65, 0))
    for (panel,), rows in columns:
        for offset, method in ((-0.19, "exact"), (0.19, "past_only")):
            own = select(rows, method=method)
            look = {"color": METHODS[method], "label": method.replace("_", " "), "capsize": 2}
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
    place = np.arange(len(kinds))
    figure, axes, columns = task_panels(scores, (5.1, 2.9), bottom=1.1, sharey=True)
    for (panel,), rows in columns:
        shown = [method for method in METHODS if method in set(rows.method)]
        width = 0.8 / len(shown)
        for number, method in enumerate(shown):
            own = select(rows, method=method)
            offset = width * (number - (len(shown) - 1) / 2)
            high, error = 100 * own.fill_accuracy, 100 * _around(own, "fill_accuracy", "fill_")
            look = {"color": METHODS[method], "label": method.replace("_", " ")}
            panel.bar(place + offset, high, width, yerr=error, **look)
        panel.set_xticks(place, kinds)
        panel.set_xlabel("kind of mask")
        panel.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("all missing pixels right (%)")
    legend_below(figure, 5, "thin bars: 95 % intervals")
    return figure


def _around(table: pd.DataFrame, name: str, ends: str = "") -> np.ndarray:
    """Distances (2, rows) from a column to its 95 % interval, as matplotlib draws it."""
    return np.array([table[name] - table[f"{ends}low"], table[f"{ends}high"] - table[name]]).clip(0)


def reliability(table: pd.DataFrame) -> Figure:
    """How often fills are the truth, by the probability that the exact posterior gives them."""
    figure, axes, columns = task_panels(
        table, (4.45, 3.65), gap=(0.35, 0), left=0.9, right=0.2, sharey=True
    )
    for (panel,), rows in columns:
        panel.plot(SHOWN, SHOWN, **DASHED)
        rows = rows[rows.probability.between(*SHOWN)]
        panel.vlines(
            rows.probability, *rows[["low", "high"]].to_numpy().T.clip(*SHOWN), color="0.6"
        )
        seen = rows[rows.share.between(*SHOWN)]
        panel.plot(seen.probability, seen.share, "o", color=METHODS["exact"], markersize=4)
        panel.set(xscale="logit", yscale="logit", xlim=SHOWN, ylim=SHOWN)
        panel.set_xlabel("probability of a fill")
        panel.set_xticks(TICKS, [f"{100 * tick:g} %" for tick in TICKS])
        panel.set_yticks(TICKS, [f"{100 * tick:g} %" for tick in TICKS])
        panel.minorticks_off()
    axes[0, 0].set_ylabel("share of these that are the truth")
    return figure


def gallery(arrays: Arrays, task: str) -> Figure:
    """Truth, what is missing, and the most probable completions with their posterior."""
    names = ("truth", "missing", "log_posterior", "kind", "masks", "image")
    rows, labels = [], []
    for row in zip(*(arrays[f"{task}-{name}"] for name in names)):
        truth, missing, log_posterior, kind, mask, number = row
        filled = completion_pictures(truth, missing, log_posterior, note="p = ")
        unknown = Picture(hide(truth, missing), "", missing, zoomed=True)
        rows.append([Picture(truth, "", missing), unknown, *filled][: len(HEADS)])
        labels.append(f"{kind}\n{mask} mask\nno. {number}")
    return mosaic(rows, labels, Grid(columns=36, rows=24, left=100, top=40), HEADS)


def worked(arrays: Arrays) -> Figure:
    """All 16 completions of the least sure patch, the most probable first."""
    filled = completion_pictures(*example(arrays, "patch_2x2", "least sure"))
    return mosaic([filled[:8], filled[8:]], [], Grid(size=4 * SIDE, columns=8, rows=24))


def example(arrays: Arrays, task: str, kind: str) -> list[np.ndarray]:
    """Truth, missing pixels and log posterior of the first image of a kind, or of any."""
    row = np.argmax(arrays[f"{task}-kind"] == kind)
    return [arrays[f"{task}-{name}"][row] for name in ("truth", "missing", "log_posterior")]


def completion_pictures(
    truth: np.ndarray, missing: np.ndarray, log_posterior: np.ndarray, *, note: str = ""
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


def inpainted(images: np.ndarray, found: Any) -> Figure:
    """The first images of a file: masked, most probable fill, samples of the posterior.

    `found` is what `pipeline.pixels.inpainting.inpaint` gives for the images (N, PIXELS).
    """
    rows = []
    for row, image in enumerate(images[:MOST_IMAGES]):
        missing = found.missing[row, found.missing[row] >= 0]
        title = f"p = {probability(found.log_posterior[row].max())}"
        masked, best = hide(image, missing), Picture(found.fill[row], title, missing)
        samples = [Picture(one, "", missing) for one in found.samples[row, :MOST_SAMPLES]]
        rows.append([Picture(masked, "", missing), best, *samples])
    labels = [f"no. {row}" for row in range(len(rows))]
    heads = ["masked", "most probable", *(f"sample {n}" for n in range(1, len(rows[0]) - 1))]
    return mosaic(rows, labels, Grid(columns=16, rows=24, left=50, top=40), heads)


def probability(log_p: float) -> str:
    """A probability with three decimals, or its first digit if it is small."""
    p = float(np.exp(log_p))
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"
