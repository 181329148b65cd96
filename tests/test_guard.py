import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline import guard

ROOT = Path(__file__).parents[1]
HOLD = "import sys, time; from pathlib import Path; from pipeline import guard\n"
HOLD += "with guard.alone(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


def test_a_second_process_is_told_who_runs(tmp_path):
    path = tmp_path / "locks" / "stage.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, cwd=ROOT
    ) as first:
        assert first.stdout
        assert first.stdout.readline() == b"held\n"
        message = rf"stage\.lock: process {first.pid} runs the same stage here; wait"
        with pytest.raises(ValueError, match=message), guard.alone(path):
            pytest.fail("not alone")
        first.kill()
    # Also when it could not clean up.
    with guard.alone(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert path.read_text() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such call")
def test_a_process_ends_with_the_one_that_started_it():
    child = "from pipeline import guard; import os, time; guard.end_with_parent()\n"
    child += "print(os.getpid(), flush=True); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout
        orphan = int(process.stdout.readline())
        process.kill()
    for _ in range(100):
        state = Path(f"/proc/{orphan}/stat")
        # A dead process that nobody has asked for stays as a zombie.
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    os.kill(orphan, signal.SIGKILL)
    pytest.fail("it outlived its parent")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_a_line(number):
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        guard.end_on_signals()
        with pytest.raises(SystemExit, match="error: interrupted; run the same command"):
            signal.raise_signal(number)
        # As in the background.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        guard.end_on_signals()
        signal.raise_signal(signal.SIGINT)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_the_pinned_versions_are_those_of_the_tests(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert guard.other_versions() == []
    # Of TensorFlow's two packages a machine has one.
    assert {"keras", "numpy", "scipy", "h5py"} <= guard.installed().keys()
    assert {"tensorflow", "tensorflow-cpu"} & guard.installed().keys()


def test_other_versions_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert guard.other_versions() == []
    numpy = version("numpy")
    guard.PINNED.write_text(f"keras==0.1\nno-such-package==1.0\nnumpy=={numpy}\n")
    assert guard.installed() == {"keras": version("keras"), "numpy": numpy}
    (line,) = guard.other_versions()
    assert line.startswith(
        f"keras {version('keras')} is installed, numerics.lock says 0.1: results may differ"
    )
