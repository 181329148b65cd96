"""Ways to fill missing pixels, and how good each is.

    exact         the most probable completion, given all known pixels
    past_only     by the same network, given the pixels before each missing one alone
    greedy        the write-up's first plan: the completion with the best argmax continuation
    sampled       the write-up's second plan: the one with the best drawn continuations
    majority      the value of most of the known neighbours
    lookup_8      a table of the training images' pixels by their 8 neighbours, with back-off;
                  likewise lookup_12 and lookup_20, for one missing pixel
    joint_lookup  the same for a 2 x 2 patch, by the 12 pixels around it

The tables, `exact` and `past_only` are distributions over completions; the others only choose.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, UInt8
from scipy.special import expit
from scipy.stats import binomtest

from pipeline.core import prediction, scores
from pipeline.pixels import completions, context, masks, neighbours
from pipeline.pixels.infill import CompletionScores

# Of the bins of the reliability diagram: equal in log-odds, because most fills are next to
# impossible or next to certain.
EDGES = np.concatenate([[0], expit(np.arange(-14, 15)), [1]])


class Task(NamedTuple):
    """Images with missing pixels, of one kind of mask."""

    name: str
    masks: str
    image: Int[np.ndarray, "N"]  # numbers in the test set
    truth: UInt8[np.ndarray, "N pixels"]
    missing: Int[np.ndarray, "N missing"]
    completion: Int[np.ndarray, "N"]  # which one is the truth

    def at(self, rows: Int[np.ndarray, "rows"]) -> "Task":
        """Some of the images."""
        return Task(self.name, self.masks, *(array[rows] for array in self[2:]))


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
) -> tuple[Int[np.ndarray, "N"], Bool[np.ndarray, "N C"]]:
    """The write-up's second plan: the completion whose drawn continuations fit best.

    The missing pixels and everything after the last are drawn from the network. The
    continuations are grouped by the completion that they drew. The chosen completion is
    the one whose continuations have the lowest mean cross-entropy on the known future
    pixels. A completion that was never drawn cannot be chosen.

    `uniform` has a number from [0, 1) for each pixel of each continuation.

    Returns:
        The chosen completion of each image, and whether each of its completions was drawn.
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
    return mean.argmin(axis=1), count > 0


