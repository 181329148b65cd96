from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline import paths
from pipeline.commands import studies
from pipeline.files import formats
from pipeline.params import loading, sections
from pipeline.runtime import transaction
from pipeline.tables import studies as tables
from tests import tiny

KEYS = list(product(("M1", "M3"), tiny.RECIPES))


@pytest.fixture
def params(folder) -> sections.Params:
    """Parameters and the studies' files, in an empty folder."""
    memory = {"units": [2, 4], "reset_every": [3, 5]}
    tiny.write_params({"studies": {"repetitions": [2, 5], "memory": memory}})
    params = loading.load()
    files: dict[Path, pd.DataFrame] = {}
    for number, (key, repetition) in enumerate(product(KEYS, (2, 5))):
        # Each file has numbers of its own.
        curve = {"batch": [0, 7], "excess": [9.0, number], "excess_per_character": 0.5}
        files[paths.study_curve(*key, repetition)] = pd.DataFrame(curve)
        regret = {"step": [0, 1, 2], "network": 0.5, "exact": [0, 0.25, 0.25]}
        regret |= {"difference": number, "cumulative": number * np.arange(3.0)}
        regret |= {"difference_se": 0.01, "cumulative_se": 0.1}
        regret |= {"only_1_network": 0.25, "only_1_exact": 0.125}
        # At two resets and a symbol between them, with a period of 2.
        regret |= {"accuracy_network": [1.0, 0.5, 0.3], "accuracy_exact": [1.0, 0.5, 1.0]}
        files[paths.study_regret(*key, repetition)] = pd.DataFrame(regret)
    for prior, period in product(params.studies.memory.priors, (3, 5)):
        rows = {"prior": prior, "reset_every": period, "units": [2, 4]}
        rows |= {"excess_per_character": [0.2, 0.1]}
        files[paths.study_memory(prior, period)] = pd.DataFrame(rows)
    transaction.place({path: formats.encode(path, files[path]) for path in files})
    return params


def test_the_tables_are_of_all_runs(params):
    studies.main()
    recipes, networks, excess, regret, memory, summary = map(formats.read_table, tables.FILES)
    assert list(zip(recipes.model, recipes.recipe)) == KEYS
    # Means over two repetitions.
    assert_allclose(recipes.excess, np.arange(0.5, 12, 2))
    row = recipes.set_index(["model", "recipe"]).loc["M3", "tuned"]
    assert (row.batches, row.seeds, row.excess_worst) == (7, 2, 9)
    # What the runs were made with.
    model, optimiser = params.meta.models["M3"], params.meta.optimiser.tuned
    assert (row["count"], row.reset_every) == (params.studies.sequences, 5)
    assert (row.alpha_1, row.alpha_2, row.alpha_3) == model.alpha
    assert row.schedule == optimiser.schedule
    assert (row.peak_rate, row.clip_norm) == (optimiser.peak_rate, optimiser.clip_norm)
    # At the only reset, and at two symbols but for the first.
    assert (row.start, row.regret, row.regret_first) == (0.125, 17, 8.5)

    # Each network of the recipe that the main graph has.
    assert list(zip(networks.model, networks.repetition)) == list(product(("M1", "M3"), (2, 5)))
    assert set(networks.recipe) == {"published"}
    assert set(networks["count"]) == {params.studies.sequences}
    assert_allclose(networks.accuracy, 0.6)
    assert_allclose(networks.exact_accuracy, 2.5 / 3, rtol=1e-5)
    assert_allclose(networks.excess, 0.5)

    assert list(zip(excess.model, excess.recipe)) == [key for key in KEYS for _ in range(2)]
    assert list(excess.batch) == [0, 7] * 6
    assert (excess.lowest[1], excess.highest[1]) == (0, 1)
    assert list(zip(regret.model, regret.recipe)) == [key for key in KEYS for _ in range(3)]
    assert_allclose(regret.difference[::3], np.arange(0.5, 12, 2))
    pairs = list(product(params.studies.memory.priors, (3, 5)))
    assert list(zip(memory.prior, memory.reset_every))[::2] == pairs
    assert list(memory.units) == [2, 4] * 4
    assert list(zip(summary.prior, summary.reset_every)) == pairs
    assert set(summary.ratio) == {2}


def test_a_missing_run_is_named_and_nothing_is_written(params):
    curve, regret = paths.study_curve("M3", "converged", 5), paths.study_regret("M1", "tuned", 2)
    for path in (paths.study_memory("balanced", 5), curve, regret):  # read in the other order
        path.unlink()
        with pytest.raises(ValueError, match=f"^{path}: not found; run `make studies`$"):
            studies.main()
    # Tables of different runs must not be mixed.
    assert not paths.META_REPORTS.exists()
