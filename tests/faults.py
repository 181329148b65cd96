"""What the pipeline does when something goes wrong: every fault tried, and counted.

`make faults` tries all of them and writes reports/faults.csv; `--quick` tries the part that
`make test` runs and writes nothing. Stages run on a few small images in temporary folders.
To be survived a fault must leave results that are complete or absent, be told in a line
where there is someone to tell, and not change a byte of what the next run makes.
"""

import argparse
import contextlib
import copy
import errno
import functools
import hashlib
import importlib
import io
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from unittest import mock

import numpy as np
import tensorflow as tf
from keras.src.saving import saving_lib
from ruamel.yaml import YAML
from test_inpaint import BAD_FILES
from test_stages import CHANGES, STAGES, TEST, TRAIN, write_params

from pipeline import (
    checkpoints,
    files,
    guard,
    inpaint,
    params,
    sources,
    storage,
    training,
)
from pipeline import stages as package

ROOT = Path(__file__).parents[1]
TABLE = Path("reports/faults.csv")
# The report shows the project's studies, as in the demo.
STUDIES = (files.RECIPES, files.EXCESS, files.REGRET, files.MEMORY)
ONE_OF_EACH_STUDY = ("study_training M1 published 1", "study_memory biased 2")
EVERY_STAGE = [*STAGES, *ONE_OF_EACH_STUDY, "report"]
# Training: it has checkpoints.
TRAINED = ("train_pixels", "train_meta M1")
QUICK_STAGES = ("binarise", "train_meta M1")


class Fault(NamedTuple):
    """Something that goes wrong.

    kind: the row of the table that counts it.
    name: tells it apart.
    attempt: makes it happen; raises AssertionError if it is not survived.
    """

    kind: str
    name: str
    attempt: Callable[[], None]


# Running a stage in a process of its own


class Ended(NamedTuple):
    """How a process ended: its status as of `os.waitpid`, and what it said."""

    status: int
    said: str

    @property
    def killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL

    @property
    def code(self) -> int | None:
        return os.WEXITSTATUS(self.status) if os.WIFEXITED(self.status) else None


def run_stage(
    folder: Path, stage: str, prepare: Callable[[], None] = lambda: None
) -> Ended:
    """Run a stage in a folder by a process with what is imported here; and how it ended."""
    name, *operands = stage.split()
    module = importlib.import_module(f"pipeline.stages.{name}")
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if not child:
            code = 70
            try:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                os.chdir(folder)
                sys.argv = [name, *operands]
                # A shell starts what is to run in the background deaf to Ctrl-C.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                guard.end_on_signals()
                # Compiling these would take longer than training.
                small = ("train_meta", "study_training", "study_memory")
                tf.config.run_functions_eagerly(name in small)
                prepare()
                package.main(module.run)
                code = 0
            except SystemExit as end:
                if isinstance(end.code, str):
                    os.write(2, f"{end.code}\n".encode())
                code = end.code if isinstance(end.code, int) else 1
            except BaseException:
                os.write(2, traceback.format_exc().encode())
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return Ended(status, output.read().decode())


def contents(folder: Path) -> dict[str, bytes]:
    """All files that a stage may have written; locks are none of its results."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for top in ("data", "models", "reports", "studies")
        for path in sorted((folder / top).rglob("*"))
        if path.is_file() and files.LOCKS not in path.relative_to(folder).parents
    }


class Reference:
    """A folder in which every stage has run, and what each has written."""

    def __init__(self, folder: Path, stages: list[str]):
        self.folder = folder
        self.outputs: dict[str, set[str]] = {}
        for path in STUDIES:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
        before = contents(folder)
        for stage in stages:
            ended = run_stage(folder, stage)
            assert ended.code == 0, f"{stage}: {ended.said}"
            self.everything = contents(folder)
            self.outputs[stage] = set(self.everything) - set(before)
            before = self.everything

    def copy_without(self, stage: str) -> Path:
        """A copy before the stage runs: DVC deletes its outputs."""
        folder = Path(tempfile.mkdtemp(dir=self.folder.parent))
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        for path in self.outputs[stage]:
            (folder / path).unlink()
        return folder

    def check_complete_or_absent(self, folder: Path, stage: str) -> None:
        """A stage's outputs are those of the reference, or not there; others untouched."""
        found = contents(folder)
        for path, content in self.everything.items():
            if path in self.outputs[stage]:
                assert found.get(path, content) == content, f"{path} is neither"
            else:
                assert found.get(path) == content, f"{path} was touched"

    def check_same(self, folder: Path) -> None:
        """Every file is as in the reference, and there is no other."""
        found = contents(folder)
        differing = {
            path
            for path in found.keys() | self.everything.keys()
            if found.get(path) != self.everything.get(path)
        }
        assert not differing, f"other bytes: {sorted(differing)}"

    def check_run_again(self, folder: Path, stage: str, says: str = "") -> None:
        """The same command makes what an undisturbed run makes."""
        ended = run_stage(folder, stage)
        assert ended.code == 0, ended.said
        assert re.search(says, ended.said), f"{says} is not in: {ended.said}"
        self.check_same(folder)
        shutil.rmtree(folder)


