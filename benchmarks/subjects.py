"""The same network in stock Keras, PyTorch and JAX: what one would pick instead of ours.

Each function takes the sizes of a network and returns two calls, one that trains it on a
few mini-batches of symbols (batch, time) and one that computes all logits. PyTorch and JAX
are left out where they are not installed.
"""

import functools
import importlib.util
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from pipeline import fused, network, training

Runs = tuple[Callable[[], object], Callable[[], object]]


class Sizes(NamedTuple):
    """A network and its mini-batch."""

    characters: int  # 1 for pixels, K for one-hot symbols
    units: int
    dense: tuple[int, ...]
    batch: int
    time: int


def available(threads: int) -> dict[str, Callable[[Sizes, np.ndarray], Runs]]:
    """All subjects by name; what is not installed is left out."""
    found: dict[str, Callable[[Sizes, np.ndarray], Runs]] = {
        "ours": ours,
        "keras": functools.partial(stock, jit="auto"),
        "keras, no XLA": functools.partial(stock, jit=False),
    }
    if importlib.util.find_spec("torch"):
        found["pytorch"] = functools.partial(pytorch, threads=threads)
    if importlib.util.find_spec("jax"):
        found["jax"] = jax
    return found


def _model(sizes: Sizes) -> keras.Model:
    return network.build(
        channels=sizes.characters,
        logits=sizes.characters,
        cell="gru",
        units=(sizes.units,),
        dense=sizes.dense,
        seed=np.random.SeedSequence(1),
        name="timed",
    )


def ours(sizes: Sizes, batches: np.ndarray) -> Runs:
    """The fused operations of the pipeline."""
    model = _model(sizes)
    trainer = training.Trainer(model, 0.001)

    @tf.function
    def forward(symbols):
        return [fused.logits(model, part) for part in fused.in_parts(symbols)]

    def train() -> None:
        for _ in trainer.steps(batches, len(batches), "timed"):
            pass

    return train, lambda: [part.numpy() for part in forward(tf.constant(batches[0]))]


def stock(sizes: Sizes, batches: np.ndarray, jit: str | bool) -> Runs:
    """Keras as its documentation has it: compile, fit, predict."""
    model = _model(sizes)
    if sizes.characters == 1:
        loss: keras.losses.Loss = keras.losses.BinaryCrossentropy(from_logits=True)
        targets = batches[..., np.newaxis].astype(np.float32)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        targets = batches
    model.compile(keras.optimizers.Adam(0.001), loss, jit_compile=jit)
    shifted = np.concatenate(
        [
            network.shift(network.encode(batch, sizes.characters)).numpy()
            for batch in batches
        ]
    )
    answers = targets.reshape(-1, *targets.shape[2:])

    def train() -> object:
        return model.fit(
            shifted, answers, batch_size=sizes.batch, epochs=1, shuffle=False, verbose=0
        )

    return train, lambda: model.predict_on_batch(shifted[: sizes.batch])


def pytorch(sizes: Sizes, batches: np.ndarray, threads: int) -> Runs:
    """torch.nn.GRU and linear layers."""
    import torch

    torch.set_num_threads(threads)

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = torch.nn.GRU(sizes.characters, sizes.units, batch_first=True)
            layers: list[torch.nn.Module] = []
            width = sizes.units
            for dense in sizes.dense:
                layers += [torch.nn.ReLU(), torch.nn.Linear(width, dense)]
                width = dense
            layers.append(torch.nn.Linear(width, sizes.characters))
            self.outputs = torch.nn.Sequential(*layers)

        def forward(self, elements):
            return self.outputs(self.recurrent(elements)[0])

    model = Network()
    optimizer = torch.optim.Adam(model.parameters(), 0.001)
    examples = []
    for batch in batches:
        shifted = network.shift(network.encode(batch, sizes.characters)).numpy()
        if sizes.characters == 1:
            targets = torch.tensor(batch[..., np.newaxis].astype(np.float32))
        else:
            targets = torch.tensor(batch.astype(np.int64))
        examples.append((torch.tensor(shifted), targets))

    def train() -> None:
        for elements, targets in examples:
            optimizer.zero_grad()
            logits = model(elements)
            if sizes.characters == 1:
                loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
            else:
                loss = torch.nn.functional.cross_entropy(logits.mT, targets)
            loss.backward()
            optimizer.step()

    def forward() -> object:
        with torch.no_grad():
            return model(examples[0][0])

    return train, forward


def jax(sizes: Sizes, batches: np.ndarray) -> Runs:
    """A compiled scan over time with automatic differentiation, and Adam written out."""
    import jax
    import jax.numpy as jnp

    weights = [jnp.asarray(value) for value in _model(sizes).get_weights()]

    def logits_of(weights, symbols):
        kernel, recurrent, bias, *dense = weights
        if sizes.characters == 1:
            elements = symbols[..., jnp.newaxis].astype(jnp.float32)
        else:
            elements = jax.nn.one_hot(symbols, sizes.characters)
        shifted = jnp.pad(elements[:, :-1], ((0, 0), (1, 0), (0, 0)))
        width = sizes.units

        def step(h, x):
            gates = jax.nn.sigmoid(x[:, : 2 * width] + h @ recurrent[:, : 2 * width])
            update, reset = gates[:, :width], gates[:, width:]
            candidate = jnp.tanh(
                x[:, 2 * width :] + (reset * h) @ recurrent[:, 2 * width :]
            )
            h = update * h + (1 - update) * candidate
            return h, h

        at_input = jnp.swapaxes(shifted, 0, 1) @ kernel + bias
        start = jnp.zeros((symbols.shape[0], width))
        hidden = jnp.swapaxes(jax.lax.scan(step, start, at_input)[1], 0, 1)
        for number in range(0, len(dense), 2):
            if number < 2 * len(sizes.dense):
                hidden = jax.nn.relu(hidden)
            hidden = hidden @ dense[number] + dense[number + 1]
        return hidden

    def loss_of(weights, symbols):
        logits = logits_of(weights, symbols)
        if sizes.characters == 1:
            logit = logits[..., 0]
            return jnp.mean(jax.nn.softplus(logit) - symbols * logit)
        picked = jnp.take_along_axis(
            jax.nn.log_softmax(logits), symbols[..., jnp.newaxis], axis=-1
        )
        return -jnp.mean(picked)

    @jax.jit
    def descend(weights, moments, count, symbols):
        gradients = jax.grad(loss_of)(weights, symbols)
        first = [0.9 * m + 0.1 * g for m, g in zip(moments[0], gradients)]
        second = [0.999 * v + 0.001 * g**2 for v, g in zip(moments[1], gradients)]
        scale = 0.001 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        weights = [
            w - scale * m / (jnp.sqrt(v) + 1e-7) for w, m, v in zip(weights, first, second)
        ]
        return weights, (first, second)

    symbols = [jnp.asarray(batch.astype(np.int32)) for batch in batches]
    zeros = [jnp.zeros_like(value) for value in weights]
    forward = jax.jit(logits_of)

    def train() -> object:
        now, moments = weights, (zeros, zeros)
        for count, batch in enumerate(symbols, start=1):
            now, moments = descend(now, moments, count, batch)
        return jax.block_until_ready(now)

    return train, lambda: jax.block_until_ready(forward(weights, symbols[0]))
