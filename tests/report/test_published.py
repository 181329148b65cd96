from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.params.sections import Report
from pipeline.report import published

TOLERANCE = Report(accuracy_tolerance=0.01, nats_tolerance=0.02)
HISTORY = pd.DataFrame({"test_loss": [0.12, 0.09, 0.11], "test_accuracy": [0.93, 0.96, 0.95]})


def snapshot(name: str, **cells: float) -> dict[str, Any]:
    row = {"test_loss": 0.1, "test_loss_se": 0.0, "test_accuracy": 0.95}
    return {"snapshot": name, **row, "test_accuracy_se": 0.0} | cells


def horizon(predictor: str, strategy: str, ahead: int, **cells: float) -> dict[str, Any]:
    row = {"predictor": predictor, "strategy": strategy, "horizon": ahead}
    scores = {"accuracy": 0.8, "accuracy_se": 0.0, "cross_entropy": 0.5}
    return row | scores | {"cross_entropy_se": 0.0} | cells


def meta(model: str, **cells: Any) -> dict[str, Any]:
    row = {"model": model, "own_prior": 1, "accuracy": 0.55, "accuracy_se": 0.001}
    # What exact Bayes had on the same sequences decides nothing: that is chance.
    return row | {"exact_accuracy": 0.3, "reset_accuracy": 1.0} | cells


# None of these is published.
OTHERS = [snapshot("untrained")], [horizon("final", "argmax", 28)], [meta("mine")]


def card(
    snapshots: Any = OTHERS[0],
    horizons: Any = OTHERS[1],
    comparison: Any = OTHERS[2],
    reachable: float = 0.9,
) -> dict[str, Any]:
    """The rows of the scorecard by quantity; `reachable` is of M3."""
    attainable = [("M1", "exact", 0.9), ("M3", "known_p", 1.0), ("M3", "exact", reachable)]
    tables = {
        "snapshots": pd.DataFrame(snapshots),
        "history": HISTORY,
        "horizons": pd.DataFrame(horizons),
        "comparison": pd.DataFrame(comparison),
        "attainable": pd.DataFrame(
            [*attainable, ("M4", "exact", 0.9)], columns=["model", "predictor", "accuracy"]
        ),
    }
    rows = published.scorecard(tables, TOLERANCE).itertuples(index=False)
    return {row.quantity: row for row in rows}


@pytest.mark.parametrize(
    ("ours", "error", "verdict"),
    [
        # The published loss of snapshot 5 is 0.10; to agree is within 0.02.
        (0.10, 0.0, "agrees"),
        (0.12, 0.0, "agrees"),
        (0.081, 0.0, "agrees"),
        (0.121, 0.0, "differs"),
        (0.079, 0.0, "differs"),
        # Two standard errors more.
        (0.139, 0.01, "agrees"),
        (0.141, 0.01, "differs"),
        (0.059, 0.01, "differs"),
    ],
)
def test_a_number_agrees_within_tolerance_and_two_standard_errors(ours, error, verdict):
    row = card([snapshot("5", test_loss=ours, test_loss_se=error)])["test loss, snapshot 5"]
    assert (row.published, row.ours, row.ours_se) == (0.10, ours, error)
    assert (row.verdict, row.unit) == (verdict, "nats per pixel")
    assert_allclose(row.difference, ours - 0.10, rtol=1e-12)
    assert_allclose(row.tolerance, 0.02 + 2 * error, rtol=1e-12)
    assert np.isnan(row.reachable)


@pytest.mark.parametrize(
    ("reachable", "error", "ours", "verdict"),
    [
        # "Mid-50s" is 0.55: above what can be reached,
        (0.50, 0.001, 0.50, "unattainable"),
        # however little above, for an expectation has no error,
        (0.549, 0.004, 0.53, "unattainable"),
        # and however high ours is by luck;
        (0.50, 0.001, 0.60, "unattainable"),
        # but not where ours agrees.
        (0.544, 0.001, 0.543, "agrees"),
        (0.547, 0.002, 0.54, "agrees"),
        (0.55, 0.001, 0.50, "differs"),
        (0.60, 0.001, 0.60, "differs"),
        (0.60, 0.001, 0.50, "differs"),
    ],
)
def test_an_accuracy_above_the_reachable_one_is_unattainable(reachable, error, ours, verdict):
    rows = [meta("M3", accuracy=ours, accuracy_se=error)]
    row = card(comparison=rows, reachable=reachable)["M3 accuracy"]
    assert (row.verdict, row.reachable, row.published) == (verdict, reachable, 0.55)
    assert row.unit == "share of right guesses"


def test_accuracies_and_losses_have_their_own_tolerance():
    # Both 0.015 off: too much for an accuracy, not for a loss.
    found = card([snapshot("1", test_loss=0.135, test_accuracy=0.9499 - 0.015)])
    assert found["test loss, snapshot 1"].verdict == "agrees"
    assert found["test accuracy, snapshot 1"].verdict == "differs"


def test_curves_are_compared_at_their_lowest_and_their_peak():
    found = [(row.quantity, row.published, row.ours) for row in card().values()]
    assert found == [
        ("lowest test loss of the curves", 0.10, 0.09),
        ("peak one-step test accuracy", 0.95, 0.96),
    ]


def test_rollouts_are_compared_by_snapshot_and_horizon_with_argmax_alone():
    horizons = [
        horizon("5", "argmax", 28, accuracy=0.91, cross_entropy=0.3),
        horizon("5", "sample", 28, accuracy=0.1),
        horizon("5", "argmax", 29),  # not published
        horizon("final", "argmax", 28),
        horizon("copy_left", "baseline", 28),
    ]
    accuracy, nats = list(card(horizons=horizons).values())[2:]
    assert accuracy.quantity == "accuracy, rollout, snapshot 5, 28 ahead"
    assert nats.quantity == "cross-entropy, rollout, snapshot 5, 28 ahead"
    assert (accuracy.published, accuracy.ours) == (0.90, 0.91)
    assert (nats.published, nats.ours) == (0.24, 0.3)


def test_meta_models_are_compared_on_their_own_prior_alone():
    comparison = [
        meta("M1", accuracy=0.89, reset_accuracy=0.98),
        meta("M1", own_prior=0, accuracy=0.1),
        meta("M4"),
        meta("mine"),  # not published
    ]
    found = list(card(comparison=comparison).values())[2:]
    assert [(row.quantity, row.published, row.ours, row.verdict) for row in found] == [
        ("M1 accuracy", 0.90, 0.89, "agrees"),
        ("M1 accuracy at resets", 1.0, 0.98, "differs"),
        ("M4 accuracy", 0.55, 0.55, "agrees"),
        ("M4 accuracy at resets", 1.0, 1.0, "agrees"),
    ]
