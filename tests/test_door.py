"""The door, `python -m pipeline`: what comes before a stage, and how errors end."""

import os
import re
import shutil
import signal
import subprocess
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

import pipeline.core
from pipeline import __main__ as door
from pipeline.params import loading
from pipeline.runtime import process, versions

ROOT = Path(__file__).parents[1]
OUT = Path("out.md")


@pytest.fixture(autouse=True)
def parameters(folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    shutil.copy(ROOT / loading.FILE, folder)


@pytest.fixture
def enter(monkeypatch):
    """Enters by the door in this process, and gives what it exits with."""
    for name in ("prepare", "end_on_signals"):
        monkeypatch.setattr(process, name, lambda: None)

    def enter(command: str) -> str:
        monkeypatch.setattr(sys, "argv", ["pipeline", *command.split()])
        try:
            door.main()
        except SystemExit as ended:
            return str(ended.code)
        return ""

    return enter


ResourceExhaustedError = type("ResourceExhaustedError", (Exception,), {})  # as TensorFlow has it
ArrayMemoryError = type("ArrayMemoryError", (MemoryError,), {})  # as NumPy has it
FULL, FEWER = "lower the counts in params.yaml", "give fewer images, or ask for fewer samples"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("one\ntwo"), "error: one\nerror: two"),
        (FileNotFoundError(), "error: FileNotFoundError"),
        (ArrayMemoryError("2 GiB"), f"error: not enough memory; {FULL}"),
        (ResourceExhaustedError("OOM"), f"error: not enough memory; {FULL}"),
    ],
)
def test_an_error_ends_with_one_line_for_each_problem(enter, monkeypatch, error, said):
    for runs in ("run_stage", "run_command"):
        monkeypatch.setattr(door, runs, mock.Mock(side_effect=error))
    assert enter("binarise") == said
    assert enter("inpaint a.npy") == said.replace(FULL, FEWER)


def test_inpaint_without_arguments_is_the_stage(enter, monkeypatch):
    ran = mock.Mock()
    monkeypatch.setattr(door, "run_stage", ran.stage)
    monkeypatch.setattr(door, "run_command", ran.command)
    assert enter("inpaint") + enter("inpaint a.npy") + enter("train_meta M1") == ""
    stage, command = mock.call.stage, mock.call.command
    expected = [stage("inpaint", []), command("inpaint", ["a.npy"]), stage("train_meta", ["M1"])]
    assert ran.mock_calls == expected


def test_a_mistake_of_ours_is_a_traceback(enter, monkeypatch):
    monkeypatch.delattr(door, "run_stage")
    with pytest.raises(NameError):
        enter("binarise")


@pytest.mark.parametrize("reads", [("seed", "threads"), ("seed",)])
def test_threads_are_set_before_a_stage_that_reads_them(enter, monkeypatch, reads):
    parallel = mock.Mock()
    monkeypatch.setattr(pipeline.core, "parallel", parallel, raising=False)

    def run(seed: int) -> dict[Path, str]:
        assert parallel.mock_calls == [mock.call.use_threads(2)] * ("threads" in reads)
        return {OUT: f"{seed}"}

    stage = SimpleNamespace(__name__="pipeline.stages.binarise", READS=reads, run=run)
    monkeypatch.setitem(sys.modules, stage.__name__, stage)
    assert enter("binarise") == ""
    assert OUT.read_text() == "2018"


def test_other_versions_are_named_in_a_warning(enter, capsys):
    pins = f"keras==0.1\nno-such-package==1.0\nnumpy=={version('numpy')}\n"
    versions.PINNED.write_text(pins)
    assert enter("check") == ""
    (line,) = capsys.readouterr().err.splitlines()
    says = "is installed, numerics.lock says 0.1: results may differ"
    assert line.startswith(f"warning: keras {version('keras')} {says}")


def test_an_argument_that_a_command_does_not_have_is_a_usage_error(enter, capsys):
    assert enter("check M1") == "2"
    assert capsys.readouterr().err.startswith("usage: python -m pipeline check")


def start(command: str, **options: Any) -> subprocess.Popen:
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-m", "pipeline", command], text=True, **options)


@pytest.mark.parametrize("command", ["train_pixels", "train_meta", "check"])
def test_wrong_parameters_end_before_tensorflow_is_imported(command):
    text = loading.FILE.read_text()
    loading.FILE.write_text(text.replace("2018", "-1").replace("gru", "rnn", 1))
    for package in ("tensorflow", "keras"):
        Path(f"{package}.py").write_text("raise AssertionError")
    ended = start(command)
    assert ended.communicate() == (
        "",
        "error: params.yaml: seed: got -1; allowed: greater than or equal to 0\n"
        "error: params.yaml: pixels.cell: got 'rnn'; allowed: 'gru' or 'lstm'\n",
    )
    assert ended.returncode == 1


@pytest.mark.parametrize("command", ["", "--help", "nothing", "../check"])
def test_usage_names_all_stages_and_commands(enter, command):
    *problem, usage, stages, commands = enter(command).splitlines()
    is_name = command not in ("", "--help")
    assert problem == [f"error: there is no stage or command {command!r}"] * is_name
    assert usage == "usage: python -m pipeline STAGE|COMMAND [KEY ...]"
    assert {"binarise", "inpaint", "train_meta"} <= set(re.findall(r"\w+", stages))
    assert {"check", "inpaint", "verify"} <= set(re.findall(r"\w+", commands))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_one_line_from_the_start(number):
    loading.FILE.unlink()
    os.mkfifo(loading.FILE)
    # These tests may run in the background, where a shell has SIGINT ignored.
    ended = start("binarise", preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))
    with loading.FILE.open("w"):  # the process waits for its parameters now
        ended.send_signal(number)
        assert ended.communicate() == ("", f"{process.INTERRUPTED}\n")
    assert ended.returncode == 1


# Other packages do what they do at their first import; ours have nothing to do at either.
IMPORT_TWICE = """
import gc, importlib, os, signal, sys

def state():
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    return dict(os.environ), gc.isenabled(), handlers

def note(event, arguments):
    path = str(arguments[0]) if event == "open" else ".py"
    if not path.endswith((".py", ".pyc")) and not path.startswith(("/proc", "/sys")):
        opened.append(path)

before, names, opened = state(), sys.argv[1:], []
for name in names:
    importlib.import_module(name)
for name in names:
    del sys.modules[name]
os.environ.clear()
os.environ.update(before[0])
gc.enable()
sys.addaudithook(note)
for name in names:
    importlib.import_module(name)
assert state() == before
assert not opened, opened
"""


def test_importing_any_module_has_no_effect():
    files = (ROOT / "pipeline").rglob("[a-z]*.py")
    modules = [file.relative_to(ROOT).with_suffix("").parts for file in files]
    names = sorted(".".join(parts) for parts in [*modules, ("pipeline", "__main__")])
    assert len(names) > 40
    subprocess.run([sys.executable, "-c", IMPORT_TWICE, *names], check=True)
