import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.core import intervals
from pipeline.tables import scorecard, studies
from pipeline.tables.published import around, digits, over
from pipeline.tables.scorecard import NATS, SHARE, Number

HISTORY = pd.DataFrame({"test_loss": [0.12, 0.09, 0.11], "test_accuracy": [0.93, 0.96, 0.95]})
SNAPSHOTS = pd.DataFrame(
    {"snapshot": ["untrained", "5", "final"], "test_images": 4000}
    | {"test_loss": [0.7, 0.12, 0.09], "test_accuracy": [0.3, 0.94, 0.96]}
)
HORIZONS = pd.DataFrame(
    [
        ("5", "argmax", 28, 4000, 0.91, 0.004, 0.3, 0.01),
        ("5", "sample", 28, 4000, 0.1, 0.0, 0.1, 0.0),
        ("5", "argmax", 29, 4000, 0.2, 0.0, 0.1, 0.0),  # not published
        ("copy_left", "baseline", 28, 4000, 0.3, 0.0, 0.1, 0.0),
    ],
    columns=[
        *("predictor", "strategy", "horizon", "images"),
        *("accuracy", "accuracy_se", "cross_entropy", "cross_entropy_se"),
    ],
)
COMPARISON = pd.DataFrame(
    [
        ("M1", 1, 5000, 0.85, 0.003, 0.86, 0.003, 0.99),
        ("M1", 0, 5000, 0.1, 0.1, 0.1, 0.1, 0.1),
        ("mine", 1, 5000, 0.5, 0.1, 0.5, 0.1, 1.0),  # not published
    ],
    columns=[
        *("model", "own_prior", "count", "accuracy", "accuracy_se"),
        *("exact_accuracy", "exact_accuracy_se", "reset_accuracy"),
    ],
)
NETWORKS = pd.DataFrame(
    {"model": "M1", "repetition": [1, 2, 3], "count": 1250}
    | {"accuracy": [0.84, 0.85, 0.86], "reset_accuracy": [1.0, 1.0, 0.97]}
)


def trainings() -> pd.DataFrame:
    """Three trainings of snapshot 5, two of them to the end."""
    rows = []
    for n in (1, 2, 3):
        for snapshot in ("5", "6", "final")[: 3 if n < 3 else 1]:
            base = {"training": n, "snapshot": snapshot}
            shift = {"5": 0.02, "6": -0.01, "final": 0.0}[snapshot]
            one = {"accuracy": 0.95 + 0.001 * n - shift, "cross_entropy": 0.1 + 0.01 * n + shift}
            rows.append(base | {"strategy": "teacher_forced", "horizon": 0} | one)
            ahead = {"accuracy": 0.9 + 0.01 * n, "cross_entropy": 0.3 + 0.1 * n}
            rows.append(base | {"strategy": "argmax", "horizon": 28} | ahead)
            rows.append(base | {"strategy": "sample", "horizon": 28} | one)
    table = pd.DataFrame(rows)
    return table.assign(
        accuracy_first=table.accuracy - 0.005, cross_entropy_first=table.cross_entropy + 0.05
    )


