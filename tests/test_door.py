"""The door, `python -m pipeline`: what comes before a stage, and how errors end."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import pipeline.core
from pipeline import __main__ as door
from pipeline.params import loading
from pipeline.runtime import process, versions

ROOT = Path(__file__).parents[1]
OUT = Path("out.md")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    shutil.copy(ROOT / loading.FILE, tmp_path)


def module(name: str, **attributes: Any) -> ModuleType:
    made = ModuleType(f"pipeline.{name}")
    vars(made).update(attributes)
    return made


def stage(name: str, run: Any, reads: tuple = ()) -> ModuleType:
    return module(f"stages.{name}", READS=reads, run=run)


@pytest.fixture
def enter(monkeypatch):
    """Enters by the door in this process, with these modules in the place of others."""
    for name in ("prepare", "end_on_signals"):
        monkeypatch.setattr(process, name, lambda: None)

    def enter(command: str, *modules: ModuleType) -> str:
        for made in modules:
            monkeypatch.setitem(sys.modules, made.__name__, made)
        monkeypatch.setattr(sys, "argv", ["pipeline", *command.split()])
        try:
            door.main()
        except SystemExit as ended:
            return str(ended.code)
        return ""

    return enter


class ResourceExhaustedError(Exception):
    """As TensorFlow has it."""


class ArrayMemoryError(MemoryError):
    """As NumPy has it."""


FULL = "error: not enough memory; lower the counts in params.yaml"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("one\ntwo"), "error: one\nerror: two"),
        (FileNotFoundError("a.csv: not found"), "error: a.csv: not found"),
        (OSError(), "error: OSError"),
        (MemoryError(), FULL),
        (ArrayMemoryError("2 GiB"), FULL),
        (ResourceExhaustedError("OOM"), FULL),
    ],
)
def test_an_error_ends_with_one_line_for_each_problem(enter, error, said):
    def fail() -> None:
        raise error

    assert enter("binarise", stage("binarise", fail)) == said


def test_a_mistake_of_ours_is_a_traceback(enter):
    with pytest.raises(ZeroDivisionError):
        enter("binarise", stage("binarise", lambda: 1 / 0))


def test_inpaint_without_arguments_is_the_stage(enter):
    command = module("commands.inpaint", main=lambda arguments: sys.exit(str(arguments)))
    modules = command, stage("inpaint", lambda: {OUT: ""})
    assert enter("inpaint a.npy --out b.npz", *modules) == "['a.npy', '--out', 'b.npz']"
    assert not OUT.exists()
    assert enter("inpaint", *modules) == ""
    assert OUT.exists()


@pytest.mark.parametrize("reads", [("seed", "threads"), ("seed",)])
def test_threads_are_set_before_a_stage_that_reads_them(enter, monkeypatch, reads):
    counts: list[int] = []
    fake = SimpleNamespace(use_threads=counts.append)
    monkeypatch.setattr(pipeline.core, "parallel", fake, raising=False)
    expected = [2] if "threads" in reads else []

    def run(seed: int) -> dict[Path, str]:
        assert counts == expected
        return {OUT: f"{seed}"}

    assert enter("binarise", stage("binarise", run, reads)) == ""
    assert OUT.read_text() == "2018"


def test_other_versions_are_a_warning(enter, capsys):
    versions.PINNED.write_text("numpy==0.1\n")
    assert enter("check") == ""
    assert capsys.readouterr().err.startswith("warning: numpy ")


def start(*command: str, **options: Any) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


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
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    ended = start("binarise", preexec_fn=heard)
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
    command = [sys.executable, "-c", IMPORT_TWICE, *names]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
