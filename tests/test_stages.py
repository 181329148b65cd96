"""The whole graph, stage after stage, on a few small images in a temporary folder."""

import base64
import hashlib
import importlib
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import THREADS
from numpy.testing import assert_allclose, assert_array_equal
from ruamel.yaml import YAML

from pipeline import (
    demo,
    dirichlet,
    document,
    files,
    masks,
    params,
    sources,
    storage,
    studies,
)
from pipeline import stages as package
from pipeline.stages import binarise, study_memory, study_training, train_meta

ROOT = Path(__file__).parents[1]

# In the order of dvc.yaml.
STAGES = [
    "binarise",
    "train_pixels",
    "rollout",
    "inpaint",
    "train_meta M1",
    "train_meta M3",
    "compare_bayes",
    "probe_knowledge",
    "probe_offprior",
]
# In the order of studies/dvc.yaml. The report reads the tables that are made of them.
RECIPES, REPETITIONS = {"published": 5, "tuned": 2, "converged": 3}, [1, 2]
UNITS, PERIODS = [2, 3], [2, 3]
STUDIES = [
    f"study_training {name} {recipe} {repetition}"
    for name in ("M1", "M3")
    for recipe in RECIPES
    for repetition in REPETITIONS
] + [
    f"study_memory {prior} {reset_every}"
    for prior in ("biased", "balanced")
    for reset_every in PERIODS
]

# What a run in seconds takes instead of the committed parameters.
TRAIN, TEST, EPOCHS, UNKNOWN, STEPS = 48, 24, 2, 60, 12
CHANGES: dict[str, Any] = {
    "threads": THREADS,
    "data": {"source": "digits", "threshold": 0.4},
    "pixels": {
        "units": [4],
        "dense": [8],
        "batch_size": 20,
        "epochs": EPOCHS,
        "snapshots": [0],
        "curve_images": 10,
    },
    "rollout": {
        "images": 8,
        "first_pixel": 784 - UNKNOWN,
        "horizons": [1, UNKNOWN],
        "samples": 2,
    },
    "inpainting": {"images": 6},
    "meta": {
        "training": {
            "units": [4],
            "steps": STEPS,
            "batch_size": 4,
            "evaluate_every": 2,
            "train_sequences": 10,
            "test_sequences": 6,
        },
        "optimiser": {recipe: {"batches": batches} for recipe, batches in RECIPES.items()},
        "comparison": {"sequences": 5},
        "probes": {"orders": 2, "pasts": 2, "sequences": 6, "grid": 2},
    },
    "studies": {
        "repetitions": REPETITIONS,
        "sequences": 4,
        "memory": {"units": UNITS, "reset_every": PERIODS},
    },
}


def read_params() -> Any:
    return YAML(typ="safe", pure=True).load(ROOT / "params.yaml")


def write_params(changes: dict[str, Any]) -> None:
    settings = read_params()
    demo.merge(settings, changes)
    for name in ("M2", "M4"):
        del settings["meta"]["models"][name]
    YAML(typ="safe").dump(settings, params.FILE)


def run_stage(patch: pytest.MonkeyPatch, stage: str) -> None:
    name, *operands = stage.split()
    patch.setattr(sys, "argv", [name, *operands])
    package.main(importlib.import_module(f"pipeline.stages.{name}").run)


def run_all(folder: Path) -> Path:
    """The outputs of all stages in a new folder."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        everything = sources.digits(TRAIN)
        few = everything._replace(
            test=everything.test[:TEST], test_labels=everything.test_labels[:TEST]
        )
        patch.setattr(sources, "digits", lambda train: few)
        patch.setitem(params.TRAIN_IMAGES, "digits", TRAIN)
        patch.setitem(params.TEST_IMAGES, "digits", TEST)
        write_params(CHANGES)
        for stage in STAGES:
            run_stage(patch, stage)
        # Of each of the many networks compiling would take longer than training; the
        # stages above have what is compiled.
        tf.config.run_functions_eagerly(True)
        for study in STUDIES:
            run_stage(patch, study)
        tf.config.run_functions_eagerly(False)
        patch.setattr(sys, "argv", ["studies"])
        studies.main()
        run_stage(patch, "report")
    return folder


@pytest.fixture(scope="module")
def runs(threads: int, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs side by side; one in a process to which everything else is different.

    Hashes, memory addresses, time zone, language, home, and who may read what it writes.
    """
    folder = tmp_path_factory.mktemp("stages")
    elsewhere = {
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "LANG": "tr_TR.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
    }
    spawn = multiprocessing.get_context("spawn")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in elsewhere.items():
            patch.setenv(name, value)
        with ProcessPoolExecutor(1, spawn, os.umask, (0o077,)) as pool:
            other = pool.submit(run_all, folder / "other")
            # That process has started with all this; this one goes on as it was.
            patch.undo()
            return run_all(folder / "this"), other.result()


@pytest.fixture(scope="module")
def outputs(runs: tuple[Path, Path]) -> Path:
    return runs[0]


