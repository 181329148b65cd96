"""The process of a stage: ends with its DVC and on signals, never runs twice at once."""

import ctypes
import errno
import gc
import logging
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from zc.lockfile import LockError, LockFile

INTERRUPTED = "error: interrupted; run the same command again"


# How the names of variables begin that change the bytes which packages compute, or the
# package that computes: Keras, TensorFlow, XLA, oneDNN under both names, NumPy and its BLAS.
DECIDES = ("KERAS_", "TF_", "XLA_", "ONEDNN_", "DNNL_", "NPY_", "OPENBLAS_CORETYPE")
# Of the user's own files with such settings, keras.json in the first and the second itself,
# packages find none here. In TensorFlow's notes on the processor a stage's lines would be lost.
FIXED = {"KERAS_HOME": os.devnull, "MATPLOTLIBRC": os.devnull, "TF_CPP_MIN_LOG_LEVEL": "3"}


def prepare() -> None:
    """Prepare a process that computes; call before any package that computes is imported."""
    open_streams()
    ignore_settings()
    # The bars of training would hide what a stage says of its progress.
    os.environ.setdefault("TQDM_DISABLE", "1")
    # It warns about batches of several sizes, each of which it compiles once.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # TensorFlow's modules and graphs are millions of objects that stay. Searching them for
    # cycles takes a tenth of a short stage's time, and frees next to nothing.
    gc.disable()
    if "DVC_STAGE" in os.environ:
        end_with_parent()


@contextmanager
def quietly() -> Iterator[None]:
    """Hide what is written to descriptor 2; after an error, write it there.

    No setting silences what TensorFlow says of the processor while it is imported.
    """
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            hidden.seek(0)
            os.write(shown, hidden.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def ignore_settings() -> None:
    """Take from this process what settings of the user's would change in its results.

    Packages read them when they are first imported. `figures.style` does the same for a
    matplotlibrc in the current folder.
    """
    if any(option.startswith("error") for option in sys.warnoptions):
        warnings.simplefilter("default")  # packages warn when they are imported
    for name in [name for name in os.environ if name.startswith(DECIDES)]:
        del os.environ[name]
    os.environ |= FIXED


def open_streams() -> None:
    """Replace closed standard streams, so that no file gets their numbers and what they say."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def keys_from_dvc(count: int) -> list[str]:
    """The keys of the stage if DVC runs it, such as M1, tuned, 3.

    DVC names it, for example, `studies/dvc.yaml:study_training@M1-tuned-3`; only the first
    key may contain a dash. The commands of dvc.yaml do not contain the keys, because a
    command goes through a shell.
    """
    keys = os.environ.get("DVC_STAGE", "").partition("@")[2]
    return keys.rsplit("-", count - 1) if keys else []


def end_with_parent() -> None:
    """Have Linux kill this process when its parent ends.

    Otherwise a stage outlives a DVC that was killed, and the next DVC starts a second one
    beside it. Other systems have no such call; there `exclusive_lock` stops the second.
    """
    if sys.platform == "linux":
        parent_death = 1  # PR_SET_PDEATHSIG in linux/prctl.h
        ctypes.CDLL(None).prctl(parent_death, signal.SIGKILL)


def end_on_signals() -> None:
    """End on SIGTERM and Ctrl-C with one line, after unfinished files are deleted."""

    def end(*_: object) -> NoReturn:
        sys.exit(INTERRUPTED)

    signal.signal(signal.SIGTERM, end)
    # Shells start background jobs with SIGINT ignored; keep it so.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock, which the system frees however this process ends.

    Raises:
        ValueError: if another process holds it; names that process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = LockFile(str(path))
    except LockError:
        holder = path.read_text(encoding="utf-8").strip()
        raise ValueError(
            f"{path}: process {holder or 'another'} runs the same stage here; wait until "
            "it ends, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.close()


def message(error: BaseException) -> str:
    """What an error says, or its name; of a file that may not be written, what to do."""
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = (error.strerror or "").lower()
        return f"{error.filename}: {reason}; work in a folder that you may write"
    return str(error).strip() or type(error).__name__


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return message(error).splitlines()[0]
