"""The one door: `python -m pipeline STAGE|COMMAND [KEY ...]`.

Parameters are checked before TensorFlow is imported. Every problem ends in one line, and a
status that is not zero.
"""

import sys
import time
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from pipeline.runtime import process, versions

BEGUN = time.monotonic()


def names(folder: str) -> list[str]:
    """The stages, or the commands: the modules of a folder."""
    modules = (Path(__file__).parent / folder).glob("[a-z]*.py")
    return sorted(module.stem for module in modules)


def main() -> None:
    """Run the stage or command that the command line names."""
    name, *arguments = sys.argv[1:] or ["--help"]
    process.end_on_signals()
    process.prepare()
    try:
        for line in versions.warnings():
            print(line, file=sys.stderr, flush=True)
        # `inpaint` is both: the stage has no arguments, the command needs some.
        if name in names("commands") and (arguments or name not in names("stages")):
            import_module(f"pipeline.commands.{name}").main(arguments)
        elif name in names("stages"):
            run_stage(name, arguments)
        else:
            usage(name)
    except (ValueError, OSError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        sys.exit("\n".join(f"error: {line}" for line in lines))
    except Exception as error:
        # TensorFlow's own kind cannot be named without importing TensorFlow.
        kinds = [kind.__name__ for kind in type(error).__mro__]
        if not {"MemoryError", "ResourceExhaustedError"} & set(kinds):
            raise
        sys.exit("error: not enough memory; lower the counts in params.yaml")


def run_stage(name: str, arguments: list[str]) -> None:
    """Check the parameters, then import the stage and run it."""
    from pipeline.params import loading

    params = loading.load()
    stage = import_module(f"pipeline.stages.{name}")

    from pipeline.files import formats
    from pipeline.runtime import runner

    keys = runner.parse_keys(stage, arguments)
    if "threads" in stage.READS:
        from pipeline.core import parallel

        parallel.use_threads(params.threads)
    runner.run(stage, keys, params, formats.encode, BEGUN)


def usage(name: str) -> NoReturn:
    """Name every stage and command."""
    problem = f"error: there is no stage or command {name!r:.40}\n"
    sys.exit(
        ("" if name in ("-h", "--help") else problem)
        + "usage: python -m pipeline STAGE|COMMAND [KEY ...]\n"
        f"stages: {', '.join(names('stages'))}\n"
        f"commands: {', '.join(names('commands'))}"
    )


if __name__ == "__main__":
    main()