@pytest.fixture
def inside(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the outputs as the current one, so that paths are as in `files`."""
    monkeypatch.chdir(outputs)
    return outputs


def columns(path: Path) -> set[str]:
    return set(files.read_csv(path)[0])


pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


def test_binarise(inside):
    arrays = files.read_arrays(files.BINARISED)
    for split, count in (("train", TRAIN), ("test", TEST)):
        assert arrays[split].shape == (count, 784)
        assert arrays[split].dtype == np.uint8
        assert set(np.unique(arrays[split])) == {0, 1}
        assert arrays[f"{split}_labels"].shape == (count,)
    by_split = {
        (row["split"], row["digit"]): row["ink"] for row in files.read_csv(files.INK)
    }
    # Written with six digits.
    assert_allclose(by_split["train", "all"], arrays["train"].mean(), rtol=1e-5)
    ones = arrays["test"][arrays["test_labels"] == 1]
    assert_allclose(by_split["test", 1], ones.mean(), rtol=1e-5)
    examples = files.read_arrays(files.EXAMPLES)
    assert_array_equal(examples["binary"], arrays["test"][examples["image"]])


def test_train_pixels(inside):
    history = files.read_csv(files.PIXEL_HISTORY)
    assert [row["epoch"] for row in history] == list(range(EPOCHS))
    assert {
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
    } <= columns(files.PIXEL_HISTORY)
    snapshots = {str(row["snapshot"]): row for row in files.read_csv(files.SNAPSHOT_SCORES)}
    assert list(snapshots) == ["untrained", "0", "final"]
    assert [row["epochs_trained"] for row in snapshots.values()] == [0, 1, EPOCHS]
    # A network that knows nothing loses log 2 a pixel; training helps.
    assert_allclose(snapshots["untrained"]["test_loss"], np.log(2), atol=0.2)
    assert snapshots["final"]["test_loss"] < snapshots["untrained"]["test_loss"]
    assert snapshots["0"]["test_loss"] == history[0]["test_loss"]
    for row in snapshots.values():
        # Both written with six digits.
        nats = 784 * row["test_loss"]
        assert_allclose(row["test_nats_per_image"], nats, rtol=1e-5)


def test_saved_networks_open_with_plain_keras(inside):
    names = sorted(path.name for path in files.PIXEL_MODELS.iterdir())
    assert names == ["epoch-0.keras", "final.keras", "untrained.keras"]
    networks = {path: 1 for path in files.PIXEL_MODELS.iterdir()}
    networks |= {files.meta_model(name): 4 for name in ("M1", "M3")}
    for path, channels in networks.items():
        model = keras.saving.load_model(path)
        assert model.input_shape == model.output_shape == (None, None, channels)


def test_the_recorded_loss_is_that_of_the_saved_network(inside):
    model = keras.saving.load_model(files.pixel_model("final"))
    test = files.read_arrays(files.BINARISED)["test"].astype(np.float32)
    shifted = np.concatenate([np.zeros((TEST, 1)), test[:, :783]], axis=1)
    logits = model.predict_on_batch(shifted[..., None])[..., 0]
    nats = np.logaddexp(0, np.where(test == 1, -logits, logits))
    recorded = files.read_csv(files.SNAPSHOT_SCORES)[-1]
    # float32 logits, six digits.
    assert_allclose(recorded["test_loss"], nats.mean(), rtol=1e-5)


def test_rollout(inside):
    table = files.read_csv(files.HORIZONS)
    assert {
        "predictor",
        "strategy",
        "horizon",
        "images",
        "accuracy",
        "accuracy_se",
        "cross_entropy",
        "cross_entropy_se",
    } <= set(table[0])
    strategies = {(str(row["predictor"]), row["strategy"]) for row in table}
    for snapshot in ("untrained", "0", "final"):
        for strategy in ("argmax", "sample", "teacher_forced"):
            assert (snapshot, strategy) in strategies
    assert {strategy for _, strategy in strategies} >= {"baseline"}
    assert len(table) == 2 * len(strategies)
    test = files.read_arrays(files.BINARISED)["test"][:8, -UNKNOWN:]
    (paper,) = [
        row for row in table if row["predictor"] == "all_zero" and row["horizon"] == UNKNOWN
    ]
    assert_allclose(paper["accuracy"], 1 - test.mean(), rtol=1e-5)
    for row in table:
        assert row["images"] == 8
        assert 0 <= row["accuracy"] <= 1
        assert np.isfinite(row["cross_entropy"])
    # One step ahead rollout and teacher forcing see the same: the truth.
    one = {
        row["strategy"]: row["cross_entropy"]
        for row in table
        if (row["predictor"], row["horizon"]) == ("final", 1)
    }
    # float32 in another order of operations, six digits.
    assert_allclose(one["argmax"], one["teacher_forced"], rtol=1e-4)
    assert_allclose(one["sample"], one["teacher_forced"], rtol=1e-4)


def test_inpaint(inside):
    test = files.read_arrays(files.BINARISED)["test"]
    posteriors = files.read_arrays(files.POSTERIORS)
    for task, missing in (("one_pixel", 1), ("patch_2x2", 4)):
        masked, truth = np.load(files.INPAINTING_TASKS[task])
        assert masked.shape == truth.shape == (6 * len(masks.KINDS), 784)
        assert masked.dtype == np.int8
        assert_array_equal((masked == -1).sum(axis=1), missing)
        assert_array_equal(masked[masked != -1], truth[masked != -1])
        assert set(np.unique(truth)) == {0, 1}
        assert all((test == image).all(axis=1).any() for image in truth)
        assert posteriors[task].shape == (len(truth), 2**missing)
        # In double precision.
        assert_allclose(np.exp(posteriors[task]).sum(axis=1), 1, atol=1e-9)
    table = files.read_csv(files.INPAINTING_SCORES)
    assert {
        "task",
        "masks",
        "method",
        "images",
        "fill_accuracy",
        "pixel_accuracy",
        "nats",
        "nats_se",
        "brier",
        "ece",
    } <= set(table[0])
    keys = [(r["task"], r["masks"], r["method"], str(r["snapshot"])) for r in table]
    assert len(keys) == len(set(keys))
    assert {key[:2] for key in keys} == {
        (task, kind) for task in files.INPAINTING_TASKS for kind in masks.KINDS
    }
    for row in table:
        assert row["images"] == 6
        # A fill is right if all of its pixels are.
        assert 0 <= row["fill_accuracy"] <= row["pixel_accuracy"] <= 1
        gives_probabilities = row["method"] in ("exact", "past_only", "lookup")
        for name in ("nats", "nats_se", "brier", "ece"):
            assert np.isfinite(row[name]) == gives_probabilities


def test_the_written_posterior_is_what_is_scored(inside):
    """-log p(truth | rest) from the arrays alone, against the table."""
    table = files.read_csv(files.INPAINTING_SCORES)
    posteriors = files.read_arrays(files.POSTERIORS)
    for task in files.INPAINTING_TASKS:
        masked, truth = np.load(files.INPAINTING_TASKS[task])
        nats = []
        for log_p, image, true in zip(posteriors[task], masked, truth):
            bits = true[image == -1]
            nats.append(-log_p[sum(int(bit) << b for b, bit in enumerate(bits))])
        for kind, own in zip(masks.KINDS, np.split(np.array(nats), len(masks.KINDS))):
            (row,) = [
                row
                for row in table
                if (row["task"], row["masks"], row["method"], row["snapshot"])
                == (task, kind, "exact", "final")
            ]
            # Written with six digits.
            assert_allclose(row["nats"], own.mean(), rtol=1e-5)


def test_posteriors_are_those_of_the_saved_network(inside):
    model = keras.saving.load_model(files.pixel_model("final"))
    masked, _ = np.load(files.INPAINTING_TASKS["patch_2x2"])
    image = masked[0]
    (missing,) = np.nonzero(image == -1)
    joint = []
    for completion in range(16):
        filled = image.astype(np.float32)
        for bit, pixel in enumerate(missing):
            filled[pixel] = completion >> bit & 1
        shifted = np.concatenate([[0], filled[:783]])[None, :, None]
        logits = model.predict_on_batch(shifted.astype(np.float32))[0, :, 0]
        logits = logits.astype(np.float64)
        joint.append(-np.logaddexp(0, np.where(filled == 1, -logits, logits)).sum())
    expected = np.exp(joint - np.logaddexp.reduce(joint))
    posterior = np.exp(files.read_arrays(files.POSTERIORS)["patch_2x2"][0])
    # Sums of 784 float32 terms, each rounded to 1e-7 of a size of order one.
    assert_allclose(posterior, expected, atol=1e-4)


def test_meta(inside):
    table = files.read_csv(files.COMPARISON)
    assert {
        "model",
        "sequences",
        "cross_entropy",
        "exact_cross_entropy",
        "excess",
        "excess_se",
        "accuracy",
        "exact_accuracy",
        "kl",
    } <= set(table[0])
    # Two priors and one fixed p, for each of two models.
    assert len({(row["model"], row["sequences"]) for row in table}) == len(table) == 6
    for name in ("M1", "M3"):
        curves = files.read_csv(files.meta_curves(name))
        # Before the first, every second, and after the last.
        assert [row["batch"] for row in curves] == [0, 2, 4, 5]
        assert {"train_loss", "train_accuracy", "test_loss", "test_accuracy"} <= set(
            curves[0]
        )
        assert all(row["test_loss"] > row["exact_test_loss"] for row in curves)
        (own,) = [row for row in table if row["model"] == name and row["own_prior"]]
        # Written with six digits each.
        difference = own["cross_entropy"] - own["exact_cross_entropy"]
        assert_allclose(own["excess"], difference, atol=1e-4)
        arrays = files.read_arrays(files.PREDICTIONS)
        for which in ("own", "fixed"):
            characters = arrays[f"{name}-{which}-characters"]
            model = params.load().meta.models[name]
            exact = dirichlet.posterior_predictive(
                characters[None], model.alpha, model.reset_every
            )
            assert_allclose(
                arrays[f"{name}-{which}-exact"], np.exp(exact[0]), rtol=1e-9, atol=0
            )
            sums = arrays[f"{name}-{which}-network"].sum(axis=1)
            assert_allclose(sums, 1, atol=1e-6)  # of float32
    # p = (1, 0, 0): symbol 1 alone.
    assert set(arrays["M1-fixed-characters"]) == {0, 1}


def of_model(path: Path, name: str) -> list[files.Record]:
    return [row for row in files.read_csv(path) if row["model"] == name]


each_model = pytest.mark.parametrize("name", ["M1", "M3"])


@each_model
def test_bounds_grow_with_what_a_predictor_knows(inside, name):
    reset_every = params.load().meta.models[name].reset_every
    rows = {
        (row["predictor"], row["position"]): row for row in of_model(files.BOUNDS, name)
    }
    positions = [*range(1, reset_every), "mean"]
    predictors = ("prior_only", "exact", "known_p")
    assert set(rows) == {(which, place) for which in predictors for place in positions}
    for place in positions:
        nats, right = (
            [rows[which, place][quantity] for which in predictors]
            for quantity in ("cross_entropy", "accuracy")
        )
        assert nats == sorted(nats, reverse=True)
        assert right == sorted(right)
    # Before anything is counted there is nothing but the prior.
    first = {which: rows[which, 1]["cross_entropy"] for which in predictors}
    assert first["exact"] == first["prior_only"] > first["known_p"]


@each_model
def test_every_state_of_knowledge_is_asked(inside, name):
    model = params.load().meta.models[name]
    rows = of_model(files.HISTORIES, name)
    counts = [tuple(row[f"count_{k}"] for k in (1, 2, 3)) for row in rows]
    # Of n symbols there are (n + 2)(n + 1) / 2 vectors of counts.
    assert len(set(counts)) == len(rows) == 1 + 3 + 6 + 10 + 15
    for seen in range(model.reset_every):
        here = [row for row in rows if row["seen"] == seen]
        # Each number is written with six digits.
        assert_allclose(sum(row["probability"] for row in here), 1, rtol=1e-5)
    for row, count in zip(rows, counts):
        assert row["seen"] == sum(count)
        assert_allclose(sum(row[f"network_{k}"] for k in range(4)), 1, rtol=1e-5)
        assert_allclose(sum(row[f"argmax_{k}"] for k in range(4)), 1, rtol=1e-5)
        assert 0 < row["kl"] <= row["kl_worst"]
        if row["seen"] == model.reset_every - 1:
            exact = [1.0, 0.0, 0.0, 0.0]
        else:
            weights = np.array(model.alpha) + count
            exact = [0.0, *(weights / weights.sum())]
        assert_allclose([row[f"exact_{k}"] for k in range(4)], exact, rtol=1e-5)


def test_a_state_of_knowledge_is_what_the_saved_network_says(inside):
    """Bounded by what a network says there after all possible pasts of a period."""
    model = keras.saving.load_model(files.meta_model("M1"))
    (state,) = [
        row for row in of_model(files.HISTORIES, "M1") if row["count_1"] == row["seen"] == 2
    ]
    # Two periods before it, then the reset, twice symbol 1, and what is to be predicted.
    pasts = np.array(list(product((1, 2, 3), repeat=4)))
    twice = np.concatenate([np.repeat(pasts, 81, axis=0), np.tile(pasts, (81, 1))], axis=1)
    sequences = np.insert(twice, [0, 4, 8], 0, axis=1)
    sequences = np.concatenate([sequences, np.ones((len(twice), 2), int)], axis=1)
    shifted = np.eye(4, dtype=np.float32)[sequences]
    shifted = np.concatenate([np.zeros_like(shifted[:, :1]), shifted], axis=1)
    logits = model.predict(shifted, verbose=0)[:, -1].astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for k in range(4):
        # float32, and six digits.
        assert p[:, k].min() - 1e-5 < state[f"network_{k}"] < p[:, k].max() + 1e-5
        # That says something: the pasts hardly matter to it.
        assert np.ptp(p[:, k]) < 0.1


@each_model
def test_leaks_are_of_every_count_of_the_period_before(inside, name):
    model = params.load().meta.models[name]
    rows = of_model(files.LEAKS, name)
    counts = {tuple(row[f"previous_{k}"] for k in (1, 2, 3)) for row in rows}
    assert len(counts) == len(rows) == 15
    assert {sum(count) for count in counts} == {model.reset_every - 1}
    assert_allclose(sum(row["probability"] for row in rows), 1, rtol=1e-5)
    share = np.array(model.alpha) / sum(model.alpha)
    for row in rows:
        assert_allclose(sum(row[f"network_{k}"] for k in range(4)), 1, rtol=1e-5)
        assert_allclose([row[f"exact_{k}"] for k in range(4)], [0, *share], rtol=1e-5)


@each_model
def test_hidden_states_are_read_out_and_drawn(inside, name):
    readout = of_model(files.READOUT, name)
    assert [row["quantity"] for row in readout] == [
        "count of symbol 1",
        "count of symbol 2",
        "count of symbol 3",
        "symbols seen",
    ]
    for row in readout:
        assert row["sequences"] == 3  # the other half of six
        assert row["r_squared"] <= 1
        assert row["r_squared_untrained"] <= 1
    states = of_model(files.HIDDEN_STATES, name)
    # Of six sequences the states before a symbol; three characters of each are resets.
    assert len(states) == 6 * (STEPS - 3)
    x, y = (np.array([row[axis] for row in states]) for axis in "xy")
    # Components are centred and uncorrelated, the first with the larger variance.
    assert_allclose([x.mean(), y.mean(), (x * y).mean()], 0, atol=1e-5)
    assert_allclose(
        states[0]["y_share"] / states[0]["x_share"], y.var() / x.var(), rtol=1e-4
    )
    assert x.var() > y.var()
    assert {sum(row[f"count_{k}"] for k in (1, 2, 3)) for row in states} == set(range(4))


@each_model
def test_a_concentration_is_fitted_to_every_network(inside, name):
    rows = of_model(files.CONCENTRATION, name)
    assert [row["symbol"] for row in rows] == [1, 2, 3]
    assert tuple(row["alpha"] for row in rows) == params.load().meta.models[name].alpha
    assert all(0 < row["estimate"] < np.inf for row in rows)
    assert len({row["kl_left"] for row in rows}) == 1
    assert rows[0]["kl_left"] >= 0


def test_every_network_is_asked_about_every_source(inside):
    table = files.read_csv(files.MATRIX)
    rows = {(row["model"], row["sequences"]): row for row in table}
    sources = ("M1", "M3", "fixed p")
    assert list(rows) == [(name, source) for name in ("M1", "M3") for source in sources]
    for row in table:
        for other in ("own", "matched"):
            # Written with six digits each.
            difference = row["network"] - row[other]
            assert_allclose(row[f"network_less_{other}"], difference, atol=1e-5)
        assert row["kl_own"] > 0
    for name in ("M1", "M3"):
        own = rows[name, name]
        assert own["own"] == own["matched"]
        # Both networks saw the same sequences of each source.
        assert own["matched"] == rows["M1", name]["matched"] == rows["M3", name]["matched"]
        # p = (1, 0, 0) has one sequence, without an error, and nothing is uncertain in it.
        fixed = rows[name, "fixed p"]
        assert (fixed["count"], fixed["matched"]) == (1, 0)
        assert np.isnan(fixed["network_se"])
    assert rows["M1", "M3"]["own"] != rows["M1", "M3"]["matched"]


@each_model
def test_the_simplex_is_covered_with_fixed_p(inside, name):
    rows = of_model(files.SIMPLEX, name)
    points = {tuple(row[f"p_{k}"] for k in (1, 2, 3)) for row in rows}
    # Two steps from corner to corner: the corners, and the middles of the edges.
    assert points == {
        *((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        *((0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)),
    }
    for row in rows:
        p = np.array([row[f"p_{k}"] for k in (1, 2, 3)])
        assert row["count"] == (1 if p.max() == 1 else 6)
        # The entropy of p: all possible symbols are equally likely.
        assert_allclose(row["matched"], np.log((p > 0).sum()), rtol=1e-5)


@each_model
@pytest.mark.parametrize("recipe", RECIPES)
def test_study_training(inside, name, recipe):
    model = params.load().meta.models[name]
    curves = [files.read_csv(files.study_curve(name, recipe, n)) for n in REPETITIONS]
    for curve in curves:
        batches = [row["batch"] for row in curve]
        assert batches == [0, *study_training.logarithmic(RECIPES[recipe])]
        for row in curve:
            assert 0 < row["excess"] < 2
            assert row["excess_per_character"] > 0
    # Each has its own weights.
    assert curves[0][0]["excess"] != curves[1][0]["excess"]

    regrets = [files.read_csv(files.study_regret(name, recipe, n)) for n in REPETITIONS]
    for rows in regrets:
        assert [row["step"] for row in rows] == list(range(STEPS))
        place = np.arange(STEPS) % model.reset_every
        network, exact, difference, cumulated = (
            np.array([row[column] for row in rows])
            for column in ("network", "exact", "difference", "cumulated")
        )
        # Written with six digits.
        assert_allclose(difference, network - exact, atol=1e-5)
        assert_allclose(cumulated, np.cumsum(difference), atol=1e-4)
        assert_array_equal(exact[place == 0], 0)
        assert (exact[place > 0] > 0).all()
        # After nothing but symbol 1.
        counted = (model.alpha[0] + place - 1) / (sum(model.alpha) + place - 1)
        only_1 = np.array([row["only_1_exact"] for row in rows])
        assert_allclose(only_1, np.where(place == 0, 0, counted), rtol=1e-5)
        assert all(0 < row["only_1_network"] < 1 for row in rows)


@each_model
def test_studies_of_a_model_differ_by_the_networks_alone(inside, name):
    exact = {
        tuple(row["exact"] for row in files.read_csv(files.study_regret(name, recipe, n)))
        for recipe in RECIPES
        for n in REPETITIONS
    }
    assert len(exact) == 1
    before = {
        files.read_csv(files.study_curve(name, recipe, n))[0]["excess"]
        for recipe in RECIPES
        for n in REPETITIONS
    }
    assert len(before) == len(RECIPES) * len(REPETITIONS)


def test_study_memory(inside):
    for prior in ("biased", "balanced"):
        for reset_every in PERIODS:
            rows = files.read_csv(files.study_memory(prior, reset_every))
            assert [row["units"] for row in rows] == UNITS
            for row in rows:
                assert (row["prior"], row["reset_every"]) == (prior, reset_every)
                assert row["batches"] == RECIPES["tuned"]
                assert row["excess"] > 0
                assert row["excess_per_character"] > 0
                assert 0 <= row["reset_accuracy"] <= 1
            # Of another size it is another network.
            assert rows[0]["excess"] != rows[1]["excess"]


def test_the_tables_of_the_studies_are_made_of_all_runs(inside):
    recipes = files.read_csv(files.RECIPES)
    assert [(row["model"], row["recipe"]) for row in recipes] == [
        (name, recipe) for name in ("M1", "M3") for recipe in RECIPES
    ]
    for row in recipes:
        assert (row["batches"], row["seeds"]) == (RECIPES[row["recipe"]], 2)
        ends = [
            files.read_csv(files.study_curve(row["model"], row["recipe"], n))[-1]["excess"]
            for n in REPETITIONS
        ]
        # Written with six digits.
        assert_allclose(row["excess"], np.mean(ends), rtol=1e-5)
    assert len(files.read_csv(files.REGRET)) == len(recipes) * STEPS
    assert len(files.read_csv(files.MEMORY)) == 2 * len(PERIODS) * len(UNITS)


@pytest.mark.parametrize(
    ("last", "expected"),
    # Two points in each doubling, those that round to the same number once.
    [(1, [1]), (2, [1, 2]), (8, [1, 2, 3, 4, 6, 8]), (16, [1, 2, 3, 4, 6, 8, 11, 16])],
)
def test_points_of_a_curve_are_denser_where_it_falls(last, expected):
    assert study_training.logarithmic(last) == expected


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def linked(markdown: Path) -> set[Path]:
    """The files that a page shows or points to, relative to the project."""
    targets = re.findall(r"\]\(([^)#:]+)\)", markdown.read_text())
    return {markdown.parent / target for target in targets}


def test_report_points_to_files_that_exist(inside):
    assert not re.search(r"\b(nan|inf|None)\b", files.REPORT_MARKDOWN.read_text())
    targets = linked(files.REPORT_MARKDOWN)
    assert {files.STEPS_AHEAD, files.PIXEL_HISTORY} < targets
    for target in targets:
        assert target.is_file()


def report_in(folder: Path, outputs: Path, patch: pytest.MonkeyPatch, **rows: Any) -> str:
    """The report on the outputs, with other tables of the studies."""
    shutil.copytree(outputs, folder)
    patch.chdir(folder)
    shutil.rmtree(files.FIGURES)

    def write_figure(name: str, figure: Any) -> tuple[str, bytes]:
        """Not drawn: that takes seconds, and they are not looked at."""
        path = files.FIGURES / f"{name}.png"
        storage.write(path, b"")
        return path.relative_to(files.REPORT_HTML.parent).as_posix(), b""

    patch.setattr(files, "write_figure", write_figure)
    for name, table in rows.items():
        files.write_csv(getattr(files, name), table)
    run_stage(patch, "report")
    text = files.REPORT_MARKDOWN.read_text()
    assert not re.search(r"\b(nan|inf|None)\b", text)
    assert all(target.is_file() for target in linked(files.REPORT_MARKDOWN))
    return text


def test_studies_of_other_sequences_are_not_reported(outputs, tmp_path, monkeypatch):
    """As where a model's alpha was changed and `make studies` not run since."""
    recipes = files.read_csv(outputs / files.RECIPES)
    other = [row | {"alpha": "(9 1 1)"} if row["model"] == "M1" else row for row in recipes]
    text = report_in(tmp_path / "new", outputs, monkeypatch, RECIPES=other)
    assert "The committed studies tell nothing of M1 with" in text
    assert "M3 reacts" in text
    assert "M1 reacts" not in text


def test_a_report_without_studies_is_complete(outputs, tmp_path, monkeypatch):
    recipes = files.read_csv(outputs / files.RECIPES)
    other = [row | {"reset_every": 7} for row in recipes]
    text = report_in(tmp_path / "new", outputs, monkeypatch, RECIPES=other)
    assert "The committed studies tell nothing of M1 and M3 with" in text
    assert " reacts " not in text
    for table in (files.EXCESS, files.REGRET, files.MEMORY):
        assert table.name not in text


def test_every_figure_is_shown_somewhere(inside):
    readme = {path.relative_to(ROOT) for path in linked(ROOT / "README.md")}
    shown = linked(files.REPORT_MARKDOWN) | readme
    assert set(files.FIGURES.iterdir()) <= shown


def test_report_page_is_complete_in_itself(inside):
    page = files.REPORT_HTML.read_text()
    elements = Elements(page).found
    assert not {tag for tag, _ in elements} & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", page)
    for _, attributes in elements:
        for name in {"src", "href", "srcset", "poster", "data"} & attributes.keys():
            assert not re.match(r"\w+:(?!image/png;base64,)|//", attributes[name] or "")
    shown = [
        base64.b64decode(str(attributes["src"]).removeprefix("data:image/png;base64,"))
        for tag, attributes in elements
        if tag == "img"
    ]
    figures = set(files.FIGURES.iterdir()) & linked(files.REPORT_MARKDOWN)
    assert sorted(shown) == sorted(path.read_bytes() for path in figures)
    assert len(shown) > 10
    assert sum(tag == "math" for tag, _ in elements) > 0


def test_scorecard_and_metrics(inside):
    card = files.read_csv(files.SCORECARD)
    assert {"quantity", "published", "ours", "difference", "verdict"} <= set(card[0])
    for row in card:
        # Written with six digits.
        assert_allclose(row["difference"], row["ours"] - row["published"], atol=1e-5)
    metrics = json.loads(files.METRICS.read_text())
    assert set(metrics) == {"pixels", "rollout", "inpainting", "meta"}
    final = files.read_csv(files.SNAPSHOT_SCORES)[-1]
    assert_allclose(metrics["pixels"]["final"]["test_loss"], final["test_loss"], atol=1e-6)
    assert set(metrics["meta"]) == {"M1", "M3"}


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script> $a<b$",
        "| a |\n| --- |\n| <script>x</script> |",
        "![<script>x</script>](figures/a.png)",
        "```\n<script>x</script>\n```",
    ],
)
def test_markup_in_the_text_is_shown_as_text(text):
    elements = Elements(document.html(text, {"figures/a.png": b"png"})).found
    assert {"html", "body"} <= {tag for tag, _ in elements}
    assert "script" not in {tag for tag, _ in elements}


