"""Settings of the user's; what they would change of a stage's bytes is in faults/."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import ROOT

SHOW = """
from pipeline.runtime import process
process.prepare()
import keras, matplotlib
print(keras.config.backend(), keras.config.floatx(), keras.config.image_data_format())
print(matplotlib.rcParams["font.size"])
"""


def test_packages_see_no_settings_of_the_users(folder):
    Path(".keras").mkdir()
    Path(".keras/keras.json").write_text('{"floatx": "float64", "backend": "numpy"}')
    Path(".config/matplotlib").mkdir(parents=True)
    Path(".config/matplotlib/matplotlibrc").write_text("font.size: 20\n")
    user = {"HOME": str(folder), "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch"}
    user |= {"KERAS_FLOATX": "float16", "XLA_FLAGS": "--no_such_flag"}
    ended = subprocess.run(
        [sys.executable, "-c", SHOW], env=os.environ | user, capture_output=True, text=True
    )
    assert ended.stdout == "tensorflow float32 channels_last\n10.0\n", ended.stderr


CLOSED = """
import sys, warnings
from pathlib import Path
from pipeline.runtime import process
process.prepare()
with Path("file").open("w") as file:
    assert file.fileno() > 2
    print(sys.stderr.isatty(), sys.stdout.isatty(), file=sys.stderr)
    warnings.warn("one that is no error")
    file.write("done")
"""


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_and_warnings_as_errors_end_no_stage(folder, closed):
    Path("code.py").write_text(CLOSED)
    user = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    command = f"{sys.executable} code.py {closed}"
    subprocess.run(["sh", "-c", command], env=os.environ | user, check=True)
    assert Path("file").read_text() == "done"
