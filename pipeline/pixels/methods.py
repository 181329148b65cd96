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
    """Images with missing pixels, of one kind of mask."""

    name: str
    masks: str
    image: Int[np.ndarray, "N"]  # numbers in the test set
    truth: UInt8[np.ndarray, "N pixels"]
    missing: Int[np.ndarray, "N missing"]
    completion: Int[np.ndarray, "N"]  # which one is the truth


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
    return Task(name, kind, image, truth, missing, completions.completion_of(truth, missing))


def greedy_fill(
    model: keras.Model,
    images: UInt8[np.ndarray, "N pixels"],
    missing: Int[np.ndarray, "N missing"],
) -> Int[np.ndarray, "N"]:
    """The write-up's first plan: the completion whose argmax continuation fits best.

    After the last missing pixel the network continues each completion by argmax. The
    chosen completion is the one along whose continuation the known future pixels have the
    lowest cross-entropy. Ties go to the first: without any future, all paper.
    """
    completed = completions.complete(images, missing)
    future = _future(images, missing)
    free = np.broadcast_to(future[:, None], completed.shape)
    half = np.broadcast_to(np.float32(0.5), completed.shape)
    _, nats = prediction.generate(model, completed, free, half)
    return (nats * free).sum(axis=2, dtype=np.float64).argmin(axis=1)


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

    `uniform` has a number from [0, 1) for each pixel of each continuation.
    """
    future = _future(images, missing)
    free = future.copy()
    np.put_along_axis(free, missing, True, axis=1)
    repeated, free = (np.broadcast_to(array[:, None], uniform.shape) for array in (images, free))
    values, nats = prediction.generate(model, repeated, free, uniform)
    cost = (nats * future[:, None]).sum(axis=2, dtype=np.float64)
    drawn = completions.number(np.take_along_axis(values, missing[:, None], axis=2))
    which = drawn[:, :, None] == np.arange(2 ** missing.shape[1])
    count = which.sum(axis=1)
    total = (cost[:, :, None] * which).sum(axis=1)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    return mean.argmin(axis=1)


def _future(images: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """(N, pixels), whether a pixel comes after the last missing one."""
    return np.arange(images.shape[1]) > missing[:, -1:]


def score_network(task: Task, snapshot: str, found: CompletionScores, bins: int) -> pd.DataFrame:
    """Two rows: the exact posterior, and the same network without the future.

    The exact row has three more scores, in nats per image: information, which is what the
    pixels after the missing ones say about them; and -log p of the whole image with the
    fill, and with the truth.
    """
    exact = completions.log_p_given_rest(found.log_joint)
    past = found.log_given_past
    more = {
        "information": scores.nats(past, task.completion) - scores.nats(exact, task.completion),
        "image_nats_fill": scores.nats(found.log_joint, exact.argmax(axis=1)),
        "image_nats_truth": scores.nats(found.log_joint, task.completion),
    }
    rows = [_score(task, "exact", snapshot, exact, bins) | scores.estimates(more)]
    return pd.DataFrame([*rows, _score(task, "past_only", snapshot, past, bins)])


def score_others(
    task: Task,
    snapshot: str,
    model: keras.Model,
    uniform: Float[np.ndarray, "N samples pixels"],
    patterns: Int[np.ndarray, "2 2 2 2 2 2 2 2 2"],
    bins: int,
) -> pd.DataFrame:
    """Four rows: the write-up's two plans by one network, and two ways without a network.

    For `uniform` see `sampled_fill`, for `patterns` `neighbours.count_patterns`.
    """
    truth, missing = task.truth, task.missing
    greedy = greedy_fill(model, truth, missing)
    sampled = sampled_fill(model, truth, missing, uniform)
    # Given their known neighbours, the table says nothing about what missing pixels share.
    lookup = completions.log_p_independent(neighbours.lookup_log_p(patterns, truth, missing))
    majority = completions.number(neighbours.majority_fill(truth, missing))
    return pd.DataFrame(
        [
            _row(task, "greedy", snapshot, greedy),
            _row(task, "sampled", snapshot, sampled),
            _score(task, "lookup", "none", lookup, bins),
            _row(task, "majority", "none", majority),
        ]
    )


def _score(task: Task, method: str, snapshot: str, log_p: np.ndarray, bins: int) -> dict[str, Any]:
    posterior = completions.score_posterior(log_p, task.completion, bins)
    return _row(task, method, snapshot, log_p.argmax(axis=1)) | posterior


def _row(task: Task, method: str, snapshot: str, fill: np.ndarray) -> dict[str, Any]:
    return {
        "task": task.name,
        "masks": task.masks,
        "method": method,
        "snapshot": snapshot,
        "images": len(task.truth),
        **completions.score_fill(fill, task.completion, task.missing.shape[1]),
    }


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