def test_nothing_unfinished_is_left(inside):
    hidden = [path for path in inside.rglob(".*") if path.is_file()]
    assert hidden == []


def test_the_same_again_makes_the_same_bytes(runs):
    def hashes(folder: Path) -> dict[str, str]:
        return {
            path.relative_to(folder).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in folder.rglob("*")
            if path.is_file()
        }

    this, other = map(hashes, runs)
    assert this == other


def run_as_a_command(folder: Path, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_bad_parameters_end_a_stage_with_a_line_for_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params({"seed": -1, "pixels": {"cell": "rnn"}})
    ran = run_as_a_command(tmp_path, "pipeline.stages.binarise")
    assert ran.returncode != 0
    first, second = ran.stderr.splitlines()
    assert first.startswith("error: params.yaml: seed: got -1; allowed: ")
    assert second.startswith("error: params.yaml: pixels.cell: got 'rnn'; allowed: ")
    assert written(tmp_path) == ["params.yaml"]


def written(folder: Path) -> list[str]:
    """What a stage has written, beside its lock."""
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.parent != folder / files.LOCKS
    ]


def test_missing_mnist_ends_the_stage_with_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setattr(sources, "_reachable", lambda url: False)
    monkeypatch.setattr(sys, "argv", ["binarise"])
    write_params({"data": {"source": "mnist"}})
    with pytest.raises(SystemExit) as ended:
        package.main(binarise.run)
    (line,) = str(ended.value).splitlines()
    assert line.startswith("error: no MNIST: not in data/raw: train-images-idx3-ubyte.gz")
    for remedy in (*sources.MNIST_FILES, "MNIST_DIR", "`make demo`"):
        assert remedy in line
    assert written(tmp_path) == ["params.yaml"]


