"""Continue masked test images with every snapshot and with baselines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import prediction, randomness, scores
from pipeline.files import formats, models
from pipeline.params import sections
from pipeline.pixels import baselines, gallery

READS = ("seed", "threads", "rollout")

# The snapshot whose continuations are shown. As in the write-up there are twelve examples,
# three of each kind, and as in its assignment five samples of each.
SHOWN, PICTURES, SAMPLES_SHOWN = "final", 3, 5


def run(seed: int, rollout: sections.Rollout) -> dict[Path, Any]:
    """Scores by horizon and by step, and the chosen images."""
    data = formats.read_arrays(paths.BINARISED, "train", "test", "test_labels")
    images, first = data["test"][: rollout.images], rollout.first_pixel
    horizons, steps = [], []
    for predictor, strategy, pixels, nats in _continue(seed, rollout, data["train"], images):
        print(f"scoring {predictor} {strategy}", flush=True)
        right = (pixels == images[:, None, first:]).mean(axis=1)
        # The layout decides the order of summation, and so the last digits.
        nats = np.ascontiguousarray(nats.swapaxes(1, 2)).mean(axis=2)
        key = {"predictor": predictor, "strategy": strategy}
        scored = {"accuracy": right, "cross_entropy": nats}
        for horizon in rollout.horizons:
            row = key | {"horizon": horizon, "images": len(images)}
            means = {name: own[:, :horizon].mean(axis=1) for name, own in scored.items()}
            horizons.append(row | scores.estimates(means))
        by_step = {name: own.mean(axis=0) for name, own in scored.items()}
        ahead = range(1, right.shape[1] + 1)
        steps.append(pd.DataFrame(key | {"step": ahead} | by_step))
        if (predictor, strategy) == (SHOWN, "argmax"):
            argmax, accuracy = pixels[:, 0], right.mean(axis=1)
        elif (predictor, strategy) == (SHOWN, "sample"):
            samples, variance = pixels, pixels.var(axis=1).mean(axis=1)
    number = np.arange(len(images))
    by_image = {
        "image": number,
        "digit": data["test_labels"][number].astype(str),
        "argmax_accuracy": accuracy,
        "variance": variance,
    }
    return {
        paths.HORIZONS: pd.DataFrame(horizons),
        paths.STEPS_AHEAD: pd.concat(steps, ignore_index=True),
        paths.ROLLOUT_IMAGES: pd.DataFrame(by_image),
        paths.ROLLOUT_GALLERY: gallery.show(
            gallery.pick_rollouts(accuracy, variance, PICTURES),
            image=number,
            truth=images,
            argmax=argmax,
            samples=samples[:, :SAMPLES_SHOWN],
            accuracy=accuracy,
            variance=variance,
        ),
    }


def _continue(
    seed: int, rollout: sections.Rollout, train: np.ndarray, images: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Predictor, strategy, pixels (N, samples, unknown), -log p of the true pixels."""
    first = rollout.first_pixel
    truth = images[:, None, first:]
    for name, guess, log_p in baselines.predict(train, images, first):
        yield name, "baseline", guess[:, None], scores.nats(log_p[:, None], truth)

    # The same numbers for every snapshot, so that their differences are not noise.
    uniform = randomness.generator(seed, "rollout").random(
        (len(images), rollout.samples, truth.shape[-1]), np.float32
    )
    half = np.full_like(truth, 0.5, np.float32)
    model = models.read(paths.pixel_model(SHOWN))
    for name in formats.read_table(paths.SNAPSHOT_SCORES)["snapshot"]:
        # One network takes the weights of every snapshot, so that it is compiled once.
        model.set_weights(models.read(paths.pixel_model(name)).get_weights())
        log_p = prediction.log_p_next(model, images)[:, None, first:]
        yield name, "teacher_forced", log_p.argmax(axis=-1), scores.nats(log_p, truth)
        yield name, "argmax", *prediction.rollout(model, images, half)
        yield name, "sample", *prediction.rollout(model, images, uniform)
