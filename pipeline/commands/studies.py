"""Write the studies' tables of reports/meta, from the files of their runs.

`make studies` runs studies/dvc.yaml and then this command. Its tables are not outputs of
DVC: as such they would join the two graphs, and `dvc repro` would run the studies.
"""

from itertools import product
from pathlib import Path

import pandas as pd

from pipeline import paths
from pipeline.files import formats
from pipeline.meta.source import Source
from pipeline.params import loading
from pipeline.params.sections import Params
from pipeline.probes import bounds, seeds, summaries, trainings
from pipeline.probes.tables import stack
from pipeline.runtime import transaction


def main() -> None:
    """The command."""
    tables = collect(loading.load())
    transaction.place({path: formats.encode(path, tables[path]) for path in tables})


def collect(params: Params) -> dict[Path, pd.DataFrame]:
    """The tables of all runs.

    Raises:
        ValueError: if a run is missing; names it.
    """
    studies = params.studies
    recipes, excess, regret = [], {}, {}
    for name, task in params.meta.models.items():
        limits = bounds.expected_scores(Source(task.alpha, task.reset_every))
        for recipe, optimiser in vars(params.meta.optimiser).items():
            curves, regrets = (
                stack({n: _read(path(name, recipe, n)) for n in studies.repetitions}, "repetition")
                for path in (paths.study_curve, paths.study_regret)
            )
            key = name, recipe
            excess[key] = seeds.range_by_batch(curves)
            regret[key] = seeds.mean_regret(regrets)
            recipes.append(
                {"model": name, "recipe": recipe}
                | seeds.summary(curves)
                | seeds.reaction(regrets, task.reset_every)
                # What the runs were made with, so that the report need not assume it.
                | {"count": studies.sequences, "reset_every": task.reset_every}
                | {f"alpha_{k}": alpha for k, alpha in enumerate(task.alpha, start=1)}
                | {name: value for name, value in vars(optimiser).items() if name != "batches"}
                | summaries.gain(limits)
                | summaries.total_regret(regret[key])
            )
    runs = product(studies.memory.priors, studies.memory.reset_every)
    memory = pd.concat([_read(paths.study_memory(*run)) for run in runs], ignore_index=True)
    by_recipe = pd.DataFrame(recipes)
    return _optional(params) | {
        paths.RECIPES: by_recipe,
        paths.EXCESS: stack(excess, "model", "recipe"),
        paths.REGRET: stack(regret, "model", "recipe"),
        paths.MEMORY: memory,
        paths.MEMORY_SUMMARY: summaries.memory(memory, by_recipe),
    }


def _optional(params: Params) -> dict[Path, pd.DataFrame]:
    """The tables of studies that may be incomplete, of the runs that are there."""
    models, studies = params.meta.models, params.studies
    cells, recipes = ("gru", "lstm"), vars(params.meta.optimiser)
    lengths = product(models, cells, studies.length.trained, studies.length.repetitions)
    gru = product(models, recipes, studies.repetitions)
    by_cell = _existing({(*key[:2], "gru", key[2]): paths.study_curve(*key) for key in gru})
    lstm = product(models, recipes, studies.repetitions)
    by_cell |= _existing({(*key[:2], "lstm", key[2]): paths.study_lstm(*key) for key in lstm})
    alphas = product(studies.alpha.trained_on, studies.alpha.repetitions)
    found = {
        paths.LENGTH: (
            trainings.lengths,
            _existing({key: paths.study_length(*key) for key in lengths}),
        ),
        paths.CELLS: (trainings.cells, by_cell),
        paths.TRAINED_ALPHA: (
            trainings.other_alphas,
            _existing({key: paths.study_alpha(*key) for key in alphas}),
        ),
    }
    tables = {path: summarise(runs) for path, (summarise, runs) in found.items() if runs}
    return {path: table for path, table in tables.items() if len(table)}


def _existing(files: dict[tuple, Path]) -> dict[tuple, pd.DataFrame]:
    return {key: formats.read_table(path) for key, path in files.items() if path.exists()}


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise ValueError(f"{path}: not found; run `make studies`")
    return formats.read_table(path)
