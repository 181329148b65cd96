"""The one recurrent network of the project, and the shift that makes it causal.

`logits[:, t]` is the prediction *of* element t *from* the elements before it. The shift
below is the only place that implements this: all callers pass unshifted sequences.
"""

import functools

import keras
import numpy as np
import tensorflow as tf


def build(
    *,
    channels: int,
    logits: int,
    cell: str,
    units: tuple[int, ...],
    dense: tuple[int, ...],
    seed: np.random.SeedSequence,
    name: str,
    form: str = "tf1",
    gate_bias: float = 1.0,
) -> keras.Model:
    """A stack of recurrent layers, (ReLU, fully connected) for each of `dense`, logits.

    With units (32,) and dense (64, 64) this is the write-up's network
    Input - GRU(32) - ReLU - FC(64) - ReLU - FC(64) - output; as there, no activation
    is between the last hidden layer and the output. Only stock Keras layers are used, so
    that a saved model opens without this package.

    The form and the initial weights of the GRU are those of 2018 (tf.nn.rnn_cell.GRUCell of
    TensorFlow 1): the reset gate acts before the recurrent product, all matrices are
    Glorot uniform, and both gates begin with bias one. What the others of `form` and
    `gate_bias` make of the pixel network is a study, reports/pixels/settings.csv.

    Args:
        channels: size of an input element: 1 for pixels, K for one-hot symbols.
        logits: outputs per step: 1 for a binary pixel, K for K symbols.
        cell: "gru" or "lstm".
        units: hidden units of each recurrent layer.
        dense: units of each fully connected hidden layer.
        seed: of the initial weights, independent for each matrix.
        name: of the model.
        form: of a GRU: "tf1", or "keras", where the reset gate acts after the product, and
            the recurrent matrix begins orthogonal.
        gate_bias: of both gates of a GRU; Keras' own is zero.

    Returns:
        A model from shifted elements (batch, time, channels) to (batch, time, logits).
    """
    layers = keras.layers
    keras_gru = cell == "gru" and form == "keras"
    gru = functools.partial(layers.GRU, reset_after=keras_gru)
    recurrent = gru if cell == "gru" else layers.LSTM
    # One number for each matrix; the initialisers keep no state, so nothing is global.
    seeds = iter(seed.generate_state(2 * len(units) + len(dense) + 1).tolist())

    def glorot() -> keras.Initializer:
        return keras.initializers.GlorotUniform(seed=next(seeds))

    def orthogonal() -> keras.Initializer:
        return keras.initializers.Orthogonal(seed=next(seeds))

    inputs = keras.Input((None, channels), name="shifted")
    hidden = inputs
    for number, width in enumerate(units):
        layer = recurrent(
            width,
            return_sequences=True,
            kernel_initializer=glorot(),
            recurrent_initializer=orthogonal() if keras_gru else glorot(),
            name=f"recurrent_{number}",
        )
        hidden = layer(hidden)
        if cell == "gru":
            # Keras orders the gates update, reset, candidate. With the reset after the product
            # there is a second row, added to the recurrent product.
            bias = np.zeros(layer.cell.bias.shape)
            bias.flat[: 2 * width] = gate_bias
            layer.cell.bias.assign(bias)
    for number, width in enumerate(dense):
        hidden = layers.ReLU(name=f"relu_{number}")(hidden)
        layer = layers.Dense(width, kernel_initializer=glorot(), name=f"dense_{number}")
        hidden = layer(hidden)
    outputs = layers.Dense(logits, kernel_initializer=glorot(), name="logits")(hidden)
    return keras.Model(inputs, outputs, name=name)


def encode(symbols: tf.Tensor | np.ndarray, channels: int) -> tf.Tensor:
    """Symbols 0 .. K-1 as the network sees them, (..., channels) float32.

    A pixel (one channel) is its value, a character (K channels) is one-hot.
    """
    if channels == 1:
        return tf.cast(symbols, tf.float32)[..., tf.newaxis]
    return tf.one_hot(symbols, channels)


def shift(elements: tf.Tensor) -> tf.Tensor:
    """The network's input (batch, time, channels) at t: the element at t - 1, zeros at t = 0."""
    return tf.pad(elements[:, :-1], [[0, 0], [1, 0], [0, 0]])


def logits(model: keras.Model, symbols: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Logits (batch, time, L) of each of the symbols (batch, time) given those before."""
    return model(shift(encode(symbols, model.input_shape[-1])))


def initial_state(model: keras.Model, batch: int | tf.Tensor) -> list:
    """The state before the first element: zeros for each recurrent layer."""
    recurrent = [layer for layer in model.layers if isinstance(layer, keras.layers.RNN)]
    return [layer.cell.get_initial_state(batch) for layer in recurrent]


def step(model: keras.Model, elements: tf.Tensor, state: list) -> tuple[tf.Tensor, list]:
    """Advance the network by one element (batch, channels).

    `state` is that of `initial_state` or of the step before. Returns logits (batch, L) of the
    next element, and the new state.
    """
    after: list = []
    for layer in model.layers[1:]:
        if isinstance(layer, keras.layers.RNN):
            elements, new = layer.cell(elements, state[len(after)])
            after.append(new)
        else:
            elements = layer(elements)
    return elements, after
