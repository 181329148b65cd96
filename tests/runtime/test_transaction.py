"""All files of a transaction are complete, and new or old together."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runtime import transaction

A, B = Path("a"), Path("b/c")
OLD, NEW = {A: b"old", B: b"old"}, {A: b"new", B: b"new"}
KILLED = """
import os, signal
from itertools import count
from pathlib import Path
from pipeline.runtime import transaction

renames, rename = count(1), os.replace
def replace(source, target):
    if next(renames) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target)
os.replace = replace
transaction.place({contents})
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def everything() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def test_the_first_is_replaced_when_all_are_complete(monkeypatch):
    transaction.place(OLD)
    assert everything() == OLD
    rename, seen = os.replace, []

    def replace(source: Path, target: Path) -> None:
        seen.append((source.read_bytes(), source.parent == target.parent, len(everything())))
        rename(source, target)

    monkeypatch.setattr(transaction.os, "replace", replace)
    transaction.place(NEW)
    assert seen == [(b"new", True, 4), (b"new", True, 3)]
    assert everything() == NEW


@pytest.mark.parametrize(("number", "left"), [(1, OLD), (2, {A: b"new", B: b"old"}), (3, NEW)])
def test_a_kill_leaves_complete_files(monkeypatch, number, left):
    transaction.place(OLD)
    code = KILLED.format(number=number, contents=NEW).replace("PosixPath", "Path")
    root = str(Path(__file__).parents[2])
    ended = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": root})
    assert ended.returncode == (0 if number == 3 else -9)
    waiting = {path for path in everything() if path.name.startswith(".unfinished-")}
    assert len(waiting) == 3 - number
    assert {path: everything()[path] for path in everything().keys() - waiting} == left
    transaction.place(NEW)
    assert everything() == NEW


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_an_error_nothing_has_changed(monkeypatch, error):
    transaction.place(OLD)

    def replace(source: Path, target: Path) -> None:
        raise error

    monkeypatch.setattr(transaction.os, "replace", replace)
    with pytest.raises(error):
        transaction.place(NEW)
    assert everything() == OLD


@pytest.mark.parametrize("whole", [0, 1])
def test_a_full_disk_is_one_line_and_changes_nothing(monkeypatch, whole):
    transaction.place(OLD)
    written = []

    def fsync(number: int) -> None:
        written.append(number)
        if len(written) > whole:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(transaction.os, "fsync", fsync)
    with pytest.raises(
        OSError, match=f"^{[A, B][whole]}: cannot be written: no space left on device; make"
    ):
        transaction.place(NEW)
    assert everything() == OLD


def test_a_file_that_reads_back_as_something_else_is_refused(monkeypatch):
    monkeypatch.setattr(transaction.os, "fsync", lambda number: os.ftruncate(number, 1))
    with pytest.raises(OSError, match="a: reading it back gives different bytes"):
        transaction.place(NEW)
    assert everything() == {}


def test_a_folder_is_no_file():
    for path in (B.parent, Path()):
        B.parent.mkdir(exist_ok=True)
        with pytest.raises(OSError, match="is a folder; give the name of a file"):
            transaction.place({A: b"", path: b""})
    assert everything() == {}
