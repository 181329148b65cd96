"""Everything that can be wrong in params.yaml, case by case; faults/ tries them too."""

import copy
import itertools
import math
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from pipeline.params import loading

COMMITTED = Path(__file__).parents[2] / loading.FILE


class Case(NamedTuple):
    """A wrong params.yaml."""

    name: str
    content: Any  # as YAML gives it; or the bytes of the file
    line: str = ".*"  # matches each line of the message, after the name of the file


def attempt(case: Case) -> list[str]:
    """Load a wrong params.yaml; the lines that say what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / loading.FILE
        try:
            if isinstance(case.content, bytes):
                path.write_bytes(case.content)
                loading.load(path)
            else:
                loading.check(case.content, path)
            raise AssertionError(f"{case.name}: it was accepted")
        except ValueError as error:
            said = str(error).split("\n")
    for line in said:
        assert re.fullmatch(f"{path}: ({case.line})", line), line
    return [line.removeprefix(f"{path}: ") for line in said]


def cases() -> Iterator[Case]:
    """All cases."""
    return itertools.chain(wrong_values(), wrong_keys(), broken_rules(), too_much(), wrong_files())


def walk(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value inside a nested structure, with the dotted keys that lead to it."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield f"{above}{key}", value[key]
            yield from walk(value[key], f"{above}{key}.")


RAW = YAML(typ="safe", pure=True).load(COMMITTED)
PLACES = dict(walk(RAW))
SECTIONS = [place for place, value in PLACES.items() if isinstance(value, dict)]
ENTRIES = [place for place in PLACES if place.rpartition(".")[2].isdigit()]
FIELDS = [place for place in PLACES if place not in {*SECTIONS, *ENTRIES}]
NUMBERS = [place for place in FIELDS if isinstance(PLACES[place], int | float)]
# Sections whose keys are names that the user chooses.
NAMED = ["meta.models", "studies.pixels", "studies.memory.priors", "studies.alpha.trained_on"]


def changed(place: str, change: Callable, raw: Any = RAW) -> dict[str, Any]:
    """Parameters after a change of the mapping or list around a place."""
    around = raw = copy.deepcopy(raw)
    *above, last = (int(key) if key.isdigit() else key for key in place.split("."))
    for key in above:
        around = around[key]
    change(around, last)
    return raw


def replaced(place: str, value: Any, raw: Any = RAW) -> dict[str, Any]:
    """Parameters with another value at a place."""
    return changed(place, lambda around, key: around.__setitem__(key, value), raw)


GOT = "got .*; allowed: .*"
WRONG: dict[str, Any] = {"null": None, "text": "some text", "true": True, "a number as text": "3"}
WRONG |= {"nan": math.nan, "infinity": math.inf, "minus infinity": -math.inf}
WRONG |= {"negative": -1, "huge": 10**30, "a list": [[]], "a mapping": {"a": 1}}
WRONG_LISTS: dict[str, Any] = {
    "an entry null": [None],
    "an entry negative": [-1],
    "an entry twice": [3, 3],
}
ZERO_ALLOWED = ("seed", "threshold", "gate_bias", "long")
TWICE_ALLOWED = (
    *("pixels.units", "training.units", "dense", "alpha", "biased", "balanced"),
    *("trained_on.M1", "trained_on.M2", "trained_on.M4"),
)


def wrong_values() -> Iterator[Case]:
    """Every value, entry and section in turn, of another kind or out of its range."""
    for place, value in PLACES.items():
        wrong = dict(WRONG)
        # A rule about a whole list names the list and not its entry.
        field = re.escape(re.sub(r"\.\d+$", "", place))
        line = rf"{field}(\.\d+)?: ({GOT}|missing; add it)"
        if isinstance(value, dict):
            line = rf"{field}(\.\w+: (unknown key|missing).*|(\.a)?: {GOT})"
        elif isinstance(value, list):
            wrong |= WRONG_LISTS
            if place.endswith(TWICE_ALLOWED):
                del wrong["an entry twice"]
        elif place in NUMBERS and not place.endswith(ZERO_ALLOWED):
            wrong["zero"] = 0
        for name, bad in wrong.items():
            yield Case(f"{place}: {name}", replaced(place, bad), line)


def wrong_keys() -> Iterator[Case]:
    """Every key missing, and misspelt; an unknown one in every section; wrong names."""

    def misspell(around: dict[str, Any], key: str) -> None:
        around[f"{key}x"] = around.pop(key)

    for place in [*FIELDS, *SECTIONS]:
        above, _, key = place.rpartition(".")
        if above not in NAMED:
            missing = f"{re.escape(place)}: missing; add it"
            hint = rf"{re.escape(place)}x: unknown key; did you mean {key}\? allowed: .*"
            yield Case(f"{place}: missing", changed(place, dict.pop), missing)
            yield Case(f"{place}: misspelt", changed(place, misspell), f"{missing}|{hint}")
    for section, known in [("", RAW), *((place, PLACES[place]) for place in SECTIONS)]:
        if section not in NAMED:
            place = f"{section}.qqq".lstrip(".")
            line = f"{re.escape(place)}: unknown key; allowed: {', '.join(known)}"
            yield Case(f"{place}: unknown", replaced(place, 1), line)
    for section in NAMED:
        (entry, *_) = PLACES[section].values()
        names: list[Any] = ["../x", "a/b", ".", "", "a b", "-x", "12", "M" * 33, "M1\n"]
        names += ["M1; touch x", "$(touch x)", "<script>", "M1@x", None, 1, True, 1.5]
        for name in names:
            entries = PLACES[section] | {name: entry}
            shown = re.escape(f"{section}.{name}".replace("\n", "\\n"))
            case = f"{section}: the name {name!r}"
            yield Case(case, replaced(section, entries), f"{shown}: {GOT}")


def broken_rules() -> Iterator[Case]:
    """Values of the right kind that break a rule of their section."""
    fits, images = "where no 2 x 2 patch fits", "allowed: up to the %d images that data.sou"
    for place, value, message in [
        ("pixels.snapshots", [0, 20], "got 20, which is not trained; allowed: 0 to 19"),
        ("pixels.snapshots", [1, 0], "got [1, 0]; allowed: ascending"),
        ("pixels.units", [], "got []; allowed: at least 1 item"),
        ("rollout.horizons", [1, 301], "got 301, beyond the image; allowed: 1 to 300"),
        ("rollout.horizons", [], "got []; allowed: at least 1 item"),
        ("rollout.first_pixel", 784, "got 784; allowed: less than or equal to 783"),
        ("inpainting.centre", [0, 28], f"got [0, 28], {fits}"),
        ("inpainting.centre", [-1, 27], f"got [-1, 27], {fits}"),
        ("inpainting.centre", [5, 5], f"got [5, 5], {fits}"),
        ("inpainting.centre", [9, 5], f"got [9, 5], {fits}"),
        ("inpainting.centre", [9, 10, 11], "got [9, 10, 11]; allowed: at most 2 items"),
        ("data.threshold", 1, "got 1; allowed: less than 1"),
        ("meta.models", {}, "got {}; allowed: at least 1 item"),
        ("meta.models.M1.alpha.1", 0, "got 0; allowed: greater than 0"),
        ("meta.models.M1.alpha", [1.0], "got [1.0]; allowed: at least 2 items"),
        ("meta.models.M1.reset_every", 1, "got 1; allowed: greater than or equal to 2"),
        ("meta.optimiser.tuned.schedule", "linear", "got 'linear'; allowed: 'constant' or"),
        ("meta.optimiser.converged.peak_rate", 1.01, "got 1.01; allowed: less than or"),
        ("meta.training.steps", 3, "got 3; allowed: greater than or equal to 4"),
        ("meta.probes.orders", 1, "got 1; allowed: greater than or equal to 2"),
        ("meta.comparison.fixed", [0.5, 0.4, 0.0], "got the sum 0.9; allowed: the sum 1"),
        ("meta.comparison.fixed", [1, 0], "got 2 entries; allowed: 3, as in meta.models.M"),
        ("studies.repetitions", [1], "got [1]; allowed: at least 2 items"),
        ("studies.repetitions", [2, 1], "got [2, 1]; allowed: ascending, each once"),
        ("studies.pixels", {"other": RAW["studies"]["pixels"]["reference"]}, "got none named"),
        ("studies.pixels.reference.form", "2018", "got '2018'; allowed: 'tf1' or 'keras'"),
        ("studies.pixels.reference.gate_bias", -1.0, "got -1.0; allowed: greater than or"),
        ("studies.pixels.reference.threshold", 1, "got 1; allowed: less than 1"),
        ("studies.pixels.reference.epochs", 0, "got 0; allowed: greater than or equal to 1"),
        ("studies.pixels.reference.long", -1, "got -1; allowed: greater than or equal to 0"),
        ("studies.pixels.reference.snapshot_every", 0, "got 0; allowed: greater than or"),
        ("studies.memory.units", [], "got []; allowed: at least 1 item"),
        ("studies.memory.reset_every", [5, 2], "got [5, 2]; allowed: ascending"),
        ("studies.memory.reset_every", [], "got []; allowed: at least 1 item"),
        ("studies.memory.reset_every.0", 1, "got 1; allowed: greater than or equal to 2"),
        ("studies.memory.priors", {}, "got {}; allowed: at least 1 item"),
        ("studies.memory.priors.biased", [1.0], "got [1.0]; allowed: at least 2 items"),
        ("studies.memory.priors.biased.1", 0, "got 0; allowed: greater than 0"),
        ("studies.length.trained", [], "got []; allowed: at least 1 item"),
        ("studies.length.tested", [5, 2], "got [5, 2]; allowed: ascending"),
        ("studies.alpha.trained_on.M1", [1.0], "got [1.0]; allowed: at least 2 items"),
        ("pixels.curve_images", 60_001, f"got 60001; {images % 60_000}"),
        ("rollout.images", 10_001, f"got 10001; {images % 10_000}"),
        ("inpainting.images", 10_001, f"got 10001; {images % 10_000}"),
        ("inpainting.few", 10_001, "got 10001; allowed: up to images, 10000"),
        ("meta.optimiser.plain.batches", 39, "got 39, with batches of 256 that is 9984"),
    ]:
        line = f"{re.escape(f'{place}: {message}')}.*"
        yield Case(f"{place}: {value}", replaced(place, value), line)
    for place, value, elsewhere in [
        ("meta.comparison.fixed", [1.0, -0.5, 0.5], "meta.comparison.fixed.1"),
        ("meta.training.train_sequences", 256_001, "meta.optimiser.plain.batches"),
    ]:
        yield Case(f"{place}: {value}", replaced(place, value), f"{elsewhere}: {GOT}")


# More than can be enumerated, or held in 8 GB: changes of params.yaml, and the place that is named.
WIDE = {"meta.comparison.fixed": [1.0, *[0.0] * 4], "meta.probes.grid": 2} | {
    f"meta.models.M{n}.alpha": [1.0] * 5 for n in range(1, 5)
}
TOO_MUCH: list[tuple[dict[str, Any], str]] = [
    ({"meta.models.M1.reset_every": 10_000}, "meta.models.M1(.reset_every)?"),
    ({"meta.models.M1.reset_every": 500}, "meta.models.M1(.reset_every)?"),
    ({"meta.models.M1.reset_every": 200}, "meta.models.M1"),
    (WIDE | {"meta.models.M3.reset_every": 60}, "meta.models.M3(.reset_every)?"),
    (WIDE | {"meta.probes.grid": 100}, "meta.probes.grid"),
    ({"meta.probes.pasts": 10_000}, "meta.models.M[24]"),
    ({"meta.probes.sequences": 1_000_000}, "meta.probes"),
    ({"meta.comparison.sequences": 1_000_000}, "meta.comparison"),
    ({"meta.training.test_sequences": 1_000_000}, "meta.training"),
    ({"meta.training.units": [4096]}, "(meta|studies).*"),
    ({"pixels.batch_size": 60_000}, "pixels"),
    ({"pixels.units": [4096]}, "pixels"),
    ({"pixels.cell": "lstm", "pixels.units": [512]}, "pixels"),
    ({"threads": 256}, "(pixels|meta|studies).*"),
    ({"rollout.samples": 1000}, "rollout"),
    ({"inpainting.continuations": 1000}, "inpainting"),
    ({"studies.sequences": 1_000_000}, "studies(.memory)?"),
    ({"studies.memory.units": [4096]}, "studies.memory"),
]


def too_much() -> Iterator[Case]:
    """Values of the right kind that are too large together."""
    for changes, place in TOO_MUCH:
        raw = RAW
        for one, value in changes.items():
            raw = replaced(one, value, raw)
        yield Case(f"too much: {changes}", raw, f"({place}): {GOT}")


def wrong_files() -> Iterator[Case]:
    """Files that are not YAML, not text, or hold something else."""
    text = COMMITTED.read_text()

    def seed(value: str) -> bytes:
        return text.replace("seed: 2018", f"seed: {value}").encode()

    aliases = "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40))
    yaml, sections = ".*; correct the YAML there", "allowed: a mapping of sections"
    for name, content, line in [
        ("an empty file", b"", f"got None; {sections}"),
        ("comments alone", b"# nothing\n", f"got None; {sections}"),
        ("a list", b"- seed\n- 1\n", rf"got \['seed', 1\]; {sections}"),
        ("a tab", b"data:\n\tsource: mnist\n", f"line 2: {yaml}"),
        ("UTF-16", text.encode("utf-16"), "not UTF-8 at byte 0; save it as UTF-8"),
        ("Latin-1", b"seed: 1 # \xff\n", "not UTF-8 at byte 10; save it as UTF-8"),
        ("a key twice", b"seed: 1\nseed: 2\n", f"line 2: found duplicate key {yaml}"),
        ("a section twice", f"{text}\ndata:\n".encode(), f"line .* duplicate key {yaml}"),
        ("two documents", b"seed: 1\n---\nseed: 2\n", f"line 2: {yaml}"),
        ("a bracket open", b"seed: [1\nthreads: 2\n", f"line 2: {yaml}"),
        ("a control character", seed("2018 # \x07"), f"ReaderError: {yaml}"),
        ("an object", seed("!!python/object:os.x {}"), f"line .*os.x'{yaml}"),
        ("a list as key", b"? [seed, threads]\n: 1\n", ".*"),
        ("an alias to itself", b"seed: &a [*a]\n", "more than 10000 values; .*"),
        ("an alias to its mapping", b"seed: &a {b: *a}\n", "more than 10000 values; .*"),
        ("an alias to the file", b"&a\nseed: *a\n", "more than 10000 values; .*"),
        ("aliases of aliases", f"a0: &a0 [1]\n{aliases}".encode(), "more than 10000 .*"),
        ("3,000 brackets", seed("[" * 3000 + "]" * 3000), f"ValueError: more than 100 br{yaml}"),
        ("3,000 mappings", seed("{a: " * 3000), f"ValueError: more than 100 brackets{yaml}"),
        ("3,000 lists", seed("\n" + "- " * 3000), f"RecursionError: {yaml}"),
        ("eighty brackets", seed("[" * 80 + "]" * 80), f"seed: {GOT}"),
        ("a tag that does not fit", seed("!!bool maybe"), f"KeyError: {yaml}"),
        ("an empty number", seed('!!int ""'), f"IndexError: {yaml}"),
        ("bytes", seed("!!binary AAAA"), f"seed: {GOT}"),
        ("a set", seed("!!set {a, b}"), f"seed: {GOT}"),
        ("a day", seed("2018-02-01"), f"seed: {GOT}"),
        ("no such day", seed("2018-02-31"), f"ValueError: {yaml}"),
        ("five thousand digits", seed("9" * 5000), f"ValueError: {yaml}"),
        ("yes", seed("yes"), "seed: got 'yes'; allowed: a valid integer"),
        ("a number in quotes", seed("'2'"), "seed: got '2'; allowed: a valid integer"),
        ("a point", seed("2.0"), "seed: got 2.0; allowed: a valid integer"),
    ]:
        yield Case(name, content, line)
