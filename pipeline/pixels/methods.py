"""Six ways to fill missing pixels, and how good each is.

    exact      the most probable completion, given all known pixels
    past_only  by the same network, given the pixels before each missing one alone
    greedy     the write-up's first plan: the completion with the best argmax continuation
    sampled    the write-up's second plan: the one with the best drawn continuations
    lookup     the most frequent values within such neighbours in the training images
    majority   the value of most of the known neighbours

The first two and `lookup` are distributions over completions; the others only choose one.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from jaxtyping import Float, Int, UInt8

from pipeline.core import prediction, scores
from pipeline.pixels import completions, masks, neighbours
from pipeline.pixels.infill import CompletionScores


class Task(NamedTuple):
    """Images with missing pixels, of one kind of mask.

    name, masks: of the task, such as one_pixel, and the kind of masks.
    image: numbers of the images in the test set.
    truth: the images.
    missing: raster indices of their missing pixels, ascending.
    completion: the number of the completion that is the truth.
    """

    name: str
    masks: str
    image: Int[np.ndarray, "N"]
    truth: UInt8[np.ndarray, "N pixels"]
    missing: Int[np.ndarray, "N missing"]
    completion: Int[np.ndarray, "N"]


def draw_task(
    rng: np.random.Generator,
    name: str,
    kind: str,
    side: int,
    test: UInt8[np.ndarray, "test pixels"],
    count: int,
    centre: tuple[int, int],
) -> Task:
    """Images drawn from the test set, and a missing patch in each; see `masks.draw`."""
    image = np.sort(rng.choice(len(test), count, replace=False))
    truth = test[image]
    missing = masks.draw(rng, truth, kind, side, centre)
    own = completions.completion_of(truth, missing)
    return Task(name, kind, image, truth, missing, own)


def greedy_fill(
    model: keras.Model,
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
) -> Int[np.ndarray, "N"]:
    """The write-up's first plan: the completion whose argmax continuation fits best.

    After the last missing pixel the network continues each completion by argmax. The
    chosen completion is the one along whose continuation the known future pixels have the
    lowest cross-entropy. Ties go to the first: without any future, all paper.

    Returns:
        The number c of the chosen completion of each image.
    """
    completed = completions.complete(images, missing)
    future = np.arange(images.shape[1]) > missing[:, -1:]
    free = np.broadcast_to(future[:, None], completed.shape)
    half = np.broadcast_to(np.float32(0.5), completed.shape)
    _, nats = prediction.generate(model, completed, free, half)
    return (nats * future[:, None]).sum(axis=2, dtype=np.float64).argmin(axis=1)


def sampled_fill(
    model: keras.Model,
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
    uniform: Float[np.ndarray, "N samples pixels"],
) -> Int[np.ndarray, "N"]:
    """The write-up's second plan: the completion whose drawn continuations fit best.

    The missing pixels and everything after the last are drawn from the network. The
    continuations are grouped by the completion that they drew. The chosen completion is
    the one whose continuations have the lowest mean cross-entropy on the known future
    pixels. A completion that was never drawn cannot be chosen.

    Args:
        model: a network with one logit.
        images: binary, raster order; the values at missing pixels are ignored.
        missing: raster indices, ascending.
        uniform: a number for each pixel of each continuation, from [0, 1).

    Returns:
        The number c of the chosen completion of each image.
    """
    future = np.arange(images.shape[1]) > missing[:, -1:]
    free = future.copy()
    np.put_along_axis(free, missing, True, axis=1)
    values, nats = prediction.generate(
        model,
        np.broadcast_to(images[:, None], uniform.shape),
        np.broadcast_to(free[:, None], uniform.shape),
        uniform,
    )
    cost = (nats * future[:, None]).sum(axis=2, dtype=np.float64)
    drawn = completions.number(np.take_along_axis(values, missing[:, None], axis=2))
    which = drawn[:, :, None] == np.arange(2 ** missing.shape[1])
    count = which.sum(axis=1)
    total = (cost[:, :, None] * which).sum(axis=1)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    return mean.argmin(axis=1)


def score_network(task: Task, snapshot: str, found: CompletionScores, bins: int) -> pd.DataFrame:
    """Two rows: the exact posterior, and the same network without the future.

    The exact row has three more scores, in nats per image: information, which is what the
    pixels after the missing ones say about them; and -log p of the whole image with the
    fill, and with the truth.
    """
    past = found.log_given_past
    exact = completions.log_p_given_rest(found.log_joint)
    everyone = np.arange(len(exact))
    gained = scores.nats(past, task.completion) - scores.nats(exact, task.completion)
    more = {
        "information": gained,
        "image_nats_fill": -found.log_joint[everyone, exact.argmax(axis=1)],
        "image_nats_truth": -found.log_joint[everyone, task.completion],
    }
    return pd.DataFrame(
        [
            _row(task, "exact", snapshot, *_score(task, exact, bins), scores.estimates(more)),
            _row(task, "past_only", snapshot, *_score(task, past, bins)),
        ]
    )


def score_others(
    task: Task,
    snapshot: str,
    model: keras.Model,
    uniform: Float[np.ndarray, "N samples pixels"],
    patterns: Int[np.ndarray, "2 2 2 2 2 2 2 2 2"],
    bins: int,
) -> pd.DataFrame:
    """Four rows: the write-up's two plans by one network, and two ways without a network.

    Args:
        task: images with missing pixels.
        snapshot: the network's name.
        model: the network.
        uniform: see `sampled_fill`.
        patterns: from `neighbours.count_patterns`.
        bins: of confidence, in the expected calibration error.
    """
    lookup = neighbours.lookup_log_p(patterns, task.truth, task.missing)
    # Given their known neighbours, the table says nothing about what missing pixels share.
    independent = completions.log_p_independent(lookup)
    majority = neighbours.majority_fill(task.truth, task.missing)
    greedy = greedy_fill(model, task.truth, task.missing)
    sampled = sampled_fill(model, task.truth, task.missing, uniform)
    return pd.DataFrame(
        [
            _row(task, "greedy", snapshot, greedy),
            _row(task, "sampled", snapshot, sampled),
            _row(task, "lookup", "none", *_score(task, independent, bins)),
            _row(task, "majority", "none", completions.number(majority)),
        ]
    )


def _score(task: Task, log_p: np.ndarray, bins: int) -> tuple[np.ndarray, dict[str, float]]:
    """The most probable completion, and the scores of the distribution."""
    posterior = completions.score_posterior(log_p, task.completion, bins)
    return log_p.argmax(axis=1), posterior


def _row(
    task: Task, method: str, snapshot: str, fill: np.ndarray, *more: dict[str, float]
) -> dict[str, Any]:
    row = {
        "task": task.name,
        "masks": task.masks,
        "method": method,
        "snapshot": snapshot,
        "images": len(task.truth),
        **completions.score_fill(fill, task.completion, task.missing.shape[1]),
    }
    for scored in more:
        row |= scored
    return row


def score_images(task: Task, exact: np.ndarray, past: np.ndarray) -> pd.DataFrame:
    """A row for each image: its fill by the exact posterior, and what the truth costs."""
    return pd.DataFrame(
        {
            "task": task.name,
            "masks": task.masks,
            "image": task.image,
            "first_missing": task.missing[:, 0],
            "truth": task.completion,
            "fill": exact.argmax(axis=1),
            "p_fill": np.exp(exact.max(axis=1)),
            "nats": scores.nats(exact, task.completion),
            "past_only_nats": scores.nats(past, task.completion),
        }
    )


def score_reliability(task: Task, exact: np.ndarray, bins: int) -> pd.DataFrame:
    """A row for each bin of confidence of the exact posterior."""
    table = scores.reliability(exact, task.completion, bins)
    return pd.DataFrame(
        {"task": task.name, "masks": task.masks, "bin": range(bins), **table._asdict()}
    )
