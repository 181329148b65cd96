import json
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import demo, files, params, verify

EXPECTED = verify.Results(
    {"reports/data/ink.csv": "1", "models/pixels/final.keras": "2"},
    {"pixels.final.test_loss": 0.1, "meta.M1.excess": 0.001},
)
BANDS = {"pixels.final.test_loss": 0.01, "meta.M1.excess": 0.0}


def differences(sums: dict, metrics: dict) -> dict[str, bool]:
    found = verify.Results(EXPECTED.sums | sums, EXPECTED.metrics | metrics)
    return {text: failed for failed, text in verify.compare(EXPECTED, found, BANDS)}


def test_equal_runs_do_not_differ():
    assert differences({}, {}) == {}


def test_what_must_be_exact_fails_and_what_is_trained_is_named():
    assert differences({"reports/data/ink.csv": "3"}, {}) == {
        "reports/data/ink.csv: other bytes, but must be the same": True
    }
    model = "models/pixels/final.keras"
    near = {"pixels.final.test_loss": 0.101}
    assert differences({model: "3"}, near) == {
        f"{model}: other bytes": False,
        "pixels.final.test_loss: 0.101 instead of 0.1, within the band 0.01": False,
    }
    # With the same numbers to the last digit it is no other kind of processor.
    assert differences({model: "3"}, {}) == {
        f"{model}: other bytes, but must be the same": True
    }


@pytest.mark.parametrize(
    ("value", "failed", "where"),
    [(0.105, False, "within"), (0.111, True, "beyond"), (float("nan"), True, "beyond")],
)
def test_headline_numbers_have_a_band(value, failed, where):
    text = f"pixels.final.test_loss: {value:g} instead of 0.1, {where} the band 0.01"
    assert differences({}, {"pixels.final.test_loss": value}) == {text: failed}


def test_outputs_and_numbers_of_one_run_alone_fail():
    assert differences({"new": "1"}, {"pixels.0.test_loss": 1.0}) == {
        "new: was not expected": True,
        "pixels.0.test_loss: in one run only": True,
    }
    few = verify.Results({}, {})
    assert all(failed for failed, _ in verify.compare(EXPECTED, few, BANDS))
    assert len(list(verify.compare(EXPECTED, few, BANDS))) == 4


def test_results_are_what_the_lock_lists(tmp_path):
    lock = {
        "stages": {
            "one": {"outs": [{"path": "models", "md5": "x.dir"}]},
            "two": {"outs": [{"path": "reports/metrics.json", "md5": "y"}]},
        }
    }
    (tmp_path / "models" / "deep").mkdir(parents=True)
    (tmp_path / "models" / "deep" / "a").write_bytes(b"hello")
    files.write_json(tmp_path / files.METRICS, {"a": {"b": 1.5, "c": {"d": 2.0}}})
    YAML(typ="safe").dump(lock, tmp_path / "dvc.lock")
    found = verify.results(tmp_path)
    assert found.metrics == {"a.b": 1.5, "a.c.d": 2.0}
    assert found.sums["models/deep/a"] == "5d41402abc4b2a76b9719d911017c592"
    assert set(found.sums) == {"models/deep/a", "reports/metrics.json"}


def test_every_committed_number_has_a_band():
    committed = dict(verify._flat(json.loads(files.METRICS.read_text())))
    assert {name.split(".")[0] for name in committed} <= set(verify.BANDS)
    recorded = json.loads(files.DEMO.read_text())
    assert set(recorded["bands"]) == set(recorded["metrics"])
    assert min(recorded["bands"].values()) >= verify.LEAST
    exact = {path.as_posix() for path in verify.EXACT}
    assert exact <= set(recorded["sums"])


def test_quick_runs_the_demo_and_compares(tmp_path, monkeypatch):
    """With a demo whose graph was run by somebody else."""
    recorded = json.loads(files.DEMO.read_text())
    changed = dict(recorded["sums"]) | {files.INK.as_posix(): "other"}
    results = verify.Results(changed, recorded["metrics"])
    monkeypatch.setattr(verify, "run_demo", lambda scratch: results)
    (difference,) = verify.quick(tmp_path)
    assert difference.failed


def test_a_run_that_fails_is_one_line(monkeypatch, capsys):
    def fail(scratch: Path) -> None:
        raise subprocess.CalledProcessError(1, "dvc repro")

    monkeypatch.setattr(verify, "quick", fail)
    monkeypatch.setattr("sys.argv", ["verify", "--quick"])
    with pytest.raises(SystemExit, match=r"^error: .*dvc repro"):
        verify.main()


@pytest.mark.parametrize("failed", [False, True])
def test_the_command_names_differences_and_fails(monkeypatch, capsys, failed):
    monkeypatch.setattr(
        verify, "quick", lambda scratch: iter([verify.Difference(failed, "x: other")])
    )
    monkeypatch.setattr("sys.argv", ["verify", "--quick"])
    if failed:
        with pytest.raises(SystemExit, match="not those that are committed"):
            verify.main()
    else:
        verify.main()
    said = capsys.readouterr().out
    assert said.startswith("FAILED: x: other" if failed else "differs: x: other")


def test_another_seed_changes_nothing_but_the_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "_dvc", lambda *arguments: None)
    monkeypatch.setattr(verify, "results", lambda folder: EXPECTED)
    monkeypatch.setattr(
        demo, "prepare", lambda folder, changes: (folder / params.FILE).write_text(SETTINGS)
    )
    verify.run_demo(tmp_path, 7)
    assert (tmp_path / params.FILE).read_text() == SETTINGS.replace("seed: 1", "seed: 7")


SETTINGS = "seed: 1  # of everything\nthreads: 2\n"
