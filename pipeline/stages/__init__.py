"""The stages of dvc.yaml and studies/dvc.yaml, one module each: read, call, write.

A stage's `run` says by its arguments which sections of params.yaml it reads, and gets
nothing else: `meta_training` is the section `meta.training`. Arguments in OPERANDS come
from the command line, in the order of `run`, or from the name that DVC gives the stage;
one in ENTRIES is the entry of a section that the operand beside it names.
"""

import gc
import inspect
import logging
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, get_type_hints

from pipeline import checkpoints, files, guard, params, storage

# TensorFlow reads this when it is first imported; its notes on the processor and on missing
# graphics cards would drown what a stage says.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Batches of several sizes are compiled once each, which it warns about.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

# Before what a stage imports itself.
BEGUN = time.monotonic()

OPERANDS = ("name", "recipe", "repetition", "prior", "reset_every")
ENTRIES = {
    "meta_model": ("meta.models", "name"),
    "optimiser": ("meta.optimiser", "recipe"),
}


def main(run: Callable) -> None:
    """Check all parameters and run a stage; say how long it took, or what went wrong."""
    stage, wanted = Path(sys.argv[0]).stem, list(inspect.signature(run).parameters)
    given = _operands(stage, [argument for argument in wanted if argument in OPERANDS])
    try:
        checked = params.load()
        arguments: dict[str, Any] = {}
        for argument in wanted:
            if argument in given:
                kind = get_type_hints(run)[argument]
                arguments[argument] = _operand(argument, given[argument], kind)
            elif argument in ENTRIES:
                section, operand = ENTRIES[argument]
                entries = params.select(checked, section)
                arguments[argument] = params.pick(entries, section, given[operand])
            else:
                arguments[argument] = params.select(checked, argument.replace("_", "."))
        operands = [str(arguments[name]) for name in given]
        label = "-".join([stage, *operands])
        with guard.alone(files.LOCKS / f"{label}.lock"):
            with storage.together():
                run(**arguments)
            checkpoints.clear(label)
        name = os.environ.get("DVC_STAGE", label)
        print(f"{name}: {time.monotonic() - BEGUN:.0f} s", flush=True)
    except (ValueError, OSError, KeyboardInterrupt) as error:
        _end(error)
    except Exception as error:
        # TensorFlow's own kind of it cannot be named without importing TensorFlow.
        if type(error).__name__ not in ("MemoryError", "ResourceExhaustedError"):
            raise
        sys.exit("error: not enough memory; lower what the stage's section counts")


def _operands(stage: str, names: list[str]) -> dict[str, str]:
    """What the command line gives, or else DVC by the name of the stage that it runs.

    dvc.yaml does not write them into the command: they are keys of params.yaml, and a
    command goes through a shell.
    """
    values = sys.argv[1:]
    if names and not values and guard.under_dvc():
        # Such as studies/dvc.yaml:study_training@M1-tuned-3.
        entry = os.environ["DVC_STAGE"].partition("@")[2]
        values = entry.rsplit("-", len(names) - 1)
    if len(values) != len(names):
        words = [f"python -m pipeline.stages.{stage}", *map(str.upper, names)]
        sys.exit(f"usage: {' '.join(words)}")
    return dict(zip(names, values))


def _operand(name: str, text: str, kind: type) -> str | int:
    if kind is str:
        if not re.fullmatch(params.NAME, text):  # it becomes a part of file names
            raise ValueError(f"{name.upper()}: got {text!r:.40}; allowed: a name")
        return text
    if not text.isdecimal():
        raise ValueError(f"{name.upper()}: got {text!r:.40}; allowed: a whole number")
    return int(text)


def _end(error: BaseException) -> NoReturn:
    if isinstance(error, KeyboardInterrupt):
        sys.exit(guard.INTERRUPTED)
    sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


def _begin() -> None:
    """What comes before a stage's own imports, which may take seconds."""
    # TensorFlow's modules and graphs are millions of objects that stay. To search them for
    # cycles takes a tenth of a short stage's time, and frees next to nothing.
    gc.disable()
    if guard.under_dvc():
        guard.end_with_parent()
    guard.end_on_signals()
    try:
        for difference in guard.other_versions():
            print(f"warning: {difference}", file=sys.stderr, flush=True)
        params.load()
    except (ValueError, OSError) as error:
        _end(error)


# `python -m pipeline.stages.NAME` imports this package before NAME, and has not put the
# path of NAME here yet.
if sys.argv[0] == "-m":
    _begin()
