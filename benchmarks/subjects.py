"""The same computations by our pipeline, stock Keras, PyTorch and JAX.

A function makes the runs of one subject: `training step` and `forward pass` of a network,
`rollout` of all snapshots, or `in-painting` of patches. It is called in a process of its
own. Every subject gets the same sizes, sequences and count of threads; JAX takes as many
threads as there are processors. PyTorch's cell applies the reset after the recurrent
product, so that it needs one product a step where the others need two in sequence.
"""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from benchmarks.timing import Run


class Network(NamedTuple):
    """A network, and symbols to train it on, (mini-batches, batch, time)."""

    characters: int  # 1 for pixels, K for one-hot symbols
    units: int
    dense: tuple[int, ...]
    symbols: np.ndarray
    threads: int


class Continuation(NamedTuple):
    """Known pixels (N, first), and numbers u (N, samples, unknown) to continue them by."""

    known: np.ndarray
    uniform: np.ndarray
    snapshots: int


class Infill(NamedTuple):
    """Images (N, pixels) and the raster indices of their missing pixels (N, M)."""

    images: np.ndarray
    missing: np.ndarray


# A part that is timed where the whole would take hours: rows of a call of the network on
# a growing prefix, the number of prefixes, and the images whose completions all get a full
# pass, 1,024 rows in batches of 256.
PREFIX_ROWS, PREFIXES, FULL_PASS_IMAGES, FULL_PASS_ROWS = 1000, 5, 64, 256


def ours_network(network: Network) -> Mapping[str, Run]:
    """The fused operations of the pipeline."""
    from pipeline.core import parallel, prediction, training

    parallel.use_threads(network.threads)
    model = _model(network)
    trainer = training.Trainer(model, 0.001)

    def train() -> None:
        for _ in trainer.steps(network.symbols, len(network.symbols), "timed"):
            pass

    each = 1 / len(network.symbols)
    symbols = network.symbols.reshape(-1, network.symbols.shape[-1])
    return {
        "training step": Run(train, each),
        "forward pass": Run(lambda: prediction.log_p_next(model, symbols), each),
    }


def keras_network(network: Network) -> Mapping[str, Run]:
    """Keras as in its documentation: compile, fit, predict."""
    import keras

    from pipeline.core.network import encode, shift

    _keras_threads(network.threads)
    model = _model(network)
    symbols = network.symbols.reshape(-1, network.symbols.shape[-1])
    if network.characters == 1:
        loss: keras.losses.Loss = keras.losses.BinaryCrossentropy(from_logits=True)
        targets = symbols[..., np.newaxis].astype(np.float32)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        targets = symbols
    # XLA, its compiler, makes a training step of this network several times slower.
    model.compile(keras.optimizers.Adam(0.001), loss, jit_compile=False)
    shifted = shift(encode(symbols, network.characters)).numpy()
    batch, each = network.symbols.shape[1], 1 / len(network.symbols)

    def train() -> None:
        model.fit(shifted, targets, batch_size=batch, epochs=1, shuffle=False, verbose=0)

    def predict() -> object:
        return model.predict(shifted, batch_size=batch, verbose=0)

    return {"training step": Run(train, each), "forward pass": Run(predict, each)}


def pytorch_network(network: Network) -> Mapping[str, Run]:
    """torch.nn.GRU and linear layers."""
    import torch

    model = _torch_model(network)
    optimizer = torch.optim.Adam(model.parameters(), 0.001)
    examples = []
    for batch in network.symbols:
        targets = torch.tensor(batch.astype(np.int64))
        if network.characters == 1:
            targets = targets[..., None].float()
        examples.append((torch.tensor(_shifted(batch, network.characters)), targets))

    def train() -> None:
        for elements, targets in examples:
            optimizer.zero_grad()
            logits = model(elements)
            if network.characters == 1:
                loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
            else:
                loss = torch.nn.functional.cross_entropy(logits.mT, targets)
            loss.backward()
            optimizer.step()

    def forward() -> object:
        with torch.no_grad():
            return [model(elements) for elements, _ in examples]

    each = 1 / len(examples)
    return {"training step": Run(train, each), "forward pass": Run(forward, each)}


