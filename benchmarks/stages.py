"""How long the graph takes when it is run anew, stage by stage.

`python -m benchmarks.stages`: one `dvc repro --force`, as long as `make reproduce` from
nothing. The table is benchmarks/stages.csv; a stage lasts until the next one begins, so
its seconds are those of its imports and of what DVC does for it as well.
"""

import os
import re
import subprocess
import sys
import time

from benchmarks import page
from pipeline import files


def main() -> None:
    """Run every stage anew, in the order of the graph."""
    begun = [("dvc, before the first", time.perf_counter())]
    with subprocess.Popen(
        ["dvc", "repro", "--force"],
        stdout=subprocess.PIPE,
        text=True,
        # So that each line comes when it is written.
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as dvc:
        assert dvc.stdout
        for line in dvc.stdout:
            print(line, end="", flush=True)
            if started := re.match(r"Running stage '(.+)':", line):
                begun.append((started[1], time.perf_counter()))
    if dvc.returncode:
        sys.exit("error: a stage failed; see above")
    ends = [start for _, start in begun[1:]] + [time.perf_counter()]
    rows: list[files.Record] = [
        {"stage": stage, "seconds": end - start} for (stage, start), end in zip(begun, ends)
    ]
    files.write_csv(page.STAGES, rows)
    page.write("stages")


if __name__ == "__main__":
    main()
