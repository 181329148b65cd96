"""Files that are complete or absent: all outputs of a stage take their places together."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# The start of the names of files that wait for their place; .dvcignore has it too.
UNFINISHED = ".unfinished-"


def place(contents: Mapping[Path, bytes]) -> None:
    """Write files; when all are complete, each takes its place.

    A file waits beside its target and is read back; a rename puts it in its place. If one
    cannot be written, no target changes. Only a process that ends between two renames
    leaves new files beside old ones; each of them is complete.

    Raises:
        OSError: if a file cannot be written, or reading it back gives different bytes.
    """
    waiting: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            if path.exists() and not path.is_file():
                kind = "a folder" if path.is_dir() else "a device, or no file that keeps content"
                raise OSError(f"{path}: is {kind}; give the name of a file")
            # Nobody can have put a link there, nor does another process write there, too.
            waiting[path] = path.with_name(f"{UNFINISHED}{secrets.token_hex(8)}")
            _write(path, waiting[path], content)
        for path, unfinished in waiting.items():
            os.replace(unfinished, path)
    finally:
        for unfinished in waiting.values():
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)


def _write(path: Path, unfinished: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        read_back = unfinished.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(
            f"{path}: cannot be written: {reason}; make room or give permission there, and "
            "run the same command again"
        ) from None
    if read_back != content:
        raise OSError(f"{path}: reading it back gives different bytes; check the disk")