def jax_network(network: Network) -> Mapping[str, Run]:
    """A compiled scan over time with automatic differentiation, and Adam written out."""
    import jax
    import jax.numpy as jnp

    weights = _jax_weights(network)
    logits_of = functools.partial(_jax_logits, characters=network.characters)

    def loss_of(weights, symbols):
        logits = logits_of(weights, symbols)
        if network.characters == 1:
            logit = logits[..., 0]
            return jnp.mean(jax.nn.softplus(logit) - symbols * logit)
        picked = jnp.take_along_axis(jax.nn.log_softmax(logits), symbols[..., jnp.newaxis], axis=-1)
        return -jnp.mean(picked)

    @jax.jit
    def descend(weights, moments, count, symbols):
        gradients = jax.grad(loss_of)(weights, symbols)
        first = [0.9 * m + 0.1 * g for m, g in zip(moments[0], gradients)]
        second = [0.999 * v + 0.001 * g**2 for v, g in zip(moments[1], gradients)]
        scale = 0.001 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        weights = [w - scale * m / (jnp.sqrt(v) + 1e-7) for w, m, v in zip(weights, first, second)]
        return weights, (first, second)

    symbols = [jnp.asarray(batch.astype(np.int32)) for batch in network.symbols]
    zeros = [jnp.zeros_like(value) for value in weights]
    forward = jax.jit(logits_of)

    def train() -> object:
        now, moments = weights, (zeros, zeros)
        for count, batch in enumerate(symbols, start=1):
            now, moments = descend(now, moments, count, batch)
        return jax.block_until_ready(now)

    def predict() -> object:
        return jax.block_until_ready([forward(weights, batch) for batch in symbols])

    each = 1 / len(symbols)
    return {"training step": Run(train, each), "forward pass": Run(predict, each)}


def ours_rollout(network: Network, task: Continuation) -> Mapping[str, Run]:
    """Every snapshot in a compiled loop that carries its state."""
    from pipeline.core import parallel, prediction

    parallel.use_threads(network.threads)
    models = [_model(network) for _ in range(task.snapshots)]
    images = np.pad(task.known, ((0, 0), (0, task.uniform.shape[-1])))

    def call() -> None:
        for model in models:
            prediction.rollout(model, images, task.uniform)

    return {"rollout": Run(call)}


def keras_prefixes(network: Network, task: Continuation) -> Mapping[str, Run]:
    """The compiled Keras model on the whole prefix, again for each new pixel."""
    import tensorflow as tf

    _keras_threads(network.threads)
    model = _model(network)
    compiled = tf.function(model, input_signature=[tf.TensorSpec([None, None, 1])])
    prefixes = [tf.zeros([PREFIX_ROWS, length, 1]) for length in _prefixes(task)]

    def call() -> None:
        for prefix in prefixes:
            compiled(prefix).numpy()

    return {"rollout": Run(call, _prefix_scale(task))}


def pytorch_prefixes(network: Network, task: Continuation) -> Mapping[str, Run]:
    """The PyTorch model on the whole prefix, again for each new pixel."""
    import torch

    model = _torch_model(network)
    prefixes = [torch.zeros(PREFIX_ROWS, length, 1) for length in _prefixes(task)]

    def call() -> None:
        with torch.no_grad():
            for prefix in prefixes:
                model(prefix)

    return {"rollout": Run(call, _prefix_scale(task))}


def pytorch_rollout(network: Network, task: Continuation) -> Mapping[str, Run]:
    """PyTorch's layers with their state carried from pixel to pixel."""
    import torch

    model = _torch_model(network)
    images, samples = task.uniform.shape[:2]
    known = torch.tensor(_shifted(task.known, 1))
    uniform = torch.tensor(task.uniform.reshape(images * samples, -1))

    def call() -> None:
        with torch.no_grad():
            _, state = model.recurrent(known)
            state = state.repeat_interleave(samples, dim=1)
            last = torch.tensor(task.known[:, -1:]).float().repeat_interleave(samples, 0)
            drawn, logits = [], []
            for u in uniform.T:
                hidden, state = model.recurrent(last[:, None], state)
                logits.append(model.outputs(hidden[:, 0]))
                last = (torch.sigmoid(logits[-1]) > u[:, None]).float()
                drawn.append(last)

    return {"rollout": Run(call, task.snapshots)}


