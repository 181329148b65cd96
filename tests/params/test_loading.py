"""params.yaml is read as it is, and everything wrong in it is reported at once."""

import copy
import math
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.commands import demo
from pipeline.core import fused, prediction
from pipeline.meta import source
from pipeline.params import limits, loading
from pipeline.probes import knowledge
from tests.conftest import KINDS
from tests.params import wrong_values
from tests.params.wrong_values import COMMITTED, FIELDS, PLACES, RAW, SECTIONS, Case

CASES = list(wrong_values.cases())
PARAMS = loading.load(COMMITTED)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_everything_wrong_is_reported_by_its_name(case):
    lines = wrong_values.attempt(case)
    assert len(set(lines)) == len(lines)


def test_all_problems_are_listed_at_once():
    """Rules between sections are checked if these sections are right; a misspelt key is two."""
    raw = copy.deepcopy(RAW)
    changes = {
        "meta.models.M2.alpha.2": 0.0,
        "meta.optimiser.plain.batches": 1,
        "meta.probes.grid": 0,
        "pixels.cell": "rnn",
        "pixels.snapshots": [0, 30, 40],
        "pixels.units.0": "one",
        "pixels.learning_rate": math.nan,
        "rollout.images": 10_001,
        "seed": -1,
        "studies.memory.priors.biased.0": -1.0,
        "treads": 2,
    }
    for place, value in changes.items():
        raw = wrong_values.replaced(place, value, raw)
    del raw["threads"]
    found = [line.split(":")[0] for line in wrong_values.attempt(Case("", raw))]
    assert sorted(found) == sorted([*changes, "pixels.snapshots", "threads"])


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "params.yaml"
    with pytest.raises(ValueError, match=f"^{path}: not found; run from the top folder of .*$"):
        loading.load(path)
    with pytest.raises(ValueError, match=f"^{tmp_path}: cannot be read: Is a directory$"):
        loading.load(tmp_path)


def test_the_committed_file_is_read_as_it_is():
    assert PARAMS.at("*") is PARAMS
    for place in FIELDS:
        value = PARAMS.at(place)
        assert (list(value) if isinstance(value, tuple) else value) == PLACES[place]
    dumped = [place for place, _ in wrong_values.walk(PARAMS.model_dump())]
    assert dumped == [place for place in PLACES if place in {*FIELDS, *SECTIONS}]


def test_the_demo_changes_are_valid_and_only_change_what_is_there():
    changes = YAML(typ="safe").load(COMMITTED.parent / demo.CHANGES)
    raw = copy.deepcopy(RAW)
    assert dict(wrong_values.walk(changes)).keys() <= PLACES.keys()
    demo.merge(raw, changes)
    assert loading.check(raw).data.source == "digits"
    # The number of images depends on the source.
    loading.check(wrong_values.replaced("inpainting.images", 297, raw))
    line = r"inpainting\.images: .*allowed: up to the 297 images that data\.source digits has"
    wrong_values.attempt(Case("", wrong_values.replaced("inpainting.images", 298, raw), line))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("pixels.snapshots", [0, 19]),
        ("pixels.snapshots", []),
        ("pixels.dense", []),
        ("pixels.curve_images", 60_000),
        ("rollout.horizons", [300]),
        ("rollout.images", 10_000),
        ("inpainting.centre", [26, 27]),
        ("inpainting.few", 10_000),
        ("data.threshold", 0),
        ("meta.models.M1.reset_every", 2),
        ("meta.models.M1.reset_every", 120),
        ("meta.training.steps", 4),
        ("meta.probes.grid", 100),
        ("rollout.samples", 30),
        ("threads", 32),
        # 10,000 sequences for the training curve are 39.06 mini-batches of 256.
        ("meta.optimiser.plain.batches", 40),
        ("meta.optimiser.tuned.batches", 1),
        ("meta.probes.orders", 2),
        ("studies.repetitions", [1, 2]),
        ("studies.pixels.reference.threshold", 0),
        ("studies.memory.reset_every", [2]),
        ("meta.comparison.fixed", [0, 0.5, 0.5]),
    ],
)
def test_a_value_at_the_edge_of_its_rule_is_allowed(place, value):
    loading.check(wrong_values.replaced(place, value))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("learning_rate: 0.001", "learning_rate: 1e-3"),
        ("learning_rate: 0.001", "learning_rate: 1.0E-3"),
        ("seed: 2018", "seed: 0x7E2"),
        ("seed: 2018", "seed: 002018"),
        ("seed:", "\N{BYTE ORDER MARK}seed:"),
        # A few aliases are no fault.
        ("alpha:  ", "alpha: &biased  "),
    ],
)
def test_yaml_is_read_as_version_1_2(tmp_path, old, new):
    """As DVC reads it; YAML 1.1 has text for 1e-3, and octal numbers for 002018."""
    text = COMMITTED.read_text()
    path = tmp_path / "params.yaml"
    changed = text[text.index("seed:") :].replace(old, new, 1)
    assert new in changed
    path.write_text(changed, encoding="utf-8")
    assert loading.load(path) == PARAMS


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("studies.memory.priors.", "studies.memory.priors: there is no ''; allowed: biased"),
        ("meta.models.keys", "meta.models: there is no 'keys'; allowed: M1, M2, M3, M4"),
        ("meta.optimiser.__class__", "meta.optimiser: there is no '__class__'; allowed: "),
        ("sed", "sections: there is no 'sed'; allowed: seed, threads, data, "),
    ],
)
def test_an_entry_that_is_not_there_is_reported_with_those_that_are(path, message):
    with pytest.raises(ValueError, match=rf"^params\.yaml: {message}"):
        PARAMS.at(path)


def test_what_can_be_enumerated_is_what_the_stages_enumerate():
    """The checker imports no stage's code: so it has these numbers a second time."""
    assert limits.MOST_COUNT_VECTORS == source.MOST_COUNT_VECTORS
    assert limits.MOST_HISTORIES == knowledge.MOST_HISTORIES
    assert limits.BLOCK == fused.BLOCK * prediction.ROWS
    assert limits.FORWARD == prediction.ELEMENTS
    for total, symbols in ((0, 2), (5, 2), (4, 3), (3, 16)):
        assert limits.count_vectors(total, symbols) == len(source.count_vectors(total, symbols))


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_weights_is_no_underestimate(make_network, kind):
    """It takes an LSTM's four gates for a GRU, too."""
    weights = sum(weight.size for weight in make_network(kind).get_weights())
    network: Any = SimpleNamespace(units=KINDS[kind]["units"], dense=KINDS[kind]["dense"])
    estimate = limits._weights(network, KINDS[kind]["channels"], 0) / 40
    assert weights <= estimate <= 2 * weights
