"""Fill a missing pixel or 2 x 2 patch: exact Bayes against every alternative."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import randomness, scores
from pipeline.files import formats, models
from pipeline.params import sections
from pipeline.pixels import completions, gallery, infill, masks, methods, neighbours
from pipeline.runtime import checks

READS = ("seed", "threads", "inpainting")

# The snapshot whose posteriors are kept and shown, and pictures of each kind.
SHOWN, PICTURES = "final", 4
PATCH_SIDES = {"one_pixel": 1, "patch_2x2": masks.PATCH_SIDE}


def run(seed: int, inpainting: sections.Inpainting) -> dict[Path, Any]:
    """Tasks, posteriors, the scores of all methods, and the chosen images."""
    data = formats.read_arrays(paths.BINARISED, "train", "test")
    patterns = neighbours.count_patterns(data["train"])
    model = models.read(paths.pixel_model(SHOWN))
    snapshots = {
        name: models.read(paths.pixel_model(name)).get_weights()
        for name in formats.read_table(paths.SNAPSHOT_SCORES)["snapshot"]
    }
    bins = inpainting.calibration_bins
    outputs: dict[Path, Any] = {}
    by_method, by_image, reliability = [], [], []
    posteriors, pictures = dict[str, np.ndarray](), dict[str, np.ndarray]()
    for name, side in PATCH_SIDES.items():
        tasks, log_posteriors = [], []
        for kind in masks.KINDS:
            print(f"{name}, {kind} masks", flush=True)
            rng = randomness.generator(seed, "masks", name, kind)
            test, count = data["test"], inpainting.images
            task = methods.draw_task(rng, name, kind, side, test, count, inpainting.centre)
            for snapshot, weights in snapshots.items():
                # One network takes the weights of every snapshot: it is compiled once.
                model.set_weights(weights)
                found = infill.score_completions(model, task.truth, task.missing)
                by_method.append(methods.score_network(task, snapshot, found, bins))
                if snapshot == SHOWN:
                    shown = found
            model.set_weights(snapshots[SHOWN])
            uniform = randomness.generator(seed, "continuations", name, kind).random(
                (len(task.truth), inpainting.continuations, task.truth.shape[1]), np.float32
            )
            by_method.append(methods.score_others(task, SHOWN, model, uniform, patterns, bins))
            exact = completions.log_p_given_rest(shown.log_joint)
            by_image.append(methods.score_images(task, exact, shown.log_given_past))
            reliability.append(methods.score_reliability(task, exact, bins))
            tasks.append(task)
            log_posteriors.append(exact)
        image, truth, missing, completion = map(np.concatenate, zip(*(task[2:] for task in tasks)))
        log_p = posteriors[name] = np.concatenate(log_posteriors)
        checks.require_normalised(paths.POSTERIORS, np.exp(log_p))
        masked = masks.mark(truth, missing)
        outputs[paths.INPAINTING_TASKS[name]] = np.stack([masked, truth.astype(np.int8)])
        confidence, right = np.exp(log_p.max(axis=1)), scores.correct(log_p, completion)
        chosen = gallery.show(
            gallery.pick_fills(confidence, right, PICTURES),
            masks=np.repeat(masks.KINDS, inpainting.images),
            image=image,
            truth=truth,
            missing=missing,
            log_posterior=log_p,
        )
        pictures |= {f"{name}-{part}": array for part, array in chosen.items()}
    return outputs | {
        paths.POSTERIORS: posteriors,
        paths.INPAINTING_SCORES: pd.concat(by_method, ignore_index=True),
        paths.INPAINTING_IMAGES: pd.concat(by_image, ignore_index=True),
        paths.RELIABILITY: pd.concat(reliability, ignore_index=True),
        paths.INPAINTING_GALLERY: pictures,
    }
