"""The one door: `python -m pipeline STAGE|COMMAND [KEY ...]`.

Parameters are checked before TensorFlow is imported. Every problem ends in one line, and a
status that is not zero.
"""

import argparse
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from pipeline.runtime import process, versions

BEGUN = time.monotonic()


def main() -> None:
    """Run the stage or command that the command line names."""
    process.end_on_signals()
    name, *arguments = sys.argv[1:] or ["--help"]
    here = Path(__file__).parent
    stages = [module.name for module in iter_modules([here / "stages"])]
    commands = [module.name for module in iter_modules([here / "commands"])]
    # Two names are both. DVC means the stage; so does a person by `inpaint` without arguments,
    # because the command needs some.
    is_stage = name in stages and ("DVC_STAGE" in os.environ or name == "inpaint")
    is_command = name in commands and (arguments or not is_stage)
    process.prepare()
    try:
        for line in versions.warnings():
            print(line, file=sys.stderr, flush=True)
        if is_command:
            run_command(name, arguments)
        elif name in stages:
            run_stage(name, arguments)
        else:
            asked = name in ("-h", "--help")
            problem = "" if asked else f"error: there is no stage or command {name!r:.40}\n"
            usage = "usage: python -m pipeline STAGE|COMMAND [KEY ...]"
            listed = f"stages: {', '.join(stages)}\ncommands: {', '.join(commands)}"
            sys.exit(f"{problem}{usage}\n{listed}")
    except (ValueError, OSError) as error:
        sys.exit("\n".join(f"error: {line}" for line in process.message(error).splitlines()))
    except Exception as error:
        # TensorFlow's own kind cannot be named without importing TensorFlow.
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if kinds.isdisjoint({"MemoryError", "ResourceExhaustedError"}):
            raise
        # Of the commands only `inpaint` computes.
        fewer = "give fewer images, or ask for fewer samples"
        remedy = fewer if is_command else "lower the counts in params.yaml"
        sys.exit(f"error: not enough memory; {remedy}")


def run_command(name: str, arguments: list[str]) -> None:
    """Call a command's `main` with what the command line gives, by name."""
    with process.quietly():
        command = import_module(f"pipeline.commands.{name}")
    parser = argparse.ArgumentParser(f"python -m pipeline {name}", description=command.__doc__)
    if hasattr(command, "add_arguments"):
        command.add_arguments(parser)
    command.main(**vars(parser.parse_args(arguments)))


def run_stage(name: str, arguments: list[str]) -> None:
    """Check the parameters, then import the stage and run it."""
    from pipeline.files import formats
    from pipeline.params import loading
    from pipeline.runtime import runner

    params = loading.load()
    with process.quietly():
        stage = import_module(f"pipeline.stages.{name}")
    keys = runner.parse_keys(stage, arguments)
    if "threads" in stage.READS:
        from pipeline.core import parallel

        parallel.use_threads(params.threads)
    runner.run(stage, keys, params, formats.encode, BEGUN)


if __name__ == "__main__":
    main()
