"""The published numbers of question 1 among trainings by several settings, and readings of them.

A reading says what the write-up may have done: which settings it trained with, which strategy
continued the images, and which images. Under each, a published number is compared with where
one more training of that kind would fall.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pipeline.core import intervals
from pipeline.params.sections import REFERENCE
from pipeline.tables import published
from pipeline.tables.rows import select

READING = ["settings", "at", "strategy", "shown"]
KEY = ["snapshot", "strategy", "horizon"]
SCORES = ("accuracy", "cross_entropy")
# Names of the column that has a score: of all images, or of the first ones.
SHOWN = {"all": "{}", "first": "{}_first"}
ONE_STEP: dict[str, Any] = {"strategy": "teacher_forced", "horizon": 0}
# Strategies that a published rollout may have had.
ROLLOUTS = ("argmax", "argmax_clipped_0.001", "argmax_clipped_0.01", "sample", "marginal")


def judge(trainings: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Each published number under each reading.

    Args:
        trainings: by settings; a row for each training, snapshot, strategy and horizon, as
            stage study_pixels writes them.

    Returns:
        READING and KEY, where `at` is what stands for a published snapshot: ours ("snapshot"),
        that of the pass before ("before", of the last alone), or the place where a one-step
        score is the published one (its name); quantity; trainings, mean, sd, least and most;
        as_good, how many trainings are as good as the published number, rounded as it is, or
        better; published, and z, its distance from the mean in standard deviations of one more
        training; low and high, its 95 % interval; inside, whether it is in there;
        less_reference, the mean difference from the reference's trainings of the same numbers,
        which began with the same weights and saw the same orders, and its standard error.
    """
    places: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "snapshot": lambda own: own,
        "before": before,
        **{score: partial(at_published, score=score) for score in SCORES},
    }
    rows = []
    for settings, table in trainings.items():
        # Of other settings, the first place, strategy and images.
        for at in ["snapshot"] if settings != REFERENCE else places:
            own, reference = (places[at](_judged(one)) for one in (table, trainings[REFERENCE]))
            key = {"settings": settings, "at": at}
            rows += [key | row for row in _judge(own, reference)]
    table = pd.DataFrame(rows)
    main = table.strategy.isin([ONE_STEP["strategy"], ROLLOUTS[0]]) & (table.shown == "all")
    return table[main | (table.settings == REFERENCE)].reset_index(drop=True)


def readings(judged: pd.DataFrame) -> pd.DataFrame:
    """How many published numbers each reading holds.

    Returns:
        READING; numbers, all that more than one training can judge; inside, those within
        the 95 % interval of one more training; rms_z, the root of the mean z^2.
    """
    groups = judged.dropna(subset="z").assign(z=judged.z**2).groupby(READING, sort=False)
    table = groups.agg(numbers=("z", "size"), inside=("inside", "sum"), rms_z=("z", "mean"))
    return table.assign(rms_z=np.sqrt(table.rms_z)).reset_index()


def before(trainings: pd.DataFrame) -> pd.DataFrame:
    """The snapshot a pass before the last published one, under the name of that one.

    The write-up's "5 epochs" may be five passes instead of six.
    """
    last = max(published.SNAPSHOTS, key=int)
    return select(trainings, snapshot=f"{int(last) - 1}").assign(snapshot=last)


def at_published(trainings: pd.DataFrame, score: str) -> pd.DataFrame:
    """The scores of each training where a one-step score of its is a published one.

    Linear in that score between the two snapshots around it; a training that did not come
    there has no row. Fast and slow learners are compared at the same state of learning.

    Args:
        trainings: as for `judge`.
        score: accuracy or cross_entropy, of the whole test images.

    Returns:
        The same columns, with the name of the published snapshot.
    """
    names = {_claims(name, **ONE_STEP)[score].number: name for name in published.SNAPSHOTS}
    # Of snapshots with the same score the last, so that it is one place on the way.
    one_step = select(trainings, **ONE_STEP).drop_duplicates(["training", score], keep="last")
    there = one_step.set_index(["training", "batches"])[score].rename("there")
    scored = trainings.drop(columns="snapshot").join(there, on=there.index.names, how="inner")
    found = []
    for _, own in scored[scored.horizon > 0].groupby("training"):
        wide = own.pivot(index="there", columns=["training", "strategy", "horizon"])
        between = wide.reindex(wide.index.union([*names])).interpolate("index", limit_area="inside")
        reached = between.loc[[*names]].dropna(how="all").rename(index=names)
        found.append(reached.rename_axis("snapshot").stack([1, 2, 3], future_stack=True))
    return pd.concat(found).reset_index()


def _judged(trainings: pd.DataFrame) -> pd.DataFrame:
    """The rows that may have a published number."""
    one_step = (trainings.strategy == ONE_STEP["strategy"]) & (trainings.horizon == 0)
    return trainings[one_step | trainings.strategy.isin(ROLLOUTS)]


def _judge(trainings: pd.DataFrame, reference: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for key, own in trainings.groupby(KEY, sort=False):
        others = select(reference, **dict(zip(KEY, key))).set_index("training")
        own, rollout = own.set_index("training"), key[2] > 0
        for score, claim in _claims(*key).items():
            # A one-step score is of all images on both sides.
            for shown, form in SHOWN.items() if rollout else [("all", "{}")]:
                errors = [intervals.rounding_error(claim.half)]
                if rollout and shown == "all":
                    ours = own[f"{score}_se"].mean()
                    theirs = ours * np.sqrt(own.images.iloc[0] / published.ROLLOUT_IMAGES)
                    errors += [ours, theirs]
                values = own[form.format(score)]
                found = intervals.predict(values.to_numpy(float), *errors)
                half = intervals.student(found.trainings) * found.deviation
                sign = 1 if score == "cross_entropy" else -1
                less = values - others[form.format(score)]
                yield dict(zip(KEY, key)) | {
                    "shown": shown,
                    "quantity": score,
                    "trainings": found.trainings,
                    "mean": found.mean,
                    "sd": found.spread,
                    "least": values.min(),
                    "most": values.max(),
                    "as_good": int((sign * (values - claim.number) <= claim.half).sum()),
                    "published": claim.number,
                    "z": (claim.number - found.mean) / found.deviation,
                    "low": found.mean - half,
                    "high": found.mean + half,
                    "inside": int(abs(claim.number - found.mean) <= half),
                    "less_reference": less.mean(),
                    "less_reference_se": less.sem(),
                }


def _claims(snapshot: str, strategy: str, horizon: int) -> dict[str, published.Claim]:
    """What the write-up has of a score, by quantity."""
    if strategy in ROLLOUTS:
        accuracy, nats = published.ROLLOUT.get(snapshot, {}).get(horizon, (None, None))
    else:
        nats, accuracy = published.SNAPSHOTS.get(snapshot, (None, None))
    written = dict(zip(SCORES, (accuracy, nats)))
    return {name: published.digits(digits) for name, digits in written.items() if digits}
