import json
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.commands import demo, verify
from pipeline.params import loading

LOSS, EXCESS = "pixels.final.test_loss", "meta.M1.excess"
NUMBERS = {LOSS: 0.1, EXCESS: 0.001}
ROOT = Path(__file__).parents[2]
INK, FIGURE = "reports/data/ink.csv", "reports/figures/meta_argmax.png"
MODEL, DATA = "models/pixels/final.keras", "data/mnist/binarised.npz"


def failures(files: set[str], found: dict[str, float]) -> dict[str, bool]:
    """Whether each difference is a failure, by what differs."""
    judged = verify.compare(files, NUMBERS, found, {LOSS: 0.01, EXCESS: 0.0})
    return {text.partition(":")[0]: failed for failed, text in judged}


def test_equal_runs_do_not_differ():
    assert failures(set(), NUMBERS) == {}


def test_on_another_processor_trained_bytes_may_differ_and_exact_ones_may_not():
    found = NUMBERS | {LOSS: 0.101}
    expected = {INK: True, MODEL: False, FIGURE: False, LOSS: False}
    assert failures({INK, MODEL, FIGURE}, found) == expected


def test_with_equal_numbers_only_what_is_drawn_may_differ():
    assert failures({MODEL, FIGURE}, NUMBERS) == {MODEL: True, FIGURE: False}


@pytest.mark.parametrize(("value", "failed"), [(0.105, False), (0.111, True), (float("nan"), True)])
def test_headline_numbers_have_a_band(value, failed):
    assert failures(set(), NUMBERS | {LOSS: value}) == {LOSS: failed}


def test_a_number_in_one_run_only_fails():
    assert failures(set(), {LOSS: 0.1, "new": 1.0}) == {EXCESS: True, "new": True}


def test_every_committed_number_has_a_band():
    _, numbers = verify.results(Path())
    assert {name.split(".")[0] for name in numbers} == set(verify.BANDS)
    recorded = json.loads(paths.DEMO.read_text())
    assert recorded["bands"].keys() == recorded["metrics"].keys()
    assert min(recorded["bands"].values()) >= verify.LEAST
    for start in verify.EXACT:
        assert any(path.startswith(start) for path in recorded["sums"])


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that is committed with its results, whose graph writes them again."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, model="trained", data="sum")
    Path(".gitignore").write_text("/data/\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init"], ["add", "."], [*who, "commit", "--message=."]):
        subprocess.run(["git", *command], check=True, capture_output=True)
    return tmp_path


def write(folder: Path, model: str, data: str, loss: float = 1.5) -> None:
    outs = [{"path": MODEL, "md5": model}, {"path": DATA, "md5": data}]
    YAML().dump({"stages": {"one": {"outs": outs}}}, folder / "dvc.lock")
    numbers = json.dumps({"pixels": {"loss": loss}})
    for path, text in ((MODEL, model), (paths.METRICS, numbers)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


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
    (project / MODEL).write_text("not committed")
    if "FAILED" in said:
        with pytest.raises(SystemExit, match="not the committed ones"):
            verify.main([])
    else:
        verify.main([])
    assert capsys.readouterr().out.startswith(said)
    assert (project / MODEL).read_text() == "not committed"


def test_quick_compares_the_demo_with_what_was_recorded(project, monkeypatch, capsys):
    for name in (loading.FILE, demo.CHANGES):
        shutil.copy(ROOT / name, name)
    seeds, losses = [], iter([1.0, 1.5, 0.9, 1.2, 1.3])
    monkeypatch.setattr(demo, "prepare", lambda folder, *changes: seeds.append(changes[1:]))
    monkeypatch.setattr(
        verify, "run_graph", lambda demo: write(demo, "trained", "sum", next(losses))
    )
    verify.main(["--record"])
    first = loading.load().seed
    assert seeds == [({"seed": first + number},) for number in range(verify.SEEDS)]
    recorded = json.loads(paths.DEMO.read_text())
    assert recorded["metrics"] == {"pixels.loss": 1.0}
    assert recorded["bands"] == {"pixels.loss": 0.6}
    verify.main(["--quick"])
    said = capsys.readouterr().out
    assert "differs: pixels.loss: 1.3 instead of 1, within the band 0.6" in said


def test_a_program_that_fails_is_named(project, monkeypatch):
    def fail(clone: Path) -> None:
        subprocess.run("false", check=True)

    monkeypatch.setattr(verify, "run_graph", fail)
    with pytest.raises(ValueError, match="'false' returned non-zero"):
        verify.main([])
