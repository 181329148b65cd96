"""The published numbers judged by what one more training of ours would show."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from pipeline.core import intervals
from pipeline.tables.published import (
    LOWEST_LOSS,
    META_ACCURACY,
    META_SEQUENCES,
    ONE_AHEAD,
    PEAK_ACCURACY,
    RESET_ACCURACY,
    ROLLOUT,
    ROLLOUT_IMAGES,
    SNAPSHOTS,
    Claim,
    digits,
)
from pipeline.tables.rows import Tables, records, select

NATS, SHARE = "nats per pixel", "share of right guesses"
ONE_STEP, ROLLOUTS, QUESTION_3 = "one step", "rollouts", "question 3"
UNITS = {"cross_entropy": NATS, "accuracy": SHARE}


class Number(NamedTuple):
    """A published number and what belongs to it.

    `ours` is of the network of the main graph; `values` are of the trainings of the studies,
    by their numbers, and `errors` standard deviations over images or sequences, theirs and
    ours. `on_first` are the values on the first images of the test set, which the write-up
    may have had: then both sides have the same images.
    """

    block: str
    quantity: str
    unit: str
    claim: Claim
    ours: float
    values: pd.Series
    errors: tuple[float, ...] = ()
    on_first: pd.Series | None = None
    reachable: float = math.nan


def scorecard(numbers: list[Number]) -> pd.DataFrame:
    """A row for each published number.

    Returns:
        quantity; published, written; ours, difference, of the main graph's network.
        trainings, mean, spread: of our trainings. deviation, low, high: what another one
        would show (`intervals.predict`), with the errors of the images and of rounding, and
        its 95 % interval; of a claim "over ..." the upper end is the 95 % bound. z =
        (published - mean) / deviation. verdict: inside; outside; unattainable, if outside
        and above `reachable`, which exact Bayes does not exceed in 97.5 % of such samples;
        open, without trainings. z_first, verdict_first: if its images were the first ones.
    """
    return pd.DataFrame(map(_judge, numbers))


def _judge(number: Number) -> dict[str, Any]:
    claim = number.claim
    row: dict[str, Any] = {
        "quantity": number.quantity,
        "published": claim.number,
        "ours": number.ours,
    }
    row["difference"] = number.ours - claim.number
    prediction, z, factor, verdict = _compare(number, number.values, number.errors)
    row |= {"verdict": verdict, "written": claim.written, **prediction._asdict(), "z": z}
    row |= {"low": prediction.mean - factor * prediction.deviation}
    row |= {"high": prediction.mean + factor * prediction.deviation, "factor": factor}
    if number.on_first is not None:
        _, row["z_first"], _, row["verdict_first"] = _compare(number, number.on_first, ())
    else:
        row |= {"z_first": z, "verdict_first": verdict}
    return row | {"reachable": number.reachable, "unit": number.unit, "block": number.block}


def _compare(
    number: Number, values: pd.Series, errors: tuple[float, ...]
) -> tuple[intervals.Prediction, float, float, str]:
    """What another training would show, z of the published number, its limit, the verdict."""
    claim = number.claim
    rounding = intervals.rounding_error(claim.half)
    prediction = intervals.predict(values.dropna().to_numpy(float), *errors, rounding)
    z = (claim.number - prediction.mean) / prediction.deviation
    # A lower bound can only be too high: all that an interval may miss is on that side.
    coverage = 2 * intervals.COVERAGE - 1 if claim.over else intervals.COVERAGE
    factor = intervals.student(prediction.trainings, coverage)
    if (z if claim.over else abs(z)) <= factor:
        verdict = "inside"
    elif claim.least > number.reachable:
        verdict = "unattainable"
    else:
        verdict = "open" if math.isnan(z) else "outside"
    return prediction, z, factor, verdict


def blocks(numbers: list[Number], card: pd.DataFrame) -> pd.DataFrame:
    """What all numbers of a block and unit say together, which no count of rows can hide.

    Lower bounds ("over ...") are no numbers, and left out.

    Returns:
        block, unit; numbers, those with a z; inside; above, below: how many are above and
        below our mean; mean_z, mean_z_first; trainings: of ours that can be judged by the
        others in the same way, and as_far: those whose own mean z is as far from zero.
    """
    rows = []
    is_number = [not number.claim.over for number in numbers]
    for (block, unit), own in card[is_number].groupby(["block", "unit"], sort=False):
        those = [numbers[place] for place in own.index]
        rounding = np.array([intervals.rounding_error(number.claim.half) for number in those])
        values = pd.DataFrame([number.values for number in those]).reset_index(drop=True)
        each = intervals.mean_z_of_each(values, rounding).dropna()
        mean_z = own.z.mean()
        rows.append(
            {"block": block, "unit": unit, "numbers": own.z.count()}
            | {"inside": sum(own.verdict == "inside")}
            | {"above": sum(own.z > 0), "below": sum(own.z < 0)}
            | {"mean_z": mean_z, "mean_z_first": own.z_first.mean()}
            | {"trainings": len(each), "as_far": sum(each.abs() >= abs(mean_z))}
        )
    return pd.DataFrame(rows)


def numbers(tables: Tables) -> list[Number]:
    """Every published number that has a counterpart in the tables."""
    return [*_one_step(tables), *_rollouts(tables), *_question_3(tables)]


def _one_step(tables: Tables) -> Iterator[Number]:
    """The whole test set, on both sides."""
    found = of_trainings(tables["trainings"], strategy="teacher_forced", horizon=0)

    def number(quantity: str, column: str, claim: Claim, ours: float, values: pd.Series) -> Number:
        return Number(ONE_STEP, quantity, UNITS[column], claim, ours, values)

    for row in records(tables["snapshots"]):
        own = found[found.snapshot == row.snapshot]
        where = f"snapshot {row.snapshot}"
        written = SNAPSHOTS.get(row.snapshot, ())
        for name, column, one in zip(("loss", "accuracy"), UNITS, written):
            ours = getattr(row, f"test_{name}")
            yield number(f"test {name}, {where}", column, digits(one), ours, own[column])
        if claim := ONE_AHEAD.get(row.snapshot):
            name = f"one pixel ahead, {'fully trained' if row.snapshot == 'final' else where}"
            yield number(name, "accuracy", claim, row.test_accuracy, own.accuracy)
    # The curves are of 20 epochs; a shorter training may not have come to its end.
    whole = found[found.index.isin(found.index[found.snapshot == "final"])].groupby("training")
    history = tables["history"]
    lowest, peak = whole.cross_entropy.min(), whole.accuracy.max()
    name = "lowest test loss of the curves"
    yield number(name, "cross_entropy", LOWEST_LOSS, history.test_loss.min(), lowest)
    name = "peak accuracy of the curves"
    yield number(name, "accuracy", PEAK_ACCURACY, history.test_accuracy.max(), peak)


def _rollouts(tables: Tables) -> Iterator[Number]:
    """Its images were fewer, and perhaps the first ones: errors of both sides, or of none."""
    for row in records(tables["horizons"], strategy="argmax"):
        found = of_trainings(
            tables["trainings"],
            snapshot=row.predictor,
            strategy=row.strategy,
            horizon=row.horizon,
        )
        for column, written in zip(
            ("accuracy", "cross_entropy"), ROLLOUT.get(row.predictor, {}).get(row.horizon, ())
        ):
            where = f"rollout, snapshot {row.predictor}, {row.horizon} ahead"
            error = getattr(row, f"{column}_se")
            yield Number(
                ROLLOUTS,
                f"{column.replace('_', '-')}, {where}",
                UNITS[column],
                digits(written),
                getattr(row, column),
                found[column],
                (error, error * math.sqrt(row.images / ROLLOUT_IMAGES)),
                found[f"{column}_first"],
            )


def _question_3(tables: Tables) -> Iterator[Number]:
    """Sequences differ: its own, those of the five networks, those of the main graph."""
    for row in records(tables["comparison"], own_prior=1):
        if claim := META_ACCURACY.get(row.model):
            networks = select(tables["networks"], model=row.model).set_index("repetition")
            # The same spread, over as many sequences as each side has.
            theirs, five = row.count / META_SEQUENCES, row.count / networks["count"].mean()
            errors = (row.accuracy_se * math.sqrt(theirs), row.accuracy_se * math.sqrt(five))
            exact = row.exact_accuracy_se * math.hypot(1, math.sqrt(theirs))
            reachable = row.exact_accuracy + norm.ppf((1 + intervals.COVERAGE) / 2) * exact
            name = f"{row.model} accuracy"
            yield Number(
                QUESTION_3,
                name,
                SHARE,
                claim,
                row.accuracy,
                networks.accuracy,
                errors,
                reachable=reachable,
            )
            values = networks.reset_accuracy
            name += " at resets"
            yield Number(QUESTION_3, name, SHARE, RESET_ACCURACY, row.reset_accuracy, values)


def of_trainings(trainings: pd.DataFrame, **where: str | int) -> pd.DataFrame:
    """The rows of the trainings that have these values, by training."""
    return select(trainings, **where).set_index("training")


def spread(tables: Tables) -> pd.DataFrame:
    """The scores of the main graph's network, and the mean and range of the trainings.

    Returns:
        snapshot, strategy, horizon (0 for the whole image), images; trainings, how many
        there are; accuracy and cross_entropy of the network, and with _mean, _low and _high
        those of the trainings.
    """
    one_step = tables["snapshots"].rename(
        columns={"test_accuracy": "accuracy", "test_loss": "cross_entropy", "test_images": "images"}
    )
    one_step = one_step.assign(strategy="teacher_forced", horizon=0)
    horizons = tables["horizons"].rename(columns={"predictor": "snapshot"})
    horizons = horizons[horizons.strategy != "baseline"]
    key, scores = ["snapshot", "strategy", "horizon"], ["accuracy", "cross_entropy"]
    ours = pd.concat([one_step, horizons], ignore_index=True)[[*key, "images", *scores]]
    groups = tables["trainings"].groupby(key)
    found = groups[scores].agg(["mean", "min", "max"])
    ends = {"mean": "mean", "min": "low", "max": "high"}
    found.columns = [f"{name}_{ends[which]}" for name, which in found.columns]
    table = ours.join(found.assign(trainings=groups.size()), on=key)
    return table.assign(trainings=table.trainings.fillna(0).astype(int))
