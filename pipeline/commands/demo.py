"""The whole graph on the digits that scikit-learn bundles, in a folder of its own.

`python -m pipeline demo` copies code, graph and parameters into demo/, with the changes of
demo.yaml; `make demo` then runs the graph there. Nothing outside demo/ is touched.
"""

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline import paths
from pipeline.params import loading
from pipeline.runtime import versions
from pipeline.tables import studies

FOLDER = Path("demo")
CHANGES = Path("demo.yaml")
# The studies take too long for a demo, and do not depend on images: its report shows these.
STUDIES = (*studies.FILES, *studies.OPTIONAL, paths.STUDY_SUMS)
# What the graph needs beside code and parameters.
COPIED = (Path("dvc.yaml"), Path(".dvcignore"), Path(".dvc/config"), versions.PINNED, *STUDIES)


def main() -> None:
    """The command."""
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
    with (folder / ".dvc/config").open("a") as config:
        # DVC must not ask git there, which ignores the folder.
        config.write("    no_scm = true\n")


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
