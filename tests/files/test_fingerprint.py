import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.files import fingerprint
from pipeline.params import loading, sections

ROOT = Path(__file__).parents[2]
PARAMS = loading.load(ROOT / loading.FILE)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=ignore)
    shutil.copy(ROOT / "numerics.lock", tmp_path)
    monkeypatch.setattr(fingerprint, "TOP", tmp_path)
    return tmp_path


def test_anyone_can_compute_it(copy):
    """By the tools of a shell, as the module says."""
    files = sorted(
        f"pipeline/{path.relative_to(copy / 'pipeline')}"
        for folder in fingerprint.CODE
        for kind in ("*.py", "*.jinja")
        for path in (copy / "pipeline" / folder).rglob(kind)
    )
    values = json.dumps(sections.values(PARAMS), sort_keys=True, separators=(",", ":"))
    (copy / "params.json").write_text(values)
    names = sorted([*files, "numerics.lock", "params.json"])
    listed = subprocess.run(["sha256sum", *names], cwd=copy, capture_output=True, check=True).stdout
    assert fingerprint.fingerprint(PARAMS) == hashlib.sha256(listed).hexdigest()[:16]


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("pipeline/core/network.py", True),
        ("pipeline/report/templates/report.md.jinja", True),
        ("pipeline/stages/inpaint.py", True),
        ("numerics.lock", True),
        # What changes no byte of a result.
        ("pipeline/runtime/runner.py", False),
        ("pipeline/params/loading.py", False),
        ("pipeline/core/notes.txt", False),
    ],
)
def test_it_changes_with_what_decides_bytes_alone(copy, path, changes):
    before = fingerprint.fingerprint(PARAMS)
    with (copy / path).open("a") as file:
        file.write("\n# a line more\n")
    assert (fingerprint.fingerprint(PARAMS) != before) == changes


def test_it_changes_with_the_name_of_a_module(copy):
    before = fingerprint.fingerprint(PARAMS)
    (copy / "pipeline/core/scores.py").rename(copy / "pipeline/core/score.py")
    assert fingerprint.fingerprint(PARAMS) != before


def test_it_changes_with_values_of_parameters_and_not_with_comments(copy, tmp_path):
    before = fingerprint.fingerprint(PARAMS)
    other = dataclasses.replace(PARAMS, seed=PARAMS.seed + 1)
    assert fingerprint.fingerprint(other) != before
    file = tmp_path / "params.yaml"
    file.write_text("# a comment\n" + (ROOT / loading.FILE).read_text())
    assert fingerprint.fingerprint(loading.load(file)) == before


def test_it_covers_the_code_that_the_report_depends_on():
    graph = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")
    declared = graph["stages"]["report"]["deps"]
    code = {f"pipeline/{folder}" for folder in fingerprint.CODE}
    assert code == {path for path in declared if path.startswith("pipeline/")}


def test_the_command_prints_it():
    run = subprocess.run(
        [sys.executable, "-m", "pipeline", "fingerprint"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == f"{fingerprint.fingerprint(PARAMS)}\n"
