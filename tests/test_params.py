import copy
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import demo, params

ROOT = Path(__file__).parents[1]
COMMITTED = ROOT / params.FILE
CHANGES = ROOT / demo.CHANGES


def read(path: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(path)


Place = tuple[str | int, ...]


def walk(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value inside a nested structure, with the keys that lead to it."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*place, key), value[key]
            yield from walk(value[key], (*place, key))


PLACES = dict(walk(read(COMMITTED)))
LEAVES = [place for place, value in PLACES.items() if not isinstance(value, dict)]
FIELDS = [place for place in LEAVES if isinstance(place[-1], str)]
SECTIONS = [(), *(place for place, value in PLACES.items() if isinstance(value, dict))]
# Sections whose keys are names that one may choose.
OF_ANY_NAME = [("meta", "models"), ("studies", "memory", "priors")]


def dotted(place: Place) -> str:
    return ".".join(map(str, place))


def parent(raw: dict[str, Any], place: Place) -> Any:
    value: Any = raw
    for key in place[:-1]:
        value = value[key]
    return value


@pytest.fixture
def raw() -> dict[str, Any]:
    return copy.deepcopy(read(COMMITTED))


def problems(raw: Any) -> list[str]:
    with pytest.raises(ValueError, match=r"^params\.yaml: ") as caught:
        params.check(raw)
    return [line.removeprefix("params.yaml: ") for line in str(caught.value).splitlines()]


def test_the_committed_file_is_read_as_it_stands():
    raw = read(COMMITTED)
    checked = params.load(COMMITTED)
    for place in FIELDS:
        value: Any = checked
        for key in place:
            value = value[key] if isinstance(value, dict) else getattr(value, str(key))
        expected = parent(raw, place)[place[-1]]
        assert (list(value) if isinstance(value, tuple) else value) == expected


def test_the_demo_changes_are_valid_and_only_change_what_is_there(raw):
    changes = read(CHANGES)
    assert {place for place, _ in walk(changes)} <= set(PLACES)
    demo.merge(raw, changes)
    assert params.check(raw).data.source == "digits"


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -1, True, "text", {}], ids=str)
@pytest.mark.parametrize("place", LEAVES, ids=dotted)
def test_a_wrong_value_is_reported_by_the_name_of_its_field(raw, place, value):
    parent(raw, place)[place[-1]] = value
    # Rules about a whole list name the list and not its entry.
    field = dotted(tuple(key for key in place if isinstance(key, str)))
    for line in problems(raw):
        assert line.startswith((f"{field}: got ", f"{dotted(place)}: got "))
        assert "allowed: " in line


@pytest.mark.parametrize(
    "place", [place for place in FIELDS if place[:-1] not in OF_ANY_NAME], ids=dotted
)
def test_a_missing_key_is_named(raw, place):
    del parent(raw, place)[place[-1]]
    assert problems(raw) == [f"{dotted(place)}: missing; add it"]


@pytest.mark.parametrize(
    "section", [place for place in SECTIONS if place not in OF_ANY_NAME], ids=dotted
)
def test_an_unknown_key_is_named_with_what_is_known_there(raw, section):
    known = parent(raw, (*section, "")).copy()
    parent(raw, (*section, ""))["qqq"] = 1
    assert problems(raw) == [
        f"{dotted((*section, 'qqq'))}: unknown key; allowed: {', '.join(known)}"
    ]


