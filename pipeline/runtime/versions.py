"""The versions of the packages that decide bytes: those pinned, and those installed."""

import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PINNED = Path("numerics.lock")


def pinned() -> dict[str, str]:
    """The pinned version of each package that may change a byte of a result."""
    text = PINNED.read_text(encoding="utf-8") if PINNED.exists() else ""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def installed() -> dict[str, str]:
    """The installed version of each pinned package; no machine has all of them."""
    found = {}
    for package in pinned():
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def warnings() -> list[str]:
    """One line for each pinned package that is installed in another version."""
    wanted = pinned()
    return [
        f"warning: {package} {now} is installed, {PINNED} says {wanted[package]}: results "
        "may differ; remove .venv and run `make setup`, which installs the pinned versions"
        for package, now in installed().items()
        if now != wanted[package]
    ]
