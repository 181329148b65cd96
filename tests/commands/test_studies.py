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
        curve = {"batch": [0, 7], "excess": [9.0, number + 1], "excess_per_character": 0.5}
        files[paths.study_curve(*key, repetition)] = pd.DataFrame(curve)
        regret = {"step": [0, 1, 2], "network": 0.5, "exact": [0, 0.25, 0.25]}
        regret |= {"difference": number, "cumulative": number * np.arange(3.0)}
        regret |= {"difference_se": 0.01, "cumulative_se": 0.1}
        regret |= {"only_1_network": 0.25, "only_1_exact": 0.125}
        # At two resets and a symbol between them, with a period of 2.
        regret |= {"accuracy_network": [1.0, 0.5, 0.3], "accuracy_exact": [1.0, 0.5, 1.0]}
        files[paths.study_regret(*key, repetition)] = pd.DataFrame(regret)
        if key[1] == "converged" and repetition == 5:  # the only networks that are kept
            transaction.place({paths.study_model(*key, repetition): b""})
            found = {"sequences": ["every state"], "quantity": ["kl"], "value": [number]}
            files[paths.study_probes(*key, repetition)] = pd.DataFrame(found)
    for prior, period in product(params.studies.memory.priors, (3, 5)):
        rows = {"prior": prior, "reset_every": period, "units": [2, 4]}
        rows |= {"excess": [0.2, 0.1]}
        files[paths.study_memory(prior, period)] = pd.DataFrame(rows)
    for number, (name, training) in enumerate(product(tiny.SETTINGS, (1, 10, 2)), start=1):
        rows = {"snapshot": ["batch-9", "0", "1"] * 2, "batches": [9, 20, 40] * 2, "images": 5}
        rows |= {"strategy": ["teacher_forced"] * 3 + ["argmax"] * 3, "horizon": [0] * 3 + [10] * 3}
        for score in ("accuracy", "cross_entropy"):
            values = number + np.arange(6.0)
            rows |= {score: values, f"{score}_se": 0.1, f"{score}_first": values}
        files[paths.study_pixels(name, training)] = pd.DataFrame(rows)
    transaction.place({path: formats.encode(path, files[path]) for path in files})
    return params


def test_the_tables_are_of_all_runs(params):
    studies.main()
    recipes, networks, excess, regret, reactions, probes, memory = map(
        formats.read_table, tables.FILES
    )
    assert list(zip(recipes.model, recipes.recipe)) == KEYS
    # Means over two repetitions.
    assert_allclose(recipes.excess, np.arange(1.5, 13, 2))
    row = recipes.set_index(["model", "recipe"]).loc["M3", "tuned"]
    assert (row.batches, row.seeds, row.excess_worst) == (7, 2, 10)
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
    assert set(networks.recipe) == {"plain"}
    assert set(networks["count"]) == {params.studies.sequences}
    assert_allclose(networks.accuracy, 0.6)
    assert_allclose(networks.exact_accuracy, 2.5 / 3, rtol=1e-5)
    assert_allclose(networks.excess, 0.5)

    assert list(zip(excess.model, excess.recipe)) == [key for key in KEYS for _ in range(2)]
    assert list(excess.batch) == [0, 7] * 6
    assert (excess.lowest[1], excess.highest[1]) == (1, 2)
    assert list(zip(regret.model, regret.recipe)) == [key for key in KEYS for _ in range(3)]
    assert_allclose(regret.difference[::3], np.arange(0.5, 12, 2))
    pairs = list(product(params.studies.memory.priors, (3, 5)))
    assert list(zip(memory.prior, memory.reset_every))[::2] == pairs
    assert list(memory.units) == [2, 4] * 4
    assert_allclose(memory.lost * memory.gain, memory.excess, rtol=1e-5)
    assert list(reactions.seen) == [0, 1] * 12
    assert set(reactions.network - reactions.exact) == {0.125}
    # Of the one network that each of them kept.
    assert list(zip(probes.model, probes.recipe)) == [("M1", "converged"), ("M3", "converged")]
    assert (list(probes.networks), list(probes["mean"])) == ([1, 1], [5, 11])


def test_the_trainings_are_those_that_there_are(params):
    studies.main()
    table = formats.read_table(paths.TRAININGS)
    first = ["training", "snapshot", "strategy", "horizon", "accuracy", "cross_entropy"]
    assert list(table)[:6] == first
    # Of the reference, as numbers in order.
    assert list(table.training) == [1] * 6 + [2] * 6 + [10] * 6
    assert list(table.accuracy[:: len(table) // 3]) == [1, 3, 2]
    judged = formats.read_table(paths.SETTINGS)
    one_step = judged[(judged.snapshot == "0") & (judged.horizon == 0)]
    means = one_step.groupby("settings")["mean"].unique().to_dict()
    assert means == {"reference": [3], "keras_bias_0": [6]}
    assert set(formats.read_table(paths.READINGS).settings) == {*tiny.SETTINGS}
    for training in (1, 2, 10):
        paths.study_pixels("reference", training).unlink()
    missing = paths.study_pixels("reference", 1)
    with pytest.raises(ValueError, match=f"^{missing}: not found; run `make studies`$"):
        studies.main()


def test_a_missing_run_is_named_and_nothing_is_written(params):
    curve, regret = paths.study_curve("M3", "converged", 5), paths.study_regret("M1", "tuned", 2)
    probes = paths.study_probes("M3", "converged", 5)
    for path in (
        paths.study_memory("balanced", 5),
        probes,
        curve,
        regret,
    ):  # read in the other order
        path.unlink()
        with pytest.raises(ValueError, match=f"^{path}: not found; run `make studies`$"):
            studies.main()
    # Tables of different runs must not be mixed.
    assert not paths.META_REPORTS.exists()
