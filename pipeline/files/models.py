"""Networks as .keras files: equal networks give equal bytes, and no file may carry code."""

import io
import json
import re
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pipeline import paths
from pipeline.files import formats
from pipeline.runtime import checks
from pipeline.runtime.process import first_line

# What Keras writes into every file.
MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}


def encode(path: Path, model: Any) -> bytes:
    """The .keras file of a Keras model; its bytes depend on nothing but the model.

    Raises:
        ValueError: if weights are NaN or infinite, or reading them back gives others.
        OSError: if there is no room in the system's temporary folder.
    """
    import keras  # costs seconds, and most stages need no model

    weights = model.get_weights()
    for values in weights:
        checks.require_finite(path, values)
    try:
        with TemporaryDirectory() as folder:
            # Keras writes only to files with this ending.
            file = Path(folder) / "model.keras"
            model.save(file)
            content = _without_chance(file.read_bytes())
            file.write_bytes(content)
            read_back = keras.saving.load_model(file, compile=False).get_weights()
    except (OSError, RuntimeError) as error:  # HDF5 raises the second in a full folder
        raise OSError(
            f"{path}: cannot be written: Keras could not save the model "
            f"({first_line(error)}); make room in the system's temporary folder, or set "
            "TMPDIR to another, and run the same command again"
        ) from None
    if len(weights) != len(read_back) or not all(map(np.array_equal, weights, read_back)):
        raise ValueError(f"{path}: reading the model back gives different weights")
    return content


def read(path: Path) -> Any:
    """A Keras model of Keras' own layers; one that carries code is refused.

    Raises:
        ValueError: if the file is damaged, something else, or asks for code.
        OSError: if it cannot be read.
    """
    import keras

    content = formats.read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # A damaged directory can hide a member.
            if missing := MEMBERS.difference(archive.namelist()):
                raise ValueError(f"it has no {min(missing)}")
            # Keras would use damaged weights: after a wrong sum it reads without sums.
            if damaged := archive.testzip():
                raise ValueError(f"{damaged} is damaged")
            json.loads(archive.read("config.json"), object_hook=_refuse_code)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        if (len(model.inputs), len(model.outputs)) != (1, 1):
            raise ValueError("it must have exactly one input and one output")
        # Not every one shows: ReLU makes zero of NaN.
        for values in model.get_weights():
            checks.require_finite(path, values)
    except Exception as error:  # whatever Keras and HDF5 raise for other files
        reason = first_line(error).removeprefix(f"{path}: ")
        raise ValueError(
            f"{path}: not a Keras model that can be used ({reason:.100}); give "
            f"a .keras file of Keras' own layers, such as {paths.pixel_model('final')}"
        ) from None
    return model


def _refuse_code(part: dict) -> dict:
    """Refuse a part of a configuration that is not Keras' own; Lambda layers Keras refuses."""
    module = str(part.get("module") or "keras")
    if module.split(".")[0] != "keras":
        raise ValueError(f"it asks for code of the module {module:.60}")
    return part


def _without_chance(saved: bytes) -> bytes:
    """A .keras file without the dates and memory addresses that Keras writes into it."""
    order: dict[str, int] = {}

    def number(match: re.Match) -> str:
        """Numbers in order of appearance, for memory addresses."""
        return f'"shared_object_id": {order.setdefault(match[1], len(order))}'

    rewritten = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved)) as archive,
        zipfile.ZipFile(rewritten, "w") as again,
    ):
        for name in sorted(archive.namelist()):
            content = archive.read(name)
            if name == "metadata.json":
                metadata = json.loads(content) | {"date_saved": "1980-01-01@00:00:00"}
                content = json.dumps(metadata).encode()
            elif name == "config.json":
                config = content.decode()
                content = re.sub(r'"shared_object_id": (\d+)', number, config).encode()
            # A ZipInfo made by hand is dated 1980 and keeps no attributes.
            again.writestr(zipfile.ZipInfo(name), content)
    return rewritten.getvalue()
