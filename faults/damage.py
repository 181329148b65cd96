"""Faults of files between two stages: missing, damaged, or something else.

A reader cannot notice another file that is whole: with one digit, line or column of a table
changed, or another network. DVC does (`dvc.changes`); of the studies' tables, the sums do.
"""

import csv
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from faults import harness
from pipeline import paths
from pipeline.tables import studies

Damage = Callable[[bytes], bytes]


def flip(content: bytes, place: int) -> bytes:
    """The content with one bit flipped, in the byte at a place."""
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


def spoil(path: Path, damaged: Damage | None) -> bytes:
    """Damage a file, or delete it; what was in it."""
    whole = path.read_bytes()
    path.unlink()
    if damaged:
        path.write_bytes(damaged(whole))
    return whole


def in_table(change: Callable[[list[list[str]]], object]) -> Damage:
    """Damage of a CSV file, as a change of its lines, which are lists of cells."""

    def changed(content: bytes) -> bytes:
        lines, file = list(csv.reader(io.StringIO(content.decode()))), io.StringIO()
        change(lines)
        csv.writer(file, lineterminator="\n").writerows(lines)
        return file.getvalue().encode()

    return changed


OF_ANY_FILE: dict[str, Damage] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "a byte short": lambda content: content[:-1],
    "zeros": lambda content: bytes(len(content)),
    "HTML": lambda content: b"<html><body>404 Not Found</body></html>\n",
    "doubled": lambda content: content + content,
    "a bit flipped": lambda content: flip(content, len(content) // 2),
}


def without(member: int) -> Damage:
    """Damage of an archive, as the same one without its n-th member."""

    def changed(content: bytes) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(file, "w") as less:
            gone = whole.namelist()[member]
            for name in whole.namelist():
                if name != gone:
                    less.writestr(name, whole.read(name))
        return file.getvalue()

    return changed


OF_ARCHIVES = OF_ANY_FILE | {
    # In the name of the last member, as the directory at the end has it.
    "a bit of its directory flipped": lambda content: flip(content, -25),
    "without its first member": without(0),
    "without its last member": without(-1),
}
OF_TABLES = OF_ANY_FILE | {
    "a bit flipped": in_table(lambda lines: lines[-1].__setitem__(-1, "1o2")),
    "an infinite number": in_table(lambda lines: lines[-1].__setitem__(-1, "inf")),
    "a cell less": in_table(lambda lines: lines[-1].pop()),
    "a cell too many": in_table(lambda lines: lines[-1].append("1")),
    "its header alone": in_table(lambda lines: lines.__delitem__(slice(1, None))),
}

# Files of every format, and a stage that reads each.
READ = {
    paths.BINARISED: "rollout",
    paths.pixel_model("final"): "inpaint",
    paths.SNAPSHOT_SCORES: "inpaint",
    paths.meta_model("M1"): "compare_bayes",
    paths.PREDICTIONS: "draw",
    paths.COMPARISON: "scorecard",
    # No stage makes it, so DVC does not notice that it is another one.
    paths.NETWORKS: "scorecard",
}


def inputs(scratch: Path) -> harness.Faults:
    """The stage ends with a line that names the file, or the damage changes no result."""
    project = harness.project(scratch)

    def attempt(path: Path, command: str, damaged: Damage | None) -> None:
        folder = project.copy_without(command)
        whole = spoil(folder / path, damaged)
        ended = harness.run(folder, command)
        (folder / path).write_bytes(whole)
        if ended.code:
            assert ended.error().startswith(f"{path}: "), ended.said
        project.check(folder, command, "absent" if ended.code else "complete")
        shutil.rmtree(folder)

    for path, command in READ.items():
        kinds = OF_TABLES if path.suffix == ".csv" else OF_ARCHIVES
        if path in studies.FILES:
            kinds = kinds | {"another digit": in_table(lambda lines: lines[1].__setitem__(-1, "2"))}
        for name, damaged in {"missing": None, **kinds}.items():
            yield f"{path}, {name}", attempt, path, command, damaged
