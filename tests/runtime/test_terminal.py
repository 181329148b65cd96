import os
import sys
import time
from pathlib import Path

import pytest

from pipeline.runtime import process, terminal

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def shown(monkeypatch):
    """When progress was last shown, and the title, as at the start of a process."""
    monkeypatch.setattr(terminal, "_shown", time.monotonic())
    monkeypatch.setattr(terminal, "_title", "")


def test_a_line_begins_with_the_place_in_the_graph(shown, capsys):
    terminal.begin("train_meta", "train_meta@M1")
    terminal.line("1 s")
    Path("dvc.yaml").write_text("stages: {check: {}, train_meta: {foreach: []}}")
    terminal.begin("train_meta", "train_meta@M1")
    terminal.line("1 s")
    terminal.begin("study_pixels", "study_pixels")
    terminal.line("1 s")
    lines = "train_meta@M1: 1 s\n[2/2] train_meta@M1: 1 s\nstudy_pixels: 1 s\n"
    assert capsys.readouterr().out == lines


def test_a_log_gets_a_line_now_and_then(shown, monkeypatch, capsys):
    terminal.progress("too early")
    monkeypatch.setattr(terminal, "_shown", time.monotonic() - terminal.LOG_SECONDS)
    terminal.progress("late enough")
    terminal.progress("too early again")
    terminal.clear()
    assert capsys.readouterr().out == "late enough\n"


MOVED = "\repoch 1 of 2, and m\x1b[K\r\rshort\x1b[K\r"


def test_in_a_terminal_one_line_moves(shown, monkeypatch):
    """What is seen at the end, by the two control sequences that are used."""
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((20, 5)))
        monkeypatch.setattr(terminal, "TERMINAL_SECONDS", 0)
        for text in ("epoch 1 of 2, and much more", "short"):
            terminal.progress(text)
        said = "".join(os.read(master, 1).decode() for _ in range(len(MOVED)))
        assert said == MOVED
        terminal.line("end")
        assert b"".join(iter(lambda: os.read(master, 1), b"\n")) == b"\x1b[Kend\r"
    os.close(master)


def test_the_clock_tells_what_is_left(monkeypatch):
    monkeypatch.setattr(time, "monotonic", iter([100.0, 104.0, 116.0]).__next__)
    clock = terminal.Clock(10, done=2)
    assert clock.left(4) == "12 s left"
    assert clock.left(10) == "0 s left"


def write(text: str) -> None:
    os.write(2, text.encode())


def fail_quietly() -> None:
    with process.quietly():
        write("why\n")
        raise ImportError


def test_what_an_import_says_is_shown_if_it_fails(capfd):
    with process.quietly():
        write("a banner\n")
    write("after\n")
    assert capfd.readouterr().err == "after\n"
    with pytest.raises(ImportError):
        fail_quietly()
    write("after\n")
    assert capfd.readouterr().err == "why\nafter\n"
