import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.runtime import process

ROOT = Path(__file__).parents[2]
HOLD = """
import sys, time
from pathlib import Path
from pipeline.runtime import process
with process.exclusive_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_names_the_first(tmp_path):
    path = tmp_path / "locks" / "stage.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, cwd=ROOT
    ) as first:
        assert first.stdout
        assert first.stdout.readline() == b"held\n"
        message = rf"stage\.lock: process {first.pid} runs the same stage here; wait"
        with pytest.raises(ValueError, match=message), process.exclusive_lock(path):
            pytest.fail("both hold it")
        first.kill()
    # The first could not clean up.
    for _ in range(2):
        with process.exclusive_lock(path):
            assert path.read_text().strip() == str(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such call")
def test_a_process_ends_with_its_parent():
    child = "from pipeline.runtime import process; import os, time\n"
    child += "process.end_with_parent(); print(os.getpid(), flush=True); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, cwd=ROOT
    ) as started:
        assert started.stdout
        orphan = int(started.stdout.readline())
        started.kill()
    for _ in range(100):
        state = Path(f"/proc/{orphan}/stat")
        # A dead process that nobody has asked for stays as a zombie.
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    os.kill(orphan, signal.SIGKILL)
    pytest.fail("it outlived its parent")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_one_line(number):
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        process.end_on_signals()
        with pytest.raises(SystemExit, match="error: interrupted; run the same command"):
            signal.raise_signal(number)
        # As in the background.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        process.end_on_signals()
        signal.raise_signal(signal.SIGINT)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_an_error_has_a_first_line():
    assert process.first_line(ValueError("one\ntwo")) == "one"
    assert process.first_line(ValueError()) == "ValueError"