def _future(images: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """(N, pixels), whether a pixel comes after the last missing one."""
    return np.arange(images.shape[1]) > missing[:, -1:]


class Answer(NamedTuple):
    """What a method says about every image of a task.

    method, snapshot: its name, and its network's, or "none".
    fill: the completion that it chooses.
    log_p: log probability of each completion, None if it gives none.
    drawn: whether it has drawn each completion, None if it draws none.
    """

    method: str
    snapshot: str
    fill: Int[np.ndarray, "N"]
    log_p: Float[np.ndarray, "N C"] | None = None
    drawn: Bool[np.ndarray, "N C"] | None = None

    def at(self, rows: Int[np.ndarray, "rows"]) -> "Answer":
        """The same for some of the images."""
        log_p, drawn = (None if array is None else array[rows] for array in self[3:])
        return Answer(self.method, self.snapshot, self.fill[rows], log_p, drawn)


def count_tables(train: UInt8[np.ndarray, "train pixels"]) -> dict[str, dict[str, context.Table]]:
    """The tables of each task by the names of their methods."""
    around = context.count(train, context.SINGLE)
    return {
        "one_pixel": {f"lookup_{size}": around[size] for size in context.SINGLE.sizes if size > 4},
        "patch_2x2": {"joint_lookup": context.count(train, context.WHOLE)[context.WHOLE.sizes[-1]]},
    }


def by_network(snapshot: str, found: CompletionScores) -> list[Answer]:
    """The exact posterior, and the same network without the future."""
    exact, past = completions.log_p_given_rest(found.log_joint), found.log_given_past
    return [
        Answer("exact", snapshot, exact.argmax(axis=1), exact),
        Answer("past_only", snapshot, past.argmax(axis=1), past),
    ]


def by_tables(task: Task, tables: Mapping[str, context.Table]) -> list[Answer]:
    """The ways without a network."""
    majority = neighbours.majority_fill(task.truth, task.missing)
    answers = [Answer("majority", "none", completions.number(majority))]
    for name, table in tables.items():
        log_p = context.log_p_of_fills(table, task.truth, task.missing)
        answers.append(Answer(name, "none", log_p.argmax(axis=1), log_p))
    return answers


def by_plans(
    task: Task, snapshot: str, model: keras.Model, uniform: Float[np.ndarray, "N samples pixels"]
) -> list[Answer]:
    """The write-up's two plans; for `uniform` see `sampled_fill`."""
    fill, drawn = sampled_fill(model, task.truth, task.missing, uniform)
    return [
        Answer("greedy", snapshot, greedy_fill(model, task.truth, task.missing)),
        Answer("sampled", snapshot, fill, drawn=drawn),
    ]


def score(task: Task, answer: Answer, bins: int, rng: np.random.Generator) -> dict[str, Any]:
    """A row: how often the fill is right, and how good the distribution is if there is one.

    Of a method that draws also fills_drawn, how many different ones in an image, and
    truth_drawn, the share of images in which the true one is among them.
    """
    row = _key(task, answer) | {"images": len(task.truth)}
    row |= completions.score_fill(answer.fill, task.completion, task.missing.shape[1])
    if answer.drawn is not None:
        truth = np.take_along_axis(answer.drawn, task.completion[:, None], axis=1)[:, 0]
        drawn = {"fills_drawn": answer.drawn.sum(axis=1), "truth_drawn": truth}
        row |= scores.estimates(drawn)
    if answer.log_p is None:
        return row
    return row | completions.score_posterior(answer.log_p, task.completion, bins, rng)


def score_whole_images(task: Task, found: CompletionScores) -> dict[str, float]:
    """Of the exact posterior, in nats per image, with standard errors.

    information: what the pixels after the missing ones say about them; image_nats_fill and
    image_nats_truth: -log p of the whole image with the fill, and with the truth.
    """
    exact, past = completions.log_p_given_rest(found.log_joint), found.log_given_past
    return scores.estimates(
        {
            "information": scores.nats(past, task.completion) - scores.nats(exact, task.completion),
            "image_nats_fill": scores.nats(found.log_joint, exact.argmax(axis=1)),
            "image_nats_truth": scores.nats(found.log_joint, task.completion),
        }
    )


def compare(task: Task, exact: Answer, other: Answer) -> dict[str, Any]:
    """A row: the exact posterior and another method, image by image.

    exact_only and other_only count the images that only one of them fills right; p_value is
    that of McNemar's exact test of whether they are equally frequent. nats_less is the
    exact posterior's -log p(truth) less the other's, where it has one.
    """
    one, two = exact.fill == task.completion, other.fill == task.completion
    only = {"exact_only": int((one & ~two).sum()), "other_only": int((two & ~one).sum())}
    discordant = sum(only.values())
    row = _key(task, other) | {"images": len(task.truth)} | only
    row["p_value"] = binomtest(only["exact_only"], discordant).pvalue if discordant else 1.0
    if exact.log_p is None or other.log_p is None:
        return row
    less = scores.nats(exact.log_p, task.completion) - scores.nats(other.log_p, task.completion)
    return row | scores.estimates({"nats_less": less})


def _key(task: Task, answer: Answer) -> dict[str, Any]:
    return {
        "task": task.name,
        "masks": task.masks,
        "method": answer.method,
        "snapshot": answer.snapshot,
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


def score_reliability(
    task: str, log_p: Float[np.ndarray, "N C"], completion: Int[np.ndarray, "N"]
) -> pd.DataFrame:
    """A row for each bin of the probabilities of all fills, most of which are not the truth."""
    came = np.eye(log_p.shape[1])[completion]
    table = scores.reliability(np.exp(log_p).ravel(), came.ravel(), EDGES)
    return pd.DataFrame({"task": task, **table._asdict()})
