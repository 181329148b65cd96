"""Every number that the 2018 write-up published, and ours compared with it."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipeline.params.sections import Report
from pipeline.tables.rows import Tables, record, records

# Its figure 2: test loss (nats per pixel) and test accuracy of each snapshot.
SNAPSHOTS = {"0": (0.15, 0.9377), "1": (0.12, 0.9499), "5": (0.10, 0.9578)}

# Its rollout table: accuracy and cross-entropy (nats per pixel) by snapshot and horizon.
ROLLOUT = {
    "0": {1: (0.872, 0.295), 10: (0.746, 0.531), 28: (0.846, 0.353), 300: (0.80, 0.64)},
    "1": {1: (0.89, 0.24), 10: (0.79, 0.49), 28: (0.87, 0.32), 300: (0.81, 0.69)},
    "5": {1: (0.933, 0.176), 10: (0.826, 0.41), 28: (0.90, 0.24), 300: (0.83, 0.62)},
}

# Its figure 1: where the curves end and peak.
LOWEST_LOSS, PEAK_ACCURACY = 0.10, 0.95

# Its figures 4 to 7: "over 90 %" for the biased alpha, "mid-50s" for the balanced one.
META_ACCURACY = {"M1": 0.90, "M2": 0.90, "M3": 0.55, "M4": 0.55}
RESET_ACCURACY = 1.0

# Its figures of single sequences, by kind of sequence and model.
SEQUENCE_FIGURES = {
    "own": {"M1": 8, "M3": 9, "M2": 10, "M4": 11},
    "fixed": {"M2": 12, "M4": 13},
}

NATS, SHARE = "nats per pixel", "share of right guesses"


def scorecard(tables: Tables, tolerance: Report) -> pd.DataFrame:
    """Every published number that has a counterpart, and a verdict on each.

    It "agrees" if it differs by no more than the tolerance plus two of our standard errors
    (the published ones come from one run, rounded, and from as few images). If not, an
    accuracy above what the exact predictor has in expectation (`reachable`) is
    "unattainable". All others are "differs".
    """
    allowed = {NATS: tolerance.nats_tolerance, SHARE: tolerance.accuracy_tolerance}
    columns = ["quantity", "published", "ours", "ours_se", "unit", "reachable"]
    table = pd.DataFrame(_pairs(tables), columns=columns)
    table["difference"] = table.ours - table.published
    table["tolerance"] = table.unit.map(allowed) + 2 * table.ours_se
    # A billionth more: 0.91 - 0.90 is not 0.01 in binary.
    agrees = table.difference.abs() <= table.tolerance + 1e-9
    unattainable = table.published > table.reachable
    table["verdict"] = np.select([agrees, unattainable], ["agrees", "unattainable"], "differs")
    first = ["quantity", "published", "ours", "difference", "verdict"]
    return table[[*first, "ours_se", "tolerance", "unit", "reachable"]]


def _pairs(tables: Tables) -> Iterator[tuple[str, float, float, float, str, float]]:
    """Quantity, published, ours, our standard error, unit, and what is reachable."""

    def pair(quantity: str, number: float, row: Any, column: str, reachable=math.nan) -> tuple:
        unit = SHARE if "accuracy" in column else NATS
        # The curves, and the resets, have no standard errors.
        error = getattr(row, f"{column}_se", 0.0)
        return quantity, number, getattr(row, column), error, unit, reachable

    for row in records(tables["snapshots"]):
        for name, number in zip(("loss", "accuracy"), SNAPSHOTS.get(row.snapshot, ())):
            yield pair(f"test {name}, snapshot {row.snapshot}", number, row, f"test_{name}")
    lowest, highest = tables["history"].min(), tables["history"].max()
    yield pair("lowest test loss of the curves", LOWEST_LOSS, lowest, "test_loss")
    yield pair("peak one-step test accuracy", PEAK_ACCURACY, highest, "test_accuracy")
    for row in records(tables["horizons"], strategy="argmax"):
        numbers = ROLLOUT.get(row.predictor, {}).get(row.horizon, ())
        where = f"rollout, snapshot {row.predictor}, {row.horizon} ahead"
        for column, number in zip(("accuracy", "cross_entropy"), numbers):
            yield pair(f"{column.replace('_', '-')}, {where}", number, row, column)
    for row in records(tables["comparison"], own_prior=1):
        if share := META_ACCURACY.get(row.model):
            exact = record(tables["attainable"], model=row.model, predictor="exact")
            name = f"{row.model} accuracy"
            yield pair(name, share, row, "accuracy", exact.accuracy)
            yield pair(f"{name} at resets", RESET_ACCURACY, row, "reset_accuracy")
