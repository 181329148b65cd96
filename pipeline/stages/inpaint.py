"""Fill a missing pixel or 2 x 2 patch: exact Bayes against every alternative."""

from typing import NamedTuple

import numpy as np

from pipeline import (
    checks,
    completions,
    examples,
    files,
    infill,
    masks,
    model_file,
    neighbours,
    network,
    params,
    randomness,
    scores,
)
from pipeline.stages import main

# The snapshot whose posteriors are kept and pictured, and pictures of each kind.
SHOWN, PICTURES = "final", 4
PATCH_SIDES = {"one_pixel": 1, "patch_2x2": params.PATCH_SIDE}

# Scores that a method gives only if it gives probabilities, and some only the exact one.
PROBABILISTIC = (
    "nats",
    "nats_se",
    "brier",
    "brier_se",
    "ece",
    "information",
    "information_se",
    "image_nats_fill",
    "image_nats_fill_se",
    "image_nats_truth",
    "image_nats_truth_se",
)


class Task(NamedTuple):
    """Images with missing pixels, of one kind of mask."""

    name: str
    masks: str
    number: np.ndarray  # (N,) in the test set
    truth: np.ndarray  # (N, pixels)
    missing: np.ndarray  # (N, M)
    true: np.ndarray  # (N,) number of the completion that is the truth


def run(seed: int, threads: int, inpainting: params.Inpainting) -> None:
    """Write tasks, posteriors, the scores of all methods, and the chosen examples."""
    network.use_threads(threads)
    data = files.read_arrays(files.BINARISED)
    patterns = neighbours.count_patterns(data["train"])
    snapshots = [str(row["snapshot"]) for row in files.read_csv(files.SNAPSHOT_SCORES)]
    models = {name: model_file.read(files.pixel_model(name)) for name in snapshots}
    bins = inpainting.calibration_bins
    table: list[files.Record] = []
    by_image: list[files.Record] = []
    reliability: list[files.Record] = []
    posteriors: dict[str, np.ndarray] = {}
    gallery: dict[str, np.ndarray] = {}

    for name, side in PATCH_SIDES.items():
        tasks = [
            _draw(seed, name, side, kind, data["test"], inpainting) for kind in masks.KINDS
        ]
        _write(tasks)
        log_posteriors = []
        for task in tasks:
            print(f"{name}, {task.masks} masks", flush=True)
            for snapshot, model in models.items():
                found = infill.score_completions(model, task.truth, task.missing)
                table += _network_rows(task, snapshot, found, bins)
                if snapshot == SHOWN:
                    shown = found
            uniform = randomness.generator(seed, "continuations", name, task.masks)
            table += _other_rows(
                task,
                models[SHOWN],
                uniform.random(
                    (len(task.truth), inpainting.continuations, task.truth.shape[1]),
                    np.float32,
                ),
                neighbours.lookup_log_p(patterns, task.truth, task.missing),
                bins,
            )
            exact = completions.log_p_given_rest(shown.log_joint)
            log_posteriors.append(exact)
            by_image += _image_rows(task, exact, shown.log_given_past)
            reliability += _reliability_rows(task, exact, bins)
        posteriors[name] = np.concatenate(log_posteriors)
        gallery |= _gallery(tasks, posteriors[name])
    for log_posterior in posteriors.values():
        checks.normalised(files.POSTERIORS, np.exp(log_posterior))
    files.write_arrays(files.POSTERIORS, posteriors)
    files.write_csv(files.INPAINTING_SCORES, table, empty=PROBABILISTIC)
    files.write_csv(files.INPAINTING_IMAGES, by_image)
    # In a bin without forecasts.
    nothing = ("confidence", "accuracy")
    files.write_csv(files.RELIABILITY, reliability, empty=nothing)
    files.write_arrays(files.INPAINTING_GALLERY, gallery)


def _draw(
    seed: int,
    name: str,
    side: int,
    kind: str,
    test: np.ndarray,
    inpainting: params.Inpainting,
) -> Task:
    rng = randomness.generator(seed, "masks", name, kind)
    number = np.sort(rng.choice(len(test), inpainting.images, replace=False))
    truth = test[number]
    missing = masks.draw(rng, truth, kind, side, inpainting.centre)
    return Task(name, kind, number, truth, missing, completions.of_images(truth, missing))


def _write(tasks: list[Task]) -> None:
    """The tasks of all kinds, one after the other, in the course's format."""
    truth = np.concatenate([task.truth for task in tasks])
    missing = np.concatenate([task.missing for task in tasks])
    files.write_array(
        files.INPAINTING_TASKS[tasks[0].name],
        np.stack([masks.mark(truth, missing), truth.astype(np.int8)]),
    )


