"""How long the whole takes from nothing, stage by stage.

`python -m benchmarks.stages`: `make reproduce` of the last commit, in a clone in which no
stage has run. Every stage says how long it took; the table is benchmarks/stages.csv.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import page
from pipeline import files, storage


def main() -> None:
    """Time all stages, and the whole."""
    stages = {output.stage for output in storage.recorded(Path()).values()}
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["git", "clone", "--quiet", "--local", ".", scratch], check=True)
        (Path(scratch) / storage.LOCK).unlink()
        rows = list(timed(Path(scratch)))
    if {row["stage"] for row in rows} != stages | {page.WHOLE}:
        sys.exit("error: not every stage has run; see above")
    files.write_csv(page.STAGES, rows)
    page.write("stages")


def timed(clone: Path) -> Iterator[files.Record]:
    """Seconds of each stage, in the order in which they end, and of all."""
    manual = Path(os.environ.get("MNIST_DIR") or files.RAW_DATA).resolve()
    begun = time.perf_counter()
    with subprocess.Popen(
        # The environment is this one; the clone need not make its own.
        ["make", "reproduce", "INSTALLED="],
        cwd=clone,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ
        | {
            "MNIST_DIR": str(manual),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    ) as make:
        assert make.stdout
        for line in make.stdout:
            print(line, end="", flush=True)
            if ended := re.fullmatch(r"(\S+): (\d+) s\n", line):
                yield {"stage": ended[1], "seconds": int(ended[2])}
    yield {"stage": page.WHOLE, "seconds": time.perf_counter() - begun}


if __name__ == "__main__":
    main()
