"""params.yaml as frozen dataclasses; everything wrong in it is reported at once.

`python -m pipeline.params` checks it and does nothing else.
"""

import dataclasses
import functools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import (
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.dataclasses import dataclass
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from pipeline.images import PIXELS, SIDE

FILE = Path("params.yaml")

# Digits: the last 297 of 1,797 are the test set, about a sixth as in MNIST.
TEST_IMAGES = {"mnist": 10_000, "digits": 297}
TRAIN_IMAGES = {"mnist": 60_000, "digits": 1_500}
PATCH_SIDE = 2

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Size = Annotated[int, Field(ge=1, le=4096)]
Index = Annotated[int, Field(ge=0, le=10_000)]
Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
# A model's name becomes part of file names.
NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"
Name = Annotated[str, Field(pattern=NAME)]
Cell = Literal["gru", "lstm"]

MOST_ALIASES = 20

STRICT = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, config=STRICT)
class Data:
    """Section data: which images, and how they become binary."""

    source: Literal["mnist", "digits"]
    binarisation: Literal["threshold", "stochastic"]
    threshold: Fraction


@dataclass(frozen=True, config=STRICT)
class Pixels:
    """Section pixels: the pixel network and its training."""

    cell: Cell
    units: Annotated[tuple[Size, ...], Field(min_length=1, max_length=8)]
    dense: Annotated[tuple[Size, ...], Field(max_length=8)]
    learning_rate: Rate
    batch_size: Count
    epochs: Count
    snapshots: Annotated[tuple[Index, ...], Field(max_length=100)]
    curve_images: Count

    @field_validator("snapshots")
    @classmethod
    def _trained(cls, snapshots: tuple[int, ...], info: ValidationInfo) -> tuple:
        epochs = info.data.get("epochs", max(snapshots, default=0) + 1)
        _reject(
            f"got {epoch}, which is not trained; allowed: 0 to {epochs - 1} with "
            f"epochs {epochs}"
            for epoch in snapshots
            if epoch >= epochs
        )
        return _ascending(snapshots)


@dataclass(frozen=True, config=STRICT)
class Rollout:
    """Section rollout: masked images and how they are continued."""

    images: Annotated[int, Field(ge=2)]
    first_pixel: Annotated[int, Field(ge=SIDE, le=PIXELS - 1)]
    horizons: Annotated[tuple[Count, ...], Field(min_length=1, max_length=50)]
    samples: Annotated[int, Field(ge=2, le=1000)]

    @field_validator("horizons")
    @classmethod
    def _inside(cls, horizons: tuple[int, ...], info: ValidationInfo) -> tuple:
        unknown = PIXELS - info.data.get("first_pixel", SIDE)
        _reject(
            f"got {horizon}, beyond the image; allowed: 1 to {unknown}, the pixels from "
            "first_pixel on"
            for horizon in horizons
            if horizon > unknown
        )
        return _ascending(horizons)


@dataclass(frozen=True, config=STRICT)
class Inpainting:
    """Section inpainting: where pixels are missing, and how fills are judged."""

    images: Annotated[int, Field(ge=2)]
    centre: tuple[int, int]
    continuations: Annotated[int, Field(ge=1, le=1000)]
    calibration_bins: Annotated[int, Field(ge=2, le=100)]

    @field_validator("centre")
    @classmethod
    def _inside(cls, centre: tuple[int, int]) -> tuple[int, int]:
        first, last = centre
        if not 0 <= first <= last - PATCH_SIDE + 1 <= SIDE - PATCH_SIDE:
            raise ValueError(
                f"got [{first}, {last}], where a {PATCH_SIDE} x {PATCH_SIDE} patch has no "
                f"place inside the image; allowed: first and last between 0 and "
                f"{SIDE - 1}, at least {PATCH_SIDE - 1} apart"
            )
        return centre


@dataclass(frozen=True, config=STRICT)
class MetaModel:
    """One entry of meta.models: the source of its sequences."""

    reset_every: Annotated[int, Field(ge=2, le=10_000)]
    alpha: Annotated[tuple[Positive, ...], Field(min_length=2, max_length=16)]


