"""What a person sees of a stage: how far it is, and how long it took.

In a terminal one line moves; in a log a line comes at most every LOG_SECONDS.
"""

import os
import sys
import time
from pathlib import Path

from ruamel.yaml import YAML

GRAPH = Path("dvc.yaml")
LOG_SECONDS, TERMINAL_SECONDS = 30, 0.1
# The start of a line, and what deletes the rest of it.
START, DELETE = "\r", "\x1b[K"

_title = ""  # how each line begins
_shown = time.monotonic()  # when progress was last shown


def begin(stage: str, name: str) -> None:
    """Begin each line with the stage, by the name that DVC gives it, and its place in the graph."""
    global _title
    stages = list(YAML(typ="safe").load(GRAPH)["stages"]) if GRAPH.exists() else []
    number = f"[{stages.index(stage) + 1}/{len(stages)}] " if stage in stages else ""
    _title = f"{number}{name}: "


def progress(text: str) -> None:
    """Show how far the stage is, over what was shown before."""
    global _shown
    in_terminal, now = sys.stdout.isatty(), time.monotonic()
    if now - _shown >= (TERMINAL_SECONDS if in_terminal else LOG_SECONDS):
        _shown = now
        if in_terminal:  # a line that wrapped could not be written over
            width = os.get_terminal_size(sys.stdout.fileno()).columns - 1
            print(f"{START}{f'{_title}{text}':.{width}}{DELETE}", end=START, flush=True)
        else:
            line(text)


def line(text: str) -> None:
    """Write a line that stays."""
    clear()
    print(f"{_title}{text}", flush=True)


def clear() -> None:
    """Delete what `progress` has shown."""
    if sys.stdout.isatty():
        print(DELETE, end="", flush=True)


class Clock:
    """Tells how long a loop will take that has begun now, with `done` of `total` behind it."""

    def __init__(self, total: float, done: float = 0):
        self._total, self._done, self._begun = total, done, time.monotonic()

    def left(self, done: float) -> str:
        """How many seconds are left at the speed so far, such as "40 s left"."""
        speed = (time.monotonic() - self._begun) / (done - self._done)
        return f"{speed * (self._total - done):.0f} s left"
