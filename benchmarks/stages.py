"""How long the whole takes from nothing, stage by stage.

`python -m benchmarks.stages`: `make reproduce` after deleting dvc.lock, the prepared MNIST,
checkpoints and DVC's cache. Every stage says how long it took; the table is
benchmarks/stages.csv.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import page
from pipeline import files


def main() -> None:
    """Run everything anew."""
    Path("dvc.lock").unlink(missing_ok=True)
    for folder in (files.TFDS_CACHE, files.CHECKPOINTS, Path(".dvc/cache")):
        shutil.rmtree(folder, ignore_errors=True)
    rows: list[files.Record] = []
    begun = time.perf_counter()
    with subprocess.Popen(["make", "reproduce"], stdout=subprocess.PIPE, text=True) as make:
        assert make.stdout
        for line in make.stdout:
            print(line, end="", flush=True)
            if ended := re.fullmatch(r"(\S+): (\d+) s\n", line):
                rows.append({"stage": ended[1], "seconds": int(ended[2])})
    if make.returncode:
        sys.exit("error: a stage failed; see above")
    rows.append({"stage": page.WHOLE, "seconds": time.perf_counter() - begun})
    files.write_csv(page.STAGES, rows)
    page.write("stages")


if __name__ == "__main__":
    main()
