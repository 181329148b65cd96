"""Faults while a stage runs: it is stopped, has no room, or diverges in training.

Every stage writes in one place, `transaction.place`: its files beside their targets, one
after the other; then it renames them all.
"""

import contextlib
import errno
import itertools
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from faults import damage, harness
from pipeline import paths
from pipeline.core.training import Trainer
from pipeline.files import models
from pipeline.runtime import checkpoints, transaction
from tests import tiny

# Points of writing, as a module and its function: all files are to be written; one has been
# written, beside its target; one is to take its place; all have.
PLACE, WRITTEN = (transaction, "place"), (os, "fsync")
RENAME, RENAMED = (os, "replace"), (checkpoints, "keep")
# Mini-batches between two checkpoints, and what the first of these is called.
UNITS = {"train_pixels": (3, "epoch 1"), "train_meta M1": (2, "batch 2")}


def at(point: tuple[Any, str], number: int, act: Callable[[Any], None]) -> None:
    """Arrange that this process acts at a point of writing, from its n-th time on.

    `act` gets the last argument of the point's function, before that is called.
    """
    function, times = getattr(*point), itertools.count(1)

    def watched(*arguments: Any) -> None:
        path = next(iter(arguments[0])) if point == PLACE else arguments[-1]
        if point == WRITTEN:
            path = os.readlink(f"/proc/self/fd/{path}")
        is_checkpoint = Path(path).parent.name == paths.CHECKPOINTS.name
        if not is_checkpoint and next(times) >= number:
            act(arguments[-1])
        function(*arguments)

    harness.replace(*point, watched)


def kill(_: Any = None) -> None:
    """Kill this process, which cannot do anything about it."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_in_the_middle(descriptor: int) -> None:
    """Kill this process when half of a file is written."""
    os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
    kill()


def crashes(scratch: Path) -> harness.Faults:
    """Every stage is killed at every point of writing."""
    project = harness.project(scratch)
    for command in harness.STAGES:
        for name, point, number, act in (
            ("before writing", PLACE, 1, kill),
            ("in the middle of a file", WRITTEN, 1, kill_in_the_middle),
            ("before renaming", RENAME, 1, kill),
            ("between renames", RENAME, 2, kill),
            ("after renaming", RENAMED, 1, kill),
        ):
            if number <= len(project.outputs[command]):
                crash = partial(at, point, number, act)
                yield f"{command}, {name}", project.attempt, command, crash


def full(_: Any) -> NoReturn:
    """What a full disk says."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def forbid_files() -> None:
    """Arrange that this process cannot write a file while Keras saves a network."""
    encode, (_, most) = models.encode, resource.getrlimit(resource.RLIMIT_FSIZE)

    def limited(*arguments: Any) -> bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
        try:
            return encode(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    harness.replace(models, "encode", limited)


def full_disks(scratch: Path) -> harness.Faults:
    """There is no room for a stage's first or second file, or in the temporary folder."""
    project = harness.project(scratch)
    error = "cannot be written: no space left on device; make room"
    for command in harness.STAGES:
        for number in range(1, 1 + min(2, len(project.outputs[command]))):
            no_room = partial(at, WRITTEN, number, full)
            yield f"{command}, file {number}", project.attempt, command, no_room, error
    error = "Keras could not save the model ("
    for command in UNITS:
        yield f"{command}, temporary folder", project.attempt, command, forbid_files, error


def before_step(number: int, act: Callable[[Trainer], None]) -> None:
    """Arrange that this process does something before a step of training, from 1."""
    steps, times = Trainer.steps, itertools.count(1)

    def watched(self: Trainer, batches: Any, *more: Any, **named: Any) -> Iterator[int]:
        def watch(batch: Any) -> Any:
            if next(times) == number:
                act(self)
            return batch

        return steps(self, map(watch, batches), *more, **named)

    harness.replace(Trainer, "steps", watched)


def signals(scratch: Path) -> harness.Faults:
    """Training is stopped at its beginning, and before and after its first checkpoint."""
    attempt = harness.project(scratch).attempt

    def send(number: int, _: Trainer) -> None:
        os.kill(os.getpid(), number)

    numbers = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    for (command, (length, first)), number in itertools.product(UNITS.items(), numbers):
        for step in (1, length, length + 1):
            stop = partial(before_step, step, partial(send, number))
            error = "interrupted; run the same" if number != signal.SIGKILL else ""
            says = f"resuming from {first}" if step > length else ""
            yield f"{command}, {number.name} in step {step}", attempt, command, stop, error, says


def bad_checkpoints(scratch: Path) -> harness.Faults:
    """The newest checkpoint is damaged, or of another seed: the one before is used."""
    project = harness.project(scratch)

    def stop(command: str, **changes: Any) -> Path:
        """A folder with the checkpoints of training that was stopped at its end."""
        folder = project.copy_without(command)
        with contextlib.chdir(folder):
            tiny.write_params(tiny.CHANGES | changes)
        ended = harness.run(folder, command, partial(at, PLACE, 1, kill))
        assert ended.code == -signal.SIGKILL, ended.said
        return folder

    def attempt(command: str, damaged: damage.Damage | None) -> None:
        path, folder = checkpoints.path(command.replace(" ", "-")), stop(command)
        if damaged:
            damage.spoil(folder / path, damaged)
        else:
            shutil.copy(stop(command, seed=1) / path, folder / path)
        warning = f"warning: {path}: not used, because it is"
        project.check_run_again(folder, command, f"{warning}.*resuming from [a-z]+ [1-9]")

    for command in UNITS:
        for name, damaged in {"of another seed": None, **damage.OF_ANY_FILE}.items():
            yield f"{command}, {name}", attempt, command, damaged


def losses(scratch: Path) -> harness.Faults:
    """A weight is NaN or far too large, and with it the loss of the second mini-batch."""
    attempt = harness.project(scratch).attempt

    def diverge(weight: float, trainer: Trainer) -> None:
        weights = trainer.model.get_weights()
        weights[-1].flat[0] = weight  # the bias of the first logit
        trainer.model.set_weights(weights)

    for command, where in (("train_pixels", "epoch 0, "), ("train_meta M1", "")):
        for loss, weight in (("nan", np.nan), ("inf", float(np.finfo(np.float32).max))):
            act = partial(before_step, 2, partial(diverge, weight))
            error = f"{where}batch 2: the loss is {loss}; expected a finite number"
            yield f"{command}, {loss}", attempt, command, act, error
