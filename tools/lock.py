"""Pin the packages that pyproject.toml names: writes requirements.lock and numerics.lock.

`make lock` runs it. It needs uv, and keeps the versions that are pinned as far as they
still fit; `make lock UPGRADE=1` takes the newest.

requirements.lock has three parts, which tools/install.sh installs as they are needed:
"demo" for `make demo`, "more" for all other commands, and "uv", the installer. A package
has the same version for every Python that the project allows.
"""

import argparse
import math
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.markers import Marker
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

PROJECT = Path("pyproject.toml")
REQUIREMENTS = Path("requirements.lock")
NUMERICS = Path("numerics.lock")

# Another version of these may change a byte of what a stage computes. (With other versions
# of 94 other packages all bytes of the demo were the same, but those of its figures.)
# The zlib that Python was built with decides bytes too, of .npz; no package has it.
DECIDE_BYTES = (
    "h5py",  # writes the weights of models
    "keras",  # first weights, layers, the form of models
    "numpy",  # random numbers, arithmetic, the form of arrays
    "pandas",  # the form of tables
    "scikit-learn",  # the images of `make demo`, the read-out of hidden states
    "scipy",  # special functions
    "tensorflow",  # training and prediction
    "tensorflow-cpu",  # the same without graphics cards
    "tensorflow-datasets",  # the images of MNIST and their order
)

REQUIREMENTS_HEAD = """\
# Every package with its hashes, in one version for all Pythons that pyproject.toml allows.
# `make lock` writes this file; tools/install.sh installs its parts.
"""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="make lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    more = ["--group", "mnist", "--group", "test"]
    everything = [*more, "--group", "install"]
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            pins = folder / "everything.txt"
            if REQUIREMENTS.exists():
                pins.write_text(to_keep(REQUIREMENTS.read_text()))
            compile_with_uv(pins, *everything, *upgrade)
            pinned = ["--constraints", str(pins)]
            parts = {
                "demo": blocks(compile_with_uv(folder / "demo.txt", *pinned)),
                "more": blocks(compile_with_uv(folder / "more.txt", *more, *pinned)),
                "uv": blocks(pins.read_text()),
            }
            sizes = compile_with_uv(
                folder / "pylock.toml", *everything, *pinned, "--format", "pylock.toml"
            )
    except FileNotFoundError:
        sys.exit("error: no uv; run `make setup`, which installs it where it is missing")
    except subprocess.CalledProcessError:
        sys.exit("error: uv could not resolve pyproject.toml, for the reason above")
    text = requirements(parts, download_sizes(sizes))
    REQUIREMENTS.write_text(text)
    NUMERICS.write_text(numerics(text))


def compile_with_uv(into: Path, *arguments: str) -> str:
    """Resolve pyproject.toml for all systems and every Python that it allows.

    Args:
        into: the file to write; versions in it are kept where they still fit.
        arguments: of `uv pip compile`.

    Returns:
        The file's content.
    """
    project = tomllib.loads(PROJECT.read_text())["project"]
    oldest = re.findall(r">=([\d.]+)", project["requires-python"])[0]
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", oldest]
    # Fewest versions of a package, rather than the newest for each Python.
    command += ["--fork-strategy", "fewest", "--no-emit-index-url"]
    if into.suffix == ".txt":
        command += ["--generate-hashes", "--no-annotate", "--no-header"]
    subprocess.run([*command, *arguments, str(PROJECT), "-o", str(into)], check=True)
    return into.read_text()


def to_keep(locked: str) -> str:
    """The lock file without packages that have several versions."""
    pins = blocks(locked)
    names = [head.partition("==")[0] for head in pins]
    return "".join(block for name, block in zip(names, pins.values()) if names.count(name) == 1)


def blocks(text: str) -> dict[str, str]:
    """The lines of each package, by the text before its hashes."""
    found = re.findall(r"^(\w.*?)( \\\n(?:    --hash=.*\n)+)", text, re.MULTILINE)
    return {head: head + hashes for head, hashes in found}


def download_sizes(pylock: str) -> dict[str, int]:
    """Bytes of the file that is downloaded here for each package that is needed here."""
    order = {str(tag): rank for rank, tag in enumerate(sys_tags())}
    sizes = {}
    for package in tomllib.loads(pylock)["packages"]:
        if "marker" in package and not Marker(package["marker"]).evaluate():
            continue
        ranked = [
            (min(order.get(str(tag), len(order)) for tag in tags), wheel["size"])
            for wheel in package.get("wheels", [])
            for tags in [parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]]
        ]
        rank, size = min(ranked, default=(len(order), 0))
        sizes[package["name"]] = size if rank < len(order) else package["sdist"]["size"]
    return sizes


def requirements(parts: dict[str, dict[str, str]], sizes: dict[str, int]) -> str:
    """The lock file.

    Args:
        parts: the blocks of each part; those of an earlier part are left out.
        sizes: bytes to download, by package.
    """
    text, before = REQUIREMENTS_HEAD, set[str]()
    where = f"{platform.system()} {platform.machine()}"
    for part, found in parts.items():
        own = {head: block for head, block in found.items() if head not in before}
        needed = {head.partition("==")[0] for head in own} & sizes.keys()
        # Other Pythons have files of nearly the same size.
        megabytes = 10 * math.ceil(sum(sizes[name] for name in needed) / 1e7)
        text += f"\n# part {part}: about {megabytes} MB to download ({where})\n"
        text += "".join(own.values())
        before |= own.keys()
    return text


def numerics(locked: str) -> str:
    """Those of requirements.lock that decide bytes: names and versions, and nothing else.

    No word that somebody may want to change, for stages depend on this file.
    """
    pins = dict(head.split()[0].split("==") for head in blocks(locked))
    return "".join(f"{name}=={pins[name]}\n" for name in DECIDE_BYTES)


if __name__ == "__main__":
    main()