def test_a_misspelt_key_is_told_the_right_one(raw):
    raw["pixels"]["learning_rte"] = raw["pixels"].pop("learning_rate")
    unknown, missing = sorted(problems(raw), key=lambda line: "missing" in line)
    assert unknown.startswith(
        "pixels.learning_rte: unknown key; did you mean learning_rate? allowed: cell, "
    )
    assert missing == "pixels.learning_rate: missing; add it"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("pixels.snapshots", [0, 20], "got 20, which is not trained; allowed: 0 to 19"),
        ("pixels.snapshots", [1, 0], "got [1, 0]; allowed: ascending"),
        ("pixels.units", [], "got []; allowed: "),
        ("rollout.horizons", [1, 301], "got 301, beyond the image; allowed: 1 to 300"),
        ("rollout.horizons", [1, 1], "got [1, 1]; allowed: ascending"),
        ("rollout.horizons", [], "got []; allowed: "),
        ("rollout.first_pixel", 784, "got 784; allowed: "),
        ("inpainting.centre", [0, 28], "got [0, 28], "),
        ("inpainting.centre", [-1, 27], "got [-1, 27], "),
        ("inpainting.centre", [5, 5], "got [5, 5], "),
        ("inpainting.centre", [9, 5], "got [9, 5], "),
        ("inpainting.centre", [9, 10, 11], "got [9, 10, 11]; allowed: "),
        ("data.threshold", 1, "got 1; allowed: "),
        ("meta.models.M1.alpha.1", 0, "got 0; allowed: greater than 0"),
        ("meta.models.M1.alpha", [1.0], "got [1.0]; allowed: "),
        ("meta.models.M1.reset_every", 1, "got 1; allowed: greater than or equal to 2"),
        ("meta.models", {}, "got {}; allowed: "),
        ("meta.optimiser.tuned.schedule", "linear", "got 'linear'; allowed: 'constant' or"),
        ("meta.optimiser.converged.peak_rate", 0, "got 0; allowed: greater than 0"),
        ("meta.optimiser.converged.clip_norm", 0, "got 0; allowed: greater than 0"),
        ("meta.probes.orders", 1, "got 1; allowed: greater than or equal to 2"),
        ("meta.probes.grid", 0, "got 0; allowed: greater than or equal to 1"),
        ("meta.comparison.fixed", [0.5, 0.4, 0.0], "got the sum 0.9; allowed: the sum 1"),
        ("meta.comparison", {"sequences": 2, "fixed": [1, 0]}, "fixed has 2 entries, but"),
        ("studies.repetitions", [1], "got [1]; allowed: "),
        ("studies.repetitions", [1, 1], "got [1, 1]; allowed: ascending, each once"),
        ("studies.repetitions", [2, 1], "got [2, 1]; allowed: ascending, each once"),
        ("studies.memory.units", [2, 2], "got [2, 2]; allowed: ascending, each once"),
        ("studies.memory.reset_every", [5, 2], "got [5, 2]; allowed: ascending"),
        ("studies.memory.units", [], "got []; allowed: "),
        ("studies.memory.reset_every", [], "got []; allowed: "),
        ("studies.memory.reset_every.0", 1, "got 1; allowed: greater than or equal to 2"),
        ("studies.memory.priors", {}, "got {}; allowed: "),
        ("studies.memory.priors.biased", [1.0], "got [1.0]; allowed: "),
        ("studies.memory.priors.biased.1", 0, "got 0; allowed: greater than 0"),
    ],
)
def test_a_value_that_breaks_a_rule(raw, place, value, message):
    *_, last = keys = tuple(int(key) if key.isdigit() else key for key in place.split("."))
    parent(raw, keys)[last] = value
    for line in problems(raw):
        assert line.startswith(f"{place}: {message}")


def test_probabilities_are_not_negative_even_if_they_sum_to_one(raw):
    raw["meta"]["comparison"]["fixed"] = [1.0, -0.5, 0.5]
    (line,) = problems(raw)
    assert line.startswith("meta.comparison.fixed.1: got -0.5; allowed: ")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("pixels.snapshots", [0, 19]),
        ("pixels.snapshots", []),
        ("pixels.dense", []),
        ("rollout.horizons", [300]),
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
def test_a_value_at_the_edge_of_its_rule_is_allowed(raw, place, value):
    *_, last = keys = tuple(place.split("."))
    parent(raw, keys)[last] = value
    params.check(raw)


@pytest.mark.parametrize(
    ("place", "source", "limit"),
    [
        ("pixels.curve_images", "mnist", 60_000),
        ("rollout.images", "mnist", 10_000),
        ("inpainting.images", "digits", 297),
    ],
)
def test_no_more_images_than_there_are(raw, place, source, limit):
    demo.merge(raw, read(CHANGES))
    raw["data"]["source"] = source
    section, name = place.split(".")
    raw[section][name] = limit
    params.check(raw)
    raw[section][name] = limit + 1
    assert problems(raw) == [
        f"{place}: got {limit + 1}; allowed: up to the {limit} images that data.source "
        f"{source} has"
    ]


