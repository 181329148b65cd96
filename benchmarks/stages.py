"""How long each stage of the graph takes when it is run anew.

`python -m benchmarks.stages`: as long as `make reproduce` from nothing. The table is
benchmarks/stages.csv; seconds are those of `dvc repro`, its own and imports included.
"""

import subprocess
import sys
import time

from benchmarks import page
from pipeline import files


def main() -> None:
    """Run every stage anew, in the order of the graph."""
    listed = subprocess.run(
        ["dvc", "stage", "list", "--name-only"], capture_output=True, text=True, check=True
    )
    rows: list[files.Record] = []
    for stage in listed.stdout.split():
        start = time.perf_counter()
        done = subprocess.run(["dvc", "repro", "--quiet", "-f", "-s", stage], check=False)
        if done.returncode:
            sys.exit(f"error: the stage {stage} failed; see above")
        rows.append({"stage": stage, "seconds": time.perf_counter() - start})
        print(*rows[-1].values(), flush=True)
    files.write_csv(page.STAGES, rows)
    page.write("stages")


if __name__ == "__main__":
    main()
