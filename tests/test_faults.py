"""The part of tests/faults.py that takes seconds, and what the whole of it has counted."""

import os
import re
import subprocess
import sys
from pathlib import Path

from pipeline import files

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "reports" / "faults.csv"


def test_quick_faults_are_survived():
    """In a process of its own, for each trial is a fork of it."""
    ended = subprocess.run(
        [sys.executable, "tests/faults.py", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    counts = dict(re.findall(r"^(.+?) +(\d+) tried", ended.stdout, re.MULTILINE))
    assert {"crash", "signal", "checkpoint", "parameter", "array", "model"} <= set(counts)
    assert int(counts["crash"]) >= 9
    assert int(counts["parameter"]) + int(counts["array"]) > 120


def test_every_counted_fault_was_survived():
    rows = {row["kind"]: row for row in files.read_csv(TABLE)}
    for row in rows.values():
        assert row["survived"] == row["tried"]
    assert rows["crash"]["tried"] >= 30
    bad = ("parameter", "array", "model", "data file", "stage input")
    assert sum(rows[kind]["tried"] for kind in bad) >= 120


def test_the_readme_has_the_numbers():
    text = (ROOT / "README.md").read_text()
    for row in files.read_csv(TABLE):
        assert re.search(rf"^\| {row['kind']} \| .* \| {row['tried']} \|$", text, re.M)
