"""The network of `network.build` by fused operations: the same function, twice as fast.

Stock layers spend most of a step of the recurrent loop on starting small operations. Here

- `_gru` steps through time with TensorFlow's own fused cell (GRUBlockCell), and back
  through time with that cell's gradient; the gradients of the weights are one product each
  after the loop, not one in every step;
- `_affine` multiplies out fully connected layers between which no activation stands;
- `in_parts` cuts a batch so that its parts can run side by side, a thread for each.

Numbers differ from the stock layers' by rounding only: either is as near to the same
computation in double precision.
"""

from collections.abc import Iterator

import keras
import tensorflow as tf

from pipeline import network


def obstacle(model: keras.Model) -> str | None:
    """Why a model has to run as stock layers, in words; None where it need not."""
    first, *others = model.layers[1:]
    if tf.config.list_physical_devices("GPU"):
        return "there is a GPU"
    if not (isinstance(first, keras.layers.GRU) and not first.reset_after):
        return "the first layer is not a GRU with the reset before the product"
    if any(isinstance(layer, keras.layers.RNN) for layer in others):
        return "recurrent layers are stacked"
    return None


def logits(model: keras.Model, symbols: tf.Tensor) -> tf.Tensor:
    """Logits (batch, time, L) of each of the symbols (batch, time) given those before.

    The same as `network.logits`, and that where there is an `obstacle`.
    """
    if obstacle(model):
        return network.logits(model, symbols)
    elements = network.shift(network.encode(symbols, model.input_shape[-1]))
    recurrent, *others = model.layers[1:]
    hidden = _gru(tf.transpose(elements, [1, 0, 2]), *_by_gate(recurrent.cell))
    time, batch = tf.unstack(tf.shape(hidden)[:2])
    flat = tf.reshape(hidden, [-1, recurrent.units])
    for layers in _between_activations(others):
        flat = _affine(layers, flat) if layers else tf.nn.relu(flat)
    by_time = tf.reshape(flat, [time, batch, model.output_shape[-1]])
    return tf.transpose(by_time, [1, 0, 2])


def in_parts(symbols: tf.Tensor) -> list[tf.Tensor]:
    """The rows of a batch in as many runs, of nearly the same length, as there are threads.

    `network.use_threads` says how many; without it the batch stays whole.
    """
    parts = tf.config.threading.get_inter_op_parallelism_threads() or 1
    rows = tf.shape(symbols)[0]
    return [
        symbols[rows * part // parts : rows * (part + 1) // parts] for part in range(parts)
    ]


def _by_gate(cell: keras.layers.GRUCell) -> tuple[tf.Tensor, ...]:
    """Weights as the fused cell wants them: gates (reset, update), then the candidate.

    Input and state are one vector to it, (channels + units), and Keras' order of gates is
    update, reset, candidate.
    """
    joined = tf.concat([cell.kernel, cell.recurrent_kernel], axis=0)
    update, reset, candidate = tf.split(joined, 3, axis=1)
    update_bias, reset_bias, candidate_bias = tf.split(tf.convert_to_tensor(cell.bias), 3)
    return (
        tf.concat([reset, update], axis=1),
        candidate,
        tf.concat([reset_bias, update_bias], axis=0),
        candidate_bias,
    )


@tf.custom_gradient
def _gru(elements, w_gates, w_candidate, b_gates, b_candidate):
    """All states (time, batch, units) of a GRU that starts from zeros.

    r, u = sigmoid([x, h] W_gates + b_gates);  c = tanh([x, r h] W_candidate + b_candidate);
    h' = u h + (1 - u) c.

    Args:
        elements: x, (time, batch, channels); no gradient is computed for it.
        w_gates: (channels + units, 2 units), of r and u.
        w_candidate: (channels + units, units), of c.
        b_gates: (2 units,).
        b_candidate: (units,).

    Source: Cho et al. 2014, Learning phrase representations using RNN encoder-decoder,
    eqs. 5 to 8.
    """
    weights = {
        "w_ru": w_gates,
        "w_c": w_candidate,
        "b_ru": b_gates,
        "b_c": b_candidate,
    }
    time, units = tf.shape(elements)[0], w_candidate.shape[1]
    start = tf.zeros([tf.shape(elements)[1], units])

    def forward(t, h, *saved):
        r, u, c, h = tf.raw_ops.GRUBlockCell(x=elements[t], h_prev=h, **weights)
        return t + 1, h, *_write(saved, t, (r, u, c, h))

    saved = _arrays(time, (units, units, units, units))
    _, _, *saved = tf.while_loop(lambda t, *_: t < time, forward, (0, start, *saved))
    r, u, c, h = (array.stack() for array in saved)

    def gradient(d_h_output):
        h_prev = tf.concat([start[tf.newaxis], h[:-1]], axis=0)

        def backward(t, d_h, *saved):
            _, d_h, d_candidate, d_gates = tf.raw_ops.GRUBlockCellGrad(
                x=elements[t],
                h_prev=h_prev[t],
                r=r[t],
                u=u[t],
                c=c[t],
                d_h=d_h + d_h_output[t],
                **weights,
            )
            return t - 1, d_h, *_write(saved, t, (d_gates, d_candidate))

        saved = _arrays(time, (2 * units, units))
        _, _, *saved = tf.while_loop(
            lambda t, *_: t >= 0, backward, (time - 1, tf.zeros_like(start), *saved)
        )
        d_gates, d_candidate = (array.stack() for array in saved)
        return (
            None,
            tf.concat([_product(elements, d_gates), _product(h_prev, d_gates)], axis=0),
            tf.concat(
                [_product(elements, d_candidate), _product(r * h_prev, d_candidate)], axis=0
            ),
            tf.reduce_sum(d_gates, axis=[0, 1]),
            tf.reduce_sum(d_candidate, axis=[0, 1]),
        )

    return h, gradient


def _arrays(time: tf.Tensor, widths: tuple[int, ...]) -> list[tf.TensorArray]:
    return [
        tf.TensorArray(tf.float32, time, element_shape=[None, width]) for width in widths
    ]


def _write(arrays, t, values) -> list[tf.TensorArray]:
    return [array.write(t, value) for array, value in zip(arrays, values)]


def _product(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Sum over time and batch of the outer products of two vectors."""
    flat = (tf.reshape(values, [-1, values.shape[-1]]) for values in (one, other))
    return tf.matmul(*flat, transpose_a=True)


def _between_activations(layers: list[keras.layers.Layer]) -> Iterator[list]:
    """Runs of fully connected layers, and an empty list for each ReLU between them."""
    run: list[keras.layers.Layer] = []
    for layer in layers:
        if isinstance(layer, keras.layers.ReLU):
            if run:
                yield run
            yield []
            run = []
        else:
            run.append(layer)
    yield run


def _affine(layers: list[keras.layers.Dense], inputs: tf.Tensor) -> tf.Tensor:
    """Fully connected layers without an activation between them, as a single one.

    (x A + a) B + b = x (A B) + (a B + b): as wide as the last layer only. Multiplied from
    the last one, which is the narrowest.
    """
    *earlier, last = layers
    kernel, bias = tf.convert_to_tensor(last.kernel), tf.convert_to_tensor(last.bias)
    for layer in reversed(earlier):
        bias = tf.linalg.matvec(kernel, layer.bias, transpose_a=True) + bias
        kernel = tf.matmul(layer.kernel, kernel)
    return tf.matmul(inputs, kernel) + bias
