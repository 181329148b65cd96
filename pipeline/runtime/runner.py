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
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline import paths
from pipeline.params.sections import NAME, Params
from pipeline.runtime import checkpoints, process, transaction

Encode = Callable[[Path, Any], bytes]


def parse_keys(stage: ModuleType, given: list[str]) -> dict[str, Any]:
    """The stage's keys by name, from the command line, or else from DVC.

    Raises:
        SystemExit: if there are too few or too many; says which there are.
        ValueError: if one is not a name, or not a whole number.
    """
    kinds: dict[str, type] = getattr(stage, "KEYS", {})
    if not given and kinds and process.under_dvc():
        given = process.keys_from_dvc(len(kinds))
    if len(given) != len(kinds):
        words = ["python -m pipeline", _name(stage), *map(str.upper, kinds)]
        sys.exit(f"usage: {' '.join(words)}")
    return {name: _parse(name, text, kinds[name]) for name, text in zip(kinds, given)}


def _parse(name: str, text: str, kind: type) -> str | int:
    # A name becomes part of file names.
    pattern, allowed = (NAME, "a name") if kind is str else (r"[0-9]{1,9}", "a whole number")
    if not re.fullmatch(pattern, text):
        raise ValueError(f"{name.upper()}: got {text!r:.40}; allowed: {allowed}")
    return kind(text)


def _name(stage: ModuleType) -> str:
    return stage.__name__.rpartition(".")[2]


def label(stage: ModuleType, keys: dict[str, Any]) -> str:
    """The name of a stage's lock and checkpoint, such as train_meta-M1."""
    return "-".join([_name(stage), *map(str, keys.values())])


def run(
    stage: ModuleType, keys: dict[str, Any], params: Params, encode: Encode, begun: float
) -> None:
    """Run a stage, and place all of its outputs, or none.

    Args:
        stage: its module.
        keys: from `parse_keys`.
        params: all of params.yaml.
        encode: gives the bytes of a content by the path of its file.
        begun: when the process began, by the monotonic clock, in seconds.

    Raises:
        ValueError: if a parameter or an input is wrong, or a result breaks a rule.
        OSError: if a file cannot be read or written.
    """
    own = label(stage, keys)
    values = [params.at(path.format(**keys)) for path in stage.READS if path != "threads"]
    with process.exclusive_lock(paths.LOCKS / f"{own}.lock"):
        outputs = stage.run(*values, **keys)
        transaction.place({path: encode(path, outputs[path]) for path in outputs})
        checkpoints.clear(own)
    name = os.environ.get("DVC_STAGE", own)
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