def _row(task: Task, method: str, snapshot: str, fill: np.ndarray, **more: float) -> dict:
    """One row of the table of scores; what a method does not give stays empty."""
    empty = dict.fromkeys(PROBABILISTIC, float("nan"))
    return {
        "task": task.name,
        "masks": task.masks,
        "method": method,
        "snapshot": snapshot,
        "images": len(task.truth),
        **completions.score_fill(fill, task.true, task.missing.shape[1]),
        **(empty | more),
    }


def _network_rows(
    task: Task, snapshot: str, found: infill.CompletionScores, bins: int
) -> list[files.Record]:
    """The exact posterior, and what the same network says from the past alone."""
    joint, past = found
    exact = completions.log_p_given_rest(joint)
    fill = exact.argmax(axis=1)
    everyone = np.arange(len(fill))
    by_image = {
        # What the pixels after the missing ones tell about them.
        "information": scores.nats(past, task.true) - scores.nats(exact, task.true),
        "image_nats_fill": -joint[everyone, fill],
        "image_nats_truth": -joint[everyone, task.true],
    }
    return [
        _row(
            task,
            "exact",
            snapshot,
            fill,
            **completions.score_posterior(exact, task.true, bins),
            **completions.with_errors(by_image),
        ),
        _row(
            task,
            "past_only",
            snapshot,
            past.argmax(axis=1),
            **completions.score_posterior(past, task.true, bins),
        ),
    ]


def _other_rows(
    task: Task, model, uniform: np.ndarray, lookup: np.ndarray, bins: int
) -> list[files.Record]:
    """The write-up's two other plans, and two that need no network."""
    # Given their known neighbours, the table knows nothing of what missing pixels share.
    independent = completions.log_p_of_independent(lookup)
    majority = neighbours.majority_fill(task.truth, task.missing)
    return [
        _row(task, "greedy", SHOWN, infill.greedy_fill(model, task.truth, task.missing)),
        _row(
            task,
            "sampled",
            SHOWN,
            infill.sampled_fill(model, task.truth, task.missing, uniform),
        ),
        _row(
            task,
            "lookup",
            "none",
            independent.argmax(axis=1),
            **completions.score_posterior(independent, task.true, bins),
        ),
        _row(task, "majority", "none", completions.number(majority)),
    ]


def _image_rows(task: Task, exact: np.ndarray, past: np.ndarray) -> list[files.Record]:
    nats, past_nats = scores.nats(exact, task.true), scores.nats(past, task.true)
    return [
        {
            "task": task.name,
            "masks": task.masks,
            "image": number,
            "first_missing": task.missing[row, 0],
            "truth": task.true[row],
            "fill": exact[row].argmax(),
            "p_fill": np.exp(exact[row].max()),
            "nats": nats[row],
            "past_only_nats": past_nats[row],
        }
        for row, number in enumerate(task.number)
    ]


def _reliability_rows(task: Task, exact: np.ndarray, bins: int) -> list[files.Record]:
    table = scores.reliability(exact, task.true, bins)
    return [
        {
            "task": task.name,
            "masks": task.masks,
            "bin": number,
            "forecasts": forecasts,
            "confidence": confidence,
            "accuracy": accuracy,
            # Of a share among independent images.
            "accuracy_se": np.sqrt(accuracy * (1 - accuracy) / max(forecasts, 1)),
        }
        for number, (forecasts, confidence, accuracy) in enumerate(zip(*table))
    ]


def _gallery(tasks: list[Task], log_posterior: np.ndarray) -> dict[str, np.ndarray]:
    """The chosen examples among the images of all kinds of masks."""
    true = np.concatenate([task.true for task in tasks])
    chosen = examples.of_fills(
        np.exp(log_posterior.max(axis=1)), scores.correct(log_posterior, true), PICTURES
    )
    rows = np.concatenate(list(chosen.values()))
    arrays = {
        "kind": np.repeat(list(chosen), [len(kind) for kind in chosen.values()]),
        "masks": np.repeat([task.masks for task in tasks], [len(t.true) for t in tasks])[
            rows
        ],
        "image": np.concatenate([task.number for task in tasks])[rows],
        "truth": np.concatenate([task.truth for task in tasks])[rows],
        "missing": np.concatenate([task.missing for task in tasks])[rows],
        "log_posterior": log_posterior[rows],
    }
    return {f"{tasks[0].name}-{name}": array for name, array in arrays.items()}


if __name__ == "__main__":
    main(run)