def jax_rollout(network: Network, task: Continuation) -> Mapping[str, Run]:
    """A compiled scan that carries the state from pixel to pixel."""
    import jax
    import jax.numpy as jnp

    weights = _jax_weights(network)
    images, samples = task.uniform.shape[:2]
    known = jnp.asarray(_shifted(task.known, 1))
    uniform = jnp.asarray(task.uniform.reshape(images * samples, -1))

    @jax.jit
    def generate(weights, known, uniform):
        start = jnp.zeros((images, network.units))
        state, _ = jax.lax.scan(
            lambda h, x: (_jax_step(weights, h, x @ weights[0] + weights[2]), None),
            start,
            jnp.swapaxes(known, 0, 1),
        )
        state = jnp.repeat(state, samples, axis=0)
        last = jnp.repeat(jnp.asarray(task.known[:, -1:], jnp.float32), samples, axis=0)

        def step(carried, u):
            h, x = carried
            h = _jax_step(weights, h, x @ weights[0] + weights[2])
            logit = _jax_head(weights, h)
            x = (jax.nn.sigmoid(logit) > u[:, None]).astype(jnp.float32)
            return (h, x), (x[:, 0], logit[:, 0])

        return jax.lax.scan(step, (state, last), uniform.T)[1]

    return {
        "rollout": Run(
            lambda: jax.block_until_ready(generate(weights, known, uniform)), task.snapshots
        )
    }


def ours_infill(network: Network, task: Infill) -> Mapping[str, Run]:
    """Exact scores of all completions, which share what they have in common."""
    from pipeline.core import parallel
    from pipeline.pixels import infill

    parallel.use_threads(network.threads)
    model = _model(network)
    return {"in-painting": Run(lambda: infill.score_completions(model, task.images, task.missing))}


def ours_full_passes(network: Network, task: Infill) -> Mapping[str, Run]:
    """One full pass of the fused operations for each completion."""
    from pipeline.core import parallel, prediction

    parallel.use_threads(network.threads)
    model, rows = _model(network), _filled(task)
    return {"in-painting": Run(lambda: prediction.log_p_next(model, rows), _full_pass_scale(task))}


def keras_full_passes(network: Network, task: Infill) -> Mapping[str, Run]:
    """One full pass of the stock layers for each completion."""
    _keras_threads(network.threads)
    model, shifted = _model(network), _shifted(_filled(task), 1)
    return {
        "in-painting": Run(
            lambda: model.predict(shifted, batch_size=FULL_PASS_ROWS, verbose=0),
            _full_pass_scale(task),
        )
    }


def pytorch_full_passes(network: Network, task: Infill) -> Mapping[str, Run]:
    """One full pass of PyTorch's layers for each completion."""
    import torch

    model = _torch_model(network)
    batches = torch.tensor(_shifted(_filled(task), 1)).split(FULL_PASS_ROWS)

    def call() -> None:
        with torch.no_grad():
            for batch in batches:
                model(batch)

    return {"in-painting": Run(call, _full_pass_scale(task))}


