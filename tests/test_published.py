from collections.abc import Mapping
from typing import Any

import pytest
from numpy.testing import assert_allclose

from pipeline import published

Record = dict[str, Any]
TOLERANCE = published.Tolerance(accuracy=0.01, nats=0.02)


def snapshot(name: str | int, **numbers: float) -> Record:
    row = {"test_loss": 0.1, "test_loss_se": 0.0, "test_accuracy": 0.95}
    return {"snapshot": name, **row, "test_accuracy_se": 0.0} | numbers


def horizon(predictor: str | int, strategy: str, ahead: int, **numbers: float) -> Record:
    row = {"predictor": predictor, "strategy": strategy, "horizon": ahead}
    scores = {"accuracy": 0.8, "accuracy_se": 0.0, "cross_entropy": 0.5}
    return row | scores | {"cross_entropy_se": 0.0} | numbers


def meta(model: str, **numbers: Any) -> Record:
    row = {"model": model, "own_prior": True, "accuracy": 0.55, "accuracy_se": 0.001}
    # What exact Bayes had on the same sequences decides nothing: that is chance.
    return row | {"exact_accuracy": 0.3, "reset_accuracy": 1.0} | numbers


# What exact Bayes has in expectation.
REACHABLE = {"M1": 0.9, "M3": 0.56, "M4": 0.56}


HISTORY: list[Record] = [
    {"epoch": 0, "test_loss": 0.12, "test_accuracy": 0.93},
    {"epoch": 1, "test_loss": 0.09, "test_accuracy": 0.96},
    {"epoch": 2, "test_loss": 0.11, "test_accuracy": 0.955},
]


def card(
    snapshots: Any = (),
    horizons: Any = (),
    comparison: Any = (),
    reachable: Mapping[str, float] = REACHABLE,
) -> dict[str, Record]:
    rows = published.scorecard(
        snapshots, HISTORY, horizons, comparison, reachable, TOLERANCE
    )
    return {row["quantity"]: row for row in rows}


@pytest.mark.parametrize(
    ("ours", "error", "verdict"),
    [
        # The published loss of snapshot 5 is 0.10; agreeing is within 0.02.
        (0.10, 0.0, "agrees within 0.020"),
        (0.119, 0.0, "agrees within 0.020"),
        (0.081, 0.0, "agrees within 0.020"),
        (0.121, 0.0, "differs: ours is higher"),
        (0.079, 0.0, "differs: ours is lower"),
        # Two standard errors more.
        (0.139, 0.01, "agrees within 0.040"),
        (0.141, 0.01, "differs: ours is higher"),
        (0.059, 0.01, "differs: ours is lower"),
    ],
)
def test_a_number_agrees_within_tolerance_and_two_standard_errors(ours, error, verdict):
    row = card([snapshot(5, test_loss=ours, test_loss_se=error)])["test loss, snapshot 5"]
    assert row["verdict"] == verdict
    assert row["published"] == 0.10
    assert row["ours"] == ours
    assert row["ours_se"] == error
    assert_allclose(row["difference"], ours - 0.10, rtol=1e-12)
    assert_allclose(row["tolerance"], 0.02 + 2 * error, rtol=1e-12)
    assert row["unit"] == "nats per pixel"


@pytest.mark.parametrize(
    ("reachable", "error", "ours", "verdict"),
    [
        # "Mid-50s" is 0.55: above what can be reached,
        (0.50, 0.001, 0.50, "not attainable: the exact predictor reaches 0.500"),
        # however little above, for an expectation has no error,
        (0.549, 0.004, 0.53, "not attainable: the exact predictor reaches 0.549"),
        # and however high ours is by luck;
        (0.50, 0.001, 0.60, "not attainable: the exact predictor reaches 0.500"),
        # but not where ours agrees.
        (0.544, 0.001, 0.543, "agrees within 0.012"),
        (0.547, 0.002, 0.54, "agrees within 0.014"),
        (0.55, 0.001, 0.50, "differs: ours is lower"),
        (0.60, 0.001, 0.60, "differs: ours is higher"),
        (0.60, 0.001, 0.50, "differs: ours is lower"),
    ],
)
def test_an_accuracy_above_the_reachable_one_is_not_attainable(
    reachable, error, ours, verdict
):
    row = meta("M3", accuracy=ours, accuracy_se=error)
    others = {"M1": 0.1, "M4": 0.9}
    found = card(comparison=[row], reachable=others | {"M3": reachable})["M3 accuracy"]
    assert found["verdict"] == verdict
    assert found["published"] == 0.55
    assert found["unit"] == "share of right guesses"


def test_accuracies_and_losses_have_their_own_tolerance():
    # Both 0.015 off: too much for an accuracy, not for a loss.
    found = card([snapshot(1, test_loss=0.135, test_accuracy=0.9499 - 0.015)])
    assert found["test loss, snapshot 1"]["verdict"] == "agrees within 0.020"
    assert found["test accuracy, snapshot 1"]["verdict"] == "differs: ours is lower"


def test_curves_are_held_at_their_lowest_and_their_peak():
    found = card()
    assert list(found) == ["lowest test loss of the curves", "peak one-step test accuracy"]
    assert [row["ours"] for row in found.values()] == [0.09, 0.96]
    assert [row["published"] for row in found.values()] == [0.10, 0.95]


def test_rollouts_are_held_by_snapshot_and_horizon_against_argmax_alone():
    horizons = [
        horizon(5, "argmax", 28, accuracy=0.91, cross_entropy=0.3),
        horizon(5, "sample", 28, accuracy=0.1),
        horizon(5, "argmax", 29),  # not published
        horizon("final", "argmax", 28),
        horizon("copy_left", "baseline", 28),
    ]
    found = card(horizons=horizons)
    accuracy, nats = list(found)[2:]
    assert accuracy == "accuracy, rollout, snapshot 5, 28 ahead"
    assert nats == "cross-entropy, rollout, snapshot 5, 28 ahead"
    assert (found[accuracy]["published"], found[accuracy]["ours"]) == (0.90, 0.91)
    assert (found[nats]["published"], found[nats]["ours"]) == (0.24, 0.3)


def test_meta_models_are_held_on_their_own_prior_alone():
    comparison = [
        meta("M1", accuracy=0.89, reset_accuracy=0.98),
        meta("M1", own_prior=False, accuracy=0.1),
        meta("M4"),
        meta("mine"),  # not published
    ]
    found = card([snapshot("untrained"), snapshot("final")], comparison=comparison)
    assert list(found)[2:] == [
        "M1 accuracy",
        "M1 accuracy at resets",
        "M4 accuracy",
        "M4 accuracy at resets",
    ]
    assert found["M1 accuracy"]["published"] == 0.90
    assert found["M1 accuracy"]["ours"] == 0.89
    assert found["M1 accuracy at resets"]["verdict"] == "differs: ours is lower"
    assert found["M4 accuracy at resets"]["verdict"] == "agrees within 0.010"
