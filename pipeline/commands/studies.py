"""Write the studies' tables of reports/meta, from the files of their runs.

`make studies` runs studies/dvc.yaml and then this command. Its tables are not outputs of
DVC: as such they would join the two graphs, and `dvc repro` would run the studies.
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pandas as pd

from pipeline import paths
from pipeline.files import formats
from pipeline.meta.source import Source
from pipeline.params import loading
from pipeline.params.sections import REFERENCE, Params
from pipeline.probes import bounds, seeds, summaries
from pipeline.probes.tables import stack
from pipeline.runtime import transaction
from pipeline.tables import studies
from pipeline.tables.rows import select

# Of the trainings of the pixel network.
FIRST_COLUMNS = ["training", "snapshot", "strategy", "horizon", "accuracy", "cross_entropy"]


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
    settings = params.studies
    recipes, networks, excess, regret = [], {}, {}, {}
    for name, task in params.meta.models.items():
        limits = bounds.expected_scores(Source(task.alpha, task.reset_every))
        for recipe, optimiser in vars(params.meta.optimiser).items():
            curves, regrets = (
                stack({n: _read(path(name, recipe, n)) for n in settings.repetitions}, "repetition")
                for path in (paths.study_curve, paths.study_regret)
            )
            key = name, recipe
            if recipe == "published":  # the one of the main graph, and as long as the write-up's
                made_with = task.reset_every, settings.sequences
                networks[key] = seeds.networks(curves, regrets, *made_with)
            excess[key] = seeds.range_by_batch(curves)
            regret[key] = seeds.mean_regret(regrets)
            recipes.append(
                {"model": name, "recipe": recipe}
                | seeds.summary(curves)
                | seeds.reaction(regrets, task.reset_every)
                # What the runs were made with, so that the report need not assume it.
                | {"count": settings.sequences, "reset_every": task.reset_every}
                | {f"alpha_{k}": alpha for k, alpha in enumerate(task.alpha, start=1)}
                | {name: value for name, value in vars(optimiser).items() if name != "batches"}
                | summaries.gain(limits)
                | summaries.total_regret(regret[key])
            )
    runs = product(settings.memory.priors, settings.memory.reset_every)
    memory = pd.concat([_read(paths.study_memory(*run)) for run in runs], ignore_index=True)
    by_recipe = pd.DataFrame(recipes)
    trainings = {name: _trainings(name) for name in settings.pixels}
    return {
        paths.TRAININGS: trainings[REFERENCE],
        paths.SETTINGS: one_step_by_settings(trainings),
        paths.RECIPES: by_recipe,
        paths.NETWORKS: stack(networks, "model", "recipe"),
        paths.EXCESS: stack(excess, "model", "recipe"),
        paths.REGRET: stack(regret, "model", "recipe"),
        paths.MEMORY: memory,
        paths.MEMORY_SUMMARY: summaries.memory(memory, by_recipe),
    }


def _trainings(settings: str) -> pd.DataFrame:
    """All trainings of the pixel network with these settings that there are."""
    files = paths.STUDY_PIXELS.glob(f"{settings}-*.csv")
    found = {int(path.stem.rpartition("-")[2]): path for path in files}
    if not found:
        raise ValueError(f"{paths.study_pixels(settings, 1)}: not found; run `make studies`")
    table = stack(
        {number: formats.read_table(found[number]) for number in sorted(found)}, "training"
    )
    return table[[*FIRST_COLUMNS, *table.columns.difference(FIRST_COLUMNS, sort=False)]]


def one_step_by_settings(trainings: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The one-step scores on all test images, over the trainings of each settings.

    Returns:
        settings, snapshot (after a whole epoch, none between), trainings; of accuracy and
        cross_entropy the mean, and with _low and _high the range.
    """
    table = stack(trainings, "settings")
    table = select(table[table.snapshot.str.isdigit()], strategy="teacher_forced", horizon=0)
    groups = table.groupby(["settings", "snapshot"], sort=False)
    columns = {"trainings": groups.size()}
    for name in ("accuracy", "cross_entropy"):
        own = groups[name]
        columns |= {name: own.mean(), f"{name}_low": own.min(), f"{name}_high": own.max()}
    return pd.DataFrame(columns).reset_index()


def _read(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise ValueError(f"{path}: not found; run `make studies`")
    return formats.read_table(path)
