"""The tables of `make studies`."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.files import formats
from pipeline.params.sections import MetaModel
from pipeline.tables.rows import numbered_columns, select

FILES = (paths.RECIPES, paths.EXCESS, paths.REGRET, paths.MEMORY, paths.MEMORY_SUMMARY)
# Of studies that may be missing.
OPTIONAL = (paths.LENGTH, paths.CELLS, paths.TRAINED_ALPHA)


def read(models: Mapping[str, MetaModel]) -> dict[str, pd.DataFrame]:
    """By the names of their files, without the models that they do not cover."""
    tables = {path.stem: pd.DataFrame(columns=["model"]) for path in (*FILES, *OPTIONAL)}
    if not paths.RECIPES.exists():  # the studies were never run
        return tables
    there = [*FILES, *(path for path in OPTIONAL if path.exists())]
    tables |= {path.stem: formats.read_table(path) for path in there}
    known = covered(tables["recipes"], models)
    for name in ("recipes", "excess", "regret", *(path.stem for path in OPTIONAL)):
        tables[name] = tables[name][tables[name].model.isin(known)]
    return tables


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
