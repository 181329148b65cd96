import json
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.commands import demo, verify
from pipeline.params import loading
from tests.tiny import ROOT

LOSS, EXCESS = "pixels.final.test_loss", "meta.M1.excess"
NUMBERS = {LOSS: 0.1, EXCESS: 0.001}
INK, FIGURE = "reports/data/ink.csv", "reports/figures/meta_leaks.png"
MODEL, DATA = "models/pixels/final.keras", "data/mnist/binarised.npz"
IN_BAND = {MODEL: False, FIGURE: False, LOSS: False}


@pytest.mark.parametrize(
    ("files", "found", "failed"),
    [
        # With equal numbers only what is drawn may differ.
        ({MODEL, FIGURE}, NUMBERS, {MODEL: True, FIGURE: False}),
        # On another processor trained bytes may differ, and exact ones may not.
        ({INK, MODEL, FIGURE}, NUMBERS | {LOSS: 0.109}, {INK: True, **IN_BAND}),
        # Headline numbers have a band.
        (set(), NUMBERS | {LOSS: 0.111}, {LOSS: True}),
        # A number that is none, or is in one run only.
        (set(), {LOSS: np.nan, "new": 1.0}, {LOSS: True, EXCESS: True, "new": True}),
    ],
)
def test_which_differences_are_failures(files, found, failed):
    judged = verify.compare(files, NUMBERS, found, {LOSS: 0.01, EXCESS: 0.0})
    assert {text.partition(":")[0]: fails for fails, text in judged} == failed


def test_every_committed_number_has_a_band():
    _, numbers = verify.results(ROOT)
    assert {name.split(".")[0] for name in numbers} == set(verify.BANDS)
    recorded = json.loads((ROOT / paths.DEMO).read_text())
    assert recorded["bands"].keys() == recorded["metrics"].keys()
    assert min(recorded["bands"].values()) >= verify.LEAST
    for start in verify.EXACT:
        assert any(path.startswith(start) for path in recorded["sums"])


@pytest.fixture
def project(folder):
    """A project that is committed with its results."""
    write(folder, model="trained", data="sum")
    Path(".gitignore").write_text("/data/\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init"], ["add", "."], [*who, "commit", "--message=."]):
        subprocess.run(["git", *command], check=True, capture_output=True)


def write(folder: Path, model: str, data: str, loss: float = 1.5) -> tuple[Any, Any]:
    """In the place of a run of the graph."""
    outs = [{"path": MODEL, "md5": model}, {"path": DATA, "md5": data}]
    YAML().dump({"stages": {"one": {"outs": outs}}}, folder / "dvc.lock")
    numbers = json.dumps({"pixels": {"loss": loss}})
    for path, text in ((MODEL, model), (paths.METRICS, numbers)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return verify.results(folder)


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ("trained", "sum", "verified: every byte is the same\n"),
        ("other", "sum", f"differs: dvc.lock: differs\nFAILED: {MODEL}: differs, but"),
        ("trained", "other", f"FAILED: {DATA}: differs, but must"),
    ],
)
def test_the_command_runs_the_last_commit_elsewhere_and_names_what_differs(
    project, monkeypatch, capsys, model, data, said
):
    monkeypatch.setattr(verify, "run_graph", lambda clone: write(clone, model, data))
    Path(MODEL).write_text("not committed")
    fails = pytest.raises(SystemExit, match="not the committed ones")
    with fails if "FAILED" in said else nullcontext():
        verify.main()
    assert capsys.readouterr().out.startswith(said)
    assert Path(MODEL).read_text() == "not committed"


def test_quick_compares_the_demo_with_what_was_recorded(project, monkeypatch, capsys):
    for name in (loading.FILE, demo.CHANGES):
        shutil.copy(ROOT / name, name)
    seeds, losses = [], iter([1.0, 1.5, 0.9, 1.2, 1.3])
    monkeypatch.setattr(demo, "prepare", lambda folder, *changes: seeds.append(changes[1:]))
    monkeypatch.setattr(verify, "run_graph", lambda demo: write(demo, "", "", next(losses)))
    verify.main(record=True)
    first = loading.load().seed
    assert seeds == [({"seed": first + number},) for number in range(verify.SEEDS)]
    recorded = json.loads(paths.DEMO.read_text())
    assert recorded["metrics"] == {"pixels.loss": 1.0}
    assert recorded["bands"] == {"pixels.loss": 0.6}
    verify.main(quick=True)
    said = capsys.readouterr().out
    assert "differs: pixels.loss: 1.3 instead of 1, within the band 0.6" in said


def test_a_program_that_fails_is_named(project, monkeypatch):
    monkeypatch.setattr(verify, "run_graph", lambda _: subprocess.run("false", check=True))
    with pytest.raises(ValueError, match="'false' returned non-zero"):
        verify.main()