def tables(**changes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    names = {"history": HISTORY, "snapshots": SNAPSHOTS, "horizons": HORIZONS}
    names |= {"comparison": COMPARISON, "networks": NETWORKS, "trainings": trainings()}
    return names | changes


def judge(claim: Any, *values: float, **others: Any) -> Any:
    """The row of one published number."""
    series = pd.Series(values, range(len(values)), dtype=float)
    number = Number("one step", "it", SHARE, claim, 0.5, series, **others)
    (row,) = scorecard.scorecard([number]).itertuples()
    return row


def test_a_published_number_by_hand():
    row = judge(digits("0.9"), 0.7, 0.8, 0.9, errors=(0.03, 0.04))
    assert (row.published, row.ours, row.difference) == (0.9, 0.5, 0.5 - 0.9)
    assert (row.trainings, row.mean, row.spread) == (3, pytest.approx(0.8), pytest.approx(0.1))
    # s^2 (1 + 1/3) + 0.03^2 + 0.04^2 + 0.05^2 / 3.
    deviation = math.sqrt(0.04 / 3 + 0.0025 + 0.0025 / 3)
    assert row.deviation == pytest.approx(deviation)
    assert row.z == pytest.approx(0.1 / deviation)
    # Two degrees of freedom.
    assert row.low == pytest.approx(0.8 - 4.3027 * deviation, abs=1e-4)
    assert row.high == pytest.approx(0.8 + 4.3027 * deviation, abs=1e-4)
    assert row.verdict == "inside"


@pytest.mark.parametrize(
    ("claim", "values", "verdict"),
    [
        (digits("0.80"), (0.80, 0.81), "inside"),
        (digits("0.80"), (0.89, 0.90), "inside"),  # two trainings know little
        (digits("0.80"), (0.84, 0.85, 0.845, 0.844, 0.847), "outside"),
        (digits("0.8"), (0.84, 0.85, 0.845, 0.844, 0.847), "inside"),  # 0.75 to 0.85
        (around(95), (0.957, 0.958, 0.9585), "inside"),
        (around(95), (0.987, 0.988, 0.9885), "outside"),
        # All that exceeds a lower bound fulfils it, however far.
        (over(90), (0.95, 0.951, 0.952), "inside"),
        (over(90), (0.899, 0.900, 0.898), "inside"),
        (over(90), (0.85, 0.851, 0.852), "outside"),
        (digits("0.80"), (0.80,), "open"),
        (digits("0.80"), (), "open"),
    ],
)
def test_verdicts(claim, values, verdict):
    assert judge(claim, *values).verdict == verdict


def test_a_lower_bound_has_all_its_risk_on_one_side():
    row = judge(over(90), 0.85, 0.86, 0.87, 0.88, 0.89)
    assert row.factor == pytest.approx(2.132, abs=5e-4)  # of t with 4 degrees: 95 % below
    assert row.high == pytest.approx(0.87 + row.factor * row.deviation)


@pytest.mark.parametrize(
    ("reachable", "values", "verdict"),
    [
        (0.89, (0.85, 0.851, 0.852), "unattainable"),
        (0.90, (0.85, 0.851, 0.852), "outside"),
        (0.89, (), "unattainable"),  # exact Bayes needs no training
        (0.89, (0.89, 0.90, 0.91), "inside"),
    ],
)
def test_beyond_exact_bayes(reachable, values, verdict):
    assert judge(over(90), *values, reachable=reachable).verdict == verdict


def test_on_the_first_images_there_is_no_error_of_images():
    first = pd.Series([0.6, 0.7, 0.8])
    row = judge(digits("0.9"), 0.7, 0.8, 0.9, errors=(0.5,), on_first=first)
    deviation = math.sqrt(0.04 / 3 + 0.0025 / 3)
    assert row.z_first == pytest.approx(0.2 / deviation)
    assert (row.verdict, row.verdict_first) == ("inside", "inside")
    alone = judge(digits("0.9"), 0.7, 0.8, 0.9)
    assert (alone.z_first, alone.verdict_first) == (alone.z, alone.verdict)


def test_what_is_compared_with_what():
    numbers = {number.quantity: number for number in scorecard.numbers(tables())}
    assert list(numbers) == [
        "test loss, snapshot 5",
        "test accuracy, snapshot 5",
        "one pixel ahead, snapshot 5",
        "one pixel ahead, fully trained",
        "lowest test loss of the curves",
        "peak accuracy of the curves",
        "accuracy, rollout, snapshot 5, 28 ahead",
        "cross-entropy, rollout, snapshot 5, 28 ahead",
        "M1 accuracy",
        "M1 accuracy at resets",
    ]
    loss = numbers["test loss, snapshot 5"]
    assert (loss.claim.written, loss.ours, loss.unit, loss.errors) == ("0.10", 0.12, NATS, ())
    assert_allclose(loss.values, [0.13, 0.14, 0.15])
    assert list(loss.values.index) == [1, 2, 3]
    # Curves that end, at their lowest and highest.
    assert numbers["lowest test loss of the curves"].ours == 0.09
    assert_allclose(numbers["lowest test loss of the curves"].values, [0.1, 0.11])
    assert_allclose(numbers["peak accuracy of the curves"].values, [0.961, 0.962])
    assert_allclose(numbers["one pixel ahead, fully trained"].values, [0.951, 0.952])

    rollout = numbers["cross-entropy, rollout, snapshot 5, 28 ahead"]
    assert (rollout.claim.written, rollout.ours) == ("0.24", 0.3)
    assert_allclose(rollout.values, [0.4, 0.5, 0.6])
    assert rollout.on_first is not None
    assert_allclose(rollout.on_first, [0.45, 0.55, 0.65])
    # Ours is over 4,000 images, the published one over 1,000 of the same spread.
    assert_allclose(rollout.errors, [0.01, 0.02])

    accuracy = numbers["M1 accuracy"]
    assert (accuracy.claim.written, accuracy.ours) == ("over 90 %", 0.85)
    assert_allclose(accuracy.values, [0.84, 0.85, 0.86])
    # Over 5,000 sequences there, and 1,250 of the networks.
    assert_allclose(accuracy.errors, [0.003, 0.006])
    assert accuracy.reachable == pytest.approx(0.86 + 1.96 * 0.003 * math.sqrt(2), abs=1e-6)
    assert_allclose(numbers["M1 accuracy at resets"].values, [1, 1, 0.97])


def test_without_studies_nothing_is_judged(folder):
    """As in the demo."""
    absent = studies.read_pixels("digits")["trainings"], studies.read({})["networks"]
    numbers = scorecard.numbers(tables(trainings=absent[0], networks=absent[1]))
    card = scorecard.scorecard(numbers)
    assert len(card) == 10
    assert set(card.verdict) == {"open", "unattainable"}
    assert card.z.isna().all()
    assert (scorecard.blocks(numbers, card)[["numbers", "trainings"]] == 0).all(axis=None)
    assert set(scorecard.spread(tables(trainings=absent[0])).trainings) == {0}


def test_a_block_says_what_its_rows_have_in_common(rng):
    """Quantities of which one common factor decides, as of nested horizons."""
    factor = rng.normal(size=8)
    values = [pd.Series(0.5 + 0.1 * factor + 0.01 * rng.normal(size=8)) for _ in range(12)]
    low = [Number("block", "", NATS, digits("0.000"), 0.5, own) for own in values]
    near = [Number("block", "", SHARE, digits("0.501"), 0.5, own) for own in values[:4]]
    bound = Number("block", "", SHARE, over(10), 0.5, values[0])
    numbers = [*low, *near, bound]
    nats, share = scorecard.blocks(numbers, scorecard.scorecard(numbers)).itertuples()
    assert (nats.numbers, nats.below, nats.above, nats.trainings) == (12, 12, 0, 8)
    assert nats.mean_z < -3
    assert nats.as_far == 0
    assert (share.numbers, share.inside, share.trainings) == (4, 4, 8)
    assert abs(share.mean_z) < 1
    each = intervals.mean_z_of_each(pd.DataFrame(values[:4]), np.full(4, 0.0005 / math.sqrt(3)))
    assert share.as_far == sum(abs(each) >= abs(share.mean_z))
    assert share.as_far > 0


def test_the_network_beside_the_trainings():
    spread = scorecard.spread(tables()).set_index(["snapshot", "strategy", "horizon"])
    assert list(spread.trainings) == [0, 3, 2, 3, 3, 0]  # no baseline
    row = spread.loc["5", "argmax", 28]
    assert (row.images, row.accuracy, row.cross_entropy) == (4000, 0.91, 0.3)
    assert_allclose([row.accuracy_mean, row.accuracy_low, row.accuracy_high], [0.92, 0.91, 0.93])
    assert_allclose(row.cross_entropy_high, 0.6)
    row = spread.loc["5", "teacher_forced", 0]
    assert (row.cross_entropy, row.accuracy) == (0.12, 0.94)
    assert_allclose([row.cross_entropy_low, row.cross_entropy_high], [0.13, 0.15])
