"""Figures as PNG files, drawn by as many processes as there are processors."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from matplotlib.figure import Figure

from pipeline.figures import style
from pipeline.runtime import process

Draw = Callable[[], Figure]


def draw(figures: Mapping[str, Draw]) -> dict[str, bytes]:
    """The PNG file of each figure.

    Raises:
        ChildProcessError: if a process that draws was killed.
    """
    # A copy of a process with TensorFlow's threads may hang, and elsewhere than on Linux a
    # process cannot be copied safely; a new one takes as long to start as to draw.
    if sys.platform != "linux" or "tensorflow" in sys.modules:
        return {name: _png(figure) for name, figure in figures.items()}
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("fork"), _prepare) as pool:
        try:
            return dict(zip(figures, pool.map(_png, figures.values())))
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
