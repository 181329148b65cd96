"""params.yaml is read as it is, and everything wrong in it is reported at once."""

import math
from typing import Any

import pytest

from pipeline.commands import demo
from pipeline.params import loading, sections
from tests.params import wrong_values
from tests.params.wrong_values import COMMITTED, FIELDS, PLACES, SECTIONS, Case, read

CASES = list(wrong_values.cases())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_everything_wrong_is_reported_by_its_name(case):
    lines = wrong_values.attempt(case)
    assert len(set(lines)) == len(lines)


def test_a_misspelt_key_is_reported_with_the_missing_one():
    raw = read()
    raw["pixels"]["learning_rte"] = raw["pixels"].pop("learning_rate")
    known = ", ".join(read()["pixels"])
    assert sorted(wrong_values.attempt(Case("", raw))) == [
        "pixels.learning_rate: missing; add it",
        f"pixels.learning_rte: unknown key; did you mean learning_rate? allowed: {known}",
    ]


def test_all_problems_are_listed_at_once():
    """Rules between sections are checked if these sections are right."""
    raw = read()
    raw["treads"] = raw.pop("threads")
    raw["seed"] = -1
    raw["pixels"]["cell"] = "rnn"
    raw["pixels"]["units"] = ["one"]
    raw["pixels"]["snapshots"] = [0, 30, 40]
    raw["rollout"]["images"] = 10_001
    raw["meta"]["models"]["M2"]["alpha"][2] = 0.0
    raw["meta"]["optimiser"]["published"]["batches"] = 1
    raw["meta"]["probes"]["grid"] = 0
    raw["studies"]["memory"]["priors"]["biased"][0] = -1.0
    raw["report"]["nats_tolerance"] = math.nan
    lines = wrong_values.attempt(Case("", raw))
    assert sorted(line.split(":")[0] for line in lines) == [
        "meta.models.M2.alpha.2",
        "meta.optimiser.published.batches",
        "meta.probes.grid",
        "pixels.cell",
        "pixels.snapshots",
        "pixels.snapshots",
        "pixels.units.0",
        "report.nats_tolerance",
        "rollout.images",
        "seed",
        "studies.memory.priors.biased.0",
        "threads",
        "treads",
    ]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="not found; run from the top folder") as caught:
        loading.load(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_the_committed_file_is_read_as_it_is():
    params = loading.load(COMMITTED)
    for place in FIELDS:
        value = params.at(place)
        assert (list(value) if isinstance(value, tuple) else value) == PLACES[place]


def test_the_demo_changes_are_valid_and_only_change_what_is_there():
    changes, raw = read(COMMITTED.parent / demo.CHANGES), read()
    assert dict(wrong_values.walk(changes)).keys() <= PLACES.keys()
    demo.merge(raw, changes)
    assert loading.check(raw).data.source == "digits"


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
        ("data.threshold", 0),
        ("meta.models.M1.reset_every", 2),
        ("meta.training.train_sequences", 256_000),
        # 10,000 sequences for the training curve are 39.06 mini-batches of 256.
        ("meta.optimiser.published.batches", 40),
        ("meta.optimiser.tuned.batches", 1),
        ("meta.probes.orders", 2),
        ("studies.repetitions", [1, 2]),
        ("studies.memory.reset_every", [2]),
        ("meta.comparison.fixed", [0, 0.5, 0.5]),
    ],
)
def test_a_value_at_the_edge_of_its_rule_is_allowed(place, value):
    loading.check(wrong_values.replaced(place, value))


def test_the_number_of_images_depends_on_the_source():
    raw: dict[str, Any] = read()
    demo.merge(raw, read(COMMITTED.parent / demo.CHANGES))
    raw["inpainting"]["images"] = 297
    loading.check(raw)
    raw["inpainting"]["images"] = 298
    (line,) = wrong_values.attempt(Case("", raw))
    assert line.endswith("allowed: up to the 297 images that data.source digits has")


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
    assert loading.load(path) == loading.load(COMMITTED)


def test_values_are_found_by_dotted_paths():
    params = loading.load(COMMITTED)
    assert params.at("*") is params
    assert params.at("seed") == 2018
    assert params.at("meta.training") is params.meta.training
    assert params.at("meta.models.M3") is params.meta.models["M3"]
    assert params.at("studies.memory.priors.biased") == (10, 1, 1)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("meta.models.M9", "meta.models: there is no 'M9'; allowed: M1, M2, M3, M4"),
        ("meta.optimiser.best", "meta.optimiser: there is no 'best'; allowed: published, "),
        (
            "studies.memory.priors.",
            "studies.memory.priors: there is no ''; allowed: biased",
        ),
        ("meta.models.keys", "meta.models: there is no 'keys'; allowed: M1, M2, M3, M4"),
        ("meta.optimiser.__class__", "meta.optimiser: there is no '__class__'; allowed: "),
        ("sed", "sections: there is no 'sed'; allowed: seed, threads, data, "),
    ],
)
def test_an_entry_that_is_not_there_is_reported_with_those_that_are(path, message):
    with pytest.raises(ValueError, match=r"^params\.yaml: ") as caught:
        loading.load(COMMITTED).at(path)
    assert str(caught.value).startswith(f"params.yaml: {message}")


def test_all_values_have_the_order_of_the_file():
    values = wrong_values.walk(sections.values(loading.load(COMMITTED)))
    assert [place for place, _ in values] == [
        place for place in PLACES if place in [*FIELDS, *SECTIONS]
    ]
