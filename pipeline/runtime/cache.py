"""DVC's cache, where what is kept under the sum of a content has become something else."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

KEPT = Path(".dvc/cache/files/md5")


def drop_damaged(contents: Iterable[bytes]) -> None:
    """Delete what DVC keeps of these contents, if it is no longer the same.

    DVC trusts a file of its cache that is still read-only, and would put it in the place of
    the one that a stage has just made, again and again.
    """
    for content in contents:
        digits = hashlib.md5(content, usedforsecurity=False).hexdigest()
        path = KEPT / digits[:2] / digits[2:]
        if path.is_file() and path.read_bytes() != content:
            path.unlink()
            print(f"warning: {path}: was damaged, and is deleted", file=sys.stderr, flush=True)
