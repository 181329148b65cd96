"""Where training goes on after it was stopped: one file for each stage, outside of DVC.

The file holds everything that decides what comes next. It is replaced in one step; the
one before it stays beside it, in case the newest was damaged.
"""

import hashlib
import io
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from platform import machine
from typing import Any, NamedTuple

import numpy as np

from pipeline import files, guard, storage


class Progress(NamedTuple):
    """How far training has come.

    done: epochs or mini-batches that are finished.
    state: of the trainer.
    records: rows of tables so far, by table.
    weights: of snapshots so far, by snapshot.
    """

    done: int
    state: list[np.ndarray]
    records: dict[str, list[files.Record]]
    weights: dict[str, list[np.ndarray]]


class Checkpoint:
    """The progress of one stage.

    Args:
        label: the stage's name and operands.
        unit: what is counted, "epoch" or "batch".
        determinants: everything beside code and versions that decides the result:
            parameters and data. A file with others is not used.
    """

    def __init__(self, label: str, unit: str, *determinants: Any):
        self._path = path(label)
        self._unit = unit
        # Other settings of oneDNN change the last bits.
        onednn = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
        self._key = _key((label, unit, machine(), onednn, *determinants))

    def load(self) -> Progress | None:
        """The newest progress that can be used; files that cannot are deleted."""
        for candidate in (self._path, _before(self._path)):
            if not candidate.exists():
                continue
            content = candidate.read_bytes()
            if not _whole(content):
                _discard(candidate, "it is damaged, or no checkpoint")
                continue
            key, progress = _unpack(content)
            if key != self._key:
                _discard(candidate, "it is of other code, data, parameters or versions")
                continue
            print(f"resuming from {self._unit} {progress.done}", flush=True)
            return progress
        return None

    def save(self, progress: Progress) -> None:
        """Write the progress; that of the time before is kept."""
        if self._path.exists():
            self._path.replace(_before(self._path))
        storage.replace(self._path, _pack(self._key, progress))


def path(label: str) -> Path:
    """Where the checkpoint of a stage is."""
    return files.CHECKPOINTS / label


def clear(label: str) -> None:
    """Delete the checkpoints of a stage, which has ended well."""
    for candidate in (path(label), _before(path(label))):
        candidate.unlink(missing_ok=True)


def _before(newest: Path) -> Path:
    return newest.with_name(f"{newest.name}.before")


def _discard(candidate: Path, reason: str) -> None:
    print(f"warning: {candidate}: not used, for {reason}", file=sys.stderr, flush=True)
    candidate.unlink()


def _key(determinants: tuple) -> str:
    """A hash of the package's code, of versions, and of what else decides the result."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for source in sorted(folder.rglob("*.py")):
        digest.update(f"{source.relative_to(folder)}\n".encode() + source.read_bytes())
    digest.update(repr(guard.installed()).encode())
    for part in determinants:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape} {part.dtype}\n".encode() + part.tobytes())
        else:
            digest.update(f"{part!r}\n".encode())
    return digest.hexdigest()


def _sum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _whole(content: bytes) -> bool:
    """Whether a file is as `_pack` made it, so that it can be trusted to be unpacked."""
    start = len(_sum(b""))
    return content[:start] == _sum(content[start:])


def _pack(key: str, progress: Progress) -> bytes:
    """The sum of all that follows, and arrays by number in the form of .npz.

    What the arrays are, and all that is no array, is JSON among them.
    """
    arrays = [*progress.state]
    for weights in progress.weights.values():
        arrays += weights
    about = {
        "key": key,
        "done": progress.done,
        "records": progress.records,
        "state": len(progress.state),
        "weights": {name: len(weights) for name, weights in progress.weights.items()},
    }
    # Floats as JSON come back as the very same.
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    numbered = {str(number): array for number, array in enumerate(arrays)}
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, about=text, **numbered)
    return _sum(packed.getvalue()) + packed.getvalue()


def _unpack(content: bytes) -> tuple[str, Progress]:
    with np.load(io.BytesIO(content[len(_sum(b"")) :]), allow_pickle=False) as packed:
        about = json.loads(packed["about"].tobytes())
        left = iter(range(len(packed.files) - 1))

        def take(count: int) -> list[np.ndarray]:
            return [packed[str(next(left))] for _ in range(count)]

        state = take(about["state"])
        weights: Mapping[str, int] = about["weights"]
        return about["key"], Progress(
            about["done"],
            state,
            about["records"],
            {name: take(count) for name, count in weights.items()},
        )
