"""What the parameters let the stages enumerate and hold in memory: bounds before any runs.

A bound on one value could not do it, because sizes are products of several. The estimates are
upper ones: the factors, in bytes, were measured at the bounds.
"""

from collections.abc import Iterator
from math import comb

from pipeline.params.sections import Meta, MetaProbes, MetaTraining, Params, Pixels
from pipeline.pixels.images import PIXELS
from pipeline.pixels.sources import TEST_IMAGES

# Vectors of counts that are enumerated, as in `meta.source`; histories of one length, as in
# `probes.knowledge`.
MOST_COUNT_VECTORS, MOST_HISTORIES = 100_000, 20_000
# Memory of one stage, and what TensorFlow and the images take of it, in bytes.
MOST, TENSORFLOW, IMAGES = 8e9, 1e9, 2e9
# Elements of one forward pass for each thread, a quarter of them through stock layers, and
# those of which fused operations hold the states at once: `core.prediction`, `core.fused`.
FORWARD, BLOCK = 784_000, 20_000


def problems(params: Params) -> Iterator[str]:
    """One line for each section whose values are too large together."""
    yield from _too_many_counts(params.meta)
    for place, lower, need in (*_pixels(params), *_meta(params)):
        if need > MOST:
            yield (
                f"{place}: got values that need about {need / 1e9:.3g} GB of memory; "
                f"allowed: {MOST / 1e9:g} GB; lower {lower}"
            )


def count_vectors(total: int, symbols: int) -> int:
    """How many vectors of counts have this sum."""
    return comb(total + symbols - 1, total)


def _too_many_counts(meta: Meta) -> Iterator[str]:
    """Exact Bayes and the probes enumerate all counts of a period, and a grid of p."""
    places = [
        (f"meta.models.{name}.reset_every", model.reset_every, -1, len(model.alpha))
        for name, model in meta.models.items()
    ]
    places.append(("meta.probes.grid", meta.probes.grid, 0, len(meta.comparison.fixed)))
    for place, value, less, symbols in places:
        ways = count_vectors(value + less, symbols)
        if ways > MOST_COUNT_VECTORS:
            yield (
                f"{place}: got {value}, with {symbols} symbols that is {ways:,} vectors of "
                f"counts; allowed: values with up to {MOST_COUNT_VECTORS:,}"
            )


def _pixels(params: Params) -> Iterator[tuple[str, str, float]]:
    """Place, what to lower, and bytes of each stage of questions 1 and 2 that grows."""
    pixels, rollout, inpainting = params.pixels, params.rollout, params.inpainting
    training = _training(pixels, PIXELS, 1) + _weights(pixels, 1, len(pixels.snapshots) + 2)
    # The predictions of both symbols in double precision, and scores of them.
    need = IMAGES + training + _forward(pixels, params.threads) + 64 * PIXELS * pixels.curve_images
    yield "pixels", "batch_size, units, dense, curve_images or the number of snapshots", need
    # The studies continue all test images.
    continuations, unknown = TEST_IMAGES[params.data.source], PIXELS - rollout.first_pixel
    need = IMAGES + continuations * rollout.samples * (9 * PIXELS + 30 * unknown)
    yield "rollout", "samples", need
    need = IMAGES + inpainting.few * inpainting.continuations * 24 * PIXELS
    yield "inpainting", "few or continuations", need


def _meta(params: Params) -> Iterator[tuple[str, str, float]]:
    """Place, what to lower, and bytes of each stage of question 3 that grows."""
    meta, studies = params.meta, params.studies
    training, probes, steps = meta.training, meta.probes, meta.training.steps
    k = 1 + max(len(model.alpha) for model in meta.models.values())
    forward = TENSORFLOW + _forward(training, params.threads)
    sequences = max(training.train_sequences, training.test_sequences)
    need = forward + _training(training, steps, k) + _weights(training, k, 1)
    need += _scores(sequences, steps, k)
    yield "meta.training", "batch_size, units, dense, steps, or the numbers of sequences", need
    need = forward + _scores(meta.comparison.sequences, steps, k)
    yield "meta.comparison", "sequences, or meta.training.steps", need
    need = forward + _scores(probes.sequences, steps, k + 2 * training.units[-1])
    yield "meta.probes", "sequences, or meta.training.steps", need
    for name, model in meta.models.items():
        need = forward + _histories(model.reset_every, len(model.alpha), probes)
        yield f"meta.models.{name}", "reset_every, or meta.probes.orders or pasts", need
    need = forward + _scores(studies.sequences, steps, k)
    yield "studies", "sequences, or meta.training.steps", need
    largest = training.model_copy(update={"units": studies.memory.units[-1:]})
    k = 1 + max(map(len, studies.memory.priors.values()))
    need = TENSORFLOW + _forward(largest, params.threads) + _training(largest, steps, k)
    need += _weights(largest, k, 1) + _scores(studies.sequences, steps, k)
    yield "studies.memory", "units, or those of meta.training", need


def _training(network: Pixels | MetaTraining, steps: int, channels: int) -> float:
    """One mini-batch: what the gradient needs of every step."""
    each = (32 if _is_fused(network) else 64) * sum(network.units) + 16 * sum(network.dense)
    return network.batch_size * steps * (each + 32 * channels)


def _forward(network: Pixels | MetaTraining, threads: int) -> float:
    """Predictions of as many sequences at a time as there are threads for."""
    each = 20 * sum(network.units) + 8 * sum(network.dense)
    if _is_fused(network):
        return threads * (FORWARD * 64 + BLOCK * 2 * each)
    return threads * FORWARD / 4 * each


def _is_fused(network: Pixels | MetaTraining) -> bool:
    """Whether it has one layer, a GRU, which does not hold its states at every step."""
    return network.cell == "gru" and len(network.units) == 1


def _weights(network: Pixels | MetaTraining, channels: int, copies: int) -> float:
    """Weights, gradient and moments, checkpoints; and `copies` as snapshots and as files."""
    weights, width = 0, channels
    for units in network.units:
        weights += 4 * units * (width + units + 2)
        width = units
    for units in (*network.dense, channels):
        weights += units * (width + 1)
        width = units
    return 4 * weights * (10 + 4 * copies)


def _scores(sequences: int, steps: int, values: int) -> float:
    """Predictions of `values` at every step of all sequences, exact ones, and scores."""
    return sequences * steps * (64 * values + 128)


def _histories(reset_every: int, symbols: int, probes: MetaProbes) -> float:
    """Every state of knowledge, by several histories and after several pasts."""
    vectors = [count_vectors(seen, symbols) for seen in range(reset_every)]
    each = [max(count, min(probes.orders * count, MOST_HISTORIES)) for count in vectors]
    k, histories = symbols + 1, sum(each)
    states = histories * (reset_every * (2 * k + 2) + 80 * probes.pasts * k + 64 * k)
    # The predictions at all steps of three periods, and of four.
    return states + (10_000 * 3 + each[-1] * 4) * reset_every * (12 * k + 24)
