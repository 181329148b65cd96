import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest
import zc.lockfile

from pipeline import storage

ROOT = Path(__file__).parents[1]
LOCK = """
stages:
  make:
    cmd: make
    outs:
    - path: a.txt
      hash: md5
      md5: {sum}
    - path: folder
      md5: 0123.dir
  train@M1:
    cmd: train
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    storage._recorded_here.cache_clear()
    yield tmp_path
    storage._recorded_here.cache_clear()


def everything() -> dict[str, bytes]:
    found = sorted(path for path in Path().rglob("*") if path.is_file())
    return {path.as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("write", [storage.write, storage.replace])
def test_the_target_is_replaced_at_the_end_only(monkeypatch, write):
    path = Path("new/table.csv")
    write(path, b"old")
    replaced = []

    def replace(source: Path, target: Path) -> None:
        # All is written, beside the target, and the target is still the old one.
        replaced.append((source.read_bytes(), source.parent, target.read_bytes()))
        os.rename(source, target)

    monkeypatch.setattr(storage.os, "replace", replace)
    write(path, b"new")
    assert replaced == [(b"new", path.parent, b"old")]
    assert everything() == {"new/table.csv": b"new"}


def test_together_all_take_their_places_at_the_end():
    storage.write(Path("a"), b"old")
    with storage.together():
        storage.write(Path("a"), b"new")
        storage.write(Path("b/c"), b"new")
        assert Path("a").read_bytes() == b"old"
        assert not Path("b/c").exists()
        # Whoever wrote it can read it.
        assert storage.read(Path("a")) == storage.read(Path("b/c")) == b"new"
        storage.replace(Path("checkpoint"), b"now")
        assert Path("checkpoint").read_bytes() == b"now"
    assert everything() == {"a": b"new", "b/c": b"new", "checkpoint": b"now"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_together_none_does_after_a_mistake(error):
    def mistake() -> None:
        with storage.together():
            storage.write(Path("a"), b"new")
            storage.write(Path("b"), b"new")
            raise error

    storage.write(Path("a"), b"old")
    with pytest.raises(error):
        mistake()
    assert everything() == {"a": b"old"}
    storage.write(Path("b"), b"at once")
    assert everything() == {"a": b"old", "b": b"at once"}


def test_a_full_disk_is_one_line_and_leaves_all_as_it_was(monkeypatch):
    storage.write(Path("a"), b"old")

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(
        OSError, match="a: cannot be written: no space left on device; make"
    ):
        storage.write(Path("a"), b"new")
    assert everything() == {"a": b"old"}


def test_a_file_that_reads_back_as_something_else_is_refused(monkeypatch):
    def cut_short(number: int) -> None:
        os.ftruncate(number, 1)

    monkeypatch.setattr(storage.os, "fsync", cut_short)
    with pytest.raises(OSError, match="a: what was read back is not what was written"):
        storage.write(Path("a"), b"new")
    assert everything() == {}


def test_dvc_reads_what_it_has_recorded(monkeypatch):
    Path("a.txt").write_bytes(b"content")
    Path("b.txt").write_bytes(b"other")
    digest = hashlib.md5(b"content", usedforsecurity=False).hexdigest()
    Path("dvc.lock").write_text(LOCK.replace("{sum}", digest))
    monkeypatch.setenv("DVC_STAGE", "train@M1")
    assert storage.read(Path("a.txt")) == b"content"
    assert storage.read(Path("b.txt")) == b"other"
    Path("a.txt").write_bytes(b"Content")
    with pytest.raises(ValueError, match=r"a\.txt: got the MD5 .* --single-item make"):
        storage.read(Path("a.txt"))
    # By hand a stage may be run on anything.
    monkeypatch.delenv("DVC_STAGE")
    assert storage.read(Path("a.txt")) == b"Content"


def test_dvc_reads_folders_that_it_has_recorded(monkeypatch):
    Path("models").mkdir()
    for name in ("a", "b"):
        Path("models", name).write_bytes(name.encode())
    Path("models/.unfinished-c").write_bytes(b"of a stage that was killed")
    # As DVC lists them: sorted, by sum and name.
    listed = (
        '[{"md5": "0cc175b9c0f1b6a831c399e269772661", "relpath": "a"}, '
        '{"md5": "92eb5ffee6ae2fec3ad71c777531578f", "relpath": "b"}]'
    )
    digest = hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest()
    text = LOCK.replace("a.txt", "models").replace("{sum}", f"{digest}.dir")
    Path("dvc.lock").write_text(text)
    monkeypatch.setenv("DVC_STAGE", "train@M1")
    assert storage.read(Path("models/a")) == b"a"
    Path("models/a").write_bytes(b"A")
    for name in ("a", "b"):
        with pytest.raises(ValueError, match=r"^models: got .* --single-item make"):
            storage.read(Path("models", name))


def test_folders_of_the_project_have_the_sums_that_dvc_gave_them():
    folders = {
        path: output.md5
        for path, output in storage.recorded(ROOT).items()
        if output.md5.endswith(".dir")
    }
    assert len(folders) >= 2
    for path, digest in folders.items():
        assert storage._md5_of_folder(ROOT / path) == digest, path


def test_dvc_lock_is_read_when_no_other_dvc_writes_it(monkeypatch):
    """DVC empties it first, and holds its lock on the project until it is written."""
    Path("a.txt").write_bytes(b"damaged")
    storage.REPOSITORY_LOCK.parent.mkdir(parents=True)
    held = zc.lockfile.LockFile(str(storage.REPOSITORY_LOCK))
    storage.LOCK.write_text("")

    def finish() -> None:
        storage.LOCK.write_text(LOCK.replace("{sum}", 32 * "0"))
        held.close()

    writer = threading.Timer(0.5, finish)
    writer.start()
    monkeypatch.setenv("DVC_STAGE", "train@M1")
    with pytest.raises(ValueError, match=r"a\.txt: got the MD5"):
        storage.read(Path("a.txt"))
    writer.join()


def test_without_a_lock_file_there_is_nothing_to_compare(monkeypatch):
    Path("a.txt").write_bytes(b"content")
    monkeypatch.setenv("DVC_STAGE", "train@M1")
    assert storage.read(Path("a.txt")) == b"content"


def test_what_is_not_there_cannot_be_read():
    with pytest.raises(
        FileNotFoundError, match=r"^none: not found; .*`dvc repro` makes it"
    ):
        storage.read(Path("none"))


def test_a_folder_is_no_file():
    Path("folder").mkdir()
    for path in (Path("folder"), Path()):
        with pytest.raises(OSError, match="is a folder; give the name of a file"):
            storage.write(path, b"")
        with pytest.raises(OSError, match=": cannot be read: is a directory"):
            storage.read(path)
    assert everything() == {}
