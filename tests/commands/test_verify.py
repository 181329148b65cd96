import json
import math
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
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
        # Headline numbers have a band, which need not lie around what is committed.
        (set(), NUMBERS | {LOSS: 0.081}, {LOSS: False}),
        (set(), NUMBERS | {LOSS: 0.111}, {LOSS: True}),
        (set(), NUMBERS | {LOSS: 0.079}, {LOSS: True}),
        # A number that is none, or is in one run only.
        (set(), {LOSS: np.nan, "new": 1.0}, {LOSS: True, EXCESS: True, "new": True}),
    ],
)
def test_which_differences_are_failures(files, found, failed):
    judged = verify.compare(files, NUMBERS, found, {LOSS: (0.08, 0.11), EXCESS: (0.001, 0.001)})
    assert {text.partition(":")[0]: fails for fails, text in judged} == failed


def test_every_committed_number_has_a_band(monkeypatch):
    monkeypatch.chdir(ROOT)
    _, numbers = verify.results(ROOT)
    bands = verify.graph_bands()
    assert bands.keys() == numbers.keys()
    found = {name: number for name, number, *_ in verify._measured()}
    assert found == pytest.approx(numbers, abs=1e-6)
    assert all(low < high for low, high in bands.values())
    recorded = json.loads((ROOT / paths.DEMO).read_text())
    assert recorded["bands"].keys() == recorded["metrics"].keys()
    assert min(recorded["bands"].values()) >= verify.LEAST
    for start in verify.EXACT:
        assert any(path.startswith(start) for path in recorded["sums"])


def test_a_band_is_where_another_training_would_be(folder, monkeypatch):
    """Of two numbers, so that each has an interval of 97.5 %."""
    values = pd.Series([0.3, 0.1, 0.2])
    none = pd.Series(dtype=float)
    measured = [("pixels.a", 0.5, 9.0, values), ("inpainting.b", 0.5, 0.1, none)]
    monkeypatch.setattr(verify, "_measured", lambda: iter(measured))
    # Student's t with two degrees of freedom, and the normal quantile, from printed tables.
    half = 6.2053 * 0.1 * math.sqrt(4 / 3)
    other_images = 2.2414 * 0.1 * math.sqrt(2)
    assert_allclose(verify.graph_bands()["pixels.a"], [0.2 - half, 0.2 + half], rtol=1e-4)
    around = [0.5 - other_images, 0.5 + other_images]
    assert_allclose(verify.graph_bands()["inpainting.b"], around, rtol=1e-4)
    # What cannot be negative has an interval of its logarithm, here of 0, -1 and -2.
    measured[0] = ("meta.a", 0.5, 0.25, np.exp(pd.Series([0.0, -1.0, -2.0])))
    half = 6.2053 * math.sqrt(4 / 3 + (0.25 / 0.5) ** 2)
    found = np.log(verify.graph_bands()["meta.a"])
    assert_allclose(found, [-1 - half, -1 + half], rtol=1e-4)


@pytest.fixture
def project(folder, monkeypatch):
    """A project that is committed with its results, and without studies."""
    monkeypatch.setattr(verify, "graph_bands", dict)
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
    assert "differs: pixels.loss: 1.3 instead of 1, within the band 0.4 to 1.6" in said


def test_a_program_that_fails_is_named(project, monkeypatch):
    monkeypatch.setattr(verify, "run_graph", lambda _: subprocess.run("false", check=True))
    with pytest.raises(ValueError, match="'false' returned non-zero"):
        verify.main()
