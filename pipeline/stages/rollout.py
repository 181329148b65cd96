"""Continue masked test images with every snapshot and with baselines."""

from collections.abc import Iterator

import numpy as np

from pipeline import (
    baselines,
    checks,
    examples,
    files,
    model_file,
    network,
    params,
    prediction,
    randomness,
    scores,
)
from pipeline.stages import main

# The snapshot whose continuations are pictured; as in the write-up twelve examples, three
# of each kind, and as in its assignment five samples of each.
SHOWN, PICTURES, SAMPLES_SHOWN = "final", 3, 5


def run(seed: int, threads: int, rollout: params.Rollout) -> None:
    """Write scores by horizon and by step, and the chosen examples."""
    network.use_threads(threads)
    data = files.read_arrays(files.BINARISED)
    images = data["test"][: rollout.images]
    first = rollout.first_pixel
    truth = images[:, first:]

    horizons: list[files.Record] = []
    steps: list[files.Record] = []
    for predictor, strategy, pixels, log_p in _continuations(
        seed, rollout, data["train"], images
    ):
        print(f"scoring {predictor} {strategy}", flush=True)
        accuracy, nats = scores.of_continuations(pixels, log_p, truth)
        key = {"predictor": predictor, "strategy": strategy}
        for horizon in rollout.horizons:
            right = scores.estimate(accuracy[:, :horizon].mean(axis=1))
            loss = scores.estimate(nats[:, :horizon].mean(axis=1))
            horizons.append(
                {
                    **key,
                    "horizon": horizon,
                    "images": len(images),
                    "accuracy": right.mean,
                    "accuracy_se": right.standard_error,
                    "cross_entropy": loss.mean,
                    "cross_entropy_se": loss.standard_error,
                }
            )
        for step, (right, loss) in enumerate(
            zip(accuracy.mean(axis=0), nats.mean(axis=0)), start=1
        ):
            steps.append({**key, "step": step, "accuracy": right, "cross_entropy": loss})
        if (predictor, strategy) == (SHOWN, "argmax"):
            argmax, argmax_accuracy = pixels[:, 0], accuracy.mean(axis=1)
        elif (predictor, strategy) == (SHOWN, "sample"):
            samples, variance = pixels, pixels.var(axis=1).mean(axis=1)

    chosen = examples.of_rollouts(argmax_accuracy, variance, PICTURES)
    shown = np.concatenate(list(chosen.values()))
    for continued in (argmax, samples):
        checks.among(files.ROLLOUT_GALLERY, continued, (0, 1))
    files.write_arrays(
        files.ROLLOUT_GALLERY,
        {
            "kind": np.repeat(list(chosen), [len(kind) for kind in chosen.values()]),
            "image": shown,
            "truth": images[shown],
            "argmax": argmax[shown],
            "samples": samples[shown, :SAMPLES_SHOWN],
            "accuracy": argmax_accuracy[shown],
            "variance": variance[shown],
        },
    )
    files.write_csv(
        files.ROLLOUT_IMAGES,
        [
            {"image": image, "digit": digit, "argmax_accuracy": right, "variance": spread}
            for image, (digit, right, spread) in enumerate(
                zip(data["test_labels"], argmax_accuracy, variance)
            )
        ],
    )
    files.write_csv(files.HORIZONS, horizons)
    files.write_csv(files.STEPS_AHEAD, steps)


def _continuations(
    seed: int, rollout: params.Rollout, train: np.ndarray, images: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Predictor, strategy, pixels (N, samples, unknown), log p of both values."""
    first = rollout.first_pixel
    known = images[:, :first]
    unknown = images.shape[1] - first
    train_truth = train[:, first:]
    guesses = {
        "all_zero": (baselines.all_zero(train, first), baselines.all_zero(images, first)),
        "copy_left": (
            baselines.copy_left(train, first),
            baselines.copy_left(images, first),
        ),
        "copy_above": (
            baselines.copy_above(train, first),
            baselines.copy_above(images, first),
        ),
        "training_majority": (
            baselines.majority(train, first, len(train)),
            baselines.majority(train, first, len(images)),
        ),
    }
    for name, (on_train, guess) in guesses.items():
        log_p = baselines.log_p_of_guess(on_train, train_truth, guess)
        yield name, "baseline", guess[:, None], log_p[:, None]

    half = np.full((len(images), 1, unknown), 0.5, np.float32)
    # The same numbers for every snapshot, so that their differences are not noise.
    uniform = randomness.generator(seed, "rollout").random(
        (len(images), rollout.samples, unknown), np.float32
    )
    snapshots = [str(row["snapshot"]) for row in files.read_csv(files.SNAPSHOT_SCORES)]
    models = [model_file.read(files.pixel_model(name)) for name in snapshots]
    likeliest = prediction.rollout(models, known, half)
    drawn = prediction.rollout(models, known, uniform)
    for number, (name, model) in enumerate(zip(snapshots, models)):
        log_p = prediction.log_p_next(model, images)[:, None, first:]
        yield name, "teacher_forced", log_p.argmax(axis=-1), log_p
        yield name, "argmax", *likeliest[number]
        yield name, "sample", *drawn[number]


if __name__ == "__main__":
    main(run)
