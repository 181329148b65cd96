"""The published numbers of question 1 among trainings by several settings, and readings of them.

A reading says what the write-up may have done: which settings it trained with, which strategy
continued the images, and which images. Under each, a published number is compared with where
one more training of that kind would fall.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.core import intervals
from pipeline.params.sections import REFERENCE
from pipeline.tables import published
from pipeline.tables.rows import select

READING = ["settings", "at", "strategy", "images"]
# Names of the column that has a quantity of these images.
IMAGES = {"all": "{}", "first": "{}_first"}
SCORES = ("accuracy", "cross_entropy")
ONE_STEP: dict[str, Any] = {"strategy": "teacher_forced", "horizon": 0}
# Strategies that a published rollout may have had.
ROLLOUTS = ("argmax", "argmax_clipped_0.001", "argmax_clipped_0.01", "sample", "marginal")


def judge(trainings: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Each published number under each reading.

    Args:
        trainings: by settings; a row for each training, snapshot, strategy and horizon, as
            stage study_pixels writes them.

    Returns:
        READING, of which `at` is "snapshot", or a one-step score: each training is then judged
        where that score is the published one (`at_published`); snapshot, horizon, quantity;
        trainings, mean, sd, least and most; published, and z, its distance from the mean in
        standard deviations of one more training; low and high, its 95 % interval;
        less_reference, the mean difference from the reference's trainings of the same numbers,
        which began with the same weights and saw the same orders, and its standard error.
    """
    rows, reference = [], trainings[REFERENCE]
    for settings, table in trainings.items():
        for at in ("snapshot", *SCORES):
            own, others = (
                at_published(some, at) if at in SCORES else some for some in (table, reference)
            )
            key = {"settings": settings, "at": at}
            rows += [key | row for row in _judge(own, others)]
    return pd.DataFrame(rows)


def at_published(trainings: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """The scores of each training where a one-step score of its is a published one.

    Linear in that score between the two snapshots around it; a training that did not come
    there has no row. Fast and slow learners are compared at the same state of learning.

    Args:
        trainings: as for `judge`.
        quantity: accuracy or cross_entropy, of the whole test images.

    Returns:
        The same columns, with the name of the published snapshot.
    """
    names = {_claims(name, **ONE_STEP)[quantity].number: name for name in published.SNAPSHOTS}
    one_step = select(trainings, **ONE_STEP).set_index(["training", "batches"])
    scored = trainings.drop(columns="snapshot").join(
        one_step[quantity].rename("there"), on=["training", "batches"]
    )
    found = []
    for _, own in scored[_is_judged(scored)].groupby("training"):
        wide = own.pivot(index="there", columns=["training", "strategy", "horizon"])
        between = wide.reindex(wide.index.union([*names]))
        filled = between.interpolate("index", limit_area="inside").loc[[*names]]
        there = filled.dropna(how="all").rename(index=names).rename_axis("snapshot")
        found.append(there.stack([1, 2, 3], future_stack=True))
    return pd.concat(found).reset_index()


def _is_judged(trainings: pd.DataFrame) -> pd.Series:
    """Which rows may have a published number."""
    return trainings.strategy.isin(ROLLOUTS) | (trainings.horizon == 0)


def _judge(trainings: pd.DataFrame, reference: pd.DataFrame) -> Iterator[dict[str, Any]]:
    keys = ["snapshot", "strategy", "horizon"]
    for key, own in trainings[_is_judged(trainings)].groupby(keys, sort=False):
        others = select(reference, **dict(zip(keys, key)))
        for quantity, claim in _claims(*key).items():
            for images, form in IMAGES.items():
                name = form.format(quantity)
                errors = [intervals.rounding_error(claim.half)]
                if images == "all" and key[2]:
                    # Of our images, and of as many as the write-up had.
                    error = own[f"{quantity}_se"].mean()
                    share = own.images.iloc[0] / published.ROLLOUT_IMAGES
                    errors += [error, error * np.sqrt(share)]
                found = intervals.predict(own[name].to_numpy(), *errors)
                half = intervals.student(found.trainings) * found.deviation
                less = own.set_index("training")[name] - others.set_index("training")[name]
                yield dict(zip(keys, key)) | {
                    "images": images,
                    "quantity": quantity,
                    "trainings": found.trainings,
                    "mean": found.mean,
                    "sd": found.spread,
                    "least": own[name].min(),
                    "most": own[name].max(),
                    "published": claim.number,
                    "z": (claim.number - found.mean) / found.deviation,
                    "low": found.mean - half,
                    "high": found.mean + half,
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