@dataclass(frozen=True, config=STRICT)
class MetaTraining:
    """Section meta.training: the networks of all meta-task models."""

    cell: Cell
    units: Annotated[tuple[Size, ...], Field(min_length=1, max_length=8)]
    dense: Annotated[tuple[Size, ...], Field(max_length=8)]
    steps: Annotated[int, Field(ge=2, le=10_000)]
    batch_size: Count
    evaluate_every: Count
    train_sequences: Annotated[int, Field(ge=2, le=1_000_000)]
    test_sequences: Annotated[int, Field(ge=2, le=1_000_000)]


@dataclass(frozen=True, config=STRICT)
class Optimiser:
    """One entry of meta.optimiser: how long and at which rate a network is trained."""

    batches: Count
    peak_rate: Rate
    schedule: Literal["constant", "cosine"]
    clip_norm: Positive


@dataclass(frozen=True, config=STRICT)
class MetaOptimiser:
    """Section meta.optimiser: the recipes, each for all models."""

    published: Optimiser
    tuned: Optimiser
    converged: Optimiser


@dataclass(frozen=True, config=STRICT)
class MetaComparison:
    """Section meta.comparison: sequences to compare with exact Bayes on."""

    sequences: Annotated[int, Field(ge=2, le=1_000_000)]
    fixed: Annotated[tuple[Probability, ...], Field(min_length=2, max_length=16)]

    @field_validator("fixed")
    @classmethod
    def _normalised(cls, fixed: tuple[float, ...]) -> tuple[float, ...]:
        if abs(sum(fixed) - 1) > 1e-9:
            raise ValueError(f"got the sum {sum(fixed):g}; allowed: the sum 1")
        return fixed


@dataclass(frozen=True, config=STRICT)
class MetaProbes:
    """Section meta.probes: what the networks are asked about what they know."""

    orders: Annotated[int, Field(ge=2, le=10_000)]
    pasts: Annotated[int, Field(ge=2, le=10_000)]
    sequences: Annotated[int, Field(ge=4, le=1_000_000)]
    grid: Annotated[int, Field(ge=1, le=100)]


@dataclass(frozen=True, config=STRICT)
class Meta:
    """Section meta."""

    models: Annotated[dict[Name, MetaModel], Field(min_length=1, max_length=32)]
    training: MetaTraining
    optimiser: MetaOptimiser
    comparison: MetaComparison
    probes: MetaProbes

    @field_validator("optimiser")
    @classmethod
    def _enough_sequences(cls, optimiser: MetaOptimiser, info: ValidationInfo):
        training = info.data.get("training")
        if training:
            trained = optimiser.published.batches * training.batch_size
            if training.train_sequences > trained:
                raise ValueError(
                    f".published.batches: got {optimiser.published.batches}, which with "
                    f"batches of {training.batch_size} are {trained} sequences; allowed: "
                    f"at least the {training.train_sequences} of meta.training."
                    "train_sequences"
                )
        return optimiser

    @field_validator("comparison")
    @classmethod
    def _same_symbols(cls, comparison: MetaComparison, info: ValidationInfo):
        symbols = len(comparison.fixed)
        _reject(
            f"fixed has {symbols} entries, but alpha of {name} {len(model.alpha)}; "
            "allowed: as many"
            for name, model in info.data.get("models", {}).items()
            if len(model.alpha) != symbols
        )
        return comparison


