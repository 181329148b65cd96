import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline import files, model_file

# Keras' own, of every array that it converts.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


def test_csv_comes_back_as_numbers_text_and_nan(tmp_path):
    path = tmp_path / "new" / "folder" / "table.csv"
    files.write_csv(
        path,
        [
            {"name": 'a, "b"\nc', "count": np.int64(-4), "share": 0.25, "error": np.nan},
            {"name": "ü", "count": 10**12, "share": np.float32(2e-9), "error": -1.5},
        ],
        empty=["error"],
    )
    first, second = files.read_csv(path)
    assert np.isnan(first.pop("error"))
    assert first == {"name": 'a, "b"\nc', "count": -4, "share": 0.25}
    assert second == {"name": "ü", "count": 10**12, "share": 2e-9, "error": -1.5}
    assert [type(value) for value in second.values()] == [str, int, float, float]


def test_csv_as_text(tmp_path):
    path = tmp_path / "table.csv"
    rows = [{"a": 1 / 3, "b": float("nan")}, {"a": 123456789.0, "b": 1}]
    files.write_csv(path, rows, empty=["b"])
    # Six significant digits, an empty cell for nan, line feeds on every system.
    assert path.read_bytes() == b"a,b\n0.333333,\n1.23457e+08,1\n"


def test_json_is_sorted_and_rounded_at_every_depth(tmp_path):
    path = tmp_path / "metrics.json"
    files.write_json(path, {"b": {"d": 1 / 3, "c": 2}, "a": np.float64(2 / 3)})
    text = path.read_text()
    assert json.loads(text) == {"a": 0.666667, "b": {"c": 2, "d": 0.333333}}
    assert text.index('"a"') < text.index('"b"') < text.index('"c"') < text.index('"d"')
    assert text.endswith("}\n")


def test_text_is_utf_8_with_line_feeds(tmp_path):
    path = tmp_path / "report.md"
    files.write_text(path, "± ü\n")
    assert path.read_bytes() == b"\xc2\xb1 \xc3\xbc\n"


@pytest.mark.parametrize(
    "array",
    [
        np.array([[-1, 0], [1, 127]], np.int8),
        np.array([0.5, -np.inf, 1e-300]),
        np.array(["surest", "ü"]),
        np.zeros((0, 3), np.float32),
    ],
    ids=str,
)
def test_arrays_come_back_as_they_were(tmp_path, array):
    files.write_array(tmp_path / "new" / "one.npy", array)
    files.write_arrays(tmp_path / "some.npz", {"a": array, "b-c": array[:1]})
    files.write_arrays(tmp_path / "again.npz", {"a": array, "b-c": array[:1]})
    named = files.read_arrays(tmp_path / "some.npz")
    assert list(named) == ["a", "b-c"]
    one = np.load(tmp_path / "new" / "one.npy")
    for read, written in [(one, array), (named["a"], array), (named["b-c"], array[:1])]:
        assert_array_equal(read, written, strict=True)
    again = (tmp_path / "again.npz").read_bytes()
    assert again == (tmp_path / "some.npz").read_bytes()


OBJECTS = np.array([{}, {}])


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "some.npz", a=OBJECTS, allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        files.read_arrays(tmp_path / "some.npz")


