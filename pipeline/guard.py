"""What keeps a stage from being run twice at once, orphaned, or on other versions."""

import ctypes
import fcntl
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

INTERRUPTED = "error: interrupted; run the same command again"
# The packages whose version may change a byte of a result, and the version of each.
PINNED = Path("numerics.lock")


def under_dvc() -> bool:
    """Whether DVC runs this process; it tells every stage its name."""
    return "DVC_STAGE" in os.environ


def end_with_parent() -> None:
    """Have Linux kill this process when the one that started it ends.

    Without it a stage outlives a DVC that was killed, and the next DVC starts a second one
    beside it. Other systems have no such call; there `alone` stops the second.
    """
    if sys.platform == "linux":
        parent_death = 1  # PR_SET_PDEATHSIG in linux/prctl.h
        ctypes.CDLL(None).prctl(parent_death, signal.SIGKILL)


def end_on_signals() -> None:
    """End on SIGTERM and Ctrl-C with a line, and not before what is unfinished is gone."""

    def end(*_: object) -> NoReturn:
        sys.exit(INTERRUPTED)

    signal.signal(signal.SIGTERM, end)
    # A shell starts what is to run in the background deaf to Ctrl-C.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock, which the system frees however this process ends.

    Raises:
        ValueError: another process holds it; says which.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ValueError(
                f"{path}: process {file.read().strip() or 'another'} runs the same stage "
                "here; wait for its end, or stop it"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def pinned() -> dict[str, str]:
    """The version that is pinned of each package that may change a byte of a result."""
    if not PINNED.exists():
        return {}
    text = PINNED.read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def installed() -> dict[str, str]:
    """The version of each pinned package that is installed; not every machine has all."""
    found = {}
    for package in pinned():
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def other_versions() -> list[str]:
    """A line for each pinned package that is installed in another version."""
    wanted = pinned()
    return [
        f"{package} {now} is installed, {PINNED} says {wanted[package]}: results may "
        "differ; remove .venv, and run `make setup`, which installs what is pinned"
        for package, now in installed().items()
        if now != wanted[package]
    ]
