"""The stages of dvc.yaml and studies/dvc.yaml, one module each: read, call, write.

A stage's `run` says by its arguments which sections of params.yaml it reads, and gets
nothing else: `meta_training` is the section `meta.training`. Arguments in OPERANDS come
from the command line, in the order of `run`; one in ENTRIES is the entry of a section that
the operand beside it names.
"""

import inspect
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

from pipeline import params

# TensorFlow reads this when it is first imported; its notes on the processor and on missing
# graphics cards would drown what a stage says.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Batches of several sizes are compiled once each, which it warns about.
logging.getLogger("tensorflow").setLevel(logging.ERROR)


OPERANDS = ("name", "recipe", "repetition", "prior", "reset_every")
ENTRIES = {
    "meta_model": ("meta.models", "name"),
    "optimiser": ("meta.optimiser", "recipe"),
}


def main(run: Callable) -> None:
    """Check all parameters, run a stage, and say in one line what went wrong."""
    wanted = list(inspect.signature(run).parameters)
    operands = [argument for argument in wanted if argument in OPERANDS]
    given = dict(zip(operands, sys.argv[1:]))
    if len(sys.argv) - 1 != len(operands):
        words = [f"python -m pipeline.stages.{Path(sys.argv[0]).stem}", *operands]
        sys.exit(f"usage: {' '.join([words[0], *map(str.upper, words[1:])])}")
    try:
        checked = params.load()
        arguments: dict[str, Any] = {}
        for argument in wanted:
            if argument in operands:
                kind = get_type_hints(run)[argument]
                arguments[argument] = _operand(argument, given[argument], kind)
            elif argument in ENTRIES:
                section, operand = ENTRIES[argument]
                entries = params.select(checked, section)
                arguments[argument] = params.pick(entries, section, given[operand])
            else:
                arguments[argument] = params.select(checked, argument.replace("_", "."))
        run(**arguments)
    except (ValueError, OSError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    except KeyboardInterrupt:
        sys.exit("error: interrupted; run the same command again")


def _operand(name: str, text: str, kind: type) -> str | int:
    if kind is str:
        return text
    if not text.isdecimal():
        raise ValueError(f"{name.upper()}: got {text!r:.40}; allowed: a whole number")
    return int(text)
