"""Try all faults, or those of one kind; name what was not survived; write the table."""

import argparse
import re
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import faults
from faults import damage, dvc, environment, inputs, stages
from faults.harness import ROOT, Faults

TABLE, README = ROOT / "reports/faults.csv", ROOT / "README.md"

# By kind, the functions that yield faults when they are given a scratch folder.
KINDS: dict[str, list[Callable[[Path], Faults]]] = {
    "parameter": [inputs.parameters],
    "array": [inputs.arrays],
    "data file": [inputs.mnist_files],
    "one writer": [dvc.writers],
    "cache": [dvc.damaged_cache],
    "shell": [dvc.shells],
    "crash": [stages.crashes],
    "signal": [stages.signals],
    "checkpoint": [stages.bad_checkpoints],
    "full disk": [stages.full_disks],
    "loss": [stages.losses],
    "stage input": [damage.inputs, dvc.changes],
    "model": [inputs.networks],
    "output": [inputs.outputs],
    "settings": [environment.settings],
}


def main() -> None:
    """The command; fails if a fault was not survived."""
    parser = argparse.ArgumentParser("python -m faults", description=faults.__doc__)
    parser.add_argument("--only", choices=KINDS, help="the others keep their numbers")
    only = parser.parse_args().only
    table = pd.read_csv(TABLE, index_col="kind").reindex(list(KINDS), fill_value=0)
    readme = README.read_text()
    with tempfile.TemporaryDirectory() as scratch:
        for kind in [only] if only else KINDS:
            tried = lost = 0
            for source in KINDS[kind]:
                for name, attempt, *arguments in source(Path(scratch)):
                    tried += 1
                    try:
                        attempt(*arguments)
                    except Exception as error:
                        lost += 1
                        reason = traceback.format_exception_only(error)
                        print(f"NOT SURVIVED {kind}, {name}:", *reason, flush=True)
            print(f"{kind}: {tried} tried, {tried - lost} survived", flush=True)
            table.loc[kind] = (tried, tried - lost)
            row = rf"^(\| {kind} \|.*\|) \d+ \|$"
            readme = re.sub(row, rf"\1 {tried} |", readme, flags=re.MULTILINE)
    table.to_csv(TABLE)
    README.write_text(readme)
    sys.exit(not table["tried"].equals(table["survived"]))


if __name__ == "__main__":
    main()
