"""One example of each of the three questions, for the README."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from pipeline.figures.inpainting import completion_pictures, example, hide
from pipeline.figures.meta import mark_resets, sequence_arrays, symbol_colours
from pipeline.figures.mosaic import Grid, Picture, paste
from pipeline.figures.pixels import continuations
from pipeline.figures.style import EXACT
from pipeline.pixels.images import SIDE
from pipeline.tables.rows import Arrays

WIDTH, HEIGHT, LOWER = 990, 512, 210  # dots


def overview(gallery: Arrays, fills: Arrays, predictions: Arrays, model: str) -> Figure:
    """A hidden image continued, a missing patch filled, a learned prior."""
    dots = matplotlib.rcParams["figure.dpi"]
    figure = Figure((WIDTH / dots, HEIGHT / dots))
    grid = Grid(size=4 * SIDE, rows=22, top=46)
    kinds = list(gallery["kind"])
    first, second = (
        continuations(gallery, kinds.index(kind))[:4] for kind in ("middle", "highest variance")
    )
    titles = ["truth", "hidden", "argmax", "drawn"]
    continued, filled = [[*map(Picture, first, titles)], [*map(Picture, second)]], []
    for kind in ("least sure", "surest wrong"):
        truth, missing, log_posterior = example(fills, "patch_2x2", kind)
        unknown = Picture(hide(truth, missing), framed=missing)
        filled.append([unknown, *completion_pictures(truth, missing, log_posterior)[:3]])
    for number, rows, title in (
        (0, continued, "1. A network continues a hidden image"),
        (1, filled, "2. It fills a missing patch, with exact probabilities"),
    ):
        paste(figure, rows, [], grid, number * WIDTH // 2)
        figure.text(0.25 + number / 2, 1 - 18 / HEIGHT, title, ha="center", size=11)
    title = "3. Another learns a prior, and is compared with exact Bayes"
    figure.text(0.5, (LOWER - 16) / HEIGHT, title, ha="center", size=11)

    characters, network, exact = sequence_arrays(predictions, model, "own")
    panel = figure.add_axes((0.06, 0.09, 0.825, (LOWER - 75) / HEIGHT))
    time = np.arange(len(characters))
    mark_resets(panel, characters)
    for symbol, colour in enumerate(symbol_colours(exact.shape[1] - 1), start=1):
        panel.plot(time, network[:, symbol], color=colour, label=f"symbol {symbol}")
        panel.plot(time, exact[:, symbol], "--", color=EXACT, linewidth=0.8)
    panel.plot([], [], "--", color=EXACT, linewidth=0.8, label="exact")
    panel.set(xlabel="time step (grey: reset)", ylabel="probability", ylim=(-0.03, 1.03))
    panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
