"""The sections of params.yaml, with what each value may be."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from pipeline.pixels.images import PIXELS, SIDE
from pipeline.pixels.masks import PATCH_SIDE
from pipeline.pixels.sources import TEST_IMAGES, TRAIN_IMAGES


def _reject(problems: Iterable[str]) -> None:
    """Raise a ValueError with one line for each problem, if there are any."""
    if lines := "\n".join(problems):
        raise ValueError(lines)


def _require_ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    if any(low >= high for low, high in zip(values, values[1:])):
        raise ValueError(f"got {list(values)}; allowed: ascending, each once")
    return values


Count = Annotated[int, Field(ge=1, le=1_000_000)]
Epoch = Annotated[int, Field(ge=0, le=10_000)]
Sequences = Annotated[int, Field(ge=2, le=1_000_000)]
Steps = Annotated[int, Field(ge=2, le=10_000)]
Size = Annotated[int, Field(ge=1, le=4096)]
Positive = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Cell = Literal["gru", "lstm"]
Recurrent = Annotated[tuple[Size, ...], Field(min_length=1, max_length=8)]
Dense = Annotated[tuple[Size, ...], Field(max_length=8)]
Alpha = Annotated[tuple[Positive, ...], Field(min_length=2, max_length=16)]
Ascending = AfterValidator(_require_ascending)
# A name becomes part of file names.
NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"
Name = Annotated[str, Field(pattern=NAME)]
# The settings of studies.pixels that the report takes for the write-up's.
REFERENCE = "reference"


class Section(BaseModel):
    """A mapping of params.yaml: values of exactly these kinds, and no other keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Data(Section):
    """Section data: which images, and how they become binary."""

    source: Literal["mnist", "digits"]
    binarisation: Literal["threshold", "stochastic"]
    threshold: Fraction


class Pixels(Section):
    """Section pixels: the pixel network and its training."""

    cell: Cell
    units: Recurrent
    dense: Dense
    learning_rate: Rate
    batch_size: Count
    epochs: Count
    snapshots: Annotated[tuple[Epoch, ...], Field(max_length=100), Ascending]
    curve_images: Count

    @field_validator("snapshots")
    @classmethod
    def _require_trained(cls, snapshots: tuple[int, ...], info: ValidationInfo) -> tuple:
        epochs = info.data.get("epochs", max(snapshots, default=0) + 1)
        _reject(
            f"got {epoch}, which is not trained; allowed: 0 to {epochs - 1} with epochs {epochs}"
            for epoch in snapshots
            if epoch >= epochs
        )
        return snapshots


class Rollout(Section):
    """Section rollout: masked images, and how they are continued."""

    images: Annotated[int, Field(ge=2)]
    first_pixel: Annotated[int, Field(ge=SIDE, le=PIXELS - 1)]
    horizons: Annotated[tuple[Count, ...], Field(min_length=1, max_length=50), Ascending]
    samples: Annotated[int, Field(ge=2, le=1000)]

    @field_validator("horizons")
    @classmethod
    def _require_inside(cls, horizons: tuple[int, ...], info: ValidationInfo) -> tuple:
        unknown = PIXELS - info.data.get("first_pixel", SIDE)
        _reject(
            f"got {horizon}, beyond the image; allowed: 1 to {unknown}, the pixels from "
            "first_pixel on"
            for horizon in horizons
            if horizon > unknown
        )
        return horizons


class Inpainting(Section):
    """Section inpainting: where pixels are missing, and how fills are judged."""

    images: Annotated[int, Field(ge=2)]
    few: Annotated[int, Field(ge=2)]
    centre: tuple[int, int]
    continuations: Annotated[int, Field(ge=1, le=1000)]
    calibration_bins: Annotated[int, Field(ge=2, le=100)]

    @field_validator("few")
    @classmethod
    def _require_available(cls, few: int, info: ValidationInfo) -> int:
        images = info.data.get("images", few)
        _reject([f"got {few}; allowed: up to images, {images}"] if few > images else [])
        return few

    @field_validator("centre")
    @classmethod
    def _require_inside(cls, centre: tuple[int, int]) -> tuple[int, int]:
        first, last = centre
        if not 0 <= first <= last - PATCH_SIDE + 1 <= SIDE - PATCH_SIDE:
            raise ValueError(
                f"got [{first}, {last}], where no {PATCH_SIDE} x {PATCH_SIDE} patch fits "
                f"into the image; allowed: first and last between 0 and {SIDE - 1}, at "
                f"least {PATCH_SIDE - 1} apart"
            )
        return centre


class MetaModel(Section):
    """One entry of meta.models: the source of its sequences."""

    reset_every: Steps
    alpha: Alpha


class MetaTraining(Section):
    """Section meta.training: the networks of all meta-task models."""

    cell: Cell
    units: Recurrent
    dense: Dense
    # With fewer there is a single symbol, and nothing in which hidden states could differ.
    steps: Annotated[int, Field(ge=4, le=10_000)]
    batch_size: Count
    evaluate_every: Count
    train_sequences: Sequences
    test_sequences: Sequences


class Optimiser(Section):
    """One entry of meta.optimiser: how long and at which rate a network is trained."""

    batches: Count
    peak_rate: Rate
    schedule: Literal["constant", "cosine"]
    clip_norm: Positive


class MetaOptimiser(Section):
    """Section meta.optimiser: the recipes, each for all models."""

    plain: Optimiser
    tuned: Optimiser
    converged: Optimiser


