"""Gradient descent on the mean cross-entropy of the next element."""

import sys
from collections.abc import Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pipeline import network


def nats(logits: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
    """Cross-entropy (batch, time) in nats of each symbol under its logits (batch, time, L).

    One logit is the log-odds of symbol 1 (a pixel that is on); several are a softmax.
    """
    if logits.shape[-1] == 1:
        targets = tf.cast(symbols, logits.dtype)
        return tf.nn.sigmoid_cross_entropy_with_logits(targets, logits[..., 0])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.cast(symbols, tf.int32), logits
    )


class Trainer:
    """A model with its Adam optimizer and one compiled step (Kingma and Ba 2015, ICLR)."""

    def __init__(self, model: keras.Model, learning_rate: float):
        self.model = model
        self.optimizer = keras.optimizers.Adam(learning_rate)
        self.optimizer.build(model.trainable_variables)
        self._step = tf.function(self._descend, reduce_retracing=True)

    def _descend(self, symbols: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(nats(network.logits(self.model, symbols), symbols))
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    def steps(self, batches: Iterable[np.ndarray], total: int, label: str) -> Iterator[int]:
        """One step for each of `total` batches (batch, time), with a progress bar.

        Yields:
            How many steps are done, after each.

        Raises:
            ValueError: the loss is not finite; names label and batch.
        """
        # In a log file a line now and then is enough.
        interval = 0.5 if sys.stderr.isatty() else 30
        bar = tqdm(batches, label, total, unit="batch", mininterval=interval)
        for done, symbols in enumerate(bar, start=1):
            loss = float(self._step(tf.constant(symbols)))
            if not np.isfinite(loss):
                raise ValueError(
                    f"{label}, batch {done}: the loss is {loss}; expected a finite "
                    "number; lower the learning rate in params.yaml"
                )
            bar.set_postfix(nats=f"{loss:.4f}", refresh=False)
            yield done


def in_batches(
    symbols: np.ndarray, order: np.ndarray, batch_size: int
) -> Iterator[np.ndarray]:
    """The rows of `symbols` in the given order; the last batch may be smaller."""
    for start in range(0, len(order), batch_size):
        yield symbols[order[start : start + batch_size]]