@dataclass(frozen=True, config=STRICT)
class Memory:
    """Section studies.memory: hidden units against the length of a period."""

    units: Annotated[tuple[Size, ...], Field(min_length=1, max_length=16)]
    reset_every: Annotated[
        tuple[Annotated[int, Field(ge=2, le=10_000)], ...],
        Field(min_length=1, max_length=16),
    ]
    priors: Annotated[
        dict[Name, Annotated[tuple[Positive, ...], Field(min_length=2, max_length=16)]],
        Field(min_length=1, max_length=8),
    ]

    @field_validator("units", "reset_every")
    @classmethod
    def _each_once(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        return _ascending(values)


@dataclass(frozen=True, config=STRICT)
class Studies:
    """Section studies: the long runs of studies/dvc.yaml."""

    repetitions: Annotated[tuple[Count, ...], Field(min_length=2, max_length=100)]
    sequences: Annotated[int, Field(ge=2, le=1_000_000)]
    memory: Memory

    @field_validator("repetitions")
    @classmethod
    def _each_once(cls, repetitions: tuple[int, ...]) -> tuple[int, ...]:
        return _ascending(repetitions)


@dataclass(frozen=True, config=STRICT)
class Report:
    """Section report: how far from a published number still agrees."""

    accuracy_tolerance: Fraction
    nats_tolerance: Fraction


@dataclass(frozen=True, config=STRICT)
class Params:
    """All of params.yaml."""

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    threads: Annotated[int, Field(ge=1, le=256)]
    data: Data
    pixels: Pixels
    rollout: Rollout
    inpainting: Inpainting
    meta: Meta
    studies: Studies
    report: Report

    @field_validator("pixels", "rollout", "inpainting")
    @classmethod
    def _enough_images(cls, section: Any, info: ValidationInfo) -> Any:
        name = "curve_images" if info.field_name == "pixels" else "images"
        available = TRAIN_IMAGES if info.field_name == "pixels" else TEST_IMAGES
        data, count = info.data.get("data"), getattr(section, name)
        if data and count > available[data.source]:
            raise ValueError(
                f".{name}: got {count}; allowed: up to the {available[data.source]} images "
                f"that data.source {data.source} has"
            )
        return section


def load(path: Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        ValueError: the file cannot be read, is not YAML 1.2 (the dialect that DVC reads),
            or breaks a rule; one line for each problem.
    """
    try:
        # DVC reads the file with the same library and dialect, so that both see the
        # same numbers; duplicate keys are an error in it.
        text = path.read_text(encoding="utf-8")
        _refuse_many_aliases(text)
        raw = YAML(typ="safe", pure=True).load(text)
    except FileNotFoundError:
        raise ValueError(
            f"{path}: not found; run from the top folder of the project"
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8"
        ) from None
    except YAMLError as error:
        raise ValueError(f"{path}: {_describe_yaml(error)}") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except Exception as error:  # tags and depths that ruamel.yaml did not expect
        raise ValueError(
            f"{path}: cannot be read as YAML ({type(error).__name__}); write plain names "
            "and values"
        ) from None
    return check(raw, path)


def _refuse_many_aliases(text: str) -> None:
    """Aliases of aliases grow without end in a few lines."""
    aliases = [
        event
        for event in YAML(typ="safe", pure=True).parse(text)
        if isinstance(event, AliasEvent)
    ]
    if len(aliases) > MOST_ALIASES:
        raise MarkedYAMLError(
            problem=f"found more than {MOST_ALIASES} aliases",
            problem_mark=aliases[MOST_ALIASES].start_mark,
        )


def check(raw: Any, path: Path = FILE) -> Params:
    """Parameters from what YAML gave; `path` is named in the messages.

    Raises:
        ValueError: one line for each problem.
    """
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: got {raw!r:.40}; allowed: a mapping of sections")
    try:
        other = list(_keys_that_are_no_text(raw))
        text = "" if other else json.dumps(raw, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}; write plain names and values") from None
    if other:
        raise ValueError("\n".join(f"{path}: {line}" for line in other))
    try:
        # By way of JSON, whose strict rules take a list for a tuple and a mapping for a
        # dataclass, but still no text for a number.
        return TypeAdapter(Params).validate_json(text)
    except ValidationError as error:
        items = error.errors()
        wrong = {item["loc"][:-1] for item in items}
        lines = [
            line
            for item in items
            # A list whose entries are wrong is called too short as well.
            if item["type"] != "too_short" or item["loc"] not in wrong
            for line in _describe(item)
        ]
        raise ValueError("\n".join(f"{path}: {line}" for line in lines)) from None


def select(params: Params, section: str) -> Any:
    """The value of a dotted section, such as `meta.training`."""
    return functools.reduce(getattr, section.split("."), params)


def pick(entries: Any, section: str, name: str) -> Any:
    """The entry of a section that has a name, such as M1 of `meta.models`.

    Raises:
        ValueError: there is no such entry; names those that exist.
    """
    known = entries if isinstance(entries, dict) else vars(entries)
    if name not in known:
        raise ValueError(
            f"{FILE}: {section}: there is no {name!r}; allowed: {', '.join(known)}"
        )
    return known[name]


def flatten(params: Params) -> dict[str, str]:
    """Dotted names and values of all parameters, for printing."""

    def walk(prefix: str, value: Any) -> dict[str, str]:
        if isinstance(value, dict):
            found: dict[str, str] = {}
            for key, inner in value.items():
                found |= walk(f"{prefix}.{key}" if prefix else key, inner)
            return found
        if isinstance(value, list | tuple):
            return {prefix: ", ".join(map(str, value)) or "none"}
        return {prefix: str(value)}

    return walk("", dataclasses.asdict(params))


def _reject(problems: Iterable[str]) -> None:
    lines = list(problems)
    if lines:
        raise ValueError("\n".join(lines))


def _ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    if all(low < high for low, high in zip(values, values[1:])):
        return values
    raise ValueError(f"got {list(values)}; allowed: ascending, each once")


def _keys_that_are_no_text(value: Any, where: str = "") -> Iterator[str]:
    """A line for each; as JSON they would turn into text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            place = f"{where}.{key}" if where else str(key)
            if not isinstance(key, str):
                yield f"{place}: got the key {key!r:.40}; allowed: names, quoted if need be"
            yield from _keys_that_are_no_text(inner, place)


def _describe(item: Any) -> list[str]:
    """One line for each problem of an item of pydantic's list: where, got, allowed."""
    keys = [str(key) for key in item["loc"] if key != "[key]"]
    # A name may hold anything, but a problem stays on one line.
    where = ".".join(keys).encode("unicode_escape").decode()
    kind, context = item["type"], item.get("ctx", {})
    if kind == "value_error":
        # What a section finds wrong with one of its fields begins with a dot and its name.
        return [
            f"{where}{line}" if line.startswith(".") else f"{where}: {line}"
            for line in str(context["error"]).splitlines()
        ]
    if kind in ("missing", "missing_argument"):
        return [f"{where}: missing; add it"]
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return [f"{where}: unknown key; {_nearest(item['loc'])}"]
    return [f"{where}: got {item['input']!r:.60}; allowed: {_rule(item['msg'])}"]


# What is meant by pydantic's words for the types of JSON.
WORDS = {
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid array": "a list",
    "a valid tuple": "a list",
    "a valid dictionary": "a mapping",
    "an object": "a mapping",
}


def _rule(message: str) -> str:
    if counted := re.match(r"\w+ should have (at \w+ \d+) items? after", message):
        return f"{counted[1]} entries"
    for words, plain in WORDS.items():
        message = message.replace(words, plain)
    for opening in ("Input should be ", "Input should have ", "Input should "):
        if message.startswith(opening):
            return message.removeprefix(opening)
    return message


def _nearest(location: tuple) -> str:
    """Which keys are known beside an unknown one, the most similar first."""
    kind: Any = Params
    for key in location[:-1]:
        is_section = dataclasses.is_dataclass(kind)
        # Where it is not, it is a dictionary, and its values are the sections.
        kind = get_type_hints(kind)[key] if is_section else get_args(kind)[1]
    known = [field.name for field in dataclasses.fields(kind)]
    similar = get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean {similar[0]}? " if similar else ""
    return f"{hint}allowed: {', '.join(known)}"


def _describe_yaml(error: YAMLError) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        line = f"line {error.problem_mark.line + 1}: {error.problem}"
    else:
        line = str(error)
    return f"{line.splitlines()[0]}; correct the YAML there"


def main() -> None:
    """The command: all problems of params.yaml, before DVC deletes what it makes anew."""
    try:
        load()
    except ValueError as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


if __name__ == "__main__":
    main()
