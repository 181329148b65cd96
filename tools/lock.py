"""Pin the packages that pyproject.toml names: writes requirements.lock and numerics.lock.

`make lock` runs it. It needs uv, and keeps the versions that are pinned as far as they
still fit; `make lock UPGRADE=1` takes the newest.

requirements.lock has three parts, and tools/install.sh installs what it is asked for:
"demo" has what `make demo` needs, "all" what every other command needs beside it, "uv" the
installer. A package has one version for every Python that the project allows.
"""

import argparse
import math
import platform
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path

from packaging.markers import Marker
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

PROJECT = Path("pyproject.toml")
REQUIREMENTS = Path("requirements.lock")
NUMERICS = Path("numerics.lock")

# Another version of these may change a byte of what a stage computes. (With all others half
# a year older, every byte of the demo was the same but those of its figures.)
DECIDE_BYTES = (
    "h5py",  # writes the weights of models
    "keras",  # first weights, layers, the form of models
    "numpy",  # random numbers, arithmetic, the form of arrays
    "scikit-learn",  # the images of `make demo`
    "scipy",  # special functions
    "tensorflow",  # training and prediction
    "tensorflow-cpu",  # the same without graphics cards
    "tensorflow-datasets",  # the images of MNIST and their order
)

REQUIREMENTS_HEAD = """\
# Every package with its hashes, of one version for all Pythons that pyproject.toml allows.
# Made by `make lock`; tools/install.sh installs the parts.
"""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python tools/lock.py", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    with tempfile.TemporaryDirectory() as folder:
        everything = Path(folder) / "all.txt"
        if REQUIREMENTS.exists():
            everything.write_text(to_keep(REQUIREMENTS.read_text()))
        groups = ["--group", "mnist", "--group", "test", "--group", "install"]
        compile_with_uv(everything, *groups, *upgrade)
        pinned = ["--constraints", str(everything)]
        demo, with_more = Path(folder) / "demo.txt", Path(folder) / "more.txt"
        compile_with_uv(demo, *pinned)
        compile_with_uv(with_more, *groups[:4], *pinned)
        sizes = Path(folder) / "pylock.toml"
        compile_with_uv(sizes, *groups, *pinned, "--format", "pylock.toml")
        parts = {
            "demo": blocks(demo.read_text()),
            "all": blocks(with_more.read_text()),
            "uv": blocks(everything.read_text()),
        }
        bytes_of = download_sizes(sizes.read_text())
    text = requirements(parts, bytes_of)
    REQUIREMENTS.write_text(text)
    NUMERICS.write_text(numerics(text))


def compile_with_uv(into: Path, *arguments: str) -> None:
    """Resolve pyproject.toml, for all systems and every Python that it allows."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    oldest = re.findall(r">=([\d.]+)", project["requires-python"])[0]
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", oldest]
    # Fewest versions of a package, rather than the newest for each Python.
    command += ["--fork-strategy", "fewest", "--no-emit-index-url"]
    if into.suffix == ".txt":
        command += ["--generate-hashes", "--no-annotate", "--no-header"]
    subprocess.run([*command, *arguments, str(PROJECT), "-o", str(into)], check=True)


def to_keep(locked: str) -> str:
    """The lock file without packages that have several versions."""
    pins = list(blocks(locked).values())
    names = [pin.split("==")[0] for pin in pins]
    return "".join(pin for pin, name in zip(pins, names) if names.count(name) == 1)


def blocks(text: str) -> dict[str, str]:
    """The lines of each package, by what stands before its hashes."""
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
        parts: the blocks of each part; one that an earlier part has is left out.
        sizes: bytes to download, by package.
    """
    text, before = REQUIREMENTS_HEAD, set[str]()
    for part, all_blocks in parts.items():
        own = {head: block for head, block in all_blocks.items() if head not in before}
        # "all" is installed together with "demo", "uv" by itself.
        counted = own if part == "uv" else all_blocks
        needed = {head.split("==")[0] for head in counted} & sizes.keys()
        # Other Pythons have files of nearly the same size.
        megabytes = 10 * math.ceil(sum(sizes[name] for name in needed) / 1e7)
        where = f"{platform.system()} {platform.machine()}"
        text += f"\n# part {part}: at most {megabytes} MB to download ({where})\n"
        text += "".join(own.values())
        before |= own.keys()
    return text


def numerics(locked: str) -> str:
    """Those of requirements.lock that decide bytes: names and versions, and nothing else.

    No word that somebody may want to change, for stages depend on this file.
    """
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", locked, re.MULTILINE))
    return "".join(f"{name}=={pins[name]}\n" for name in DECIDE_BYTES)


if __name__ == "__main__":
    main()