# Crashes


def put(owner: Any, name: str, value: Any) -> None:
    """Replace an attribute, in this process and for good."""
    mock.patch.object(owner, name, value).start()


def kill(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def kill_at(point: str) -> None:
    """Arrange that this process is killed at a point of a stage."""
    placed = 0

    def counted_replace(source: Any, target: Any) -> None:
        nonlocal placed
        if files.CHECKPOINTS not in Path(target).parents:
            placed += 1
            if placed == {"before": 1, "between": 2}.get(point):
                kill()
        os.rename(source, target)

    if point == "start":
        put(storage, "together", kill)
    elif point == "middle":
        put(storage, "os", Altered(os, fsync=kill))
    elif point in ("before", "between"):
        put(storage, "os", Altered(os, replace=counted_replace))
    elif point == "after":
        put(checkpoints, "clear", kill)


class Altered:
    """A module with some functions replaced, for one of its users."""

    def __init__(self, module: Any, **functions: Callable):
        self._module = module
        vars(self).update(functions)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


# In the course of a stage: it begins; half of a file is written; all are, and the first is
# to take its place; some have; all have.
POINTS = ("start", "middle", "before", "between", "after")


def crashes(reference: Reference) -> Iterator[Fault]:
    """Every stage is killed at every point, and run again."""

    def attempt(stage: str, point: str) -> None:
        folder = reference.copy_without(stage)
        ended = run_stage(folder, stage, lambda: kill_at(point))
        assert ended.killed, f"ended by itself: {ended.said}"
        reference.check_complete_or_absent(folder, stage)
        reference.check_run_again(folder, stage)

    for stage, outputs in reference.outputs.items():
        for point in POINTS:
            if point != "between" or len(outputs) > 1:
                yield Fault(
                    "crash",
                    f"{stage}, {point}",
                    functools.partial(attempt, stage, point),
                )


# Signals while training


def signal_at(step: int, number: int) -> None:
    """Arrange that this process gets a signal in the given step of training."""
    steps, taken = training.Trainer.steps, itertools.count(1)

    def counted(symbols: np.ndarray) -> np.ndarray:
        if next(taken) == step:
            os.kill(os.getpid(), number)
        return symbols

    def with_signal(self: Any, batches: Any, *more: Any) -> Iterator[int]:
        return steps(self, map(counted, batches), *more)

    put(training.Trainer, "steps", with_signal)


def signals(reference: Reference, quick: bool) -> Iterator[Fault]:
    """Training is stopped in every epoch, or part of the mini-batches, and goes on."""
    batches = -(-TRAIN // CHANGES["pixels"]["batch_size"])
    every = CHANGES["meta"]["training"]["evaluate_every"]
    unit = {"train_pixels": ("epoch", batches), "train_meta M1": ("batch", every)}

    def attempt(stage: str, number: int, step: int) -> None:
        folder = reference.copy_without(stage)
        ended = run_stage(folder, stage, lambda: signal_at(step, number))
        if number == signal.SIGKILL:
            assert ended.killed, ended.said
        else:
            assert ended.code == 1, ended.said
            assert "error: interrupted; run the same command again" in ended.said
            assert not re.search(r"Traceback|^  File", ended.said)
        reference.check_complete_or_absent(folder, stage)
        assert not set(contents(folder)) & reference.outputs[stage]
        name, length = unit[stage]
        whole = (step - 1) // length
        done = whole if name == "epoch" else whole * length
        reference.check_run_again(
            folder, stage, f"resuming from {name} {done}" * (done > 0)
        )

    for stage in QUICK_STAGES[1:] if quick else TRAINED:
        first, last, next_ = 1, unit[stage][1], unit[stage][1] + 1
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            for step in (next_,) if quick else (first, last, next_):
                yield Fault(
                    "signal",
                    f"{stage}, {number.name} in step {step}",
                    functools.partial(attempt, stage, number, step),
                )


# Damage to a checkpoint


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "a byte short": lambda content: content[:-1],
    "a bit flipped": flip,
    "zeros": lambda content: bytes(len(content)),
    "HTML": lambda content: b"<html><body>404 Not Found</body></html>",
    "doubled": lambda content: content + content,
}


def foreign(content: bytes) -> bytes:
    """As if made with other parameters."""
    packed = io.BytesIO()
    with np.load(io.BytesIO(content[len(checkpoints._sum(b"")) :])) as arrays:
        about = arrays["about"].tobytes()
        key = re.search(rb'"key": "(\w+)"', about)
        assert key
        other = about.replace(key[1], hashlib.sha256(b"other").hexdigest().encode())
        np.savez(packed, **{**arrays, "about": np.frombuffer(other, np.uint8)})
    return checkpoints._sum(packed.getvalue()) + packed.getvalue()


def damaged_checkpoints(reference: Reference, quick: bool) -> Iterator[Fault]:
    """Training was stopped, and its newest checkpoint is no use."""

    def attempt(stage: str, damage: Callable[[bytes], bytes]) -> None:
        folder = reference.copy_without(stage)
        # Stopped with two checkpoints, or with the only one there can be.
        assert run_stage(folder, stage, lambda: kill_at("before")).killed
        path = folder / checkpoints.path("-".join(stage.split()))
        path.write_bytes(damage(path.read_bytes()))
        warning = rf"warning: {path.relative_to(folder)}: not used, for it is"
        # And not from the beginning.
        resumed = r"resuming from (epoch|batch) [1-9]"
        reference.check_run_again(folder, stage, rf"(?s){warning}.*{resumed}")

    kinds = {name: how for name, how in DAMAGE.items() if name != "doubled"}
    kinds = {"of other parameters": foreign} | ({} if quick else kinds)
    for stage in QUICK_STAGES[1:] if quick else TRAINED:
        for name, damage in kinds.items():
            yield Fault(
                "checkpoint",
                f"{stage}, {name}",
                functools.partial(attempt, stage, damage),
            )


# A full disk, and losses that are no numbers


def fill_disk(after: int) -> None:
    """Arrange that no more results can be written after some files."""
    written = 0

    def fsync(number: int) -> None:
        nonlocal written
        path = Path(os.readlink(f"/proc/self/fd/{number}"))
        written += files.CHECKPOINTS.name not in path.parts
        if written > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(number)

    put(storage, "os", Altered(os, fsync=fsync))


def full_disks(reference: Reference) -> Iterator[Fault]:
    """The disk is full before the first file of a stage, and before the second."""

    def attempt(stage: str, after: int) -> None:
        folder = reference.copy_without(stage)
        ended = run_stage(folder, stage, lambda: fill_disk(after))
        assert ended.code == 1, ended.said
        (line,) = re.findall(r"^error: .*", ended.said, re.MULTILINE)
        assert "cannot be written: no space left on device; make room" in line
        assert "Traceback" not in ended.said
        assert not set(contents(folder)) & reference.outputs[stage]
        reference.check_complete_or_absent(folder, stage)
        reference.check_run_again(folder, stage)

    for stage, outputs in reference.outputs.items():
        for after in range(min(2, len(outputs))):
            yield Fault(
                "full disk",
                f"{stage}, after {after} files",
                functools.partial(attempt, stage, after),
            )


def full_temporary_folders(reference: Reference, quick: bool) -> Iterator[Fault]:
    """The folder that Keras saves a model in is full."""

    class FullArchive(zipfile.ZipFile):
        def writestr(self, *_: Any, **__: Any) -> NoReturn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        open = writestr

    def attempt(stage: str) -> None:
        folder = reference.copy_without(stage)
        full = Altered(zipfile, ZipFile=FullArchive)
        ended = run_stage(folder, stage, lambda: put(saving_lib, "zipfile", full))
        assert ended.code == 1, ended.said
        (line,) = re.findall(r"^error: .*", ended.said, re.MULTILINE)
        assert "Keras could not save the model (" in line, line
        assert "Traceback" not in ended.said
        assert not set(contents(folder)) & reference.outputs[stage]
        reference.check_run_again(folder, stage)

    for stage in QUICK_STAGES[1:] if quick else TRAINED:
        yield Fault(
            "full disk", f"{stage}, temporary folder", functools.partial(attempt, stage)
        )


def no_numbers(reference: Reference, quick: bool) -> Iterator[Fault]:
    """The loss of a mini-batch is nan or infinite."""

    def attempt(stage: str, value: float, step: int) -> None:
        def break_loss() -> None:
            steps = training.Trainer.steps

            def with_bad_loss(self: Any, *arguments: Any) -> Iterator[int]:
                compiled, taken = self._step, itertools.count(1)
                self._step = lambda symbols: (
                    value if next(taken) == step else compiled(symbols)
                )
                return steps(self, *arguments)

            put(training.Trainer, "steps", with_bad_loss)

        folder = reference.copy_without(stage)
        ended = run_stage(folder, stage, break_loss)
        assert ended.code == 1, ended.said
        where = f"epoch 0, batch {step}" if stage == "train_pixels" else f"batch {step}"
        assert re.search(rf"^error: .*{where}: the loss is {value}", ended.said, re.M)
        assert "Traceback" not in ended.said
        assert not set(contents(folder)) & reference.outputs[stage]
        reference.check_run_again(folder, stage)

    for stage in QUICK_STAGES[1:] if quick else TRAINED:
        for value in map(float, ("nan",) if quick else ("nan", "inf", "-inf")):
            yield Fault(
                "loss",
                f"{stage}, {value}",
                functools.partial(attempt, stage, value, 2),
            )


# Inputs of stages that are not what was written


def known_by(path: Path) -> Path:
    """What DVC has the sum of: of the pixel models the folder."""
    return path.parent if path.parent == files.PIXEL_MODELS else path


def damaged_inputs(reference: Reference, quick: bool) -> Iterator[Fault]:
    """A file that a stage reads is missing or damaged."""
    # Whose own form tells that they are damaged, also where DVC does not run the stage.
    by_hand = {
        files.BINARISED: "rollout",
        files.pixel_model("final"): "rollout",
        files.meta_model("M1"): "compare_bayes",
    }
    read = {
        files.BINARISED: "rollout",
        files.SNAPSHOT_SCORES: "inpaint",
        files.pixel_model("final"): "inpaint",
        files.meta_model("M1"): "compare_bayes",
        files.COMPARISON: "report",
        files.PREDICTIONS: "report",
    }

    def attempt(
        path: Path, stage: str, damage: Callable[[bytes], bytes] | None, alone: bool
    ) -> None:
        folder = reference.copy_without(stage)
        target = folder / path
        if damage is None:
            target.unlink()
        else:
            target.write_bytes(damage(target.read_bytes()))

        def as_under_dvc() -> None:
            """What DVC has recorded, and that it is DVC that runs the stage."""
            out = known_by(path)
            place = reference.folder / out
            single = place.is_file()
            digest = (
                storage.md5(place.read_bytes()) if single else storage._md5_of_folder(place)
            )
            made = {"outs": [{"path": str(out), "md5": digest}]}
            YAML(typ="safe").dump({"stages": {"made": made}}, storage.LOCK)
            os.environ["DVC_STAGE"] = stage.replace(" ", "@")

        ended = run_stage(folder, stage, *([] if alone else [as_under_dvc]))
        if alone and ended.code == 0:
            # What is behind the end of an archive changes nothing.
            assert damage is DAMAGE["doubled"]
            shutil.rmtree(folder)
            return
        assert ended.code == 1, ended.said
        (line,) = re.findall(r"^error: .*", ended.said, re.MULTILINE)
        assert str(path) in line or line.startswith(f"error: {known_by(path)}: "), line
        assert "Traceback" not in ended.said
        assert not set(contents(folder)) & reference.outputs[stage]
        shutil.rmtree(folder)

    for inputs, alone in ((read, False), (by_hand, True)):
        for path, stage in inputs.items():
            if stage in reference.outputs and not quick:
                for name, damage in ({"missing": None} | DAMAGE).items():
                    yield Fault(
                        "stage input",
                        f"{path}, {name}{alone * ', by hand'}",
                        functools.partial(attempt, path, stage, damage, alone),
                    )


# MNIST's own files


def mnist_files(folder: Path) -> Iterator[Fault]:
    """One of the four files is damaged or missing, or what was prepared of them is."""
    given = os.environ.get("MNIST_DIR")
    if not given:
        return  # of files that are no originals one would be like the other

    def attempt(name: str, damage: Callable[[bytes], bytes] | None) -> None:
        manual = Path(tempfile.mkdtemp(dir=folder))
        for other in sources.MNIST_FILES:
            whole = (Path(given) / other).read_bytes()
            content = damage(whole) if damage and other == name else whole
            if damage or other != name:
                (manual / other).write_bytes(content)
        begun = time.monotonic()
        line = refused(lambda: read_mnist(manual))
        assert time.monotonic() - begun < 30
        assert name in line, line

    for name in sources.MNIST_FILES:
        for kind, damage in ({"missing": None} | DAMAGE).items():
            yield Fault(
                "data file",
                f"{name}, {kind}",
                functools.partial(attempt, name, damage),
            )

    def half_prepared(pattern: str, damage: Callable[[bytes], bytes] | None) -> None:
        manual = Path(given)
        place = Path(tempfile.mkdtemp(dir=folder))
        assert not read_mnist(manual, place)
        (found, *_) = sorted(place.rglob(pattern))
        if damage:
            found.write_bytes(damage(found.read_bytes()))
        else:
            found.unlink()
        if pattern == "dataset_info.json" and not damage:
            # Then it is prepared anew, or refused.
            with contextlib.suppress(ValueError):
                read_mnist(manual, place)
            return
        line = refused(lambda: read_mnist(manual, place))
        assert "the prepared MNIST is damaged" in line, line

    for pattern in ("*train*tfrecord*", "*test*tfrecord*", "dataset_info.json"):
        for kind in ("missing", "empty", "truncated", "HTML"):
            yield Fault(
                "data file",
                f"prepared {pattern.strip('*')}, {kind}",
                functools.partial(half_prepared, pattern, DAMAGE.get(kind)),
            )

    def no_answer() -> None:
        begun = time.monotonic()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
            line = refused(lambda: read_mnist(folder / "nowhere", proxy=proxy))
        assert "no network" in line, line
        assert time.monotonic() - begun < 30

    yield Fault("data file", "a network that does not answer", no_answer)


def read_mnist(
    manual: Path, cache: Path | None = None, proxy: str = "http://127.0.0.1:9"
) -> str:
    """Read MNIST in a process without a network; what it said if it could not."""
    code = (
        "import sys; from pathlib import Path; from pipeline import sources\n"
        "try: sources.mnist(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except ValueError as error: sys.exit(f'error: {error}')"
    )
    with tempfile.TemporaryDirectory() as empty:
        ended = subprocess.run(
            [sys.executable, "-c", code, str(cache or empty), str(manual)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=os.environ
            | {
                "MNIST_DIR": "",
                # Where nothing listens, if not told otherwise.
                "http_proxy": proxy,
                "https_proxy": proxy,
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
        )
    assert "Traceback" not in ended.stderr, ended.stderr
    if ended.returncode:
        raise ValueError(ended.stderr.rpartition("error: ")[2].strip())
    return ""


# Parameters


def refused(call: Callable[[], object]) -> str:
    """The message of what is refused, which is of whole lines."""
    try:
        call()
    except ValueError as error:
        message = str(error)
        assert message.strip() == message, repr(message)
        assert message
        return message
    raise AssertionError("it was accepted")


ZERO_ALLOWED = (
    "seed",
    "data.threshold",
    "report.accuracy_tolerance",
    "report.nats_tolerance",
)
TWICE_ALLOWED = ("pixels.units", "meta.training.units")
WRONG: dict[str, Any] = {
    "null": None,
    "text": "some text",
    "yes": "yes",
    "true": True,
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "negative": -1,
    "huge": 10**30,
    "a list": [[]],
    "a mapping": {"a": 1},
    "a number as text": "3",
}


def fields(value: Any, *where: Any) -> Iterator[tuple[tuple, Any]]:
    """Every value of the parameters that is no section, and where it is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, *where, key)
    else:
        yield where, value


def parameters() -> Iterator[Fault]:
    """Every field with every wrong value; keys that are missing, unknown, or doubled."""
    committed = YAML(typ="safe", pure=True).load((ROOT / params.FILE).read_text())

    def changed(where: tuple, change: Callable[[dict, Any], Any]) -> Any:
        everything = copy.deepcopy(committed)
        section = everything
        for key in where[:-1]:
            section = section[key]
        change(section, where[-1])
        return everything

    def set_to(bad: Any, section: dict, key: str) -> None:
        section[key] = bad

    def attempt(where: tuple, change: Callable[[dict, Any], Any], says: str = "") -> None:
        message = refused(lambda: params.check(changed(where, change)))
        place = ".".join(map(str, where))
        lines = message.splitlines()
        assert all(line.startswith(f"{params.FILE}: ") for line in lines), lines
        assert any(place in line or f"{where[-1]} has" in line for line in lines), lines
        assert says in message, message

    for where, value in fields(committed):
        place = ".".join(where)
        wrong = dict(WRONG)
        if isinstance(value, int | float) and place not in ZERO_ALLOWED:
            wrong["zero"] = 0
        if isinstance(value, list):
            wrong |= {"an entry null": [None], "an entry negative": [-1], "twice": [3, 3]}
        if where[-1] in ("dense", "alpha") or "priors" in where or place in TWICE_ALLOWED:
            del wrong["twice"]
        for name, bad in wrong.items():
            yield Fault(
                "parameter",
                f"{place}: {name}",
                functools.partial(attempt, where, functools.partial(set_to, bad)),
            )
        if "priors" in where:
            continue  # one of them may be left out, or have another name
        yield Fault(
            "parameter",
            f"{place}: missing",
            functools.partial(attempt, where, dict.pop),
        )

        def misspell(section: dict, key: str) -> None:
            section[key + "x"] = section.pop(key)

        yield Fault(
            "parameter",
            f"{place}: misspelt",
            functools.partial(attempt, where, misspell, f"did you mean {where[-1]}?"),
        )

    text = (ROOT / params.FILE).read_text()

    def load(content: bytes) -> params.Params:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "params.yaml"
            path.write_bytes(content)
            return params.load(path)

    syntax = {
        "an empty file": b"",
        "comments alone": b"# nothing\n",
        "a list": b"- 1\n",
        "a tab": text.replace("  source:", "\tsource:").encode(),
        "UTF-16": text.encode("utf-16"),
        "Latin-1": text.replace("# of everything", "# für alles").encode("latin-1"),
        "a key twice": text.replace("threads: 2", "threads: 2\nthreads: 2").encode(),
        "a section twice": (text + "\ndata:\n  source: digits\n").encode(),
        "two documents": (text + "\n---\n" + text).encode(),
        "a bracket open": text.replace("cell: gru", "cell: [gru").encode(),
        "a control character": text.replace("cell: gru", "cell: g\x07ru").encode(),
        "an object": text.replace("cell: gru", "cell: !!python/object:os.x {}").encode(),
        "an alias to itself": b"seed: &a [*a]\n",
        "an alias to its mapping": b"seed: &a {b: *a}\n",
        "aliases of aliases": b"a: &a [1]\n"
        + b"".join(b"a%d: &a [*a, *a]\n" % number for number in range(40)),
        "a thousand brackets": b"seed: " + b"[" * 1000 + b"]" * 1000,
        "a tag that does not fit": b"seed: !!bool maybe\n",
        "an empty number": b'seed: !!int ""\n',
        "no such day": b"seed: 2018-02-31\n",
        "five thousand digits": b"seed: " + b"9" * 5000,
        "a null key": text.replace("    M1:", "    null:").encode(),
        "a number as key": text.replace("    M1:", "    1:").encode(),
        "a path as name": text.replace("    M1:", "    ../M1:").encode(),
        "a command as name": text.replace("    M1:", "    M1; touch pwned:").encode(),
        "a substitution as name": text.replace("    M1:", '    "$(touch pwned)":').encode(),
        "markup as name": text.replace("    M1:", '    "<script>":').encode(),
        "an email as name": text.replace("    M1:", "    M1@x:").encode(),
    }

    def refused_quietly(content: bytes) -> None:
        lines = refused(lambda: load(content)).splitlines()
        assert all("params.yaml: " in line for line in lines), lines

    for name, content in syntax.items():
        yield Fault("parameter", name, functools.partial(refused_quietly, content))

    def equal(one: str, other: str) -> None:
        assert one in text
        assert load(text.encode()) == load(text.replace(one, other).encode())

    for one, other in (
        ("learning_rate: 0.001", "learning_rate: 1e-3"),
        ("learning_rate: 0.001", "learning_rate: 1.0E-3"),
        ("threads: 2", "threads: 02"),
        ("seed: 2018", "seed: 0x7E2"),
    ):
        yield Fault(
            "parameter", f"{other!r} for {one}", functools.partial(equal, one, other)
        )

    def with_byte_order_mark() -> None:
        assert load(b"\xef\xbb\xbf" + text.encode()) == load(text.encode())

    yield Fault("parameter", "a byte order mark", with_byte_order_mark)

    def by_command() -> None:
        """All problems at once, before TensorFlow is imported, which takes seconds."""
        with tempfile.TemporaryDirectory() as folder:
            bad = text.replace("threads: 2", "threads: no").replace(
                "seed: 2018", "seed: -1"
            )
            (Path(folder) / "params.yaml").write_text(bad)
            for module in ("tensorflow", "keras"):
                (Path(folder) / f"{module}.py").write_text("raise AssertionError")
            ended = subprocess.run(
                [sys.executable, "-m", "pipeline.stages.train_pixels"],
                cwd=folder,
                capture_output=True,
                text=True,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        assert ended.returncode == 1
        assert len(ended.stderr.splitlines()) == 2, ended.stderr

    yield Fault("parameter", "two problems, told by a stage", by_command)


# Images and models for the in-painting command


def arrays() -> Iterator[Fault]:
    """Every file that is no masked image."""

    def attempt(content: bytes | None, message: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file.npy"
            if content is not None:
                path.write_bytes(content)
            line = refused(lambda: inpaint.read(path))
        assert line.startswith(f"{path}: "), line
        assert message in line, line
        assert "\n" not in line, line

    for name, (content, message) in BAD_FILES.items():
        yield Fault(
            "array",
            name,
            functools.partial(attempt, content, message),
        )


def models() -> Iterator[Fault]:
    """Every file that is no network of binary pixels, or carries code."""
    good = (ROOT / files.pixel_model("final")).read_bytes()

    def with_module(module: str, class_name: str | None = None) -> bytes:
        changed = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(good)) as archive,
            zipfile.ZipFile(changed, "w") as again,
        ):
            for name in archive.namelist():
                content = archive.read(name)
                if name == "config.json":
                    content = content.replace(
                        b'"module": "keras.layers"', f'"module": "{module}"'.encode()
                    )
                    if class_name:
                        content = content.replace(b'"ReLU"', f'"{class_name}"'.encode())
                again.writestr(name, content)
        return changed.getvalue()

    def attempt(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            path.write_bytes(content)
            line = refused(lambda: inpaint._read_model(path))
        assert line.startswith(f"{path}: "), line
        assert "\n" not in line, line

    kinds = {name: damage(good) for name, damage in DAMAGE.items() if name != "doubled"}
    kinds |= {
        "of the meta-task": (ROOT / files.meta_model("M1")).read_bytes(),
        "a Lambda layer": with_module("keras.layers", "Lambda"),
        "code of os": with_module("os"),
        "code of builtins": with_module("builtins"),
        "code of the user's": with_module("mine.layers"),
        "of a module that is no text": with_module("keras.layers").replace(
            b'"module": "keras.layers"', b'"module": []            '
        ),
        "a layer of TensorFlow's files": with_module("keras.layers", "TFSMLayer"),
        "pickled": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    }
    for name, content in kinds.items():
        yield Fault("model", name, functools.partial(attempt, content))


# DVC itself


def dvc(folder: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    )


def dvc_project(folder: Path, **changes: Any) -> Path:
    """A small project under DVC alone, with the project's graph."""
    place = Path(tempfile.mkdtemp(dir=folder))
    for path in ("dvc.yaml", ".dvcignore", "params.yaml"):
        shutil.copy(ROOT / path, place)
    shutil.copytree(
        ROOT / "pipeline", place / "pipeline", ignore=shutil.ignore_patterns("__pycache__")
    )
    here = Path.cwd()
    os.chdir(place)
    try:
        write_params(CHANGES | changes)
    finally:
        os.chdir(here)
    run = dvc(place, "init", "--no-scm", "--quiet")
    assert run.wait() == 0
    return place


def children(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    found = []
    for task in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((task / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(task.name), *children(int(task.name))]
    return found


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain")


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def one_writer(folder: Path) -> Iterator[Fault]:
    """DVC is killed alone, or started twice."""
    # Long enough to be caught at it.
    long = {"pixels": CHANGES["pixels"] | {"epochs": 1000, "batch_size": 4}}

    def training(place: Path) -> tuple[subprocess.Popen, int]:
        first = dvc(place, "repro", "train_pixels")
        lock = place / files.LOCKS / "train_pixels.lock"
        trainer = wait_for(lambda: lock.exists() and lock.read_text().strip())
        return first, int(trainer)

    def killed() -> None:
        place = dvc_project(folder, **long)
        first, trainer = training(place)
        assert trainer in children(first.pid)
        first.kill()
        first.wait()
        wait_for(lambda: not alive(trainer), 10)
        # The next one is not held up by what the dead one held.
        second, trainer = training(place)
        second.terminate()
        wait_for(lambda: not alive(trainer), 20)

    def twice() -> None:
        place = dvc_project(folder, **long)
        first, trainer = training(place)
        second = dvc(place, "repro", "train_pixels")
        said, _ = second.communicate(timeout=60)
        assert second.returncode
        assert re.search(rf"\b({first.pid}|{trainer})\b", said), said
        by_hand = subprocess.run(
            [sys.executable, "-m", "pipeline.stages.train_pixels"],
            cwd=place,
            capture_output=True,
            text=True,
        )
        assert by_hand.returncode == 1
        assert f"process {trainer} runs the same stage here" in by_hand.stderr
        first.kill()
        wait_for(lambda: not alive(trainer), 10)

    def beside() -> None:
        """The two branches of `make reproduce`, both stopped, and run again."""
        branches = re.findall(r"dvc (--wait-for-lock .+)", (ROOT / "Makefile").read_text())
        place = dvc_project(folder)
        yaml = YAML(typ="safe", pure=True)
        settings = yaml.load((place / params.FILE).read_text())
        # Of all models, as in dvc.yaml.
        whole = yaml.load((ROOT / params.FILE).read_text())
        settings["meta"]["models"] = whole["meta"]["models"]
        YAML(typ="safe").dump(settings, place / params.FILE)

        def run() -> list[subprocess.Popen]:
            return [dvc(place, *branch.split()) for branch in branches]

        first = run()
        wait_for(lambda: any((place / files.CHECKPOINTS).glob("train_*")))
        for branch in first:
            branch.terminate()
            branch.communicate()
        for branch in run():
            said, _ = branch.communicate()
            assert branch.returncode == 0, said
        # Neither has overwritten what the other wrote into dvc.lock.
        made = {output.stage for output in storage.recorded(place).values()}
        committed = {output.stage for output in storage.recorded(ROOT).values()}
        assert made == committed - {"report"}

    yield Fault("one writer", "two branches, stopped and run again", beside)
    yield Fault("one writer", "DVC alone is killed", killed)
    yield Fault("one writer", "DVC is started twice", twice)


def damaged_cache(folder: Path) -> Iterator[Fault]:
    """A file in DVC's cache is damaged, but still read-only, which DVC trusts."""

    def attempt(damage: Callable[[bytes], bytes]) -> None:
        place = dvc_project(folder)
        first = dvc(place, "repro", "train_meta@M1", "binarise")
        said, _ = first.communicate()
        assert first.returncode == 0, said
        content = (place / files.BINARISED).read_bytes()
        digest = hashlib.md5(content).hexdigest()
        cached = place / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
        cached.chmod(0o644)
        cached.write_bytes(damage(content))
        cached.chmod(0o444)
        (place / files.BINARISED).unlink()
        second = dvc(place, "repro", "train_pixels")
        said, _ = second.communicate()
        if second.returncode == 0:
            # DVC has noticed by itself and made the file anew.
            assert (place / files.BINARISED).read_bytes() == content
        else:
            assert re.search(rf"error: {files.BINARISED}: got the MD5 sum", said), said
            assert not (place / files.PIXEL_HISTORY).exists()

    for name in ("a bit flipped", "truncated", "empty"):
        yield Fault("cache", name, functools.partial(attempt, DAMAGE[name]))


def shells(folder: Path) -> Iterator[Fault]:
    """Names in params.yaml that a shell, a path or a page would take for something else."""

    def attempt(name: str) -> None:
        place = dvc_project(folder)
        settings = YAML(typ="safe", pure=True).load((place / params.FILE).read_text())
        settings["meta"]["models"][name] = settings["meta"]["models"]["M1"]
        YAML(typ="safe").dump(settings, place / params.FILE)
        # What a path made of the name would lead to.
        victims = [place / "pwned.keras", place.parent / "pwned.keras"]
        for victim in victims:
            victim.write_text("here before")
        before = {path for path in folder.rglob("*")}
        for target in ("train_meta@M1", f"train_meta@{name}"):
            run = dvc(place, "repro", "-s", target)
            said, _ = run.communicate()
            assert run.returncode, said
            assert ("meta.models" in said) == (target == "train_meta@M1"), said
        strange = {
            path
            for path in set(folder.rglob("*")) - before
            if place not in path.parents or "pwned" in path.name
        }
        assert not strange, strange
        assert all(victim.read_text() == "here before" for victim in victims)

    for name in (
        "M1; touch pwned",
        "$(touch pwned)",
        "`touch pwned`",
        "M1 && touch pwned",
        "M1 | tee pwned",
        "M1\ntouch pwned",
        "../../../pwned",
        "'; touch pwned; '",
    ):
        yield Fault("shell", repr(name), functools.partial(attempt, name))


# All of them


def small_digits() -> None:
    """A few images only, so that stages take seconds."""
    everything = sources.digits(TRAIN)
    few = everything._replace(
        test=everything.test[:TEST], test_labels=everything.test_labels[:TEST]
    )
    put(sources, "digits", lambda train: few)
    params.TRAIN_IMAGES["digits"], params.TEST_IMAGES["digits"] = TRAIN, TEST


def all_faults(folder: Path, quick: bool) -> Iterator[Fault]:
    """Everything that is tried; `quick` leaves out what takes minutes."""
    yield from parameters()
    yield from arrays()
    if not quick:
        yield from mnist_files(folder)
        yield from one_writer(folder)
        yield from damaged_cache(folder)
        yield from shells(folder)
    small_digits()
    project = folder / "reference"
    project.mkdir()
    here = Path.cwd()
    os.chdir(project)
    write_params(CHANGES)
    os.chdir(here)
    stages = list(QUICK_STAGES) if quick else EVERY_STAGE
    reference = Reference(project, stages)
    yield from crashes(reference)
    yield from signals(reference, quick)
    yield from damaged_checkpoints(reference, quick)
    yield from full_disks(reference)
    yield from full_temporary_folders(reference, quick)
    yield from no_numbers(reference, quick)
    yield from damaged_inputs(reference, quick)
    # Loading a model starts TensorFlow, after which no process may be forked any more.
    yield from models()


def main() -> None:
    """Try all faults, print and write the table, and fail if one was not survived."""
    parser = argparse.ArgumentParser(prog="python tests/faults.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="what takes seconds only")
    parser.add_argument(
        "--only", metavar="KIND", help="of one kind only, which alone is counted anew"
    )
    arguments = parser.parse_args()
    assert not guard.under_dvc()
    rows: dict[str, files.Record] = {}
    with tempfile.TemporaryDirectory() as folder:
        for fault in all_faults(Path(folder), arguments.quick):
            if arguments.only not in (None, fault.kind):
                continue
            row = rows.setdefault(
                fault.kind, {"kind": fault.kind, "tried": 0, "survived": 0}
            )
            row["tried"] += 1
            try:
                fault.attempt()
                row["survived"] += 1
            except Exception as error:
                told = "".join(traceback.format_exception_only(error)).strip()
                print(f"NOT SURVIVED {fault.kind}, {fault.name}: {told}", flush=True)
    if not rows:
        sys.exit(f"error: there is no fault of the kind {arguments.only}")
    for row in rows.values():
        print("{kind:12} {tried:5} tried {survived:5} survived".format(**row))
    if not arguments.quick:
        os.chdir(ROOT)
        # Of kinds that were not tried now the numbers stay.
        known = files.read_csv(TABLE) if arguments.only else []
        files.write_csv(TABLE, ({row["kind"]: row for row in known} | rows).values())
    sys.exit(any(row["tried"] != row["survived"] for row in rows.values()))


if __name__ == "__main__":
    main()
