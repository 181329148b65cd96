"""Where training resumes after it was stopped: one file for each stage, unknown to DVC.

The file holds everything that decides what comes next. It is replaced in one step; the
previous one stays beside it, in case the newest was damaged.
"""

import hashlib
import io
import json
import os
import sys
from itertools import islice
from pathlib import Path
from platform import machine
from typing import Any, NamedTuple

import numpy as np

from pipeline import paths
from pipeline.runtime import transaction, versions

# Rows of a table that is not finished, by column.
Rows = list[dict[str, Any]]

# Rooms and modules of the package that change no byte of a result.
TOOLS = ("__main__", "commands", "params", "paths", "runtime")
# Part of each key; raise it when `_pack` changes, because no key covers this module.
FORMAT = 1


class Progress(NamedTuple):
    """How far training has come.

    done: epochs or mini-batches that are finished.
    state: of the trainer.
    tables: rows so far, by table.
    weights: of snapshots so far, by snapshot.
    """

    done: int
    state: list[np.ndarray]
    tables: dict[str, Rows]
    weights: dict[str, list[np.ndarray]]


class Checkpoint:
    """The progress of one stage.

    Args:
        label: the stage's name and keys, as of `runner.label`.
        unit: what is counted, "epoch" or "batch".
        determinants: everything beside code and versions that decides the result:
            parameters and data. A file with others is not used.
    """

    def __init__(self, label: str, unit: str, *determinants: Any):
        self._path = path(label)
        self._unit = unit
        # Other settings of oneDNN change the last bits.
        onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
        self._key = _key((FORMAT, label, unit, machine(), onednn, *determinants))

    def load(self) -> Progress | None:
        """The newest progress that can be used; files that cannot are deleted."""
        for candidate in (self._path, _previous(self._path)):
            if not candidate.exists():
                continue
            content = candidate.read_bytes()
            if not _is_whole(content):
                _discard(candidate, "it is damaged, or no checkpoint")
                continue
            progress = _unpack(content, self._key)
            if progress is None:
                _discard(candidate, "it is of other code, data, parameters or versions")
                continue
            print(f"resuming from {self._unit} {progress.done}", flush=True)
            return progress
        return None

    def save(self, progress: Progress) -> None:
        """Write the progress; keep the previous file."""
        if self._path.exists():
            self._path.replace(_previous(self._path))
        transaction.place({self._path: _pack(self._key, progress)})


def path(label: str) -> Path:
    """Where the checkpoint of a stage is."""
    return paths.CHECKPOINTS / label


def clear(label: str) -> None:
    """Delete the checkpoints of a stage that has ended well."""
    for candidate in (path(label), _previous(path(label))):
        candidate.unlink(missing_ok=True)


def code_in_use() -> dict[str, Path]:
    """The modules of the package that this process has imported and that decide bytes."""
    return {
        name: Path(module.__file__)
        for name, module in sorted(sys.modules.items())
        if name.startswith("pipeline.") and name.split(".")[1] not in TOOLS and module.__file__
    }


def _previous(newest: Path) -> Path:
    return newest.with_name(f"{newest.name}.before")


def _discard(candidate: Path, reason: str) -> None:
    print(f"warning: {candidate}: not used, because {reason}", file=sys.stderr, flush=True)
    candidate.unlink()


def _key(determinants: tuple) -> str:
    """A hash of the code in use, of versions, and of what else decides the result."""
    digest = hashlib.sha256()
    for name, file in code_in_use().items():
        digest.update(f"{name}\n".encode() + file.read_bytes())
    digest.update(repr(versions.installed()).encode())
    for part in determinants:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape} {part.dtype}\n".encode() + part.tobytes())
        else:
            digest.update(f"{part!r}\n".encode())
    return digest.hexdigest()


def _sum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _is_whole(content: bytes) -> bool:
    """Whether a file is as `_pack` made it, so that unpacking it is safe."""
    start = len(_sum(b""))
    return content[:start] == _sum(content[start:])


def _pack(key: str, progress: Progress) -> bytes:
    """The SHA-256 sum of what follows: an .npz archive of numbered arrays.

    A JSON entry, `about`, describes the arrays and holds everything else.
    """
    arrays = [*progress.state]
    for weights in progress.weights.values():
        arrays += weights
    about = {
        "key": key,
        "done": progress.done,
        "tables": progress.tables,
        "state": len(progress.state),
        "weights": {name: len(weights) for name, weights in progress.weights.items()},
    }
    # JSON gives floats back exactly.
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    numbered = {str(number): array for number, array in enumerate(arrays)}
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, about=text, **numbered)
    return _sum(packed.getvalue()) + packed.getvalue()


def _unpack(content: bytes, key: str) -> Progress | None:
    """What `_pack` has packed; None if the key is another one."""
    with np.load(io.BytesIO(content[len(_sum(b"")) :]), allow_pickle=False) as packed:
        about = json.loads(packed["about"].tobytes())
        if about["key"] != key:
            return None
        numbers = iter(range(len(packed.files) - 1))

        def take(count: int) -> list[np.ndarray]:
            return [packed[str(number)] for number in islice(numbers, count)]

        state = take(about["state"])
        weights = {name: take(count) for name, count in about["weights"].items()}
        return Progress(about["done"], state, about["tables"], weights)
