"""The graph on a few small images, in seconds; for the tests of stages and for faults/."""

import time
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.commands.demo import merge
from pipeline.files import formats
from pipeline.params import loading
from pipeline.pixels import sources
from pipeline.runtime import runner

ROOT = Path(__file__).parents[1]

# In the order of dvc.yaml and studies/dvc.yaml; a stage and its keys.
PIXELS = ["binarise", "train_pixels", "context", "rollout", "inpaint"]
WRITTEN = ["scorecard", "draw", "report"]
META = ["train_meta M1", "train_meta M3", "compare_bayes", "probe_knowledge", "probe_shifted"]
META += ["free_run", "alpha"]
RECIPES, REPETITIONS = {"plain": 5, "tuned": 2, "converged": 3}, [1, 2]
UNITS, PERIODS = [2, 3], [2, 3]
SETTINGS = ["reference", "keras_bias_0"]
TRAINING = product(["study_training"], ("M1", "M3"), RECIPES, REPETITIONS)
PROBES = product(["study_probes"], ("M1", "M3"), ("plain", "converged"), REPETITIONS)
MEMORY = product(["study_memory"], ("biased", "balanced"), PERIODS)
LENGTHS = product(["study_length"], ("M1", "M3"), ("gru", "lstm"), (1, 3), REPETITIONS)
LSTM = product(["study_lstm"], ["M1"], ["tuned"], REPETITIONS)
ALPHA = product(["study_alpha"], ["M1"], REPETITIONS)
META_RUNS = (*TRAINING, *PROBES, *MEMORY, *LENGTHS, *LSTM, *ALPHA)
META_STUDIES = [" ".join(map(str, run)) for run in META_RUNS]
PIXEL_STUDIES = [f"study_pixels {name} {n}" for name, n in product(SETTINGS, REPETITIONS)]
STUDIES = [*META_STUDIES, *PIXEL_STUDIES]

# What a run in seconds takes instead of the committed parameters.
THREADS, TRAIN, TEST, EPOCHS, UNKNOWN, STEPS = 2, 48, 24, 2, 60, 12
SMALL = {"units": [4], "steps": STEPS, "batch_size": 4, "evaluate_every": 2}
CHANGES: dict[str, Any] = {
    "threads": THREADS,
    "data": {"source": "digits", "threshold": 0.4},
    "pixels": {"units": [4], "dense": [8], "batch_size": 20, "curve_images": 10}
    | {"epochs": EPOCHS, "snapshots": [0]},
    "rollout": {"images": 8, "first_pixel": 784 - UNKNOWN, "horizons": [1, UNKNOWN], "samples": 2},
    "inpainting": {"images": 6, "few": 3},
    "meta": {
        "training": SMALL | {"train_sequences": 10, "test_sequences": 6},
        "optimiser": {recipe: {"batches": batches} for recipe, batches in RECIPES.items()},
        "comparison": {"sequences": 5},
        "probes": {"orders": 2, "pasts": 2, "sequences": 6, "grid": 2},
    },
    "studies": {"repetitions": REPETITIONS, "sequences": 4}
    | {"pixels": {name: {"epochs": 1, "long": 1, "snapshot_every": 2} for name in SETTINGS}}
    | {"memory": {"units": UNITS, "reset_every": PERIODS}}
    | {"length": {"trained": [1, 3], "tested": [STEPS, 2 * STEPS]}}
    | {"alpha": {"repetitions": REPETITIONS}},
}


def write_params(changes: dict[str, Any] = CHANGES) -> None:
    """The committed parameters with these changes, M1, M3 and SETTINGS alone, as params.yaml."""
    settings = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    merge(settings, changes)
    for name in ("M2", "M4"):
        del settings["meta"]["models"][name]
    studies = settings["studies"]
    studies["pixels"] = {name: studies["pixels"][name] for name in SETTINGS}
    YAML(typ="safe").dump(settings, loading.FILE)


def few_images(patch: pytest.MonkeyPatch) -> None:
    """TRAIN and TEST of the bundled digits instead of all."""
    whole = sources.digits(TRAIN)
    few = whole._replace(test=whole.test[:TEST], test_labels=whole.test_labels[:TEST])
    patch.setattr(sources, "digits", lambda train: few)
    patch.setitem(sources.TRAIN_IMAGES, "digits", TRAIN)
    patch.setitem(sources.TEST_IMAGES, "digits", TEST)


def run_stage(stage: str) -> None:
    """Run a stage, such as "train_meta M1", in this process and in the current folder."""
    name, *given = stage.split()
    module = import_module(f"pipeline.stages.{name}")
    keys = runner.parse_keys(module, given)
    runner.run(module, keys, loading.load(), formats.encode, time.monotonic())


def run(folder: Path, *stages: str) -> Path:
    """Run stages one after the other in a folder, which is made if need be."""
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        few_images(patch)
        if not loading.FILE.exists():
            write_params()
        for stage in stages:
            run_stage(stage)
    return folder