def jax_full_passes(network: Network, task: Infill) -> Mapping[str, Run]:
    """One full pass of a compiled scan for each completion."""
    import jax

    weights, rows = _jax_weights(network), _filled(task)
    forward = jax.jit(functools.partial(_jax_logits, characters=1))
    batches = np.array_split(rows.astype(np.int32), len(rows) // FULL_PASS_ROWS)

    def call() -> None:
        for batch in batches:
            jax.block_until_ready(forward(weights, batch))

    return {"in-painting": Run(call, _full_pass_scale(task))}


def _prefixes(task: Continuation) -> list[int]:
    """Lengths from the first prefix to the last, evenly."""
    first, unknown = task.known.shape[1], task.uniform.shape[2]
    return np.linspace(first, first + unknown - 1, PREFIXES).astype(int).tolist()


def _prefix_scale(task: Continuation) -> float:
    images, samples, unknown = task.uniform.shape
    return task.snapshots * (images * samples / PREFIX_ROWS) * (unknown / PREFIXES)


def _filled(task: Infill) -> np.ndarray:
    from pipeline.pixels import completions

    few = slice(0, FULL_PASS_IMAGES)
    filled = completions.complete(task.images[few], task.missing[few])
    return filled.reshape(-1, filled.shape[-1])


def _full_pass_scale(task: Infill) -> float:
    return len(task.images) / FULL_PASS_IMAGES


def _keras_threads(threads: int) -> None:
    """As many threads for an operation and for operations, TensorFlow's usual setting."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def _model(network: Network):
    from pipeline.core.network import build

    return build(
        channels=network.characters,
        logits=network.characters,
        cell="gru",
        units=(network.units,),
        dense=network.dense,
        seed=np.random.SeedSequence(1),
        name="timed",
    )


def _shifted(symbols: np.ndarray, characters: int) -> np.ndarray:
    """What the network reads, (rows, time, characters)."""
    if characters == 1:
        elements = symbols[..., np.newaxis].astype(np.float32)
    else:
        elements = np.eye(characters, dtype=np.float32)[symbols]
    return np.pad(elements[:, :-1], ((0, 0), (1, 0), (0, 0)))


def _torch_model(network: Network):
    import torch

    torch.set_num_threads(network.threads)

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = torch.nn.GRU(network.characters, network.units, batch_first=True)
            layers: list[torch.nn.Module] = []
            width = network.units
            for dense in network.dense:
                layers += [torch.nn.ReLU(), torch.nn.Linear(width, dense)]
                width = dense
            layers.append(torch.nn.Linear(width, network.characters))
            self.outputs = torch.nn.Sequential(*layers)

        def forward(self, elements):
            return self.outputs(self.recurrent(elements)[0])

    return Model()


def _jax_weights(network: Network) -> list:
    """Kernel, recurrent kernel, bias, and the fully connected layers."""
    import jax.numpy as jnp

    # Not those of Keras, which would then be in the process and in its memory.
    rng = np.random.default_rng(1)
    width = network.units
    shapes: list[tuple[int, ...]] = [(network.characters, 3 * width), (width, 3 * width)]
    shapes.append((3 * width,))
    for dense in (*network.dense, network.characters):
        shapes += [(width, dense), (dense,)]
        width = dense
    return [jnp.asarray(rng.normal(0, 0.1, shape), jnp.float32) for shape in shapes]


def _jax_step(weights: list, h, at_input):
    import jax
    import jax.numpy as jnp

    recurrent, width = weights[1], h.shape[-1]
    gates = jax.nn.sigmoid(at_input[:, : 2 * width] + h @ recurrent[:, : 2 * width])
    update, reset = gates[:, :width], gates[:, width:]
    candidate = jnp.tanh(at_input[:, 2 * width :] + (reset * h) @ recurrent[:, 2 * width :])
    return update * h + (1 - update) * candidate


def _jax_head(weights: list, hidden):
    import jax

    dense = weights[3:]
    for number in range(0, len(dense), 2):
        if number < len(dense) - 2:
            hidden = jax.nn.relu(hidden)
        hidden = hidden @ dense[number] + dense[number + 1]
    return hidden


def _jax_logits(weights: list, symbols, *, characters: int):
    import jax
    import jax.numpy as jnp

    if characters == 1:
        elements = symbols[..., jnp.newaxis].astype(jnp.float32)
    else:
        elements = jax.nn.one_hot(symbols, characters)
    shifted = jnp.pad(elements[:, :-1], ((0, 0), (1, 0), (0, 0)))
    at_input = jnp.swapaxes(shifted, 0, 1) @ weights[0] + weights[2]

    def step(h, x):
        h = _jax_step(weights, h, x)
        return h, h

    start = jnp.zeros((symbols.shape[0], weights[1].shape[0]))
    hidden = jnp.swapaxes(jax.lax.scan(step, start, at_input)[1], 0, 1)
    return _jax_head(weights, hidden)
