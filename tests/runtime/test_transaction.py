"""All files of a transaction are new or old together; faults/ has kills and full disks."""

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.runtime import transaction

A, B = Path("a"), Path("b/c")
OLD, NEW = {A: b"old", B: b"old"}, {A: b"new", B: b"new"}


@pytest.fixture(autouse=True)
def old(folder):
    transaction.place(OLD)


def everything() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def test_the_first_is_replaced_when_all_are_complete(monkeypatch):
    rename, seen = os.replace, []

    def replace(source: Path, target: Path) -> None:
        seen.append((source.read_bytes(), source.parent == target.parent, len(everything())))
        rename(source, target)

    assert everything() == OLD
    monkeypatch.setattr(os, "replace", replace)
    transaction.place(NEW)
    assert seen == [(b"new", True, 4), (b"new", True, 3)]
    assert everything() == NEW


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_an_error_nothing_has_changed(monkeypatch, error):
    def replace(*_: Path) -> None:
        raise error

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(error):
        transaction.place(NEW)
    assert everything() == OLD


def test_a_file_that_reads_back_as_something_else_is_refused(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: os.ftruncate(number, 1))
    with pytest.raises(OSError, match="a: reading it back gives different bytes"):
        transaction.place(NEW)
    assert everything() == OLD


@pytest.mark.parametrize("path", [B.parent, Path(), Path("fifo"), Path("/dev/null")])
def test_a_folder_or_a_device_is_no_file(path):
    os.mkfifo("fifo")
    with pytest.raises(OSError, match=rf"^{path}: is a (folder|device).*; give the name of a file"):
        transaction.place({A: b"", path: b""})
    assert everything() == OLD
    assert Path("fifo").is_fifo()


def test_a_link_in_the_place_of_the_unfinished_file_is_not_followed(monkeypatch):
    monkeypatch.setattr(secrets, "token_hex", lambda length: "known")
    Path(f"{transaction.UNFINISHED}known").symlink_to(B)
    with pytest.raises(OSError, match="a: cannot be written: file exists"):
        transaction.place({A: b"new"})
    assert everything() == OLD


def test_writers_of_one_file_at_the_same_time_do_not_meet():
    contents = [bytes([number]) * 100_000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(transaction.place, ({A: content} for content in contents)))
    assert A.read_bytes() in contents
    assert everything().keys() == OLD.keys()
