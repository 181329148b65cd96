"""Train the pixel network; save its snapshots and its learning curves."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import network, parallel, prediction, randomness, scores, training
from pipeline.files import formats, models
from pipeline.params import sections
from pipeline.runtime.checkpoints import Checkpoint, Progress

READS = ("seed", "threads", "pixels")


def run(seed: int, pixels: sections.Pixels) -> dict[Path, Any]:
    """A model for each snapshot, and scores after every epoch."""
    train, test = formats.read_arrays(paths.BINARISED, "train", "test").values()
    model = build(seed, pixels, "pixels")
    trainer = training.Trainer(model, pixels.learning_rate)
    print(trainer.describe(), flush=True)
    checkpoint = Checkpoint("train_pixels", "epoch", seed, parallel.threads(), pixels, train, test)
    progress = checkpoint.load()
    if progress:
        trainer.restore(progress.state)
    else:
        row = _snapshot("untrained", 0, evaluate(model, test), test)
        weights = {"untrained": model.get_weights()}
        progress = Progress(0, trainer.state(), {"history": [], "snapshots": [row]}, weights)
    tables, weights = progress.tables, progress.weights
    for epoch in range(progress.done, pixels.epochs):
        order = randomness.epoch_order(seed, epoch, len(train))
        batches = training.in_batches(train, order, pixels.batch_size)
        for _ in trainer.steps(batches, -(-len(train) // pixels.batch_size), f"epoch {epoch}"):
            pass
        on_curve, on_test = evaluate(model, train[: pixels.curve_images]), evaluate(model, test)
        row = {"epoch": epoch}
        for split, (loss, accuracy) in (("train", on_curve), ("test", on_test)):
            row |= {f"{split}_loss": loss.mean, f"{split}_accuracy": accuracy.mean}
        tables["history"].append(row)
        print(f"epoch {epoch}: test loss {loss.mean:.4f} nats per pixel", flush=True)
        names = [str(epoch)] if epoch in pixels.snapshots else []
        for name in names + ["final"] * (epoch + 1 == pixels.epochs):
            tables["snapshots"].append(_snapshot(name, epoch + 1, on_test, test))
            weights[name] = model.get_weights()
        checkpoint.save(Progress(epoch + 1, trainer.state(), tables, weights))
    outputs: dict[Path, Any] = {}
    for name, values in weights.items():
        model.set_weights(values)
        path = paths.pixel_model(name)
        outputs[path] = models.encode(path, model)
    return outputs | {
        paths.PIXEL_HISTORY: pd.DataFrame(tables["history"]),
        paths.SNAPSHOT_SCORES: pd.DataFrame(tables["snapshots"]),
    }


def build(seed: int, pixels: sections.Pixels, name: str) -> keras.Model:
    """The untrained network."""
    return network.build(
        channels=1,
        logits=1,
        cell=pixels.cell,
        units=pixels.units,
        dense=pixels.dense,
        seed=randomness.stream(seed, "weights", "pixels"),
        name=name,
    )


def evaluate(model: keras.Model, images: np.ndarray) -> scores.Evaluation:
    """How well the network predicts each pixel from those before it."""
    return scores.evaluate(prediction.log_p_next(model, images), images)


def _snapshot(
    name: str, epochs_trained: int, on_test: scores.Evaluation, test: np.ndarray
) -> dict[str, Any]:
    row: dict[str, Any] = {"snapshot": name, "epochs_trained": epochs_trained}
    for score, (mean, error) in (("loss", on_test.cross_entropy), ("accuracy", on_test.accuracy)):
        row |= {f"test_{score}": mean, f"test_{score}_se": error}
    per_image = row["test_loss"] * test.shape[1]
    return row | {"test_nats_per_image": per_image, "test_images": len(test)}