@pytest.mark.parametrize(
    ("place", "value", "batches", "trained", "needed"),
    [
        ("meta.optimiser.published.batches", 39, 39, 9984, 10_000),
        ("meta.training.train_sequences", 256_001, 1000, 256_000, 256_001),
    ],
)
def test_the_training_curve_is_of_sequences_that_are_trained_on(
    raw, place, value, batches, trained, needed
):
    *_, last = keys = tuple(place.split("."))
    parent(raw, keys)[last] = value
    assert problems(raw) == [
        f"meta.optimiser.published.batches: got {batches}, which with batches of 256 are "
        f"{trained} sequences; allowed: at least the {needed} of "
        "meta.training.train_sequences"
    ]


def test_too_few_batches_are_listed_beside_other_problems(raw):
    raw["meta"]["optimiser"]["published"]["batches"] = 1
    raw["meta"]["probes"]["grid"] = 0
    raw["studies"]["repetitions"] = []
    assert [line.split(":")[0] for line in problems(raw)] == [
        "meta.optimiser.published.batches",
        "meta.probes.grid",
        "studies.repetitions",
    ]


def test_too_many_images_are_listed_beside_other_problems(raw):
    raw["threads"] = 0
    raw["rollout"]["images"] = 10_001
    assert [line.split(":")[0] for line in problems(raw)] == ["threads", "rollout.images"]


@pytest.mark.parametrize(
    "name", ["../x", "a/b", ".", "", "a b", "-x", "12", "M" * 33, "M1\n"]
)
@pytest.mark.parametrize("section", ["meta.models", "studies.memory.priors"])
def test_a_name_must_be_good_for_a_file_name(raw, section, name):
    entries = parent(raw, (*section.split("."), ""))
    entries[name] = next(iter(entries.values()))
    assert problems(raw)[0].startswith(f"{section}.{name}".splitlines()[0])


def test_all_problems_are_listed_at_once(tmp_path, raw):
    raw["treads"] = raw.pop("threads")
    raw["seed"] = -1
    raw["data"]["threshold"] = math.nan
    raw["pixels"]["cell"] = "rnn"
    raw["pixels"]["snapshots"] = [0, 30, 40]
    raw["rollout"]["horizons"].append(301)
    raw["inpainting"]["centre"] = None
    raw["meta"]["models"]["M2"]["alpha"][2] = 0.0
    raw["meta"]["models"]["../x"] = raw["meta"]["models"]["M1"]
    raw["meta"]["training"]["steps"] = 1.5
    raw["meta"]["optimiser"]["tuned"]["schedule"] = "step"
    raw["studies"]["memory"]["priors"]["biased"][0] = -1.0
    raw["report"]["nats_tolerance"] = "0.1"
    path = tmp_path / "several.yaml"
    YAML(typ="safe", pure=True).dump(raw, path)
    with pytest.raises(ValueError, match="several") as caught:
        params.load(path)
    where = [line.split(": ")[:2] for line in str(caught.value).splitlines()]
    assert sorted(where) == sorted(
        [str(path), place]
        for place in [
            "treads",
            "threads",
            "seed",
            "data.threshold",
            "pixels.cell",
            "pixels.snapshots",
            "pixels.snapshots",
            "rollout.horizons",
            "inpainting.centre",
            "meta.models.M2.alpha.2",
            "meta.models.../x",
            "meta.training.steps",
            "meta.optimiser.tuned.schedule",
            "studies.memory.priors.biased.0",
            "report.nats_tolerance",
        ]
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got None; allowed: a mapping of sections"),
        (b"# nothing\n", "got None; allowed: a mapping of sections"),
        (b"- seed\n- 1\n", "got ['seed', 1]; allowed: a mapping of sections"),
        (b"seed: 1\nseed: 2\n", "line 2: found duplicate key"),
        (b"data:\n\tsource: mnist\n", "line 2: "),
        (b"seed: [1\nthreads: 2\n", "line 2: "),
        (b"seed: 1\n---\nseed: 2\n", "line 2: "),
        (b"seed: 1 # \x07\n", ""),
        (b"? [seed, threads]\n: 1\n", ""),
        (b"seed: 1 # \xff\n", "not UTF-8 at byte 10; save it as UTF-8"),
    ],
)
def test_a_file_that_is_not_what_it_should_be(tmp_path, content, message):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="params") as caught:
        params.load(path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}: {message}")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="not found; run from the top folder") as caught:
        params.load(tmp_path / "params.yaml")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "place", "value"),
    [
        ("learning_rate: 0.001 ", "learning_rate: 1e-3 ", "pixels.learning_rate", 0.001),
        ("threads: 2 ", "threads: 012 ", "threads", 12),
        ("threads: 2 ", "threads: yes ", "threads", None),
        ("threads: 2 ", "threads: true ", "threads", None),
        ("threads: 2 ", "threads: '2' ", "threads", None),
        ("threads: 2 ", "threads: 2.0 ", "threads", None),
    ],
)
def test_yaml_is_read_as_version_1_2(tmp_path, old, new, place, value):
    """As DVC reads it; YAML 1.1 has text, ten and true for the first three."""
    text = COMMITTED.read_text()
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new))
    if value is None:
        with pytest.raises(ValueError, match=f": {place}: got .*; allowed: a whole number"):
            params.load(path)
    else:
        assert params.select(params.load(path), place) == value


