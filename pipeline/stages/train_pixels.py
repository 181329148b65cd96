"""Train the pixel network; save its snapshots and its learning curves."""

import keras
import numpy as np

from pipeline import (
    checkpoints,
    files,
    model_file,
    network,
    params,
    prediction,
    randomness,
    scores,
    training,
)
from pipeline.stages import main


def run(seed: int, threads: int, pixels: params.Pixels) -> None:
    """Write a model for each snapshot, and scores after every epoch."""
    network.use_threads(threads)
    data = files.read_arrays(files.BINARISED)
    train, test = data["train"], data["test"]
    # The fixed part of the training set on which the training curve is evaluated.
    curve = train[: pixels.curve_images]
    model = build(seed, pixels, "pixels")
    trainer = training.Trainer(model, pixels.learning_rate)

    def evaluate(images: np.ndarray) -> scores.Evaluation:
        return scores.evaluate(prediction.log_p_next(model, images), images)

    history: list[files.Record] = []
    snapshots: list[files.Record] = []
    weights: dict[str, list[np.ndarray]] = {}

    def keep(name: str, epochs_trained: int, on_test: scores.Evaluation) -> None:
        weights[name] = model.get_weights()
        loss, accuracy = on_test
        snapshots.append(
            {
                "snapshot": name,
                "epochs_trained": epochs_trained,
                "test_loss": loss.mean,
                "test_loss_se": loss.standard_error,
                "test_accuracy": accuracy.mean,
                "test_accuracy_se": accuracy.standard_error,
                "test_nats_per_image": loss.mean * test.shape[1],
                "test_images": len(test),
            }
        )

    checkpoint = checkpoints.Checkpoint(
        "train_pixels", "epoch", seed, threads, pixels, train, test
    )
    progress = checkpoint.load()
    if progress:
        trainer.restore(progress.state)
        history += progress.records["history"]
        snapshots += progress.records["snapshots"]
        weights |= progress.weights
    else:
        keep("untrained", 0, evaluate(test))
    for epoch in range(progress.done if progress else 0, pixels.epochs):
        order = randomness.epoch_order(seed, epoch, len(train))
        batches = training.in_batches(train, order, pixels.batch_size)
        total = -(-len(train) // pixels.batch_size)
        for _ in trainer.steps(batches, total, f"epoch {epoch}"):
            pass
        on_train, on_test = evaluate(curve), evaluate(test)
        history.append(
            {
                "epoch": epoch,
                "train_loss": on_train.cross_entropy.mean,
                "train_accuracy": on_train.accuracy.mean,
                "test_loss": on_test.cross_entropy.mean,
                "test_accuracy": on_test.accuracy.mean,
            }
        )
        print(
            f"epoch {epoch}: test loss {on_test.cross_entropy.mean:.4f} nats per pixel",
            flush=True,
        )
        if epoch in pixels.snapshots:
            keep(str(epoch), epoch + 1, on_test)
        if epoch + 1 == pixels.epochs:
            keep("final", pixels.epochs, on_test)
        records = {"history": history, "snapshots": snapshots}
        checkpoint.save(checkpoints.Progress(epoch + 1, trainer.state(), records, weights))
    for name, values in weights.items():
        model.set_weights(values)
        model_file.write(files.pixel_model(name), model)
    files.write_csv(files.PIXEL_HISTORY, history)
    files.write_csv(files.SNAPSHOT_SCORES, snapshots)


def build(seed: int, pixels: params.Pixels, name: str) -> keras.Model:
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


if __name__ == "__main__":
    main(run)