def test_wrong_mnist_files_end_the_stage_with_one_line(tmp_path, monkeypatch):
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name in sources.MNIST_FILES:
        (folder / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DIR", str(folder))
    monkeypatch.setattr(sys, "argv", ["binarise"])
    write_params({"data": {"source": "mnist"}})
    with pytest.raises(SystemExit) as ended:
        package.main(binarise.run)
    (line,) = str(ended.value).splitlines()
    assert line.startswith(f"error: MNIST in {folder}: wrong checksum")
    assert not files.BINARISED.exists()


def test_missing_inputs_end_a_stage_with_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params({})
    monkeypatch.setattr(sys, "argv", ["report"])
    with pytest.raises(SystemExit) as ended:
        run_stage(monkeypatch, "report")
    (line,) = str(ended.value).splitlines()
    assert line.startswith("error: ")
    assert str(files.INK) in line


def test_usage_names_the_command_as_it_was_given(tmp_path):
    shutil.copy(ROOT / params.FILE, tmp_path)
    ran = run_as_a_command(tmp_path, "pipeline.stages.report", "M1")
    assert ran.returncode != 0
    assert ran.stderr == "usage: python -m pipeline.stages.report\n"


@pytest.mark.parametrize(
    ("module", "arguments", "expected"),
    [
        (
            train_meta,
            "M9",
            "error: params.yaml: meta.models: there is no 'M9'; allowed: M1",
        ),
        (train_meta, "", "usage: python -m pipeline.stages.train_meta NAME"),
        (train_meta, "M1 M3", "usage: python -m pipeline.stages.train_meta NAME"),
        (train_meta, "M1.alpha", "error: NAME: got 'M1.alpha'; allowed: a name"),
        (
            study_training,
            "M1 tuned",
            "usage: python -m pipeline.stages.study_training NAME RECIPE REPETITION",
        ),
        (
            study_training,
            "M9 tuned 1",
            "error: params.yaml: meta.models: there is no 'M9'; allowed: M1, M3",
        ),
        (
            study_training,
            "M1 best 1",
            "error: params.yaml: meta.optimiser: there is no 'best'; allowed: published, ",
        ),
        (
            study_training,
            "M1 tuned one",
            "error: REPETITION: got 'one'; allowed: a whole number",
        ),
        (
            study_training,
            "M1 tuned -1",
            "error: REPETITION: got '-1'; allowed: a whole number",
        ),
        (
            study_memory,
            "biased",
            "usage: python -m pipeline.stages.study_memory PRIOR RESET_EVERY",
        ),
        (
            study_memory,
            "flat 5",
            "error: params.yaml: studies.memory.priors: there is no 'flat'; allowed: bal",
        ),
        (
            study_memory,
            "biased 2.5",
            "error: RESET_EVERY: got '2.5'; allowed: a whole number",
        ),
    ],
)
def test_a_wrong_operand_ends_the_stage_with_one_line(
    tmp_path, monkeypatch, threads, module, arguments, expected
):
    monkeypatch.chdir(tmp_path)
    write_params(CHANGES)
    name = module.__name__.split(".")[-1]
    monkeypatch.setattr(sys, "argv", [name, *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        package.main(module.run)
    assert str(ended.value).startswith(expected)
    assert len(str(ended.value).splitlines()) == 1
    assert written(tmp_path) == ["params.yaml"]


def received_by(run: Callable, patch: pytest.MonkeyPatch, *operands: str) -> None:
    patch.setattr(sys, "argv", ["some", *operands])
    package.main(run)


def test_a_stage_receives_what_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params({"seed": 7})
    received = {}

    def run(name: str, seed, meta_model, meta_training, meta_models):
        received.update(locals())

    received_by(run, monkeypatch, "M3")
    loaded = params.load()
    assert received == {
        "name": "M3",
        "seed": 7,
        "meta_model": loaded.meta.models["M3"],
        "meta_training": loaded.meta.training,
        "meta_models": loaded.meta.models,
        "received": received,
    }


def test_operands_come_in_the_order_and_as_the_type_that_a_stage_names(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_params({})
    received = {}

    def run(recipe: str, seed, optimiser, repetition: int, name: str, studies_memory):
        received.update(locals())

    received_by(run, monkeypatch, "tuned", "012", "M1")
    loaded = params.load()
    assert received == {
        "recipe": "tuned",
        "seed": loaded.seed,
        "optimiser": loaded.meta.optimiser.tuned,
        "repetition": 12,
        "name": "M1",
        "studies_memory": loaded.studies.memory,
        "received": received,
    }


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="MNIST_DIR is not set")
def test_binarise_on_real_mnist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "_reachable", lambda url: False)  # nothing is downloaded
    write_params({"data": {"source": "mnist", "threshold": 0.1}})
    run_stage(monkeypatch, "binarise")
    first = files.BINARISED.read_bytes()
    arrays = files.read_arrays(files.BINARISED)
    assert arrays["train"].shape == (60_000, 784)
    assert arrays["test"].shape == (10_000, 784)
    for split, zeros in (("train", 5923), ("test", 980)):
        assert arrays[split].dtype == np.uint8
        assert set(np.unique(arrays[split])) == {0, 1}
        assert (arrays[f"{split}_labels"] == 0).sum() == zeros
    # tensorflow-datasets' order is not that of the original files, whose test labels
    # begin 7, 2, 1, 0, 4.
    assert arrays["test_labels"][:5].tolist() == [2, 0, 4, 8, 7]
    assert arrays["train_labels"][:5].tolist() == [4, 1, 0, 7, 8]
    assert_array_equal(np.bincount(arrays["test_labels"])[:3], [980, 1135, 1032])
    # Mean grey is 0.13, and a fifth of the pixels is not white.
    assert 0.13 < arrays["train"].mean() < 0.19
    files.BINARISED.unlink()
    run_stage(monkeypatch, "binarise")
    assert files.BINARISED.read_bytes() == first
