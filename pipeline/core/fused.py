"""The network of `network.build` by fused operations: the same function, in less time.

A step of the recurrent loop is small: 128 rows of 32 units. Therefore

- `_gru` runs a block of steps with TensorFlow's own fused cell (GRUBlockCell), one operation
  instead of a dozen; the gradients of the weights are products over the whole block;
- `logits` computes the fully connected layers and their gradients while a block is in the
  cache, and images that are equal up to the end of a block once: in their first rows nearly
  all are;
- `_fold` multiplies out fully connected layers without an activation between them;
- `in_parts` cuts a batch into parts that run side by side, one thread for each.

The numbers differ from those of the stock layers by rounding only: both are equally close
to the same computation in double precision.
"""

import functools
import itertools
import math
from collections.abc import Callable

import keras
import tensorflow as tf

from pipeline.core import network, parallel

# The most steps of one block. For a batch of hundreds, the data of a block fit into the cache of
# a processor. `_distinct` counts to batch * 2^BLOCK in 64 bits.
BLOCK = 20

Affine = tuple[tf.Tensor, tf.Tensor]


def unsupported_reason(model: keras.Model) -> str | None:
    """Why a model has to run as stock layers, in words; None if it does not.

    On a GPU every model does. Keras uses cuDNN there for an LSTM; this form of the GRU has
    no kernel in cuDNN.
    """
    first, *others = model.layers[1:]
    if _gpu():
        return "there is a GPU"
    if not (isinstance(first, keras.layers.GRU) and not first.reset_after):
        return "the first layer is not a GRU with the reset before the product"
    if any(isinstance(layer, keras.layers.RNN) for layer in others):
        return "recurrent layers are stacked"
    if not all(map(_as_built, model.layers[1:])):
        return "a layer is not one that network.build makes"
    return None


def _gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _as_built(layer: keras.layers.Layer) -> bool:
    """Whether a GRU, a fully connected layer or a ReLU is what `network.build` makes."""
    if isinstance(layer, keras.layers.GRU):
        functions = (layer.activation, layer.recurrent_activation)
        usual = functions == (keras.activations.tanh, keras.activations.sigmoid)
        return usual and layer.use_bias and not layer.go_backwards
    if isinstance(layer, keras.layers.Dense):
        return layer.activation is keras.activations.linear and layer.use_bias
    return isinstance(layer, keras.layers.ReLU) and (
        layer.max_value is None and not layer.negative_slope and not layer.threshold
    )


def logits(model: keras.Model, symbols: tf.Tensor) -> tf.Tensor:
    """Logits (batch, time, L) of each of the symbols (batch, time) given those before.

    The same as `network.logits`, which it calls for unsupported models.
    """
    if unsupported_reason(model):
        return network.logits(model, symbols)
    recurrent, *others = model.layers[1:]
    units, channels, width = recurrent.units, model.input_shape[-1], model.output_shape[-1]
    weights, outputs = _by_gate(recurrent.cell), _outputs(others)
    elements = network.shift(network.encode(symbols, channels))
    steps = _block(symbols.shape[1])
    blocks = _in_blocks(_with_one(elements), steps)
    count, batch = tf.shape(blocks)[0], tf.shape(symbols)[0]
    # Images begin alike. Drawn characters mostly differ by the end of a block.
    sharing = channels == 1
    h, row = tf.zeros([1 if sharing else batch, units]), tf.zeros([batch], tf.int32)

    def advance(number, h, row, predicted):
        block = blocks[number]
        if sharing:
            first, after = _distinct(block, row)
            block, h = tf.gather(block, first, axis=1), tf.gather(h, tf.gather(row, first))
            row = after
        states, h = _gru(block, h, *weights)
        flat = _head(outputs, tf.reshape(states, [-1, units]))
        of_rows = tf.reshape(flat, [steps, -1, width])
        of_all = tf.gather(of_rows, row, axis=1) if sharing else of_rows
        return number + 1, h, row, predicted.write(number, of_all)

    predicted = tf.TensorArray(tf.float32, count, element_shape=[steps, None, width])
    *_, predicted = tf.while_loop(
        lambda number, *_: number < count,
        advance,
        (0, h, row, predicted),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, units]), row.shape, None),
    )
    by_time = tf.reshape(predicted.concat(), [count * steps, batch, width])
    return tf.transpose(by_time[: tf.shape(symbols)[1]], [1, 0, 2])


