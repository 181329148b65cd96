"""Stages in processes of their own, and what they leave behind."""

import contextlib
import functools
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

from pipeline import __main__ as door
from pipeline import paths
from pipeline.runtime import transaction
from tests import tiny

ROOT = Path(__file__).parents[1]

# Each fault as its name, the function that tries it, and the function's arguments. The
# function raises AssertionError if the fault is not survived.
Faults = Iterator[tuple[Any, ...]]
Prepare = Callable[[], object]  # arranges a fault, in the process of the stage

# Every stage, with one run of each kind of study.
STUDIES = ("study_training M1 plain 1", "study_memory biased 2", "study_pixels reference 1")
STAGES = (*tiny.PIXELS, *tiny.META, *STUDIES, *tiny.WRITTEN)
NO_RESULTS = (paths.LOCKS.name, paths.CHECKPOINTS.name, paths.SECONDS.name)
# Compiling these would take longer than to train without.
EAGER = ("train_meta", "study_training", "study_memory")


class Ended(NamedTuple):
    """How a process ended: its exit code, or a signal's number below zero; what it said."""

    code: int | None
    said: str

    def error(self) -> str:
        """The one line that it ended with."""
        assert self.code == 1, self.said
        assert not re.search(r"Traceback|^  File", self.said, re.M), self.said
        (line,) = re.findall(r"^error: (.*)", self.said, re.M)
        return line


def run(folder: Path, command: str, prepare: Prepare = lambda: None) -> Ended:
    """Run `python -m pipeline COMMAND` in a folder.

    It is a fork of this process, which has imported TensorFlow: that takes seconds.
    """
    import tensorflow as tf

    def main() -> None:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
        os.chdir(folder)
        sys.argv = ["pipeline", *command.split()]
        # Shells start background jobs with SIGINT ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        tf.config.run_functions_eagerly(command.startswith(EAGER))
        prepare()
        door.main()

    with tempfile.TemporaryFile() as output:
        process = multiprocessing.get_context("fork").Process(target=main)
        process.start()
        process.join()
        output.seek(0)
        return Ended(process.exitcode, output.read().decode())


def replace(owner: Any, name: str, value: Any) -> None:
    """Replace an attribute, in this process and permanently."""
    mock.patch.object(owner, name, value).start()


def copy(folder: Path) -> Path:
    """A copy of a folder, beside it."""
    target = Path(tempfile.mkdtemp(dir=folder.parent))
    return shutil.copytree(folder, target, dirs_exist_ok=True)


class Project:
    """A folder in which every stage has run undisturbed, and what each has written."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.outputs: dict[str, set[Path]] = {}
        self.everything: dict[Path, bytes] = {}
        folder.mkdir()
        tiny.few_images(pytest.MonkeyPatch())
        with contextlib.chdir(folder):
            tiny.write_params()
        for command in (*tiny.PIXELS, *tiny.META, *tiny.STUDIES, "studies", *tiny.WRITTEN):
            ended = run(folder, command)
            assert ended.code == 0, f"{command}: {ended.said}"
            before, self.everything = self.everything, _contents(folder)
            self.outputs[command] = set(self.everything) - set(before)

    def copy_without(self, command: str) -> Path:
        """A copy as it is before a stage runs, and ever ran: DVC deletes its outputs."""
        folder = copy(self.folder)
        shutil.rmtree(folder / paths.CHECKPOINTS)
        for path in self.outputs[command]:
            (folder / path).unlink()
        return folder

    def check(self, folder: Path, command: str, outputs: str) -> None:
        """Check a copy in which a stage was run: all other files are as before.

        The stage's outputs must be "complete", "absent", or "either", each of them.
        """
        own, found = self.outputs[command], _contents(folder)
        gone = {"complete": set(), "absent": own, "either": own - found.keys()}[outputs]
        expected = {path: self.everything[path] for path in self.everything.keys() - gone}
        wrong = {path for path, _ in found.items() ^ expected.items()}
        if outputs != "absent":  # a process that was killed leaves what it had begun
            wrong = {path for path in wrong if not path.name.startswith(transaction.UNFINISHED)}
        assert not wrong, f"not as expected: {sorted(map(str, wrong))}"

    def check_run_again(self, folder: Path, command: str, says: str) -> None:
        """Check that the stage makes the bytes of the undisturbed run, and what it says."""
        ended = run(folder, command)
        assert ended.code == 0, ended.said
        assert re.search(says, ended.said, re.DOTALL), f"{says} is not in: {ended.said}"
        self.check(folder, command, "complete")
        shutil.rmtree(folder)

    def attempt(self, command: str, prepare: Prepare, error: str = "", says: str = "") -> None:
        """Run a stage that a fault ends, and run it again, which says what matches `says`.

        The fault ends it with a line that has `error` in it, or kills it if that is empty.
        """
        folder = self.copy_without(command)
        ended = run(folder, command, prepare)
        if error:
            assert error in ended.error(), ended.said
        else:
            assert ended.code == -signal.SIGKILL, ended.said
        self.check(folder, command, "absent" if error else "either")
        self.check_run_again(folder, command, says)


def _contents(folder: Path) -> dict[Path, bytes]:
    """All files that stages have written, but for locks and checkpoints."""
    return {
        path.relative_to(folder): path.read_bytes()
        for top in ("data", "models", "reports", "studies")
        for path in (folder / top).rglob("*")
        if path.is_file() and path.parent.name not in NO_RESULTS
    }


@functools.cache
def project(scratch: Path) -> Project:
    """The undisturbed project, made when the first fault needs it."""
    return Project(scratch / "undisturbed")
