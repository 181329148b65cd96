"""The numbers on README's first screen are cells of the committed tables."""

import contextlib
from pathlib import Path

import pandas as pd

from pipeline import paths
from pipeline.files.formats import read_table
from pipeline.pixels.baselines import NEAREST
from pipeline.pixels.context import RING
from pipeline.report.words import number, percent, pm, several_trainings, span
from pipeline.tables.rows import record, records

ROOT = Path(__file__).parents[1]


def headline() -> list[str]:
    """The rows of the table: question, the network, its cheapest opponent."""
    spread = read_table(paths.SPREAD)
    one_step = record(spread, snapshot="final", strategy="teacher_forced", horizon=0)
    ahead = record(spread, snapshot="final", strategy="marginal", horizon=300)
    tables = records(read_table(paths.CONTEXT_TABLES), predictor="table")
    nearest = record(read_table(paths.HORIZONS), predictor="nearest", horizon=300)
    fills = read_table(paths.INPAINTING_SCORES)
    learned = records(read_table(paths.RECIPES), recipe="converged")
    return [
        f"| the next pixel, nats | {several_trainings(one_step, 'cross_entropy', 4)} | a table of "
        f"counts of {tables[-1].context_pixels:.0f} pixels: "
        f"{pm(tables[-1].test_loss, tables[-1].test_loss_se, 4)} |",
        f"| 300 hidden pixels, % right | {several_trainings(ahead, 'accuracy', 1)} | the mean of "
        f"the {NEAREST} nearest training images: "
        f"{percent(nearest.accuracy, nearest.accuracy_se, 1)} |",
        *(
            f"| a 2 x 2 patch {place}, % right; nats | {fill(fills, masks, 'exact')} | a table of "
            f"the {len(RING)} pixels around it: {fill(fills, masks, 'joint_lookup')} |"
            for masks, place in (("centre", "in the centre"), ("boundary", "on an edge of ink"))
        ),
        "| learned priors, % lost of what counting is worth | "
        + ", ".join(f"{row.model} {number(100 * row.excess / row.gain, '.2f')}" for row in learned)
        + " | exact Bayes, which nothing beats: 0 |",
    ]


def fill(table: pd.DataFrame, masks: str, method: str) -> str:
    """The share of right fillings with its interval, and what the truth costs."""
    methods = records(table, task="patch_2x2", masks=masks, method=method)
    (row,) = (row for row in methods if row.snapshot in ("final", "none"))
    share = span(row.fill_accuracy, row.fill_low, row.fill_high, ".1f", 100)
    return f"{share}; {pm(row.nats, row.nats_se, 3)}"


def test_readme_shows_the_numbers_of_the_tables() -> None:
    readme = (ROOT / "README.md").read_text()
    with contextlib.chdir(ROOT):
        rows = headline()
    for row in rows:
        assert row in readme, f"README.md needs this row:\n{row}"
