"""The stages of dvc.yaml, one module each: read, call, write.

A stage's `run` says by its arguments which sections of params.yaml it reads, and gets
nothing else: `meta_training` is the section `meta.training`; `meta_model` is the one of
`meta.models` that the command line names, and comes with `name`.
"""

import inspect
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline import params

# TensorFlow reads this when it is first imported; its notes on the processor and on missing
# graphics cards would drown what a stage says.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Batches of several sizes are compiled once each, which it warns about.
logging.getLogger("tensorflow").setLevel(logging.ERROR)


def main(run: Callable) -> None:
    """Check all parameters, run a stage, and say in one line what went wrong."""
    wanted = inspect.signature(run).parameters
    operand = " NAME" if "name" in wanted else ""
    if len(sys.argv) - 1 != len(operand.split()):
        sys.exit(f"usage: python -m pipeline.stages.{Path(sys.argv[0]).stem}{operand}")
    try:
        checked = params.load()
        arguments: dict[str, Any] = {}
        for argument in wanted:
            if argument == "name":
                arguments[argument] = sys.argv[1]
            elif argument == "meta_model":
                arguments[argument] = params.meta_model(checked, sys.argv[1])
            else:
                arguments[argument] = params.select(checked, argument.replace("_", "."))
        run(**arguments)
    except (ValueError, OSError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    except KeyboardInterrupt:
        sys.exit("error: interrupted; run the same command again")