def stepper(model: keras.Model) -> Callable[[tf.Tensor, list], tuple[tf.Tensor, list]]:
    """A function that advances a model by one element, as `network.step` does.

    Make it outside a loop and call it inside, so that weights are rearranged once.
    """
    if unsupported_reason(model):
        return functools.partial(network.step, model)
    recurrent, *others = model.layers[1:]
    weights, outputs = _of_cell(*_by_gate(recurrent.cell)), _outputs(others)

    def step(elements: tf.Tensor, state: list) -> tuple[tf.Tensor, list]:
        [[h]] = state
        *_, h = tf.raw_ops.GRUBlockCell(x=_with_one(elements), h_prev=h, **weights)
        return _head(outputs, h), [[h]]

    return step


def in_parts(symbols: tf.Tensor) -> list[tf.Tensor]:
    """The rows of a batch in one run for each thread, all of nearly the same length.

    `parallel.use_threads` sets their number; without it, and on a GPU, the batch stays
    whole. No run is empty if the number of rows is known when the graph is built.
    """
    rows = tf.shape(symbols)[0]
    parts = 1 if _gpu() else min(parallel.threads(), symbols.shape[0] or parallel.threads())
    return [symbols[rows * part // parts : rows * (part + 1) // parts] for part in range(parts)]


def _with_one(elements: tf.Tensor) -> tf.Tensor:
    """(..., channels) to (..., channels + 1): the last is one, for the bias."""
    return tf.concat([elements, tf.ones_like(elements[..., :1])], axis=-1)


def _by_gate(cell: keras.layers.GRUCell) -> tuple[tf.Tensor, tf.Tensor]:
    """Weights as `_gru` takes them: of the gates (reset, update), and of the candidate.

    Their rows belong to the input, the bias and the state. The bias is the weight of an input
    that is always one, so that its gradient comes with that of the other weights. Keras orders
    the gates update, reset, candidate.
    """
    bias = tf.convert_to_tensor(cell.bias)[tf.newaxis]
    joined = tf.concat([cell.kernel, bias, cell.recurrent_kernel], axis=0)
    update, reset, candidate = tf.split(joined, 3, axis=1)
    return tf.concat([reset, update], axis=1), candidate


def _block(time: int | None) -> int:
    """The steps of a block, so that little of the last one is wasted: 20 for 784, 11 for 21."""
    return math.ceil(time / math.ceil(time / BLOCK)) if time else BLOCK


def _in_blocks(elements: tf.Tensor, steps: int) -> tf.Tensor:
    """(batch, time, channels) to (blocks, steps, batch, channels), zeros after the end.

    No later element changes a prediction, so the zeros are harmless.
    """
    batch, time = tf.unstack(tf.shape(elements)[:2])
    count = (time + steps - 1) // steps
    padded = tf.pad(elements, [[0, 0], [0, count * steps - time], [0, 0]])
    by_time = tf.transpose(padded, [1, 0, 2])
    return tf.reshape(by_time, [count, steps, batch, elements.shape[-1]])


def _distinct(block: tf.Tensor, row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The distinct images up to the end of a block.

    Args:
        block: (steps, batch, channels), a binary pixel in the first channel.
        row: (batch), the same number for images that agree before the block.

    Returns:
        The place in the batch of the first image of each kind, (rows); and the kind of
        each image, (batch).
    """
    pixels = tf.cast(block[..., 0], tf.int64)
    number = tf.tensordot(2 ** tf.range(block.shape[0], dtype=tf.int64), pixels, 1)
    values, after = tf.unique(tf.cast(row, tf.int64) * 2**BLOCK + number)
    order = tf.range(tf.size(row))
    return tf.math.unsorted_segment_min(order, after, tf.size(values)), after


def _of_cell(w_gates: tf.Tensor, w_candidate: tf.Tensor) -> dict[str, tf.Tensor]:
    """The weights under the names of TensorFlow's cell, without its own biases."""
    biases = {"b_ru": tf.zeros([w_gates.shape[1]]), "b_c": tf.zeros([w_candidate.shape[1]])}
    return {"w_ru": w_gates, "w_c": w_candidate} | biases


@tf.custom_gradient
def _gru(elements, h, w_gates, w_candidate):
    """One block of steps of a GRU.

    r, u = sigmoid([x, h] W_gates);  c = tanh([x, r h] W_candidate);  h' = u h + (1 - u) c.

    Args:
        elements: x, (steps, batch, channels), the last channel one; no gradient is
            computed for it.
        h: the state before the first step, (batch, units).
        w_gates: (channels + units, 2 units), of r and u.
        w_candidate: (channels + units, units), of c.

    Returns:
        All states, (steps, batch, units), and the last of them.

    Source: Cho et al. 2014, Learning phrase representations using RNN encoder-decoder,
    eqs. 5 to 8.
    """
    count = elements.shape[0]
    weights, steps, states = _of_cell(w_gates, w_candidate), [], [h]
    for x in tf.unstack(elements, count):
        *gates, h = tf.raw_ops.GRUBlockCell(x=x, h_prev=h, **weights)
        steps.append(gates)
        states.append(h)
    all_states = tf.stack(states)
    # The gradient needs these; they are kept in few tensors, because carrying one out of a
    # loop and back costs as much as a small product.
    h_prev, r, u, c = all_states[:-1], *map(tf.stack, zip(*steps))

    def gradient(d_states, d_h):
        weights = _of_cell(w_gates, w_candidate)
        d_gates: list[tf.Tensor] = []
        d_candidate: list[tf.Tensor] = []
        by_step = [tf.unstack(values, count) for values in (elements, h_prev, r, u, c, d_states)]
        for x_t, h_t, r_t, u_t, c_t, d_state in reversed([*zip(*by_step)]):
            _, d_h, of_candidate, of_gates = tf.raw_ops.GRUBlockCellGrad(
                x=x_t, h_prev=h_t, r=r_t, u=u_t, c=c_t, d_h=d_h + d_state, **weights
            )
            d_gates.insert(0, of_gates)
            d_candidate.insert(0, of_candidate)
        d_w_gates = _products((elements, h_prev), tf.stack(d_gates))
        d_w_candidate = _products((elements, r * h_prev), tf.stack(d_candidate))
        return None, d_h, d_w_gates, d_w_candidate

    return (all_states[1:], h), gradient


def _products(inputs: tuple[tf.Tensor, ...], d_outputs: tf.Tensor) -> tf.Tensor:
    """Gradient of the weights W in [inputs] W, summed over time and batch."""
    flat = tf.reshape(d_outputs, [-1, d_outputs.shape[-1]])
    rows = [tf.reshape(values, [-1, values.shape[-1]]) for values in inputs]
    return tf.concat([tf.matmul(own, flat, transpose_a=True) for own in rows], axis=0)


def _outputs(layers: list[keras.layers.Layer]) -> list[Affine | None]:
    """The layers after the recurrent one: affine maps, and None for each ReLU between them."""
    runs = itertools.groupby(layers, lambda layer: isinstance(layer, keras.layers.ReLU))
    return [None if is_relu else _fold([*run]) for is_relu, run in runs]


def _head(outputs: list[Affine | None], states: tf.Tensor) -> tf.Tensor:
    """Logits (rows, L) of states (rows, units)."""
    for affine in outputs:
        if affine is None:
            states = tf.nn.relu(states)
        else:
            kernel, bias = affine
            states = tf.matmul(states, kernel) + bias
    return states


def _fold(layers: list[keras.layers.Dense]) -> Affine:
    """Kernel and bias of fully connected layers without an activation between them.

    (x A + a) B + b = x (A B) + (a B + b), which is only as wide as the last layer. The
    product starts at the last layer, which is the narrowest.
    """
    *earlier, last = layers
    kernel, bias = tf.convert_to_tensor(last.kernel), tf.convert_to_tensor(last.bias)
    for layer in reversed(earlier):
        bias = tf.linalg.matvec(kernel, layer.bias, transpose_a=True) + bias
        kernel = tf.matmul(layer.kernel, kernel)
    return kernel, bias
