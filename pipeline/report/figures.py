"""Every figure of the report, drawn by as many processes as there are processors."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context

from matplotlib.figure import Figure

from pipeline.report import facts, style
from pipeline.report import figures_inpainting as inpainting
from pipeline.report import figures_meta as meta
from pipeline.report import figures_pixels as pixels
from pipeline.report.figures_overview import overview
from pipeline.report.tables import Arrays, Tables, select
from pipeline.runtime import process

Draw = Callable[[], Figure]


def plan(tables: Tables, curves: Tables, pictures: Mapping[str, Arrays]) -> dict[str, Draw]:
    """What draws each figure, by the name of its file.

    Args:
        tables: by the names of their files.
        curves: training curves by model.
        pictures: examples (images), gallery (continuations), fills, and predictions.
    """
    examples, gallery, fills, predictions = (
        pictures[name] for name in ("examples", "gallery", "fills", "predictions")
    )
    *_, last = curves
    found: dict[str, Draw] = {
        "binarised": partial(pixels.binarised, examples),
        "learning_curves": partial(pixels.learning_curves, tables["history"]),
        "rollout_scores": partial(pixels.rollout_scores, tables["steps"]),
        "rollout_gallery": partial(pixels.rollout_gallery, gallery),
        "inpainting_scores": partial(inpainting.scores_by_snapshot, tables["scores"]),
        "inpainting_methods": partial(inpainting.methods, tables["scores"]),
        "inpainting_reliability": partial(inpainting.reliability, tables["reliability"]),
        "inpainting_worked": partial(inpainting.worked, fills),
        "overview": partial(overview, gallery, fills, predictions, last),
        "meta_curves": partial(meta.curves, curves, tables["attainable"]),
        "meta_knowledge": partial(meta.knowledge, tables["knowledge"]),
        "meta_in_a_row": partial(meta.in_a_row, tables["knowledge"]),
        "meta_argmax": partial(meta.argmax, tables["knowledge_summary"]),
        "meta_leaks": partial(meta.leaks, tables["leaks"]),
        "meta_hidden_states": partial(meta.hidden_states, tables["hidden_states"]),
    }
    for task in inpainting.TASKS:
        found[f"inpainting_{task}"] = partial(inpainting.gallery, fills, task)
    if facts.is_triangle(tables["simplex"]):
        found["meta_simplex"] = partial(meta.simplex, tables["simplex"])
    if len(tables["recipes"]):
        shown = select(tables["regret"], recipe="published")
        found["meta_regret"] = partial(meta.regret, shown)
        found["meta_excess"] = partial(meta.excess, tables["excess"])
        found["meta_memory"] = partial(meta.memory, tables["memory"])
    for model in curves:
        for kind in ("own", "fixed"):
            parts = meta.sequence_arrays(predictions, model, kind)
            found[f"meta_{model}_{kind}"] = partial(meta.sequence, *parts)
    return found


def draw(figures: Mapping[str, Draw], meanwhile: Callable[[], str]) -> tuple[dict[str, bytes], str]:
    """The PNG file of each figure, and what this process makes while others draw.

    Raises:
        ChildProcessError: if a process that draws was killed.
    """
    # A copy of a process with TensorFlow's threads may hang, and elsewhere than on Linux a
    # process cannot be copied safely; a new one takes as long to start as to draw.
    if sys.platform != "linux" or "tensorflow" in sys.modules:
        return {name: _png(figure) for name, figure in figures.items()}, meanwhile()
    count = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(count, get_context("fork"), _prepare) as pool:
        try:
            drawn = pool.map(_png, figures.values())
            made = meanwhile()
            return dict(zip(figures, drawn)), made
        except BrokenProcessPool:
            raise ChildProcessError(
                "a process that draws figures was killed; run the same command again"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare() -> None:
    """End a drawing process with its parent, and leave Ctrl-C to it."""
    process.end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _png(figure: Draw) -> bytes:
    return style.png(figure())
