"""Write the studies' tables of reports/, from the files of their runs.

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
from pipeline.params.sections import REFERENCE, Params
from pipeline.probes import bounds, seeds, summaries, trainings
from pipeline.probes.tables import stack
from pipeline.runtime import transaction
from pipeline.tables import settings, studies

# Of the trainings of the pixel network.
FIRST_COLUMNS = ["training", "snapshot", "strategy", "horizon", "accuracy", "cross_entropy"]

# The recipes of studies/dvc.yaml, stage study_probes.
PROBED = ("plain", "converged")


def main() -> None:
    """The command."""
    transaction.place(contents(loading.load()))


def contents(params: Params) -> dict[Path, bytes]:
    """The files of `collect`, and of their sums."""
    files = {path: formats.encode(path, table) for path, table in collect(params).items()}
    return files | {paths.STUDY_SUMS: studies.sums(files)}


def collect(params: Params) -> dict[Path, pd.DataFrame]:
    """The tables of all runs.

    Raises:
        ValueError: if a run is missing; names it.
    """
    asked = params.studies
    recipes, networks, excess, regret, reactions, probes = [], {}, {}, {}, {}, {}
    for name, task in params.meta.models.items():
        limits = bounds.expected_scores(Source(task.alpha, task.reset_every))
        for recipe, optimiser in vars(params.meta.optimiser).items():
            curves, regrets = (
                stack({n: _read(path(name, recipe, n)) for n in asked.repetitions}, "repetition")
                for path in (paths.study_curve, paths.study_regret)
            )
            key = name, recipe
            if recipe == "plain":  # the one of the main graph, and as long as the write-up's
                made_with = task.reset_every, asked.sequences
                networks[key] = seeds.networks(curves, regrets, *made_with)
            excess[key] = seeds.range_by_batch(curves)
            regret[key] = seeds.mean_regret(regrets)
            reactions[key] = seeds.after_symbol_1(regrets, task.reset_every)
            kept = [n for n in asked.repetitions if paths.study_model(*key, n).exists()]
            if kept and recipe in PROBED:
                found = {n: _read(paths.study_probes(*key, n)) for n in kept}
                probes[key] = seeds.over_networks(stack(found, "repetition"))
            recipes.append(
                {"model": name, "recipe": recipe}
                | seeds.summary(curves)
                | seeds.reaction(reactions[key])
                # What the runs were made with, so that the report need not assume it.
                | {"count": asked.sequences, "reset_every": task.reset_every}
                | {f"alpha_{k}": alpha for k, alpha in enumerate(task.alpha, start=1)}
                | {name: value for name, value in vars(optimiser).items() if name != "batches"}
                | summaries.gain(limits)
                | summaries.total_regret(regret[key])
            )
    memory = [
        summaries.memory(
            _read(paths.study_memory(prior, reset_every)),
            bounds.expected_scores(Source(alpha, reset_every)),
        )
        for (prior, alpha), reset_every in product(
            asked.memory.priors.items(), asked.memory.reset_every
        )
    ]
    by_settings = {name: _trainings(name) for name in asked.pixels}
    judged = settings.judge(by_settings)
    return _optional(params) | {
        paths.TRAININGS: by_settings[REFERENCE],
        paths.SETTINGS: judged,
        paths.READINGS: settings.readings(judged),
        paths.RECIPES: pd.DataFrame(recipes),
        paths.NETWORKS: stack(networks, "model", "recipe"),
        paths.EXCESS: stack(excess, "model", "recipe"),
        paths.REGRET: stack(regret, "model", "recipe"),
        paths.REACTIONS: stack(reactions, "model", "recipe"),
        paths.PROBES: stack(probes, "model", "recipe"),
        paths.MEMORY: pd.concat(memory, ignore_index=True),
    }


def _trainings(name: str) -> pd.DataFrame:
    """All trainings of the pixel network with these settings that there are."""
    files = paths.STUDY_PIXELS.glob(f"{name}-*.csv")
    found = {int(path.stem.rpartition("-")[2]): path for path in files}
    if not found:
        raise ValueError(f"{paths.study_pixels(name, 1)}: not found; run `make studies`")
    table = stack(
        {number: formats.read_table(found[number]) for number in sorted(found)}, "training"
    )
    return table[[*FIRST_COLUMNS, *table.columns.difference(FIRST_COLUMNS, sort=False)]]


def _optional(params: Params) -> dict[Path, pd.DataFrame]:
    """The tables of studies that may be incomplete, of the runs that are there."""
    models, asked = params.meta.models, params.studies
    cells, recipes = ("gru", "lstm"), vars(params.meta.optimiser)
    lengths = product(models, cells, asked.length.trained, asked.length.repetitions)
    gru = product(models, recipes, asked.repetitions)
    by_cell = _existing({(*key[:2], "gru", key[2]): paths.study_curve(*key) for key in gru})
    lstm = product(models, recipes, asked.repetitions)
    by_cell |= _existing({(*key[:2], "lstm", key[2]): paths.study_lstm(*key) for key in lstm})
    alphas = product(asked.alpha.trained_on, asked.alpha.repetitions)
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
