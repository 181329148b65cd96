"""Where training resumes: files unknown to DVC, each with everything that decides what comes next.

While a stage trains, its newest file is replaced in one step; the previous one stays beside it,
in case the newest was damaged. When the stage has ended well, the newest is kept, by its key: the
same training again, or a longer one, begins there.
"""

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from platform import machine
from typing import Any, NamedTuple

import numpy as np

from pipeline import paths
from pipeline.runtime import terminal, transaction, versions

# Rooms and modules of the package that change no byte of a result.
TOOLS = ("__main__", "commands", "params", "paths", "runtime")
# Part of each key; raise it when `_pack` changes, because no key covers this module.
FORMAT = 2
# Of the files that are kept; the ones used longest ago go first.
MOST_FILES, MOST_BYTES = 64, 10**9


class Progress(NamedTuple):
    """How far training has come."""

    done: int  # epochs or mini-batches that are finished
    state: list[np.ndarray]  # of the trainer
    tables: dict[str, list[dict[str, Any]]]  # rows so far, by table
    weights: dict[str, list[np.ndarray]]  # of snapshots so far, by snapshot


class Checkpoint:
    """The progress of one stage, whose `runner.label` names it; the unit is "epoch" or "batch".

    Determinants are all that decides the result beside code and versions: parameters and
    data. A file with others is not used.
    """

    def __init__(self, label: str, unit: str, *determinants: Any):
        self._path = path(label)
        self._unit = unit
        self._key = _key((FORMAT, label, unit, machine(), *determinants))

    def load(self, usable: Callable[[Progress], bool] = lambda _: True) -> Progress | None:
        """The progress that came furthest of those that are usable; damaged files are deleted."""
        kept = self._path.parent.glob(_kept_name(self._path.name, self._key, "*"))
        found: list[tuple[Progress, Path]] = []
        for candidate in (self._path, _previous(self._path), *kept):
            if not candidate.exists():
                continue
            try:
                progress = _unpack(candidate.read_bytes(), self._key)
            except ValueError as error:
                warning = f"warning: {candidate}: not used, because it is {error}"
                print(warning, file=sys.stderr, flush=True)
                candidate.unlink()
            else:
                found += [(progress, candidate)] if usable(progress) else []
        if not found:
            return None
        furthest, file = max(found, key=lambda one: one[0].done)
        file.touch()  # it was used now
        terminal.line(f"resuming from {self._unit} {furthest.done}")
        return furthest

    def save(self, progress: Progress) -> None:
        """Write the progress; keep the previous file."""
        if self._path.exists():
            self._path.replace(_previous(self._path))
        transaction.place({self._path: _pack(progress, self._key)})


def path(label: str) -> Path:
    """Where the checkpoint of a stage is."""
    return paths.CHECKPOINTS / label


def _previous(newest: Path) -> Path:
    return newest.with_name(f"{newest.name}.before")


def _kept_name(label: str, key: str, done: int | str) -> str:
    return f"{label}.{key[:16]}.{done}"


def keep(label: str) -> None:
    """Keep the newest checkpoint of a stage that has ended well; delete what is too much."""
    newest = path(label)
    _previous(newest).unlink(missing_ok=True)
    if newest.exists():
        about = _about(newest.read_bytes())
        newest.replace(newest.with_name(_kept_name(label, about["key"], about["done"])))
        total = 0
        for number, (_, size, file) in enumerate(sorted(kept(), reverse=True), 1):
            total += size
            if number > MOST_FILES or total > MOST_BYTES:
                file.unlink()


def kept() -> list[tuple[float, int, Path]]:
    """When each file that is kept was last used, its size in bytes, and its path."""
    files = paths.CHECKPOINTS.glob("*.*.[0-9]*")
    return [(file.stat().st_mtime, file.stat().st_size, file) for file in files]


def _key(determinants: tuple) -> str:
    """A hash of the code in use, of versions, and of what else decides the result."""
    digest = hashlib.sha256()
    # The modules of the package that this process has imported and that decide bytes.
    for name, module in sorted(sys.modules.items()):
        if name.startswith("pipeline.") and name.split(".")[1] not in TOOLS and module.__file__:
            digest.update(f"{name}\n".encode() + Path(module.__file__).read_bytes())
    digest.update(repr(versions.installed()).encode())
    for part in determinants:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape} {part.dtype}\n".encode() + part.tobytes())
        else:
            digest.update(f"{part!r}\n".encode())
    return digest.hexdigest()


def _sum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _pack(progress: Progress, key: str) -> bytes:
    """The SHA-256 sum of what follows: an .npz archive of arrays, by part and number.

    A JSON entry, `about`, counts the arrays of each part and holds everything else.
    """
    parts = {"": progress.state} | progress.weights
    about = {
        "key": key,
        "done": progress.done,
        "tables": progress.tables,
        "parts": {name: len(arrays) for name, arrays in parts.items()},
    }
    # JSON gives floats back exactly.
    named = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for name, arrays in parts.items():
        named |= {f"{name}/{number}": array for number, array in enumerate(arrays)}
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **named)
    return _sum(packed.getvalue()) + packed.getvalue()


def _about(content: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(content[len(_sum(b"")) :]), allow_pickle=False) as packed:
        return json.loads(packed["about"].tobytes())


def _unpack(content: bytes, key: str) -> Progress:
    """What `_pack` has packed.

    Raises:
        ValueError: if it is something else, or the key is another one; says which.
    """
    start = len(_sum(b""))
    if content[:start] != _sum(content[start:]):
        raise ValueError("damaged, or no checkpoint")
    with np.load(io.BytesIO(content[start:]), allow_pickle=False) as packed:
        about = _about(content)
        if about["key"] != key:
            raise ValueError("of other code, data, parameters or versions")
        weights = {
            name: [packed[f"{name}/{number}"] for number in range(count)]
            for name, count in about["parts"].items()
        }
    return Progress(about["done"], weights.pop(""), about["tables"], weights)
