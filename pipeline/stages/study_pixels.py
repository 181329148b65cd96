"""Train the pixel network again, under the same or other settings; score its snapshots."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import network, parallel, prediction, randomness, scores, training
from pipeline.params import sections
from pipeline.pixels import continuations, images, sources
from pipeline.runtime.checkpoints import Checkpoint, Progress

READS = (
    "seed",
    "threads",
    "data.source",
    "pixels",
    "rollout.first_pixel",
    "rollout.horizons",
    "rollout.samples",
    "studies.pixels.{settings}",
)
KEYS = {"settings": str, "repetition": int}

# Epochs with snapshots between their ends: the network learns most in them.
DENSE_EPOCHS = 2
# The write-up may have kept probabilities away from 0 and 1.
CLIPS = (0.001, 0.01)
# Its rollouts had 1,000 test images, perhaps the first ones.
FIRST = 1000


def run(
    seed: int,
    source: str,
    pixels: sections.Pixels,
    first_pixel: int,
    horizons: tuple[int, ...],
    samples: int,
    own: sections.PixelSettings,
    *,
    settings: str,
    repetition: int,
) -> dict[Path, Any]:
    """The scores of every snapshot of one training."""
    grey = sources.read(source, paths.TFDS_CACHE, paths.RAW_DATA)
    train, test = (
        images.binarise_threshold(values, own.threshold) for values in (grey.train, grey.test)
    )
    # A training has its own weights and orders, the same under all settings. The random
    # numbers that continue the images are the same for all trainings.
    own_seed = int(randomness.stream(seed, "training", str(repetition)).generate_state(1)[0])
    uniform = randomness.generator(seed, "rollout").random(
        (len(test), samples, test.shape[1] - first_pixel), np.float32
    )
    model = network.build(
        channels=1,
        logits=1,
        cell=pixels.cell,
        units=pixels.units,
        dense=pixels.dense,
        seed=randomness.stream(own_seed, "weights", "pixels"),
        name="pixels",
        form=own.form,
        gate_bias=own.gate_bias,
    )
    trainer = training.Trainer(model, pixels.learning_rate)
    checkpoint = Checkpoint(
        f"study_pixels-{settings}-{repetition}",
        "epoch",
        *(seed, repetition, parallel.threads(), pixels, horizons, own, train, test, uniform),
    )
    progress = checkpoint.load() or Progress(0, trainer.state(), {"scores": []}, {})
    trainer.restore(progress.state)
    rows, batches = progress.tables["scores"], -(-len(train) // pixels.batch_size)
    epochs = pixels.epochs if repetition <= own.long else own.epochs
    for epoch in range(progress.done, epochs):
        order = randomness.epoch_order(own_seed, epoch, len(train))
        shuffled = training.in_batches(train, order, pixels.batch_size)
        label = f"{settings} {repetition}, epoch {epoch}"
        for done in trainer.steps(shuffled, batches, label):
            ends = done == batches
            dense = epoch < DENSE_EPOCHS and done % own.snapshot_every == 0
            if ends or dense:
                total = epoch * batches + done
                name = _name(epoch, pixels.epochs) if ends else f"batch-{total}"
                key = {"snapshot": name, "batches": total}
                rows.append(key | _score_one_step("teacher_forced", model, test))
                if dense or epoch in pixels.snapshots or epoch + 1 == epochs:
                    found = _score_rollouts(model, test, uniform, horizons)
                    rows += [key | row for row in found]
        # The same network on images that it was trained on, as the learning curves show it.
        curve = train[: pixels.curve_images]
        rows.append(key | _score_one_step("teacher_forced_train", model, curve))
        checkpoint.save(Progress(epoch + 1, trainer.state(), progress.tables, {}))
    return {paths.study_pixels(settings, repetition): pd.DataFrame(rows)}


def _name(epoch: int, epochs: int) -> str:
    return "final" if epoch + 1 == epochs else str(epoch)


def _score_one_step(strategy: str, model: keras.Model, binary: np.ndarray) -> dict[str, Any]:
    """The whole image, each pixel given the true ones before: horizon 0."""
    log_p = prediction.log_p_next(model, binary)
    by_image = {
        "accuracy": scores.correct(log_p, binary).mean(axis=1),
        "cross_entropy": scores.nats(log_p, binary).mean(axis=1, dtype=np.float64),
    }
    return _row(strategy, 0, by_image, len(binary))


def _score_rollouts(
    model: keras.Model, test: np.ndarray, uniform: np.ndarray, horizons: tuple[int, ...]
) -> Iterator[dict[str, Any]]:
    """Every strategy and horizon, on all test images."""
    truth = test[:, None, -uniform.shape[-1] :]
    for forecast in continuations.forecasts(model, test, uniform):
        clipped = [
            forecast._replace(
                strategy=f"{forecast.strategy}_clipped_{clip}",
                nats=forecast.nats.clip(-np.log1p(-clip), -np.log(clip)),
            )
            for clip in CLIPS
            if forecast.strategy == "argmax"
        ]
        for each in (forecast, *clipped):
            for horizon in horizons:
                by_image = continuations.by_horizon(each, truth, horizon)
                yield _row(each.strategy, horizon, by_image, FIRST)


def _row(
    strategy: str, horizon: int, by_image: dict[str, np.ndarray], first: int
) -> dict[str, Any]:
    """The scores on all images, and on the first ones, which the write-up may have had."""
    on_first = {f"{name}_first": values[:first].mean() for name, values in by_image.items()}
    key = {"strategy": strategy, "horizon": horizon, "images": len(by_image["accuracy"])}
    return key | scores.estimates(by_image) | on_first
