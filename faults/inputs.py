"""Faults of what people provide: params.yaml, images, networks, MNIST's files."""

import contextlib
import io
import os
import shutil
import socket
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import h5py
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


def changed_member(good: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """A .keras file with each member, by its name, changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as given, zipfile.ZipFile(file, "w") as changed:
        for member in given.namelist():
            changed.writestr(member, change(member, given.read(member)))
    return file.getvalue()


def replace(old: bytes, new: bytes, _: str, content: bytes) -> bytes:
    """A member's content with something replaced."""
    return content.replace(old, new)


def with_nan(good: bytes) -> dict[str, bytes]:
    """A network with NaN in each of its weights, which not every output shows."""

    def spoil(weight: str, member: str, content: bytes) -> bytes:
        if not member.endswith(".h5"):
            return content
        file = io.BytesIO(content)
        with h5py.File(file, "r+") as weights:
            weights[weight][..., 0] = np.nan
        return file.getvalue()

    names: list[str] = []
    with h5py.File(zipfile.ZipFile(io.BytesIO(good)).open("model.weights.h5")) as weights:
        weights.visititems(
            lambda name, item: names.append(name) if hasattr(item, "dtype") else None
        )
    return {f"NaN in {name}": changed_member(good, partial(spoil, name)) for name in names}


def networks(scratch: Path) -> harness.Faults:
    """A network is damaged, of another task, or carries code."""
    good = (harness.ROOT / paths.pixel_model("final")).read_bytes()

    kinds = {name: damaged(good) for name, damaged in damage.OF_ARCHIVES.items()}
    del kinds["doubled"]  # what comes before an archive is no part of it
    kinds["of the meta-task"] = (harness.ROOT / paths.meta_model("M1")).read_bytes()
    kinds["pickled"] = b"\x80\x04cos\nsystem\n(S'true'\ntR."
    kinds |= with_nan(good)
    for name, old, new in (
        ("a Lambda layer", b'"ReLU"', b'"Lambda"'),
        ("a layer of TensorFlow's files", b'"ReLU"', b'"TFSMLayer"'),
        ("code of os", b'"keras.layers"', b'"os"'),
        ("code of builtins", b'"keras.layers"', b'"builtins"'),
        ("code of the user's", b'"keras.layers"', b'"mine.layers"'),
        ("a module that is no text", b'"keras.layers"', b"[]"),
    ):
        kinds[name] = changed_member(good, partial(replace, old, new))
    for name, content in kinds.items():
        files = {"file.npy": wrong_arrays.npy(wrong_arrays.MASKED), "network.keras": content}
        yield name, refuse, scratch, files, "network.keras", ""


def outputs(scratch: Path) -> harness.Faults:
    """In-painting is to write over what it reads, to no file, or in another format."""
    network = (harness.ROOT / paths.pixel_model("final")).read_bytes()
    masked = wrong_arrays.npy(wrong_arrays.MASKED)

    def attempt(out: str, figure: str, wrong: str) -> None:
        folder = Path(tempfile.mkdtemp(dir=scratch))
        contents = {"file.npy": masked, "network.keras": network, "picture.png": masked}
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        (folder / "link.npz").symlink_to("network.keras")
        os.mkfifo(folder / "fifo.png")
        read = "picture.png" if wrong == "picture.png" else "file.npy"
        command = f"inpaint {read} --out {out} --figure {figure} --model network.keras"
        assert wrong in harness.run(folder, command).error()
        assert {name: (folder / name).read_bytes() for name in contents} == contents
        assert {path.name for path in folder.iterdir()} == {*contents, "link.npz", "fifo.png"}
        assert (folder / "fifo.png").is_fifo()

    for name, arguments in {
        "a link to the network": ("link.npz", "a.png", "link.npz"),
        "the images": ("a.npz", "picture.png", "picture.png"),
        "both the same": ("a.npz", "a.npz", "a.npz"),
        "a pipe": ("a.npz", "fifo.png", "fifo.png"),
        "a folder": ("a.npz", "../x.png", "../x.png"),
        "an SVG file": ("a.npz", "a.svg", "a.svg"),
    }.items():
        (scratch / "x.png").mkdir(exist_ok=True)
        yield name, attempt, *arguments


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
        damage.spoil(min(folder.rglob(pattern)), damaged)
        ended = harness.run(folder, "binarise", offline)
        # Without its description, what was prepared is prepared again.
        again = damaged is None and pattern == "dataset_info.json" and ended.code == 0
        assert again or says in ended.error(), ended.said
        shutil.rmtree(folder)

    kinds = {"missing": None, **damage.OF_ANY_FILE}
    for name, kind in product(sources.MNIST_FILES, kinds):
        yield f"{name}, {kind}", attempt, raw, name, kinds[kind], name
    patterns = ("*train*tfrecord*", "*test*tfrecord*", "dataset_info.json")
    for pattern, kind in product(patterns, ("missing", "empty", "truncated", "HTML")):
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