def test_select_follows_the_dots():
    checked = params.load(COMMITTED)
    assert params.select(checked, "seed") == checked.seed
    assert params.select(checked, "meta.training") is checked.meta.training


@pytest.mark.parametrize(
    ("section", "name", "wrong", "message"),
    [
        ("meta.models", "M3", "M9", "no 'M9'; allowed: M1, M2, M3, M4"),
        ("meta.optimiser", "tuned", "best", "no 'best'; allowed: published, tuned, conv"),
        ("studies.memory.priors", "biased", "flat", "no 'flat'; allowed: biased, balanced"),
    ],
)
def test_an_entry_is_found_by_name_or_those_that_exist_are_named(
    section, name, wrong, message
):
    entries = params.select(params.load(COMMITTED), section)
    found = params.pick(entries, section, name)
    assert found is (entries[name] if isinstance(entries, dict) else getattr(entries, name))
    with pytest.raises(ValueError, match=rf"^params\.yaml: {section}: there is ") as caught:
        params.pick(entries, section, wrong)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["M1.alpha", "", "__class__", "keys", "published.batches"])
def test_an_entry_is_not_looked_up_beyond_the_section(name):
    checked = params.load(COMMITTED)
    for section in ("meta.models", "meta.optimiser"):
        with pytest.raises(ValueError, match="there is no "):
            params.pick(params.select(checked, section), section, name)


def test_flatten_has_every_field_as_text():
    flat = params.flatten(params.load(COMMITTED))
    assert list(flat) == [dotted(place) for place in FIELDS]
    assert flat["seed"] == "2018"
    assert flat["pixels.dense"] == "64, 64"
    assert flat["meta.training.dense"] == "none"
    assert flat["meta.models.M3.alpha"] == "1.3, 1.3, 1.3"
    assert flat["meta.optimiser.converged.schedule"] == "cosine"
    assert flat["studies.memory.priors.biased"] == "10.0, 1.0, 1.0"


def test_reading_parameters_does_not_wait_for_tensorflow():
    code = "import sys, pipeline.params; print('keras' in sys.modules, *sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    keras, *loaded = run.stdout.split()
    assert keras == "False"
    assert "pipeline.params" in loaded
    assert "tensorflow" not in loaded


def test_the_command_lists_every_problem_and_fails(tmp_path):
    text = COMMITTED.read_text()

    def check(changed: str) -> subprocess.CompletedProcess:
        (tmp_path / "params.yaml").write_text(changed)
        return subprocess.run(
            [sys.executable, "-m", "pipeline.params"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )

    good = check(text)
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    bad = check(text.replace("epochs: 20", "epochs: twenty").replace("seed:", "sed:"))
    assert bad.returncode == 1
    lines = bad.stderr.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("error: params.yaml: ") for line in lines)
    assert any("pixels.epochs: got 'twenty'" in line for line in lines)
