"""How fast exact in-painting is, beside one full pass for each completion.

`make bench` runs it on the committed final network and MNIST's test images, prints a table
and writes benchmarks/inpainting.csv. Both ways are timed in turn in the same run; the naive
way gets the batch size that suits it best, and compiled code of its own.
"""

import functools
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pipeline import completions, files, infill, masks, network, params, training

# Ours is timed on all test images of a kind, the naive way, which is too slow for that, on
# enough to fill many of its batches.
NAIVE_IMAGES = 500
REPEATS = 3
LOWER_THIRD = 19 * 28


def naive(model, images: np.ndarray, missing: np.ndarray, batch: int) -> np.ndarray:
    """Log p(X) of every completion by one full pass each."""
    filled = completions.complete(images, missing)
    rows = filled.reshape(-1, filled.shape[-1])

    def log_p(symbols: tf.Tensor) -> tf.Tensor:
        nats = training.nats(network.logits(model, symbols), symbols)
        return -tf.reduce_sum(tf.cast(nats, tf.float64), axis=1)

    compiled = COMPILED.setdefault(id(model), tf.function(log_p, reduce_retracing=True))
    parts = [compiled(rows[start : start + batch]) for start in range(0, len(rows), batch)]
    return np.concatenate(parts).reshape(filled.shape[:2])


COMPILED: dict[int, Callable] = {}


def steps(missing: np.ndarray) -> tuple[float, float]:
    """Network steps of an image on average: shared as far as possible, and naive."""
    count = missing.shape[1]
    edges = np.concatenate(
        [missing + 1, np.full((len(missing), 1), 784)], axis=1
    )  # a state splits after the prediction of its missing pixel
    lengths = np.diff(edges, axis=1, prepend=0)
    return float((lengths * 2 ** np.arange(count + 1)).sum(axis=1).mean()), 784 * 2**count


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(model, task: str, images: np.ndarray, missing: np.ndarray, batch: int) -> dict:
    """Both ways in turn, several times."""
    few, few_missing = images[:NAIVE_IMAGES], missing[:NAIVE_IMAGES]
    ours = infill.score_completions(model, images, missing).log_joint
    theirs = naive(model, few, few_missing, batch)
    times = [
        (
            seconds(lambda: infill.score_completions(model, images, missing)) / len(images),
            seconds(lambda: naive(model, few, few_missing, batch)) / len(few),
        )
        for _ in range(REPEATS)
    ]
    shared, full = steps(missing)
    return {
        "task": task,
        "ours_images_per_s": 1 / statistics.median(own for own, _ in times),
        "naive_images_per_s": 1 / statistics.median(other for _, other in times),
        "ratio": statistics.median(other / own for own, other in times),
        "ratio_by_count": full / shared,
        "largest_difference_nats": float(np.abs(ours[: len(few)] - theirs).max()),
    }


def main() -> None:
    """Time all cases and write the table."""
    settings = params.load()
    network.use_threads(settings.threads)
    test = files.read_arrays(files.BINARISED)["test"]
    model = files.read_model(files.pixel_model("final"))
    rng = np.random.default_rng(0)
    sides = {"one_pixel": 1, "patch_2x2": params.PATCH_SIDE}
    drawn = {
        task: masks.draw(rng, test, "uniform", side, settings.inpainting.centre)
        for task, side in sides.items()
    }

    patch = drawn["patch_2x2"][:NAIVE_IMAGES]
    trials = {}
    for batch in (128, 256, 512, 1024, 4096):
        naive(model, test[:NAIVE_IMAGES], patch, batch)
        again = functools.partial(naive, model, test[:NAIVE_IMAGES], patch, batch)
        trials[batch] = seconds(again)
    batch = min(trials, key=trials.__getitem__)
    print(f"the naive way is fastest in batches of {batch}")

    rows = []
    for task, missing in drawn.items():
        rows.append(compare(model, f"{task}, uniform", test, missing, batch))
        low = np.flatnonzero(missing[:, 0] >= LOWER_THIRD)
        rows.append(compare(model, f"{task}, lower third", test[low], missing[low], batch))
    for row in rows:
        print(
            f"{row['task']:24} {row['ours_images_per_s']:7.0f} images/s, naive "
            f"{row['naive_images_per_s']:6.0f}: {row['ratio']:.2f} times as fast, "
            f"{row['ratio_by_count']:.2f} by the count of steps; results differ by up to "
            f"{row['largest_difference_nats']:.1e} nats"
        )
    files.write_csv(files.Path("benchmarks/inpainting.csv"), rows)

    def everything() -> None:
        for missing in drawn.values():
            infill.score_completions(model, test, missing)

    whole = seconds(everything)
    print(f"all {len(test):,} test images, both tasks: {whole:.1f} s")


if __name__ == "__main__":
    main()
