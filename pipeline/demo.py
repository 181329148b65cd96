"""The whole graph on the digits that scikit-learn bundles, in a folder of its own.

`python -m pipeline.demo` copies code and graph into demo/, and changes the parameters as
demo.yaml says; `make demo` then runs the graph there. Nothing outside demo/ is touched.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from pipeline import files, guard, params

FOLDER = Path("demo")
CHANGES = Path("demo.yaml")


def merge(into: dict, changes: dict) -> None:
    """Overwrite values by those of `changes`, mapping by mapping."""
    for key, value in changes.items():
        if isinstance(value, dict):
            merge(into[key], value)
        else:
            into[key] = value


def prepare(folder: Path, changes: Path) -> None:
    """A project in `folder` with this one's code and graph, and changed parameters."""
    folder.mkdir(exist_ok=True)
    shutil.rmtree(folder / "pipeline", ignore_errors=True)
    shutil.copytree(
        "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy("dvc.yaml", folder)
    shutil.copy(".dvcignore", folder)
    shutil.copy(guard.PINNED, folder)
    # The demo's report shows the studies of the project, which know nothing of images.
    for table in (files.RECIPES, files.EXCESS, files.REGRET, files.MEMORY):
        (folder / table).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(table, folder / table)
    yaml = YAML()
    settings = yaml.load(params.FILE)
    merge(settings, yaml.load(changes))
    yaml.dump(settings, folder / params.FILE)
    if not (folder / ".dvc").exists():
        dvc = [sys.executable, "-m", "dvc"]
        subprocess.run([*dvc, "init", "--no-scm", "--quiet"], cwd=folder, check=True)
        shutil.copy(".dvc/config", folder / ".dvc" / "config")
        with (folder / ".dvc" / "config").open("a") as config:
            config.write("    no_scm = true\n")


if __name__ == "__main__":
    prepare(FOLDER, CHANGES)
