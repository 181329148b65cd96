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
from pipeline.pixels import baselines, continuations, failures, gallery
from pipeline.pixels.continuations import Forecast
from pipeline.runtime import terminal

READS = ("seed", "threads", "rollout")

# As in the write-up there are twelve examples, three of each kind, and as in its assignment
# five samples of each. They are of the snapshot that it shows.
PUBLISHED, PICTURES, SAMPLES_SHOWN = "5", 3, 5
# How many drawn continuations a forecast is the mean of, on so many images.
DRAWS, DRAWS_IMAGES = (1, 2, 5, 10, 20, 50, 100), 1000
# The write-up had so many test images, the first ones or others.
FIRST = 1000
# The network that every baseline meets image by image.
COMPARED = "final"

# Of each image: its accuracy and cross-entropy, by predictor, strategy and horizon.
ByImage = dict[tuple[str, str, int], dict[str, np.ndarray]]


def run(seed: int, rollout: sections.Rollout) -> dict[Path, Any]:
    """Scores by horizon and by step, comparisons, failures, and the chosen images."""
    data = formats.read_arrays(paths.BINARISED, "train", "test", "test_labels")
    train, images = data["train"], data["test"][: rollout.images]
    truth = images[:, None, rollout.first_pixel :]
    networks = _networks()
    shown = PUBLISHED if PUBLISHED in networks else COMPARED
    by_image: ByImage = {}
    steps, wrong, pictured = [], [], {}
    for predictor, forecast in _forecasts(seed, rollout, train, images, networks):
        strategy = forecast.strategy
        terminal.progress(f"scoring {predictor} {strategy}")
        for horizon in rollout.horizons:
            found = continuations.by_horizon(forecast, truth, horizon)
            by_image[predictor, strategy, horizon] = found
        steps.append(_by_step(predictor, forecast, truth))
        if strategy == "argmax":
            kinds = failures.kinds(truth[:, 0], forecast.pixels[:, 0])
            wrong.append(_count(predictor, kinds))
        if predictor == shown and strategy in ("argmax", "sample"):
            pictured[strategy] = forecast.pixels
            if strategy == "argmax":
                failure = kinds
    right = {n: by_image[shown, "argmax", n]["accuracy"] for n in rollout.horizons}
    accuracy = by_image[shown, "argmax", rollout.horizons[-1]]["accuracy"]
    number, variance = np.arange(len(images)), pictured["sample"].var(axis=1).mean(axis=1)
    columns = {
        "image": number,
        "digit": data["test_labels"][number].astype(str),
        "argmax_accuracy": accuracy,
        "variance": variance,
        "failure": failure,
        "snapshot": shown,
    }
    return {
        paths.HORIZONS: _by_horizon(by_image),
        paths.PAIRED_ROLLOUTS: _compare(by_image),
        paths.STEPS_AHEAD: pd.concat(steps, ignore_index=True),
        paths.DRAWS: _by_draws(seed, rollout, images[:DRAWS_IMAGES], networks[COMPARED]),
        paths.SUBSETS: _by_subset(by_image),
        paths.FAILURES: pd.concat(wrong, ignore_index=True),
        paths.ROLLOUT_IMAGES: pd.DataFrame(columns),
        paths.ROLLOUT_GALLERY: gallery.show(
            gallery.pick_rollouts(accuracy, variance, PICTURES),
            image=number,
            truth=images,
            argmax=pictured["argmax"][:, 0],
            samples=pictured["sample"][:, :SAMPLES_SHOWN],
            accuracy=accuracy,
            variance=variance,
            failure=failure,
            right=np.stack([own * n for n, own in right.items()], axis=1).round().astype(int),
        )
        | {"snapshot": np.array(shown), "horizons": np.array(rollout.horizons)},
    }


def _networks() -> dict[str, Any]:
    """The weights of every snapshot."""
    names = formats.read_table(paths.SNAPSHOT_SCORES)["snapshot"]
    return {name: models.read(paths.pixel_model(name)).get_weights() for name in names}