class Unwilling:
    """A model and a figure that break off when half of the file is written."""

    def get_weights(self) -> list[np.ndarray]:
        return [np.ones(2)]

    def save(self, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    def savefig(self, file: Any, **_: Any) -> None:
        file.write(b"half")
        raise OSError("disk full")


# By its target, a writer that fails after it has begun.
BROKEN: dict[str, Callable[[], object]] = {
    "a.npy": lambda: files.write_array(Path("a.npy"), OBJECTS),
    "a.npz": lambda: files.write_arrays(Path("a.npz"), {"a": np.ones(9), "b": OBJECTS}),
    "a.csv": lambda: files.write_csv(Path("a.csv"), [{"a": 1}, {"a": 1, "other": 2}]),
    "a.json": lambda: files.write_json(Path("a.json"), {"a": 1, "b": object()}),
    "a.keras": lambda: model_file.write(Path("a.keras"), Unwilling()),
    "reports/figures/a.png": lambda: files.write_figure("a", Unwilling()),
}


@pytest.mark.parametrize("previous", [None, b"previous"])
@pytest.mark.parametrize("target", BROKEN)
def test_a_writer_that_fails_leaves_all_as_it_was(tmp_path, monkeypatch, target, previous):
    monkeypatch.chdir(tmp_path)
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    if previous:
        path.write_bytes(previous)
    with pytest.raises((ValueError, OSError, TypeError)):
        BROKEN[target]()
    left = {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}
    assert left == ({path: previous} if previous else {})


def test_a_figure_has_the_same_bytes_and_does_not_name_what_drew_it(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    monkeypatch.chdir(tmp_path)

    def draw() -> bytes:
        figure = Figure()
        figure.subplots().plot([1, 3, 2])
        address, png = files.write_figure("lines", figure)
        assert files.REPORT_HTML.parent / address == files.FIGURES / "lines.png"
        assert (files.FIGURES / "lines.png").read_bytes() == png
        return png

    first = draw()
    assert first == draw()
    assert first.startswith(b"\x89PNG")
    assert b"matplotlib" not in first.lower()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_table_has_finite_numbers(tmp_path, value):
    records = [{"a": 1.0, "b": 2.0}, {"a": 1.0, "b": value}]
    with pytest.raises(ValueError, match=r"a\.csv: row 2, b: got"):
        files.write_csv(tmp_path / "a.csv", records)
    with pytest.raises(ValueError, match="row 2, b"):
        files.write_csv(tmp_path / "a.csv", records, empty=["a"])
    assert not list(tmp_path.iterdir())
    if np.isnan(value):
        files.write_csv(tmp_path / "a.csv", records, empty=["b"])
        assert (tmp_path / "a.csv").read_text() == "a,b\n1,2\n1,\n"
        files.write_csv(tmp_path / "a.csv", [{"a": 1, "a_se": value}])
        assert (tmp_path / "a.csv").read_text() == "a,a_se\n1,\n"


def test_a_table_has_rows(tmp_path):
    with pytest.raises(ValueError, match=r"a\.csv: got no row"):
        files.write_csv(tmp_path / "a.csv", [])


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"a,b\n1,2\n1\n", b"a\n\xff\n"])
def test_a_table_that_was_cut_short_is_refused(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.csv: not .*; delete it and run"):
        files.read_csv(tmp_path / "a.csv")


@pytest.mark.parametrize("damage", ["empty", "short", "bit", "text"])
def test_arrays_that_were_damaged_are_refused(tmp_path, damage):
    path = tmp_path / "a.npz"
    files.write_arrays(path, {"a": np.random.default_rng(0).normal(size=500)})
    content = path.read_bytes()
    flipped = content[:900] + bytes([content[900] ^ 1]) + content[901:]
    damaged = {"empty": b"", "short": content[:-9], "bit": flipped, "text": b"<html>"}
    path.write_bytes(damaged[damage])
    with pytest.raises(ValueError, match=r"a\.npz: not a whole \.npz file"):
        files.read_arrays(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_arrays_have_numbers(tmp_path, value):
    array = np.array([0, -np.inf, value])
    for write in (
        lambda: files.write_array(tmp_path / "a.npy", array),
        lambda: files.write_arrays(tmp_path / "a.npz", {"a": array}),
    ):
        with pytest.raises(ValueError, match="not a number, or infinite"):
            write()
    assert not list(tmp_path.iterdir())


def test_paths_by_name():
    assert files.pixel_model("5").as_posix() == "models/pixels/epoch-5.keras"
    assert files.pixel_model("untrained").as_posix() == "models/pixels/untrained.keras"
    assert files.pixel_model("final").as_posix() == "models/pixels/final.keras"
    assert files.meta_model("M1").as_posix() == "models/meta/M1.keras"
    assert files.meta_curves("M1").as_posix() == "reports/meta/curves-M1.csv"
    curve = files.study_curve("M1", "tuned", 3)
    assert curve.as_posix() == "studies/training/M1-tuned-3-curve.csv"
    regret = files.study_regret("M1", "tuned", 3)
    assert regret.as_posix() == "studies/training/M1-tuned-3-regret.csv"
    assert files.study_memory("biased", 20).as_posix() == "studies/memory/biased-20.csv"


@pytest.fixture
def git(tmp_path, monkeypatch) -> Callable[..., str]:
    """Runs git in an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    # Neither a hook that runs these tests, nor a repository around the temporary folder,
    # nor the user's settings may interfere.
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.com")

    def run(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return run


def test_the_code_version_is_the_last_change_of_code(git):
    def commit(path: str) -> str:
        """The new commit, abbreviated as in the report."""
        files.write_text(Path(path), "new")
        git("add", ".")
        git("commit", "-m", f"change {path}")
        return git("rev-parse", "HEAD")[:12]

    assert files.code_version() == "not under version control"
    git("init")
    commit("README.md")
    assert files.code_version() == "not committed"
    for path in ("pipeline/stages/x.py", "params.yaml", "dvc.yaml", "numerics.lock"):
        newest = commit(path)
        assert files.code_version() == newest
    assert commit("reports/report.md") != newest
    assert files.code_version() == newest


def test_the_code_version_says_when_code_is_changed(git):
    git("init")
    files.write_text(Path("params.yaml"), "one")
    git("add", ".")
    git("commit", "-m", "one")
    committed = files.code_version()
    assert "changes" not in committed

    files.write_text(Path("reports/report.md"), "new")
    assert files.code_version() == committed
    files.write_text(Path("pipeline/new.py"), "")
    assert files.code_version() == f"{committed} with uncommitted changes"
    Path("pipeline/new.py").unlink()
    files.write_text(Path("params.yaml"), "two")
    assert files.code_version() == f"{committed} with uncommitted changes"