class MetaComparison(Section):
    """Section meta.comparison: sequences on which networks meet exact Bayes."""

    sequences: Sequences
    fixed: Annotated[tuple[Probability, ...], Field(min_length=2, max_length=16)]

    @field_validator("fixed")
    @classmethod
    def _require_normalised(cls, fixed: tuple[float, ...]) -> tuple[float, ...]:
        if abs(sum(fixed) - 1) > 1e-9:
            raise ValueError(f"got the sum {sum(fixed):g}; allowed: the sum 1")
        return fixed


class MetaProbes(Section):
    """Section meta.probes: how the probes look at what the networks know."""

    orders: Steps
    pasts: Steps
    sequences: Annotated[int, Field(ge=4, le=1_000_000)]
    grid: Annotated[int, Field(ge=1, le=100)]


class Meta(Section):
    """Section meta."""

    models: Annotated[dict[Name, MetaModel], Field(min_length=1, max_length=32)]
    training: MetaTraining
    optimiser: MetaOptimiser
    comparison: MetaComparison
    probes: MetaProbes

    @field_validator("optimiser")
    @classmethod
    def _require_sequences(cls, optimiser: MetaOptimiser, info: ValidationInfo) -> Any:
        training, batches = info.data.get("training"), optimiser.plain.batches
        if training and training.train_sequences > batches * training.batch_size:
            raise ValueError(
                f".plain.batches: got {batches}, with batches of {training.batch_size} "
                f"that is {batches * training.batch_size} sequences; allowed: at least the "
                f"{training.train_sequences} of meta.training.train_sequences"
            )
        return optimiser

    @field_validator("comparison")
    @classmethod
    def _require_same_symbols(cls, comparison: MetaComparison, info: ValidationInfo) -> Any:
        symbols = len(comparison.fixed)
        _reject(
            f".fixed: got {symbols} entries; allowed: {len(model.alpha)}, as in "
            f"meta.models.{name}.alpha"
            for name, model in info.data.get("models", {}).items()
            if len(model.alpha) != symbols
        )
        return comparison


class Memory(Section):
    """Section studies.memory: hidden units against the length of a period."""

    units: Annotated[tuple[Size, ...], Field(min_length=1, max_length=16), Ascending]
    reset_every: Annotated[tuple[Steps, ...], Field(min_length=1, max_length=16), Ascending]
    priors: Annotated[dict[Name, Alpha], Field(min_length=1, max_length=8)]


class PixelSettings(Section):
    """One entry of studies.pixels: how to train the network of section pixels again."""

    form: Literal["tf1", "keras"]
    gate_bias: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
    threshold: Fraction
    epochs: Count
    long: Annotated[int, Field(ge=0, le=100)]
    snapshot_every: Count


class Length(Section):
    """Section studies.length: networks that are unrolled for a few steps only."""

    repetitions: Annotated[tuple[Count, ...], Field(min_length=1, max_length=100), Ascending]
    trained: Annotated[tuple[Count, ...], Field(min_length=1, max_length=16), Ascending]
    tested: Annotated[tuple[Count, ...], Field(min_length=1, max_length=4), Ascending]


class OtherAlpha(Section):
    """Section studies.alpha: networks that were trained on another prior than their Bayes."""

    repetitions: Annotated[tuple[Count, ...], Field(min_length=1, max_length=100), Ascending]
    trained_on: Annotated[dict[Name, Alpha], Field(min_length=1, max_length=32)]


class Studies(Section):
    """Section studies: the long runs of studies/dvc.yaml."""

    repetitions: Annotated[tuple[Count, ...], Field(min_length=2, max_length=100), Ascending]
    sequences: Sequences
    pixels: Annotated[dict[Name, PixelSettings], Field(min_length=1, max_length=16)]
    memory: Memory
    length: Length
    alpha: OtherAlpha

    @field_validator("pixels")
    @classmethod
    def _require_reference(cls, pixels: dict[str, Any]) -> dict[str, Any]:
        _reject([] if REFERENCE in pixels else [f"got none named {REFERENCE}; allowed: one"])
        return pixels


class Params(Section):
    """All of params.yaml."""

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    threads: Annotated[int, Field(ge=1, le=256)]
    data: Data
    pixels: Pixels
    rollout: Rollout
    inpainting: Inpainting
    meta: Meta
    studies: Studies

    @field_validator("pixels", "rollout", "inpainting")
    @classmethod
    def _require_images(cls, section: Any, info: ValidationInfo) -> Any:
        name, available = "images", TEST_IMAGES
        if info.field_name == "pixels":
            name, available = "curve_images", TRAIN_IMAGES
        data, count = info.data.get("data"), getattr(section, name)
        if data and count > available[data.source]:
            raise ValueError(
                f".{name}: got {count}; allowed: up to the {available[data.source]} images "
                f"that data.source {data.source} has"
            )
        return section

    def at(self, path: str) -> Any:
        """The value at a dotted path, such as `meta.models.M1`, as dvc.yaml names it.

        "*" is all of params.yaml.

        Raises:
            ValueError: if there is no such entry; names those that exist.
        """
        keys = path.split(".") if path != "*" else []
        value: Any = self
        for depth, key in enumerate(keys):
            entries = value if isinstance(value, dict) else vars(value)
            if key not in entries:
                raise ValueError(
                    f"params.yaml: {'.'.join(keys[:depth]) or 'sections'}: there is no "
                    f"{key!r:.40}; allowed: {', '.join(entries)}"
                )
            value = entries[key]
        return value
