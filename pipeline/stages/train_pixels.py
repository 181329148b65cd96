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
from pipeline.runtime import terminal
from pipeline.runtime.checkpoints import Checkpoint, Progress

READS = ("seed", "threads", "pixels")


def run(seed: int, pixels: sections.Pixels) -> dict[Path, Any]:
    """A model for each snapshot, and scores after every epoch."""
    train, test = formats.read_arrays(paths.BINARISED, "train", "test").values()
    model = build(seed, pixels, "pixels")
    trainer = training.Trainer(model, pixels.learning_rate)
    print(trainer.describe(), flush=True)
    # By name after how many epochs.
    snapshots = {"untrained": 0} | {str(epoch): epoch + 1 for epoch in pixels.snapshots}
    snapshots["final"] = pixels.epochs
    # These decide how long to train and what to keep, not what is trained: a training goes on
    # where a shorter one ended.
    decides = pixels.model_copy(update={"epochs": 0, "snapshots": ()})
    checkpoint = Checkpoint("train_pixels", "epoch", seed, parallel.threads(), decides, train, test)

    def usable(progress: Progress) -> bool:
        passed = {str(done) for done in snapshots.values() if done <= progress.done}
        return progress.done <= pixels.epochs and passed <= progress.weights.keys()

    progress = checkpoint.load(usable)
    if progress:
        trainer.restore(progress.state)
    else:
        row = _scores(0, evaluate(model, test), test)
        progress = Progress(
            0, trainer.state(), {"history": [], "scores": [row]}, {"0": model.get_weights()}
        )
    tables, weights = progress.tables, progress.weights
    batches = -(-len(train) // pixels.batch_size)
    clock = terminal.Clock(pixels.epochs, progress.done)
    for epoch in range(progress.done, pixels.epochs):
        order = randomness.epoch_order(seed, epoch, len(train))
        shuffled = training.in_batches(train, order, pixels.batch_size)
        last = tables["scores"][-1]["test_loss"]
        for done in trainer.steps(shuffled, batches, f"epoch {epoch}"):
            terminal.progress(
                f"epoch {epoch + 1} of {pixels.epochs}, {last:.4f} nats per pixel, "
                f"{clock.left(epoch + done / batches)}"
            )
        on_curve, on_test = evaluate(model, train[: pixels.curve_images]), evaluate(model, test)
        row = {"epoch": epoch}
        for split, (loss, accuracy) in (("train", on_curve), ("test", on_test)):
            row |= {f"{split}_loss": loss.mean, f"{split}_accuracy": accuracy.mean}
        tables["history"].append(row)
        tables["scores"].append(_scores(epoch + 1, on_test, test))
        if epoch + 1 in snapshots.values():
            weights[str(epoch + 1)] = model.get_weights()
        checkpoint.save(Progress(epoch + 1, trainer.state(), tables, weights))
    outputs: dict[Path, Any] = {}
    for name, done in snapshots.items():
        model.set_weights(weights[str(done)])
        path = paths.pixel_model(name)
        outputs[path] = models.encode(path, model)
    rows = [{"snapshot": name} | tables["scores"][done] for name, done in snapshots.items()]
    return outputs | {
        paths.PIXEL_HISTORY: pd.DataFrame(tables["history"]),
        paths.SNAPSHOT_SCORES: pd.DataFrame(rows),
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


def _scores(epochs_trained: int, on_test: scores.Evaluation, test: np.ndarray) -> dict[str, Any]:
    row: dict[str, Any] = {"epochs_trained": epochs_trained}
    for score, (mean, error) in (("loss", on_test.cross_entropy), ("accuracy", on_test.accuracy)):
        row |= {f"test_{score}": mean, f"test_{score}_se": error}
    per_image = row["test_loss"] * test.shape[1]
    return row | {"test_nats_per_image": per_image, "test_images": len(test)}
