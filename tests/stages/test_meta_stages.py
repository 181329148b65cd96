"""The stages of question 3, one after the other, on a few short sequences."""

from itertools import product
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import paths
from pipeline.core import prediction
from pipeline.files import formats
from pipeline.meta.source import Source
from pipeline.params import loading
from pipeline.probes.tables import columns
from pipeline.stages import study_training
from tests import tiny

# All tables are written with six digits.
WRITTEN = 1e-5

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")
each_model = pytest.mark.parametrize("name", ["M1", "M3"])


@pytest.fixture(scope="module")
def outputs(threads: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.run(tmp_path_factory.mktemp("meta"), *tiny.META)
    # To compile each of the many networks would take longer than training.
    tf.config.run_functions_eagerly(True)
    tiny.run(folder, *tiny.META_STUDIES)
    tf.config.run_functions_eagerly(False)
    return folder


@pytest.fixture(autouse=True)
def inside(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(outputs)


def read(path: Path, name: str) -> pd.DataFrame:
    """The rows of one model."""
    table = formats.read_table(path)
    return table[table.model == name].reset_index(drop=True)


def source(name: str) -> Source:
    task = loading.load().meta.models[name]
    return Source(task.alpha, task.reset_every)


@each_model
def test_train_meta(name):
    model = keras.saving.load_model(paths.meta_model(name))
    assert model.input_shape == model.output_shape == (None, None, 4)
    curves = formats.read_table(paths.meta_curves(name))
    # Before the first, after every second, and after the last.
    assert list(curves.batch) == [0, 2, 4, 5]
    assert (curves.train_loss > curves.exact_train_loss).all()
    assert (curves.test_loss > curves.exact_test_loss).all()
    assert curves.test_accuracy.between(0, 1).all()


@each_model
def test_compare_bayes(name):
    table = read(paths.COMPARISON, name)
    # Two priors and one fixed p.
    kinds = ["dirichlet(10 1 1)", "dirichlet(1.3 1.3 1.3)", "fixed(1 0 0)"]
    assert list(table.sequences) == kinds
    assert list(table.own_prior) == [name == "M1", name == "M3", 0]
    # With p = (1, 0, 0) all sequences are the same: one, without an error.
    assert list(table["count"]) == [5, 5, 1]
    assert list(table.excess_se.isna()) == [False, False, True]
    difference = table.cross_entropy - table.exact_cross_entropy
    assert_allclose(table.excess, difference, atol=1e-4)
    bias = read(paths.BIAS, name)
    assert list(bias.symbol) == [1, 2, 3] * 3
    assert_allclose(bias.difference, bias.network - bias.exact, atol=WRITTEN)
    arrays = formats.read_arrays(paths.PREDICTIONS)
    for which in ("own", "fixed"):
        characters = arrays[f"{name}-{which}-characters"]
        expected = np.exp(source(name).log_p_next(characters[None])[0])
        assert_allclose(arrays[f"{name}-{which}-exact"], expected, rtol=1e-9)
        network = arrays[f"{name}-{which}-network"]
        assert_allclose(network.sum(axis=1), 1, atol=1e-6)  # of float32
        # p = (1, 0, 0) is symbol 1 alone.
        assert which == "own" or set(characters) == {0, 1}


@each_model
def test_bounds_grow_with_what_a_predictor_knows(name):
    table = read(paths.BOUNDS, name)
    order = ["prior_only", "exact", "known_p"]
    for column, sign in (("cross_entropy", -1), ("accuracy", 1)):
        wide = table.pivot(index="position", columns="predictor", values=column)[order]
        assert list(wide.index) == [*"1234", "mean"]
        assert (sign * wide.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
        per_character = read(paths.ATTAINABLE, name).set_index("predictor")[column]
        # Twelve characters: a reset and the positions 1 to 4, twice, and two more.
        places = ["1", "2", "3", "4"] * 2 + ["1"]
        resets = 3 * (column == "accuracy")
        expected = (wide.loc[places].sum() + resets) / tiny.STEPS
        assert_allclose(per_character[order], expected, rtol=WRITTEN)


@each_model
def test_every_state_of_knowledge_is_compared(name):
    own, table = source(name), read(paths.KNOWLEDGE, name)
    counts = columns(table, "count")
    # Of n symbols there are (n + 2)(n + 1) / 2 vectors of counts.
    assert len(np.unique(counts, axis=0)) == len(table) == 1 + 3 + 6 + 10 + 15
    assert_array_equal(table.seen, counts.sum(axis=1))
    assert_allclose(table.groupby("seen").probability.sum(), 1, rtol=WRITTEN)
    for which in ("network_", "exact_", "argmax_"):
        assert_allclose(table.filter(like=which).sum(axis=1), 1, rtol=WRITTEN)
    assert (table.kl > 0).all()
    weights = (counts + own.alpha) * (table.exact_0 == 0).to_numpy()[:, None]
    expected = weights / (table.seen + sum(own.alpha)).to_numpy()[:, None]
    assert_allclose(columns(table, "exact"), expected, rtol=WRITTEN)
    assert_array_equal(table.exact_0, table.seen == own.reset_every - 1)
    summary = read(paths.KNOWLEDGE_SUMMARY, name).iloc[0]
    mean = (table.probability * table.kl).sum() / own.reset_every
    assert_allclose([summary.kl, summary.kl_worst], [mean, table.kl_worst.max()], WRITTEN)
    fitted = read(paths.CONCENTRATION, name)
    assert (tuple(fitted.alpha), fitted.kl_left.nunique()) == (own.alpha, 1)


def test_a_state_of_knowledge_is_what_the_saved_network_predicts():
    """Bounded by what a network predicts there after all possible pasts of a period."""
    model = keras.saving.load_model(paths.meta_model("M1"))
    table = read(paths.KNOWLEDGE, "M1")
    state = table[(table.count_1 == 2) & (table.seen == 2)].iloc[0]
    # Two periods before it, then the reset, twice symbol 1, and what is to be predicted.
    pasts = np.array(list(product((1, 2, 3), repeat=8)), np.uint8)
    periods = np.pad(pasts, ((0, 0), (0, 3)), constant_values=1)
    p = np.exp(prediction.log_p_next(model, np.insert(periods, [0, 4, 8], 0, axis=1))[:, -1])
    for k in range(4):
        # float32, and six digits.
        assert p[:, k].min() - 1e-5 < state[f"network_{k}"] < p[:, k].max() + 1e-5
        # The bounds are tight: the pasts hardly matter.
        assert np.ptp(p[:, k]) < 0.1


@each_model
def test_leaks_are_of_every_count_of_the_period_before(name):
    alpha, table = source(name).alpha, read(paths.LEAKS, name)
    counts = columns(table, "previous")
    assert len(np.unique(counts, axis=0)) == len(table) == 15
    assert set(counts.sum(axis=1)) == {4}
    assert_allclose(table.probability.sum(), 1, rtol=WRITTEN)
    assert_allclose(table.filter(like="network_").sum(axis=1), 1, rtol=WRITTEN)
    share = np.tile(np.divide(alpha, sum(alpha)), (15, 1))
    assert_allclose(columns(table, "exact"), share, rtol=WRITTEN)


@each_model
def test_hidden_states_are_read_out_and_drawn(name):
    readout = read(paths.READOUT, name)
    assert list(readout.quantity[2:]) == ["count of symbol 3", "symbols seen"]
    assert (readout["count"] == 3).all()  # the other half of six
    assert (readout[["r_squared", "r_squared_untrained"]] <= 1).all(axis=None)
    states = read(paths.HIDDEN_STATES, name)
    # Of six sequences the states before a symbol; three characters of each are resets.
    assert len(states) == 6 * (tiny.STEPS - 3)
    # Components are centred and uncorrelated, the first with the larger variance.
    centred = [states.x.mean(), states.y.mean(), (states.x * states.y).mean()]
    assert_allclose(centred, 0, atol=1e-5)
    share = states.y_share[0] / states.x_share[0]
    assert_allclose(share, states.y.var() / states.x.var(), rtol=1e-4)
    assert share < 1
    assert set(columns(states, "count").sum(axis=1)) == set(range(4))


def test_probe_shifted():
    table = formats.read_table(paths.MATRIX)
    sources = ("M1", "M3", "fixed p")
    pairs = list(zip(table.model, table.sequences))
    assert pairs == list(product(("M1", "M3"), sources))
    for other in ("own", "matched"):
        difference = table.network - table[other]
        assert_allclose(table[f"network_less_{other}"], difference, atol=WRITTEN)
    assert (table.kl_own > 0).all()
    row = dict(zip(pairs, table.itertuples()))
    for name in ("M1", "M3"):
        # Both networks saw the same sequences of each source.
        assert row[name, name].own == row["M1", name].matched == row["M3", name].matched
        # p = (1, 0, 0) has one sequence, without an error, and nothing is uncertain in it.
        fixed = row[name, "fixed p"]
        assert (fixed[4], fixed.matched) == (1, 0)
        assert np.isnan(fixed.network_se)
        simplex = read(paths.SIMPLEX, name)
        p = columns(simplex, "p")
        # Two steps from corner to corner: the corners, and the middles of the edges.
        assert len(np.unique(p, axis=0)) == len(p) == 6
        assert_array_equal(simplex["count"], np.where(p.max(axis=1) == 1, 1, 6))
        # The entropy of p: all possible symbols are equally likely.
        assert_allclose(simplex.matched, np.log((p > 0).sum(axis=1)), rtol=WRITTEN)
    assert row["M1", "M3"].own != row["M1", "M3"].matched


@each_model
def test_study_training(name):
    own, before, exact = source(name), set(), set()
    place = np.arange(tiny.STEPS) % own.reset_every
    for recipe, number in product(tiny.RECIPES, tiny.REPETITIONS):
        curve = formats.read_table(paths.study_curve(name, recipe, number))
        points = study_training.logarithmic(tiny.RECIPES[recipe])
        assert list(curve.batch) == [0, *points]
        assert curve.excess.between(0, 2).all()
        table = formats.read_table(paths.study_regret(name, recipe, number))
        assert list(table.step) == list(range(tiny.STEPS))
        assert_allclose(table.difference, table.network - table.exact, atol=WRITTEN)
        assert_allclose(table.cumulative, table.difference.cumsum(), atol=1e-4)
        assert_array_equal(table.exact > 0, place > 0)
        # After nothing but symbol 1.
        counted = (own.alpha[0] + place - 1) / (sum(own.alpha) + place - 1)
        assert_allclose(table.only_1_exact, np.where(place == 0, 0, counted), WRITTEN)
        assert table.only_1_network.between(0, 1).all()
        kept = keras.saving.load_model(paths.study_model(name, recipe, number))
        only_1 = np.minimum(place, 1).astype(np.uint8)[None]
        p = np.exp(prediction.log_p_next(kept, only_1)[0, :, 1])
        assert_allclose(table.only_1_network, p, rtol=1e-4)  # float32, compiled or not
        before.add(curve.excess[0])
        exact.add(tuple(table.exact))
    # They differ by the networks alone, each of which has its own weights.
    assert (len(exact), len(before)) == (1, len(tiny.RECIPES) * len(tiny.REPETITIONS))


def test_the_probes_of_a_study_are_those_of_the_main_graph():
    """Asked of the network of the main graph they find what its own tables have."""
    for name in ("M1", "M3"):
        path = paths.study_model(name, "plain", 9)
        path.write_bytes(paths.meta_model(name).read_bytes())
        tiny.run_stage(f"study_probes {name} plain 9")
        table = formats.read_table(paths.study_probes(name, "plain", 9))
        found = table.set_index(["sequences", "quantity"]).value
        assert found.index.is_unique
        for path in (paths.COMPARISON, paths.MATRIX):
            for row in read(path, name).to_dict("records"):
                for quantity in ("excess", "kl", "accuracy", "network_less_own", "kl_own"):
                    if quantity in row:
                        assert_allclose(found[row["sequences"], quantity], row[quantity])
        for path, kind in ((paths.KNOWLEDGE_SUMMARY, "every state"), (paths.UNSEEN, "simplex")):
            assert_allclose(found[kind, "kl"], read(path, name).kl[0])
        for row in read(paths.CONCENTRATION, name).itertuples():
            assert_allclose(found["every state", f"estimate_{row.symbol}"], row.estimate)
        for row in read(paths.BIAS, name).itertuples():
            assert_allclose(found[row.sequences, f"difference_{row.symbol}"], row.difference)
        readout = read(paths.READOUT, name)
        assert_allclose(found["every state", "r_squared"], readout.r_squared.min())


def test_the_probes_of_two_networks_differ():
    first, second = (formats.read_table(paths.study_probes("M1", "plain", n)) for n in (1, 2))
    assert list(first.quantity) == list(second.quantity)
    assert (first.value != second.value).mean() > 0.4


def test_study_memory():
    for prior, reset_every in product(("biased", "balanced"), tiny.PERIODS):
        table = formats.read_table(paths.study_memory(prior, reset_every))
        assert list(table.units) == tiny.UNITS
        keys = set(zip(table.prior, table.reset_every, table.batches))
        assert keys == {(prior, reset_every, tiny.RECIPES["tuned"])}
        # Of another size it is another network.
        assert (table.excess > 0).all()
        assert table.excess.nunique() == len(tiny.UNITS)


def test_study_length():
    weights = set()
    for name, cell, length in product(("M1", "M3"), ("gru", "lstm"), (1, 3)):
        for number in tiny.REPETITIONS:
            table = formats.read_table(paths.study_length(name, cell, length, number))
            # Of 12 steps: twelve windows of one, or four of three; and longer ones.
            assert list(table.tested) == [length, tiny.STEPS, 2 * tiny.STEPS]
            assert list(table["count"]) == [4, 4, 2]
            difference = table.excess - table.window_excess
            assert_allclose(table.less_window, difference, atol=WRITTEN)
            assert (table.reset_excess < table.excess).all()
            weights.add(table.excess[0])
    assert len(weights) == 2 * 2 * 2 * len(tiny.REPETITIONS)


def test_study_lstm():
    found = [
        formats.read_table(paths.study_lstm("M1", "tuned", number)) for number in tiny.REPETITIONS
    ]
    assert [table.batch.item() for table in found] == [2, 2]
    assert len({table.excess.item() for table in found}) == 2
    assert all(0 < table.excess.item() < 2 for table in found)


def test_study_alpha():
    for number in tiny.REPETITIONS:
        table = formats.read_table(paths.study_alpha("M1", number))
        assert list(table.seen) == [0, 1, 2, 3]
        # Alpha (10, 1/2, 1/2), and (10, 1, 1).
        assert_allclose(table.only_1_trained_on, (10 + table.seen) / (11 + table.seen), WRITTEN)
        assert_allclose(table.only_1_believed, (10 + table.seen) / (12 + table.seen), WRITTEN)
        assert table.only_1_network.between(0, 1).all()


def test_networks_run_free():
    table = formats.read_table(paths.FREE_RUNNING)
    predictors, steps = ("network", "exact", "prior_only"), (tiny.STEPS, 10 * tiny.STEPS)
    keys = list(product(("M1", "M3"), predictors, steps))
    assert list(zip(table.model, table.predictor, table.steps)) == keys
    source_draws = table[table.predictor != "network"]
    assert (source_draws[["right", "in_step"]] == 1).all(axis=None)
    # Six sequences of 12 steps have two whole periods of five each, of 120 steps 23.
    assert list(source_draws.periods) == [12, 138] * 4
    # Networks that have hardly been trained.
    assert (table[table.predictor == "network"].right < 0.5).all()


@each_model
def test_other_alphas_are_compared_exactly(name):
    table, own = read(paths.ALPHA, name), source(name)
    stated = table[(columns(table, "alpha") == own.alpha).all(axis=1)].iloc[0]
    assert (stated.bias, stated.level, stated.start) == (0, 0, 0)
    assert (table.accuracy >= stated.accuracy).all()
    # The alpha that studies train networks on is among them.
    trained_on = loading.load().studies.alpha.trained_on.get(name, own.alpha)
    assert (columns(table, "alpha") == trained_on).all(axis=1).sum() == 1


@pytest.mark.parametrize(
    ("key", "message"),
    [("M1 rnn 3 1", "CELL: got rnn; allowed: gru"), ("M1 gru 13 1", "LENGTH: got 13; allowed: 1")],
)
def test_a_length_study_that_makes_no_sense_is_refused(key, message):
    with pytest.raises(ValueError, match=message):
        tiny.run_stage(f"study_length {key}")


@pytest.mark.parametrize("key", [("other", 2), ("biased", 7)])
def test_a_study_that_the_parameters_do_not_have_is_refused(key):
    with pytest.raises(ValueError, match=f"got ({key[0]}|{key[1]}); allowed: [b2]"):
        tiny.run_stage(f"study_memory {key[0]} {key[1]}")


@pytest.mark.parametrize(
    ("last", "expected"),
    # Two points in each doubling, those that round to the same number once.
    [(1, [1]), (2, [1, 2]), (8, [1, 2, 3, 4, 6, 8]), (16, [1, 2, 3, 4, 6, 8, 11, 16])],
)
def test_points_of_a_curve_are_denser_where_it_falls(last, expected):
    assert study_training.logarithmic(last) == expected
