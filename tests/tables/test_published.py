from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.params.sections import Report
from pipeline.report import published

TOLERANCE = Report(accuracy_tolerance=0.01, nats_tolerance=0.02)
HISTORY = pd.DataFrame({"test_loss": [0.12, 0.09, 0.11], "test_accuracy": [0.93, 0.96, 0.95]})


SNAPSHOT = {"snapshot": "untrained", "test_loss": 0.1, "test_loss_se": 0.0}
SNAPSHOT |= {"test_accuracy": 0.95, "test_accuracy_se": 0.0}
HORIZON = {"predictor": "final", "strategy": "argmax", "horizon": 28, "accuracy": 0.8}
HORIZON |= {"accuracy_se": 0.0, "cross_entropy": 0.5, "cross_entropy_se": 0.0}
# What exact Bayes had on the same sequences decides nothing: that is chance.
META = {"model": "mine", "own_prior": 1, "accuracy": 0.55, "accuracy_se": 0.001}
META |= {"exact_accuracy": 0.3, "reset_accuracy": 1.0}


def card(reachable: float = 0.9, **changes: list[dict[str, Any]]) -> dict[str, Any]:
    """The rows of the scorecard by quantity, after changes of rows that are not published.

    `reachable` is of M3.
    """
    rows = {"snapshots": SNAPSHOT, "horizons": HORIZON, "comparison": META}
    tables = {
        name: pd.DataFrame([row | change for change in changes.get(name, [{}])])
        for name, row in rows.items()
    }
    attainable = [("M1", "exact", 0.9), ("M3", "known_p", 1.0), ("M3", "exact", reachable)]
    tables["attainable"] = pd.DataFrame(
        [*attainable, ("M4", "exact", 0.9)], columns=["model", "predictor", "accuracy"]
    )
    found = published.scorecard(tables | {"history": HISTORY}, TOLERANCE)
    return {row.quantity: row for row in found.itertuples(index=False)}


@pytest.mark.parametrize(
    ("ours", "error", "verdict"),
    [
        (0.12, 0.0, "agrees"),  # the published loss is 0.10, the tolerance 0.02
        (0.081, 0.0, "agrees"),
        (0.121, 0.0, "differs"),
        (0.079, 0.0, "differs"),
        (0.139, 0.01, "agrees"),  # two standard errors more
        (0.141, 0.01, "differs"),
        (0.059, 0.01, "differs"),
    ],
)
def test_a_number_agrees_within_tolerance_and_two_standard_errors(ours, error, verdict):
    change = {"snapshot": "5", "test_loss": ours, "test_loss_se": error}
    row = card(snapshots=[change])["test loss, snapshot 5"]
    assert (row.published, row.ours, row.ours_se) == (0.10, ours, error)
    assert (row.verdict, row.unit) == (verdict, "nats per pixel")
    assert_allclose(row.difference, ours - 0.10, rtol=1e-12)
    assert_allclose(row.tolerance, 0.02 + 2 * error, rtol=1e-12)
    assert np.isnan(row.reachable)


@pytest.mark.parametrize(
    ("reachable", "error", "ours", "verdict"),
    [
        (0.50, 0.001, 0.50, "unattainable"),  # "mid-50s" is 0.55: above what can be reached
        (0.549, 0.004, 0.53, "unattainable"),  # however little; an expectation has no error
        (0.50, 0.001, 0.60, "unattainable"),  # however high ours is by luck
        (0.544, 0.001, 0.543, "agrees"),  # but not where ours agrees
        (0.547, 0.002, 0.54, "agrees"),
        (0.55, 0.001, 0.50, "differs"),
        (0.60, 0.001, 0.60, "differs"),
        (0.60, 0.001, 0.50, "differs"),
    ],
)
def test_an_accuracy_above_the_reachable_one_is_unattainable(reachable, error, ours, verdict):
    change = {"model": "M3", "accuracy": ours, "accuracy_se": error}
    row = card(reachable, comparison=[change])["M3 accuracy"]
    assert (row.verdict, row.reachable, row.published) == (verdict, reachable, 0.55)
    assert row.unit == "share of right guesses"


def test_curves_are_compared_at_their_lowest_and_their_peak():
    found = [(row.quantity, row.published, row.ours) for row in card().values()]
    assert found == [
        ("lowest test loss of the curves", 0.10, 0.09),
        ("peak one-step test accuracy", 0.95, 0.96),
    ]


def test_rollouts_are_compared_by_snapshot_and_horizon_with_argmax_alone():
    horizons: list[dict[str, Any]] = [
        {"predictor": "5", "accuracy": 0.91, "cross_entropy": 0.3},
        {"predictor": "5", "strategy": "sample", "accuracy": 0.1},
        {"predictor": "5", "horizon": 29},  # not published
        {"predictor": "copy_left", "strategy": "baseline"},
    ]
    accuracy, nats = list(card(horizons=horizons).values())[2:]
    assert accuracy.quantity == "accuracy, rollout, snapshot 5, 28 ahead"
    assert nats.quantity == "cross-entropy, rollout, snapshot 5, 28 ahead"
    assert (accuracy.published, accuracy.ours) == (0.90, 0.91)
    assert (nats.published, nats.ours) == (0.24, 0.3)


def test_meta_models_are_compared_on_their_own_prior_alone():
    comparison: list[dict[str, Any]] = [
        {"model": "M1", "accuracy": 0.89, "reset_accuracy": 0.98},
        {"model": "M1", "own_prior": 0, "accuracy": 0.1},
        {"model": "M4"},
        {},  # not published
    ]
    found = list(card(comparison=comparison).values())[2:]
    assert [(row.quantity, row.published, row.ours, row.verdict) for row in found] == [
        ("M1 accuracy", 0.90, 0.89, "agrees"),
        ("M1 accuracy at resets", 1.0, 0.98, "differs"),
        ("M4 accuracy", 0.55, 0.55, "agrees"),
        ("M4 accuracy at resets", 1.0, 1.0, "agrees"),
    ]
