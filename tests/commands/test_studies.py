import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.commands import studies
from pipeline.files import formats
from pipeline.params import loading, sections
from pipeline.runtime import transaction
from tests import tiny

RECIPES = ("published", "tuned", "converged")
KEYS = [(name, recipe) for name in ("M1", "M3") for recipe in RECIPES]
TABLES = (paths.RECIPES, paths.EXCESS, paths.REGRET, paths.MEMORY, paths.MEMORY_SUMMARY)


@pytest.fixture
def project(tmp_path, monkeypatch) -> sections.Params:
    """Parameters and the studies' files in the current folder, an empty one."""
    monkeypatch.chdir(tmp_path)
    yaml = YAML()  # keeps the order of models and priors
    settings = yaml.load(tiny.ROOT / loading.FILE)
    memory = {"units": [2, 4], "reset_every": [3, 5]}
    tiny.merge(settings, {"studies": {"repetitions": [2, 5], "memory": memory}})
    for name in ("M2", "M4"):
        del settings["meta"]["models"][name]
    yaml.dump(settings, loading.FILE)
    files: dict[Path, pd.DataFrame] = {}
    for name, recipe in KEYS:
        for repetition in (2, 5):
            # Each file has numbers of its own.
            excess = int(name[1]) + (RECIPES.index(recipe) + 1) / 10 + repetition / 100
            curve = {"batch": [0, 7], "excess": [9.0, excess], "excess_per_character": 0.5}
            files[paths.study_curve(name, recipe, repetition)] = pd.DataFrame(curve)
            regret = {"step": [0, 1, 2], "network": 0.5, "exact": [0, 0.25, 0.25]}
            regret |= {"difference": excess, "cumulated": excess * np.arange(3)}
            regret |= {"difference_se": 0.01, "cumulated_se": 0.1}
            regret |= {"only_1_network": 0.25, "only_1_exact": 0.125}
            files[paths.study_regret(name, recipe, repetition)] = pd.DataFrame(regret)
    for prior in ("biased", "balanced"):
        for period in (3, 5):
            rows = {"prior": prior, "reset_every": period, "units": [2, 4]}
            excesses = {"excess_per_character": [0.2, 0.1]}
            files[paths.study_memory(prior, period)] = pd.DataFrame(rows | excesses)
    transaction.place({path: formats.encode(path, files[path]) for path in files})
    return loading.load()


def test_the_tables_are_of_all_runs(project):
    studies.main([])
    recipes, excess, regret, memory, summary = map(formats.read_table, TABLES)
    assert list(zip(recipes.model, recipes.recipe)) == KEYS
    by_key = recipes.set_index(["model", "recipe"])
    # Means over the repetitions 2 and 5, written with six digits.
    assert_allclose(by_key.excess["M1", "published"], 1.135, rtol=1e-5)
    assert_allclose(by_key.excess["M3", "converged"], 3.335, rtol=1e-5)
    row = by_key.loc["M3", "tuned"]
    assert (row.batches, row.seeds, row.excess_worst) == (7, 2, 3.25)
    # What the runs were made with.
    model, optimiser = project.meta.models["M3"], project.meta.optimiser.tuned
    assert (row["count"], row.reset_every) == (project.studies.sequences, 5)
    assert (row.alpha_1, row.alpha_2, row.alpha_3) == model.alpha
    assert (row.peak_rate, row.schedule, row.clip_norm) == (
        optimiser.peak_rate,
        optimiser.schedule,
        optimiser.clip_norm,
    )
    # The steps 1 and 2 of a period of five have the same gap.
    assert (row.reaction, row.start) == (0, 0.125)
    # Means of 3.22 and 3.25 at the only reset, and at two symbols but for the first.
    assert_allclose([row.regret, row.regret_first], [6.47, 3.235], rtol=1e-5)
    assert_allclose(row.prior_only - row.exact, row.gain, atol=1e-5)

    assert list(zip(excess.model, excess.recipe))[::2] == KEYS
    assert list(excess.batch) == [0, 7] * 6
    assert (excess.lowest[1], excess.highest[1]) == (1.12, 1.15)
    assert list(zip(regret.model, regret.recipe))[::3] == KEYS
    assert list(regret.step) == [0, 1, 2] * 6
    assert_allclose(regret.difference[0], 1.135, rtol=1e-5)
    pairs = [(prior, period) for prior in ("biased", "balanced") for period in (3, 5)]
    assert list(zip(memory.prior, memory.reset_every))[::2] == pairs
    assert list(memory.units) == [2, 4] * 4
    assert list(zip(summary.prior, summary.reset_every)) == pairs
    assert set(summary.ratio) == {2}


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "studies", *arguments],
        env=os.environ | {"PYTHONPATH": str(tiny.ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "path",
    [
        paths.study_curve("M3", "converged", 5),
        paths.study_regret("M1", "tuned", 2),
        paths.study_memory("balanced", 5),
    ],
    ids=str,
)
def test_a_missing_run_is_named_and_nothing_is_written(project, path):
    path.unlink()
    with pytest.raises(ValueError, match=f"^{path}: not found; run `make studies`$"):
        studies.main([])
    # Tables of different runs must not be mixed.
    assert not paths.META_REPORTS.exists()


def test_the_command_fails_in_one_line(project):
    paths.study_memory("biased", 3).unlink()
    ran = run()
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == ("error: studies/memory/biased-3.csv: not found; run `make studies`\n")


def test_an_argument_is_a_usage_error(project):
    ran = run("M1")
    assert ran.returncode == 2
    assert "usage: python -m pipeline studies" in ran.stderr
    assert not paths.META_REPORTS.exists()
