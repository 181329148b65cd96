"""The published numbers among trainings that are made up, so that each cell can be checked."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.core import intervals
from pipeline.tables import settings


def trainings(*slopes: float) -> pd.DataFrame:
    """Losses 0.25, 0.2, 0.14, 0.11 of each; the rollouts are its slope times the loss."""
    rows = []
    for number, slope in enumerate(slopes, start=1):
        for batches, loss in ((47, 0.25), (94, 0.2), (235, 0.14), (470, 0.11)):
            snapshot = {235: "0", 470: "1"}.get(batches, f"batch-{batches}")
            key = {"training": number, "snapshot": snapshot, "batches": batches}
            for strategy, horizon, nats in (
                ("teacher_forced", 0, loss),
                ("teacher_forced", 10, loss / 2),  # not published
                ("argmax", 10, slope * loss),
                ("sample", 10, slope * loss + 0.1),
            ):
                row = {"strategy": strategy, "horizon": horizon, "images": 4000}
                row |= {"cross_entropy": nats, "cross_entropy_se": 0.01}
                row |= {"cross_entropy_first": nats + 0.02}
                row |= {"accuracy": 1 - loss / 2, "accuracy_se": 0.001}
                rows.append(key | row | {"accuracy_first": 0.9})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    reference = trainings(3.5, 4.0, 4.5)
    other = trainings(3.6, 4.2)
    return settings.judge({"reference": reference, "other": other})


def cell(judged: pd.DataFrame, **where) -> pd.Series:
    key: dict[str, Any] = {
        "settings": "reference",
        "at": "snapshot",
        "strategy": "argmax",
        "shown": "all",
    }
    key |= {"snapshot": "0", "horizon": 10, "quantity": "cross_entropy"}
    (row,) = settings.select(judged, **key | where).to_dict("records")
    return pd.Series(row)


def test_a_published_rollout_by_hand(judged):
    row = cell(judged)
    # 0.14 times the slopes.
    assert_allclose([row["mean"], row.least, row.most], [0.56, 0.49, 0.63])
    assert_allclose(row.sd, 0.07)
    assert row.published == 0.531
    # Another training; 4,000 images of ours, 1,000 of theirs, and a last digit of 0.001.
    deviation = np.sqrt(0.07**2 * 4 / 3 + 0.01**2 + 0.02**2 + 0.0005**2 / 3)
    assert_allclose(row.z, (0.531 - 0.56) / deviation)
    assert_allclose(row.high - row["mean"], intervals.student(3) * deviation)
    assert row.inside == 1


def test_the_first_images_are_the_same_on_both_sides(judged):
    row = cell(judged, shown="first")
    assert_allclose(row["mean"], 0.58)
    assert_allclose(row.z, (0.531 - 0.58) / np.sqrt(0.07**2 * 4 / 3 + 0.0005**2 / 3))


def test_at_a_published_loss(judged):
    """Snapshot 0 has 0.15 there, on the way from 0.2 to 0.14."""
    row = cell(judged, at="cross_entropy")
    assert_allclose([row.least, row["mean"], row.most], [0.15 * 3.5, 0.6, 0.15 * 4.5])
    row = cell(judged, at="cross_entropy", snapshot="1", strategy="sample")
    assert_allclose(row["mean"], 0.12 * 4 + 0.1)
    # No training came to 0.10, or to the accuracy 0.9578.
    for at in settings.SCORES:
        assert "5" not in set(judged[judged["at"] == at].snapshot)
    # 0.9377 = 1 - loss / 2.
    assert_allclose(cell(judged, at="accuracy")["mean"], 4 * 2 * (1 - 0.9377))


def test_a_pass_before():
    table = trainings(3.5, 4.0)
    judged = settings.judge({"reference": table.replace({"snapshot": {"1": "4"}})})
    row = cell(judged, at="before", snapshot="5", strategy="teacher_forced", horizon=0)
    assert (row["mean"], row.published) == (0.11, 0.10)
    assert set(judged[judged["at"] == "before"].snapshot) == {"5"}


@pytest.mark.parametrize(
    ("losses", "expected"), [((0.1, 0.1549, 0.1551), 2), ((0.2, 0.3), 0), ((0.1499, 0.1), 2)]
)
def test_how_many_are_as_good(losses, expected):
    """Published is 0.15: anything up to 0.155."""
    table = pd.concat([trainings(1).assign(training=n) for n, _ in enumerate(losses)])
    one_step = (table.strategy == "teacher_forced") & (table.horizon == 0)
    table.loc[one_step & (table.snapshot == "0"), "cross_entropy"] = losses
    judged = settings.judge({"reference": table})
    assert cell(judged, strategy="teacher_forced", horizon=0).as_good == expected
    # 0.93 each, less than 0.9377.
    where = {"strategy": "teacher_forced", "horizon": 0, "quantity": "accuracy"}
    assert cell(judged, **where).as_good == 0


def test_other_settings_are_compared_with_the_reference_pairwise(judged):
    row = cell(judged, settings="other")
    assert row.trainings == 2
    # 0.1 and 0.2 more slope than trainings 1 and 2 of the reference.
    assert_allclose(row.less_reference, 0.14 * 0.15)
    assert_allclose(row.less_reference_se, 0.14 * 0.05)
    other = judged[judged.settings == "other"]
    assert set(other["at"]) == {"snapshot"}
    assert set(other.strategy) == {"teacher_forced", "argmax"}


def test_one_training_judges_nothing():
    reference = trainings(4.0)
    judged = settings.judge({"reference": reference})
    assert judged.z.isna().all()
    assert judged.inside.sum() == 0
    assert len(settings.readings(judged)) == 0


def test_readings_count_what_is_inside(judged):
    found = settings.readings(judged).set_index(settings.READING)
    own = judged[(judged.settings == "reference") & (judged["at"] == "snapshot")]
    own = own[(own.strategy == "argmax") & (own.shown == "all")]
    row = found.loc["reference", "snapshot", "argmax", "all"]
    assert (row.numbers, row.inside) == (4, own.inside.sum())  # two snapshots, two scores
    assert_allclose(row.rms_z, np.sqrt((own.z**2).mean()))
