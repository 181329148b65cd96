import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from pipeline.__main__ import run_command
from pipeline.files import fingerprint
from pipeline.params import loading

ROOT = Path(__file__).parents[2]
PARAMS = loading.load(ROOT / loading.FILE)


def test_anyone_can_compute_it(folder, monkeypatch):
    """By the tools of a shell, as the module says; so it depends on nothing else."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", "pipeline", ignore=ignore)
    shutil.copy(ROOT / "numerics.lock", folder)
    monkeypatch.setattr(fingerprint, "TOP", folder)
    Path("pipeline/core/notes.txt").touch()
    Path("pipeline/core/new.py").touch()
    params = PARAMS.model_copy(update={"seed": 1})
    values = json.dumps(params.model_dump(), sort_keys=True, separators=(",", ":"))
    Path("params.json").write_text(values)
    names = ["numerics.lock", "params.json"]
    for room in fingerprint.CODE:
        inside = Path("pipeline", room).rglob
        names += map(str, [*inside("*.py"), *inside("*.jinja")])
    listed = subprocess.run(["sha256sum", *sorted(names)], capture_output=True, check=True).stdout
    assert fingerprint.fingerprint(params) == hashlib.sha256(listed).hexdigest()[:16]


def test_the_command_prints_it(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    run_command("fingerprint", [])
    assert capsys.readouterr().out == f"{fingerprint.fingerprint(PARAMS)}\n"
