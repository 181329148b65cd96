"""Networks as .keras files: the same bytes from the same network, and no code in them."""

import io
import json
import re
import zipfile
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pipeline import checks, files, storage

# Of an unpacked model, a thousand times those of the project.
MOST_BYTES = 2**28

# Where Keras wants a file.
_MAKE_ROOM = (
    "make room in the system's temporary folder, or set TMPDIR to another, and run the "
    "same command again"
)


class NoRoomError(OSError):
    """A model finds no room in the system's temporary folder."""


def write(path: Path, model: Any) -> None:
    """A Keras model as a .keras file whose bytes depend on nothing but the model.

    Keras puts the date, time stamps and memory addresses into the file; the archive is
    written again with fixed ones.

    Raises:
        ValueError: weights are nan or infinite, or not those of the model that is read
            back.
        OSError: it cannot be written; NoRoomError, if not into the temporary folder.
    """
    weights = model.get_weights()
    for values in weights:
        checks.finite(path, values)
    saved, rewritten = io.BytesIO(_save(path, model)), io.BytesIO()
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(rewritten, "w") as again:
        for name in sorted(archive.namelist()):
            # A ZipInfo made by hand is dated 1980 and keeps no attributes.
            content = _without_chance(name, archive.read(name))
            again.writestr(zipfile.ZipInfo(name), content)
    read_back = _load(path, rewritten.getvalue()).get_weights()
    if len(weights) != len(read_back) or not all(map(np.array_equal, weights, read_back)):
        raise ValueError(f"{path}: the model that is read back has other weights")
    storage.write(path, rewritten.getvalue())


def _save(path: Path, model: Any) -> bytes:
    """What Keras makes of a model."""
    try:
        with TemporaryDirectory() as folder:
            # Keras writes to nothing but a file with this ending.
            as_keras = Path(folder) / "model.keras"
            model.save(as_keras)
            return as_keras.read_bytes()
    except (OSError, RuntimeError) as error:  # what HDF5 raises for a folder that is full
        raise NoRoomError(
            f"{path}: cannot be written: Keras could not save the model "
            f"({storage.reason(error)}); {_MAKE_ROOM}"
        ) from None


def read(path: Path) -> Any:
    """A Keras model of Keras' own layers; one that carries code is refused.

    Raises:
        ValueError: the file is damaged, something else, or asks for code.
        OSError: it cannot be read; NoRoomError, if not unpacked in the temporary folder.
    """
    content = storage.read(path)
    try:
        _refuse_code(content)
        model = _load(path, content)
        if (len(model.inputs), len(model.outputs)) != (1, 1):
            raise ValueError("it has not one input and one output")
        return model
    except NoRoomError:
        raise
    except Exception as error:  # whatever Keras and HDF5 say of what is no model
        reason = storage.reason(error)
        raise ValueError(
            f"{path}: not a Keras model that can be used ({reason}); give a .keras file "
            f"of Keras' own layers, such as {files.pixel_model('final')}"
        ) from None


def _load(path: Path, content: bytes) -> Any:
    import keras  # costs seconds, and most stages read no model

    with ExitStack() as stack:
        try:
            as_keras = Path(stack.enter_context(TemporaryDirectory())) / "model.keras"
            as_keras.write_bytes(content)
        except OSError as error:
            raise NoRoomError(
                f"{path}: cannot be unpacked ({error}); {_MAKE_ROOM}"
            ) from None
        return keras.saving.load_model(as_keras, compile=False, safe_mode=True)


def _refuse_code(content: bytes) -> None:
    """Refuse a model that names anything outside of Keras, before Keras looks for it.

    Raises:
        ValueError: it does; names it.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
            raise ValueError(f"unpacked it is larger than {MOST_BYTES} bytes")
        left = [json.loads(archive.read("config.json"))]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            module = part.get("module")
            if isinstance(module, str) and module.split(".")[0] != "keras":
                raise ValueError(f"it asks for code of the module {module:.60}")
            if part.get("class_name") in ("__lambda__", "Lambda"):
                raise ValueError("it carries code of its own, a Lambda layer")
            left += part.values()
        elif isinstance(part, list):
            left += part


def _without_chance(name: str, content: bytes) -> bytes:
    """A member of a .keras archive without what differs between runs."""
    if name == "metadata.json":
        metadata = json.loads(content)
        metadata["date_saved"] = "1980-01-01@00:00:00"
        return json.dumps(metadata).encode()
    if name == "config.json":
        # Objects are told apart by memory address; number them in order of appearance.
        order: dict[str, int] = {}
        pattern = re.compile(r'"shared_object_id": (\d+)')

        def number(match: re.Match) -> str:
            return f'"shared_object_id": {order.setdefault(match[1], len(order))}'

        return pattern.sub(number, content.decode()).encode()
    return content
