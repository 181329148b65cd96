"""Bytes of files: complete or absent when written, and checked when read.

What is written waits beside its target, is read back, and takes its place by a rename;
within `together` only when all that was written there is complete.
"""

import fcntl
import functools
import hashlib
import json
import operator
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

LOCK = Path("dvc.lock")
# Held by a DVC that reads or writes LOCK, and not while a stage runs.
REPOSITORY_LOCK = Path(".dvc/tmp/lock")
# The start of the names of files that wait for their place; .dvcignore has it too.
UNFINISHED = ".unfinished-"

# What waits for its place within `together`: targets and where their content is.
_waiting: ContextVar[dict[Path, Path] | None] = ContextVar("waiting", default=None)


@contextmanager
def together() -> Iterator[None]:
    """All files that are written within take their places at its end, or none does."""
    waiting: dict[Path, Path] = {}
    token = _waiting.set(waiting)
    try:
        yield
        for path, unfinished in waiting.items():
            os.replace(unfinished, path)
    finally:
        _waiting.reset(token)
        for unfinished in waiting.values():
            unfinished.unlink(missing_ok=True)


def write(path: Path, content: bytes) -> None:
    """Write a file in one step, or within `together` with the others.

    Raises:
        OSError: it cannot be written, or what is read back is something else.
    """
    unfinished = _write_beside(path, content)
    waiting = _waiting.get()
    if waiting is None:
        os.replace(unfinished, path)
    else:
        waiting[path] = unfinished


def replace(path: Path, content: bytes) -> None:
    """Write a file in one step, within `together` as well."""
    os.replace(_write_beside(path, content), path)


def _write_beside(path: Path, content: bytes) -> Path:
    if path.is_dir():
        raise OSError(f"{path}: is a folder; give the name of a file")
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if unfinished.read_bytes() != content:
            raise OSError(f"{path}: what was read back is not what was written")
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        if error.strerror is None:
            raise
        raise OSError(
            f"{path}: cannot be written: {error.strerror.lower()}; make room or give "
            "permission there, and run the same command again"
        ) from None
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return unfinished


def reason(error: Exception) -> str:
    """The first line of what an error says, or its name where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def read(path: Path) -> bytes:
    """The content of a file, also of one that waits within `together`.

    In a stage that DVC runs, an input is held against the sum that dvc.lock has for it:
    DVC itself trusts a file of its cache that was damaged without becoming writable.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        ValueError: the sum is another one.
    """
    waiting = (_waiting.get() or {}).get(path)
    try:
        content = (waiting or path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: not found; if it is a result, `dvc repro` makes it"
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"{path}: cannot be read: {reason}") from None
    if waiting is None and "DVC_STAGE" in os.environ:
        _check_sum(path, content)
    return content


class Recorded(NamedTuple):
    """An output in dvc.lock: the stage that made it, and DVC's MD5 sum of it."""

    stage: str
    md5: str


def recorded(folder: Path) -> dict[str, Recorded]:
    """What the dvc.lock of a folder has, by path."""
    if not (folder / LOCK).exists():
        return {}
    text = (folder / LOCK).read_text(encoding="utf-8")
    stages = YAML(typ="safe", pure=True).load(text)["stages"]
    return {
        out["path"]: Recorded(name, out["md5"])
        for name, stage in stages.items()
        for out in stage.get("outs", ())
    }


@functools.cache
def _recorded_here() -> dict[str, Recorded]:
    """`recorded` of this folder; read once in a process."""
    with ExitStack() as stack:
        if REPOSITORY_LOCK.exists():
            # A DVC that runs other stages beside this one does not write LOCK at once.
            fcntl.flock(stack.enter_context(REPOSITORY_LOCK.open()), fcntl.LOCK_SH)
        return recorded(Path())


def md5(content: bytes) -> str:
    """The sum by which DVC knows a file."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _md5_of_folder(folder: Path) -> str:
    """The sum by which DVC knows a folder: that of a list of its files and their sums."""
    listed = [
        {"md5": md5(path.read_bytes()), "relpath": path.relative_to(folder).as_posix()}
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(UNFINISHED)
    ]
    listed.sort(key=operator.itemgetter("relpath"))
    return md5(json.dumps(listed, sort_keys=True).encode()) + ".dir"


def _check_sum(path: Path, content: bytes) -> None:
    """Hold an output, or the folder that DVC knows it by, against dvc.lock."""
    for output in (path, *path.parents):
        expected = _recorded_here().get(output.as_posix())
        if expected is None:
            continue
        found, what = md5(content), "the file is damaged"
        if output != path:
            # Which file it is the sum of all does not tell.
            found = _md5_of_folder(output)
            what = "a file in this folder is damaged, missing, or one too many"
        if found != expected.md5:
            raise ValueError(
                f"{output}: got the MD5 sum {found}, but {LOCK} has {expected.md5}: "
                f"{what}; run `dvc repro --force --single-item {expected.stage}`"
            )
