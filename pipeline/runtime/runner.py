"""Runs one stage: gives it what it reads of params.yaml, and places what it returns.

A stage is a module of `pipeline.stages`:

    READS = ("seed", "threads", "meta.models.{name}")    as `params:` in dvc.yaml
    KEYS = {"name": str}    what tells its instances apart; most stages have none

    def run(seed, model, *, name) -> {path: content}

`run` gets the values of READS in their order, without `threads`, which `__main__` sets
before; then the keys by name. It writes no file itself.
"""

import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline import paths
from pipeline.params.sections import NAME, Params
from pipeline.runtime import cache, checkpoints, process, terminal, transaction

# Gives the bytes of a content by the path of its file.
Encode = Callable[[Path, Any], bytes]


def parse_keys(stage: ModuleType, given: list[str]) -> dict[str, Any]:
    """The stage's keys by name, from the command line, or else from DVC.

    Raises:
        SystemExit: if there are too few or too many; says which there are.
        ValueError: if one is not a name, or not a whole number.
    """
    kinds: dict[str, type] = getattr(stage, "KEYS", {})
    if kinds and not given:
        given = process.keys_from_dvc(len(kinds))
    if len(given) != len(kinds):
        sys.exit(" ".join(["usage: python -m pipeline", label(stage, {}), *map(str.upper, kinds)]))
    for (name, kind), text in zip(kinds.items(), given):
        # A name becomes part of file names.
        pattern, allowed = (NAME, "a name") if kind is str else (r"[0-9]{1,9}", "a whole number")
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{name.upper()}: got {text!r:.40}; allowed: {allowed}")
    return {name: kind(text) for (name, kind), text in zip(kinds.items(), given)}


def label(stage: ModuleType, keys: dict[str, Any]) -> str:
    """The name of a stage's lock and checkpoint, such as train_meta-M1."""
    return "-".join([stage.__name__.rpartition(".")[2], *map(str, keys.values())])


def run(
    stage: ModuleType, keys: dict[str, Any], params: Params, encode: Encode, begun: float
) -> None:
    """Run a stage, and place all of its outputs, or none; say how long it took.

    `begun` is when the process began, by `time.monotonic`.

    Raises:
        ValueError: if a parameter or an input is wrong, or a result breaks a rule.
        OSError: if a file cannot be read or written.
    """
    own = label(stage, keys)
    terminal.begin(label(stage, {}), os.environ.get("DVC_STAGE", own))
    values = [params.at(path.format(**keys)) for path in stage.READS if path != "threads"]
    with process.exclusive_lock(paths.LOCKS / f"{own}.lock"):
        try:
            outputs = stage.run(*values, **keys)
        finally:
            terminal.clear()
        contents = {path: encode(path, outputs[path]) for path in outputs}
        transaction.place(contents)
        cache.drop_damaged(contents.values())
        checkpoints.keep(own)
    seconds = f"{time.monotonic() - begun:.0f}"
    with suppress(OSError):  # the command `check` does without
        paths.SECONDS.mkdir(exist_ok=True)
        (paths.SECONDS / own).write_text(seconds)
    terminal.line(f"{seconds} s")
