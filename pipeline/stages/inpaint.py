"""Fill one missing pixel or a missing patch: the exact posterior over all fillings."""

import numpy as np

from pipeline import (
    completions,
    examples,
    files,
    images,
    network,
    params,
    prediction,
    randomness,
    scores,
)
from pipeline.stages import main

# The snapshot whose posteriors are kept and pictured, and pictures of each kind.
SHOWN, PICTURES = "final", 4
PATCH_SIDES = {"one_pixel": 1, "patch_2x2": params.PATCH_SIDE}


def run(seed: int, threads: int, inpainting: params.Inpainting) -> None:
    """Write the tasks, the posteriors, the scores and the chosen examples."""
    network.use_threads(threads)
    test = files.read_arrays(files.BINARISED)["test"]
    snapshots = [str(row["snapshot"]) for row in files.read_csv(files.SNAPSHOT_SCORES)]
    table: list[files.Record] = []
    by_image: list[files.Record] = []
    posteriors: dict[str, np.ndarray] = {}
    gallery: dict[str, np.ndarray] = {}
    for task, side in PATCH_SIDES.items():
        rng = randomness.generator(seed, "masks", task)
        numbers = np.sort(rng.choice(len(test), inpainting.images, replace=False))
        truth = test[numbers]
        missing = images.draw_patches(rng, len(truth), side, inpainting.region)
        files.write_array(
            files.INPAINTING_TASKS[task],
            np.stack([images.mask_out(truth, missing), truth.astype(np.int8)]),
        )
        index = completions.index(truth, missing)
        filled = completions.complete(truth, missing)
        for snapshot in snapshots:
            print(f"{task}: all {filled.shape[1]} completions, {snapshot}", flush=True)
            model = files.read_model(files.pixel_model(snapshot))
            log_p = prediction.log_p_of_each(
                model, filled.reshape(-1, images.PIXELS)
            ).reshape(filled.shape)
            # 784 terms are summed in double precision: the posterior is a small
            # difference of large sums.
            joint = log_p.sum(axis=2, dtype=np.float64)
            methods = {
                "exact": completions.log_p_given_rest(joint),
                "past_only": completions.log_p_given_past(log_p, missing),
            }
            for method, log_posterior in methods.items():
                table.append(
                    {
                        "task": task,
                        "masks": "uniform",
                        "method": method,
                        "snapshot": snapshot,
                        "images": len(truth),
                        **completions.score(log_posterior, joint, index, missing.shape[1]),
                    }
                )
            if snapshot == SHOWN:
                shown = methods
        posteriors[task] = shown["exact"]
        by_image += _by_image(task, numbers, missing, index, shown)
        chosen = examples.of_fills(
            np.exp(shown["exact"].max(axis=1)),
            scores.correct(shown["exact"], index),
            PICTURES,
        )
        rows = np.concatenate(list(chosen.values()))
        gallery |= {
            f"{task}-kind": np.repeat(
                list(chosen), [len(kind) for kind in chosen.values()]
            ),
            f"{task}-image": numbers[rows],
            f"{task}-truth": truth[rows],
            f"{task}-missing": missing[rows],
            f"{task}-log_posterior": shown["exact"][rows],
        }
    files.write_arrays(files.POSTERIORS, posteriors)
    files.write_csv(files.INPAINTING_SCORES, table)
    files.write_csv(files.INPAINTING_IMAGES, by_image)
    files.write_arrays(files.INPAINTING_GALLERY, gallery)


def _by_image(
    task: str,
    numbers: np.ndarray,
    missing: np.ndarray,
    index: np.ndarray,
    methods: dict[str, np.ndarray],
) -> list[files.Record]:
    exact, past = methods["exact"], methods["past_only"]
    exact_nats, past_nats = scores.nats(exact, index), scores.nats(past, index)
    return [
        {
            "task": task,
            "image": number,
            "first_missing": missing[row, 0],
            "truth": index[row],
            "fill": exact[row].argmax(),
            "p_fill": np.exp(exact[row].max()),
            "nats": exact_nats[row],
            "past_only_nats": past_nats[row],
        }
        for row, number in enumerate(numbers)
    ]


if __name__ == "__main__":
    main(run)
