"""The whole graph on the digits that scikit-learn bundles, in a folder of its own.

`python -m pipeline demo` copies code, graph and parameters into demo/, with the changes of
demo.yaml; `make demo` then runs the graph there. Nothing outside demo/ is touched.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline import paths
from pipeline.params import loading
from pipeline.runtime import versions

FOLDER = Path("demo")
CHANGES = Path("demo.yaml")

# The studies take too long for a demo, and do not depend on images: the demo's report shows
# those of the project.
STUDIES = (
    paths.RECIPES,
    paths.EXCESS,
    paths.REGRET,
    paths.MEMORY,
    paths.MEMORY_SUMMARY,
)
# What the graph needs beside code and parameters.
COPIED = (Path("dvc.yaml"), Path(".dvcignore"), versions.PINNED, *STUDIES)


def main(arguments: list[str]) -> None:
    """The command."""
    argparse.ArgumentParser("python -m pipeline demo", description=__doc__).parse_args(arguments)
    prepare(FOLDER, YAML(typ="safe").load(CHANGES))


def prepare(folder: Path, *changes: dict[str, Any]) -> None:
    """Make a project in `folder` with this one's code and graph, and changed parameters.

    Results that are there already stay.
    """
    code = folder / "pipeline"
    shutil.rmtree(code, ignore_errors=True)
    shutil.copytree("pipeline", code, ignore=shutil.ignore_patterns("__pycache__"))
    for file in COPIED:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / file)
    yaml = YAML()
    settings = yaml.load(loading.FILE)
    for some in changes:
        merge(settings, some)
    yaml.dump(settings, folder / loading.FILE)
    # DVC must not ask git there, which ignores the folder.
    config = folder / ".dvc" / "config"
    config.parent.mkdir(exist_ok=True)
    config.write_text(Path(".dvc/config").read_text() + "    no_scm = true\n")


def merge(into: dict, changes: dict) -> None:
    """Overwrite values by those of `changes`, mapping by mapping.

    Raises:
        KeyError: if a section to change does not exist.
    """
    for key, value in changes.items():
        if isinstance(value, dict):
            merge(into[key], value)
        else:
            into[key] = value
