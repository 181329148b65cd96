"""The tables of `make studies`."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.files import formats
from pipeline.params.sections import MetaModel
from pipeline.tables.rows import numbered_columns, select

FILES = (
    paths.RECIPES,
    paths.NETWORKS,
    paths.EXCESS,
    paths.REGRET,
    paths.REACTIONS,
    paths.PROBES,
    paths.MEMORY,
)
# Of studies that may be missing.
OPTIONAL = (paths.LENGTH, paths.CELLS, paths.TRAINED_ALPHA)
# The same of the pixel network, whose images may be others now.
OF_PIXELS = (paths.TRAININGS, paths.SETTINGS, paths.READINGS)
# Columns of tables without a row, and the types of these values, where nothing was studied.
ABSENT: dict[str, dict[str, Any]] = {
    "recipes": {"model": "", "recipe": "", "gain": 0.0, "reaction": 0.0},
    "networks": {"model": "", "repetition": 0, "count": 0, "excess": 0.0}
    | {"accuracy": 0.0, "reset_accuracy": 0.0},
    "trainings": {"training": 0, "snapshot": "", "strategy": "", "horizon": 0, "accuracy": 0.0}
    | {"accuracy_first": 0.0, "cross_entropy": 0.0, "cross_entropy_first": 0.0},
}


def read(models: Mapping[str, MetaModel]) -> dict[str, pd.DataFrame]:
    """By the names of their files, without the models that they do not cover."""
    if not paths.RECIPES.exists():  # the studies were never run
        return {path.stem: _absent(path.stem) for path in (*FILES, *OPTIONAL)}
    tables = {path.stem: _absent(path.stem) for path in OPTIONAL}
    there = [*FILES, *(path for path in OPTIONAL if path.exists())]
    tables |= {path.stem: _read(path) for path in there}
    known = covered(tables["recipes"], models)
    by_model = ["recipes", "networks", "excess", "regret", "reactions", "probes"]
    for name in (*by_model, *(path.stem for path in OPTIONAL)):
        tables[name] = tables[name][tables[name].model.isin(known)]
    return tables


def read_pixels(source: str) -> dict[str, pd.DataFrame]:
    """What the pixel network's trainings show; no row if the images are not theirs."""
    if source == "mnist" and paths.TRAININGS.exists():
        return {path.stem: _read(path) for path in OF_PIXELS}
    return {path.stem: _absent(path.stem) for path in OF_PIXELS}


def sums(files: Mapping[Path, bytes]) -> bytes:
    """What `sha256sum` prints of the tables, to be written beside them."""
    return "".join(f"{_sum(content)}  {path}\n" for path, content in files.items()).encode()


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> pd.DataFrame:
    """A table, if it is the one that was written: no stage makes it, so DVC cannot know.

    Raises:
        ValueError: if it is another one.
    """
    known = formats.read_bytes(paths.STUDY_SUMS).decode(errors="replace").splitlines()
    if f"{_sum(formats.read_bytes(path))}  {path}" not in known:
        raise ValueError(
            f"{path}: not the table that {paths.STUDY_SUMS} has the sum of; bring both back with "
            "`git checkout`, or make them with `python -m pipeline studies`"
        )
    return formats.read_table(path)


def _absent(name: str) -> pd.DataFrame:
    return pd.DataFrame([ABSENT.get(name, {"model": ""})])[:0]


def covered(recipes: pd.DataFrame, models: Mapping[str, MetaModel]) -> list[str]:
    """The models that the studies were run for, with the T and alpha that they have now."""
    columns = ["reset_every", *numbered_columns(recipes, "alpha")]
    found = []
    for name, model in models.items():
        then, now = select(recipes, model=name)[columns], [model.reset_every, *model.alpha]
        # Tables have six significant digits.
        if len(then) and len(columns) == len(now) and np.allclose(then, now, rtol=1e-5, atol=0):
            found.append(name)
    return found
