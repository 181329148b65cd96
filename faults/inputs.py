"""Faults of what people provide: params.yaml, images, networks, MNIST's files."""

import contextlib
import io
import os
import shutil
import socket
import tempfile
import time
import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from faults import damage, harness
from pipeline import paths
from pipeline.pixels import sources
from tests import tiny
from tests.commands import wrong_arrays
from tests.params import wrong_values


def parameters(scratch: Path) -> harness.Faults:
    """All wrong parameters of the tests: a line for each problem, and nothing else."""
    for case in wrong_values.cases():
        yield case.name, wrong_values.attempt, case


def refuse(scratch: Path, files: dict[str, bytes | None], name: str, says: str) -> None:
    """Run the command `inpaint`, which must refuse one of the files, and write none."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    for file, content in files.items():
        if content is not None:
            (folder / file).write_bytes(content)
    before = set(folder.iterdir())
    command = "inpaint file.npy --out out.npz --model network.keras"
    line = harness.run(folder, command).error()
    assert line.startswith(f"{name}: "), line
    assert says in line, line
    assert set(folder.iterdir()) == before


def arrays(scratch: Path) -> harness.Faults:
    """All files of the tests that are no masked images."""
    for name, (content, says) in wrong_arrays.CASES.items():
        yield name, refuse, scratch, {"file.npy": content}, "file.npy", says


def networks(scratch: Path) -> harness.Faults:
    """A network is damaged, of another task, or carries code."""
    good = (harness.ROOT / paths.pixel_model("final")).read_bytes()

    def renamed(old: str, new: str) -> bytes:
        """The network with another word in its configuration."""
        file, given = io.BytesIO(), zipfile.ZipFile(io.BytesIO(good))
        with zipfile.ZipFile(file, "w") as changed:
            for name in given.namelist():
                content = given.read(name).replace(old.encode(), new.encode())
                changed.writestr(name, content)
        return file.getvalue()

    module = '"module": "keras.layers"'
    kinds = {name: damaged(good) for name, damaged in damage.OF_ARCHIVES.items()} | {
        "of the meta-task": (harness.ROOT / paths.meta_model("M1")).read_bytes(),
        "a Lambda layer": renamed('"ReLU"', '"Lambda"'),
        "a layer of TensorFlow's files": renamed('"ReLU"', '"TFSMLayer"'),
        "code of os": renamed(module, '"module": "os"'),
        "code of builtins": renamed(module, '"module": "builtins"'),
        "code of the user's": renamed(module, '"module": "mine.layers"'),
        "a module that is no text": renamed(module, '"module": []'),
        "pickled": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    }
    del kinds["doubled"]  # what comes before an archive is no part of it
    array = io.BytesIO()
    np.save(array, wrong_arrays.MASKED)
    for name, content in kinds.items():
        files = {"file.npy": array.getvalue(), "network.keras": content}
        yield name, refuse, scratch, files, "network.keras", ""


def mnist_files(scratch: Path) -> harness.Faults:
    """One of MNIST's files, or what was prepared of them, is missing or damaged."""
    raw = scratch / "mnist"
    given = os.environ.get("MNIST_DIR") or harness.ROOT / paths.RAW_DATA
    shutil.copytree(given, raw / paths.RAW_DATA)
    with contextlib.chdir(raw):
        tiny.write_params(tiny.CHANGES | {"data": {"source": "mnist"}})
    prepared = harness.copy(raw)
    assert harness.run(prepared, "binarise", offline).code == 0

    def attempt(whole: Path, pattern: str, damaged: damage.Damage | None, says: str) -> None:
        folder = harness.copy(whole)
        target = min(folder.rglob(pattern))
        content = target.read_bytes()
        target.unlink()
        if damaged:
            target.write_bytes(damaged(content))
        ended = harness.run(folder, "binarise", offline)
        # Without its description, what was prepared is prepared again.
        again = damaged is None and pattern == "dataset_info.json" and ended.code == 0
        assert again or says in ended.error(), ended.said
        shutil.rmtree(folder)

    kinds = {"missing": None, **damage.OF_ANY_FILE}
    for name in sources.MNIST_FILES:
        for kind, damaged in kinds.items():
            yield f"{name}, {kind}", attempt, raw, name, damaged, name
    for pattern in ("*train*tfrecord*", "*test*tfrecord*", "dataset_info.json"):
        for kind in ("missing", "empty", "truncated", "HTML"):
            says = "the prepared MNIST is damaged"
            yield f"{pattern}, {kind}", attempt, prepared, pattern, kinds[kind], says

    def no_answer() -> None:
        folder, begun = harness.copy(raw), time.monotonic()
        shutil.rmtree(folder / paths.RAW_DATA)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = partial(offline, silent.getsockname()[1])
            assert "no network" in harness.run(folder, "binarise", address).error()
        assert time.monotonic() - begun < 60, "it took too long"

    yield "a network that does not answer", no_answer


def offline(port: int = 9) -> None:
    """Arrange that this process has no network; nothing answers at the port."""
    proxy = f"http://127.0.0.1:{port}"
    os.environ.update(MNIST_DIR="", http_proxy=proxy, https_proxy=proxy)