def _forecasts(
    seed: int,
    rollout: sections.Rollout,
    train: np.ndarray,
    images: np.ndarray,
    networks: dict[str, Any],
) -> Iterator[tuple[str, Forecast]]:
    """Every predictor with each of its forecasts."""
    truth = images[:, None, rollout.first_pixel :]
    for name, guess, log_p in baselines.predict(train, images, rollout.first_pixel):
        yield name, Forecast("baseline", guess[:, None], scores.nats(log_p[:, None], truth))
    # The same numbers for every snapshot, so that their differences are not noise.
    uniform = _uniform(seed, "rollout", len(images), rollout.samples, truth.shape[-1])
    model = models.read(paths.pixel_model(COMPARED))
    for name, weights in networks.items():
        # One network takes the weights of every snapshot, so that it is compiled once.
        model.set_weights(weights)
        for forecast in continuations.forecasts(model, images, uniform):
            yield name, forecast


def _uniform(seed: int, purpose: str, images: int, samples: int, unknown: int) -> np.ndarray:
    return randomness.generator(seed, purpose).random((images, samples, unknown), np.float32)


def _by_horizon(by_image: ByImage) -> pd.DataFrame:
    return pd.DataFrame(
        {"predictor": predictor, "strategy": strategy, "horizon": horizon}
        | {"images": len(found["accuracy"])}
        | scores.estimates(found)
        for (predictor, strategy, horizon), found in by_image.items()
    )


def _compare(by_image: ByImage) -> pd.DataFrame:
    """The network's forecasts less each baseline's, image by image."""
    return pd.DataFrame(
        {"predictor": COMPARED, "strategy": strategy, "baseline": baseline, "horizon": horizon}
        | {"images": len(found["accuracy"])}
        | scores.estimates({name: found[name] - other[name] for name in found})
        for (predictor, strategy, horizon), found in by_image.items()
        if predictor == COMPARED
        for (baseline, which, ahead), other in by_image.items()
        if which == "baseline" and ahead == horizon
    )


def _by_subset(by_image: ByImage) -> pd.DataFrame:
    """The first images among all subsets as large: is what they score unusual?

    A subset of n of the N images, drawn without replacement, has the mean score of all with
    the standard deviation `_sd`, s sqrt(1/n - 1/N). `_z` is how many of them the first ones
    are from it. Source: Cochran 1977, Sampling techniques, eq. 2.8.
    """
    rows = []
    for (predictor, strategy, horizon), found in by_image.items():
        row = {"predictor": predictor, "strategy": strategy, "horizon": horizon}
        for name, values in found.items():
            count, subset = len(values), min(FIRST, len(values) // 2)
            first, mean = values[:subset].mean(), values.mean()
            deviation = values.std(ddof=1) * np.sqrt(1 / subset - 1 / count)
            row |= {"images": count, "subset": subset, name: mean, f"{name}_sd": deviation}
            z = (first - mean) / deviation if deviation else np.nan
            row |= {f"{name}_first": first, f"{name}_z": z}
        rows.append(row)
    return pd.DataFrame(rows)


def _by_step(predictor: str, forecast: Forecast, truth: np.ndarray) -> pd.DataFrame:
    key = {"predictor": predictor, "strategy": forecast.strategy}
    means = {
        "accuracy": (forecast.pixels == truth).mean(axis=(0, 1)),
        "cross_entropy": forecast.nats.mean(axis=(0, 1), dtype=np.float64),
    }
    return pd.DataFrame(key | {"step": range(1, truth.shape[-1] + 1)} | means)


def _by_draws(
    seed: int, rollout: sections.Rollout, images: np.ndarray, weights: list[np.ndarray]
) -> pd.DataFrame:
    """The marginal forecast by the number of continuations that it is the mean of."""
    model = models.read(paths.pixel_model(COMPARED))
    model.set_weights(weights)
    truth = images[:, None, rollout.first_pixel :]
    uniform = _uniform(seed, "rollout draws", len(images), DRAWS[-1], truth.shape[-1])
    drawn = prediction.rollout(model, images, uniform)
    rows = []
    for count in DRAWS:
        forecast = continuations.marginal(drawn.nats[:, :count], truth)
        for horizon in rollout.horizons:
            found = continuations.by_horizon(forecast, truth, horizon)
            key = {"predictor": COMPARED, "draws": count, "horizon": horizon}
            rows.append(key | {"images": len(images)} | scores.estimates(found))
    return pd.DataFrame(rows)


def _count(predictor: str, kinds: np.ndarray) -> pd.DataFrame:
    """How often each kind of failure happens, with Wilson's 95 % interval."""
    counts = {kind: int((kinds == kind).sum()) for kind in failures.KINDS}
    rows = [
        {"predictor": predictor, "failure": kind, "images": len(kinds), "count": count}
        | scores.share(count, len(kinds))
        for kind, count in counts.items()
    ]
    return pd.DataFrame(rows)
