"""Settings of the user's that packages read: results have the bytes of a run without any."""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from faults import harness

TRAIN, DRAW = "train_pixels", "draw"
KERAS, MATPLOTLIB = Path(".keras/keras.json"), Path(".config/matplotlib/matplotlibrc")
LOOK = "figure.facecolor: red\nlines.linewidth: 7\nfont.size: 20\nsavefig.dpi: 30\n"

# A stage with a file in the user's folder, or with a variable.
FILES = {
    "floatx": (TRAIN, KERAS, json.dumps({"floatx": "float64"})),
    "no such floatx": (TRAIN, KERAS, json.dumps({"floatx": "float7"})),
    "image format": (TRAIN, KERAS, json.dumps({"image_data_format": "channels_first"})),
    "backend": (TRAIN, KERAS, json.dumps({"backend": "jax"})),
    "matplotlibrc": (DRAW, MATPLOTLIB, LOOK),
    "no text in it": (DRAW, MATPLOTLIB, "font.size: \0\n"),
}
VARIABLES = {
    "KERAS_BACKEND": (TRAIN, "torch"),
    "KERAS_FLOATX": (TRAIN, "float64"),
    "TF_XLA_FLAGS": (TRAIN, "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"),
    "XLA_FLAGS": (TRAIN, "--xla_no_such_flag"),
    "TF_ENABLE_ONEDNN_OPTS": (TRAIN, "0"),
    "ONEDNN_MAX_CPU_ISA": (TRAIN, "SSE41"),
    "NPY_DISABLE_CPU_FEATURES": (DRAW, "AVX2"),
}


def settings(scratch: Path) -> harness.Faults:
    """One setting after the other."""
    project = harness.project(scratch)

    @functools.cache
    def undisturbed(stage: str) -> dict[Path, bytes]:
        return run(project, stage)

    def file(stage: str, path: Path, content: str) -> None:
        assert run(project, stage, {path: content}) == undisturbed(stage)

    def variable(name: str, stage: str, value: str) -> None:
        assert run(project, stage, {}, **{name: value}) == undisturbed(stage)

    for name, arguments in FILES.items():
        yield f"{arguments[1]}, {name}", file, *arguments
    for name, (stage, value) in VARIABLES.items():
        yield name, variable, name, stage, value


def run(
    project: harness.Project,
    stage: str,
    files: Mapping[Path, str] = MappingProxyType({}),
    **variables: str,
) -> dict[Path, bytes]:
    """What a stage writes, for a user with these files and variables.

    It is no fork, because this process has imported the packages with other settings.
    """
    folder = project.copy_without(stage)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(content)
    user = {"HOME": str(folder), "PYTHONPATH": str(harness.ROOT)}
    command = [sys.executable, "-m", "pipeline", stage]
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **user, **variables}, capture_output=True, text=True
    )
    assert not ended.returncode, ended.stderr
    written = {path: (folder / path).read_bytes() for path in project.outputs[stage]}
    shutil.rmtree(folder)
    return written
