"""Fill a missing pixel or 2 x 2 patch: exact Bayes against every alternative."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import randomness, scores
from pipeline.files import formats, models
from pipeline.params import sections
from pipeline.pixels import completions, gallery, infill, masks, methods
from pipeline.runtime import checks, terminal

READS = ("seed", "threads", "inpainting")

# The snapshot whose posteriors are kept and shown, and pictures of each kind.
SHOWN, PICTURES = "final", 4
PATCH_SIDES = {"one_pixel": 1, "patch_2x2": masks.PATCH_SIDE}


def run(seed: int, inpainting: sections.Inpainting) -> dict[Path, Any]:
    """Tasks, posteriors, the scores of all methods, and the chosen images."""
    data = formats.read_arrays(paths.BINARISED, "train", "test")
    tables = methods.count_tables(data["train"])
    model = models.read(paths.pixel_model(SHOWN))
    snapshots = {
        name: models.read(paths.pixel_model(name)).get_weights()
        for name in formats.read_table(paths.SNAPSHOT_SCORES)["snapshot"]
    }
    bins = inpainting.calibration_bins
    outputs: dict[Path, Any] = {}
    by_method, paired, by_image, reliability = [], [], [], []
    posteriors, pictures = dict[str, np.ndarray](), dict[str, np.ndarray]()
    for name, side in PATCH_SIDES.items():
        tasks, posterior, past = [], [], []
        for kind in masks.KINDS:
            terminal.progress(f"{name}, {kind} masks")
            rng = randomness.generator(seed, "masks", name, kind)
            test, count = data["test"], inpainting.images
            task = methods.draw_task(rng, name, kind, side, test, count, inpainting.centre)
            judge = randomness.generator(seed, "calibrated", name, kind)

            def score(task: methods.Task, answer: methods.Answer, judge=judge) -> dict[str, Any]:
                return methods.score(task, answer, bins, judge)

            model.set_weights(snapshots[SHOWN])
            found = infill.score_completions(model, task.truth, task.missing)
            exact, *others = methods.by_network(SHOWN, found)
            others += methods.by_tables(task, tables[name])
            whole = methods.score_whole_images(task, found)
            by_method += [score(task, exact) | whole, *(score(task, each) for each in others)]
            paired += [methods.compare(task, exact, each) for each in others]
            # Every n-th image, for what takes long.
            rows = np.arange(inpainting.few) * (count // inpainting.few)
            few = task.at(rows)
            uniform = randomness.generator(seed, "continuations", name, kind).random(
                (len(few.truth), inpainting.continuations, few.truth.shape[1]), np.float32
            )
            plans = methods.by_plans(few, SHOWN, model, uniform)
            by_method += [score(few, answer) for answer in plans]
            paired += [methods.compare(few, exact.at(rows), answer) for answer in plans]
            for snapshot, weights in snapshots.items():
                if snapshot != SHOWN:
                    # One network takes the weights of every snapshot: it is compiled once.
                    model.set_weights(weights)
                    earlier = infill.score_completions(model, few.truth, few.missing)
                    answers = methods.by_network(snapshot, earlier)
                    by_method += [score(few, answer) for answer in answers]
            log_p = completions.log_p_given_rest(found.log_joint)
            by_image.append(methods.score_images(few, log_p[rows], found.log_given_past[rows]))
            tasks.append(task)
            posterior.append(log_p)
            past.append(found.log_given_past)
        image, truth, missing, completion = map(np.concatenate, zip(*(task[2:] for task in tasks)))
        log_p, log_past = map(np.concatenate, (posterior, past))
        posteriors[name] = log_p
        checks.require_normalised(paths.POSTERIORS, np.exp(log_p))
        masked = masks.mark(truth, missing)
        outputs[paths.INPAINTING_TASKS[name]] = np.stack([masked, truth.astype(np.int8)])
        reliability.append(methods.score_reliability(name, log_p, completion))
        confidence, right = np.exp(log_p.max(axis=1)), scores.correct(log_p, completion) == 1
        learned = scores.nats(log_past, completion) - scores.nats(log_p, completion)
        chosen = gallery.show(
            gallery.pick_fills(confidence, right, learned, PICTURES),
            masks=np.repeat(masks.KINDS, inpainting.images),
            image=image,
            truth=truth,
            missing=missing,
            log_posterior=log_p,
            log_past=log_past,
        )
        pictures |= {f"{name}-{part}": array for part, array in chosen.items()}
    return outputs | {
        paths.POSTERIORS: posteriors,
        paths.INPAINTING_SCORES: pd.DataFrame(by_method),
        paths.PAIRED_FILLS: pd.DataFrame(paired),
        paths.INPAINTING_IMAGES: pd.concat(by_image, ignore_index=True),
        paths.RELIABILITY: pd.concat(reliability, ignore_index=True),
        paths.INPAINTING_GALLERY: pictures,
    }
