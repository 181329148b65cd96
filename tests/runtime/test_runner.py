"""A stage gets what it reads, and its outputs take their places together; its process."""

import errno
import os
import signal
import time
from hashlib import md5
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.files import formats
from pipeline.params import loading
from pipeline.runtime import cache, checkpoints, process, runner, transaction

pytestmark = pytest.mark.usefixtures("folder")

PARAMS = loading.load(Path(__file__).parents[2] / loading.FILE)
OUT = Path("out.json")


def stage(run=None, name="some", **attributes: Any) -> Any:
    return SimpleNamespace(__name__=f"pipeline.stages.{name}", run=run, READS=(), **attributes)


def run(stage: Any, **keys: Any) -> None:
    runner.run(stage, keys, PARAMS, formats.encode, time.monotonic())


def save_checkpoint(label: str) -> Path:
    checkpoints.Checkpoint(label, "epoch").save(checkpoints.Progress(1, [], {}, {}))
    return checkpoints.path(label)


def test_a_stage_gets_what_it_reads_and_its_keys(capsys):
    keys = {"name": "M3", "recipe": "tuned", "repetition": 7}
    checkpoint = save_checkpoint("some-M3-tuned-7")

    def compute(seed, model, optimiser, **given):
        assert (seed, model) == (PARAMS.seed, PARAMS.meta.models["M3"])
        assert optimiser == PARAMS.meta.optimiser.tuned
        assert given == keys
        return {OUT: {"b": 1 / 3}, Path("new/out.md"): "text"}

    some = stage(compute)
    some.READS = ("seed", "threads", "meta.models.{name}", "meta.optimiser.{recipe}")
    run(some, **keys)
    assert OUT.read_text() == '{\n  "b": 0.333333\n}\n'
    assert Path("new/out.md").read_text() == "text"
    assert not checkpoint.exists()
    assert capsys.readouterr().out == "some-M3-tuned-7: 0 s\n"


def test_what_dvc_keeps_of_an_output_is_deleted_if_it_is_damaged(capsys):
    good = md5(b"good").hexdigest()
    kept = cache.KEPT / good[:2] / good[2:]
    for content, stays in ((b"good", True), (b"goof", False)):
        transaction.place({kept: content})
        kept.chmod(0o444)
        run(stage(lambda: {Path("a.md"): "good", Path("b.md"): "another"}))
        assert kept.exists() == stays
    assert capsys.readouterr().err == f"warning: {kept}: was damaged, and is deleted\n"


@pytest.mark.parametrize("wrong", [float("nan"), object()])
def test_after_an_error_nothing_is_placed_and_the_checkpoint_stays(wrong):
    checkpoint = save_checkpoint("some")
    with pytest.raises((ValueError, TypeError)):
        run(stage(lambda: {Path("a.md"): "text", OUT: {"a": wrong}}))
    assert checkpoint.exists()
    assert [path.name for path in Path().iterdir()] == ["data"]


def test_a_stage_runs_once_at_a_time():
    def again() -> dict[Path, Any]:
        with pytest.raises(ValueError, match=f"process {os.getpid()} runs the same stage"):
            run(stage(name="first"))
        run(stage(dict, name="second"))
        return {OUT: {}}

    run(stage(again, name="first"))
    assert OUT.exists()


def test_ctrl_c_stays_ignored_in_the_background(monkeypatch):
    """Other signals, and processes that are killed, are in test_door.py and in faults/."""
    handlers: dict[int, Any] = {signal.SIGINT: signal.SIG_IGN}
    monkeypatch.setattr(signal, "getsignal", handlers.get)
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    process.end_on_signals()
    assert handlers.pop(signal.SIGINT) == signal.SIG_IGN
    assert handlers.keys() == {signal.SIGTERM}


def test_an_error_has_a_first_line():
    assert process.first_line(ValueError("one\ntwo")) == "one"
    assert process.first_line(ValueError()) == "ValueError"


def test_of_a_file_that_may_not_be_written_it_says_what_to_do():
    error = OSError(errno.EROFS, "Read-only file system", "data/locks/draw.lock")
    said = "data/locks/draw.lock: read-only file system; work in a folder that you may write"
    assert process.message(error) == said


KEYS = {"name": str, "recipe": str, "repetition": int}
DVC_STAGE = "studies/dvc.yaml:study@my-model-tuned-12"


@pytest.mark.parametrize("given", ["my-model tuned 012", ""])
def test_keys_come_from_the_command_line_or_from_dvc(monkeypatch, given):
    monkeypatch.setenv("DVC_STAGE", "study@M1-tuned-3" if given else DVC_STAGE)
    keys = runner.parse_keys(stage(KEYS=KEYS), given.split())
    assert keys == {"name": "my-model", "recipe": "tuned", "repetition": 12}
    assert runner.label(stage(), keys) == "some-my-model-tuned-12"


USAGE = "usage: python -m pipeline some NAME RECIPE REPETITION"


@pytest.mark.parametrize(
    ("kinds", "given", "expected"),
    [
        ({}, "M1", "usage: python -m pipeline some"),
        (KEYS, "", USAGE),
        (KEYS, "M1/tuned", USAGE),
        (KEYS, "M1/tuned/1/2", USAGE),
        (KEYS, "M1\n/tuned/1", "NAME: got 'M1\\n'; allowed: a name"),
        (KEYS, "M1/tuned/2.5", "REPETITION: got '2.5'; allowed: a whole number"),
    ],
)
def test_wrong_keys_are_named(kinds, given, expected):
    with pytest.raises((ValueError, SystemExit)) as caught:
        runner.parse_keys(stage(KEYS=kinds), given.split("/") if given else [])
    assert str(caught.value) == expected
