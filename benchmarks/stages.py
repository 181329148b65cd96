"""How long the whole takes from nothing, stage by stage.

`python -m benchmarks.stages` runs the graph of the last commit in a clone in which no stage
has run. Every stage says how long it took; the table is benchmarks/stages.csv.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks import page
from pipeline import paths


def main() -> None:
    """Time all stages, and the whole."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["git", "clone", "--quiet", "--local", ".", scratch], check=True)
        (Path(scratch) / "dvc.lock").unlink()
        rows = list(timed(Path(scratch)))
    page.write("stages", pd.DataFrame(rows, columns=["stage", "seconds"]))


def timed(clone: Path) -> Iterator[tuple[str, float]]:
    """Seconds of each stage, in the order in which they end, and of all."""
    manual = Path(os.environ.get("MNIST_DIR") or paths.RAW_DATA).resolve()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    started = time.perf_counter()
    # What `make reproduce` runs after the installation: the clone uses this environment.
    with subprocess.Popen(
        ["make", "graph"],
        cwd=clone,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"MNIST_DIR": str(manual), "PATH": path},
    ) as make:
        assert make.stdout
        for line in make.stdout:
            print(line, end="", flush=True)
            if ended := re.fullmatch(r"(\S+): (\d+) s\n", line):
                yield ended[1], int(ended[2])
    if make.returncode:
        sys.exit("error: not every stage has run; see above")
    yield page.WHOLE, time.perf_counter() - started


if __name__ == "__main__":
    main()
