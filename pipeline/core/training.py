"""Gradient descent on the mean cross-entropy of the next element."""

import sys
from collections.abc import Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pipeline.core import fused

# The share of all mini-batches in which the rate of schedule `cosine` rises to its peak.
WARM_UP = 0.05


def nats(logits: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
    """Cross-entropy (batch, time) in nats of each symbol under its logits (batch, time, L).

    One logit is the log-odds of symbol 1 (a pixel that is on); several are a softmax.
    """
    if logits.shape[-1] == 1:
        targets = tf.cast(symbols, logits.dtype)
        return tf.nn.sigmoid_cross_entropy_with_logits(targets, logits[..., 0])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(symbols, tf.int32), logits)


def schedule(
    kind: str, peak_rate: float, batches: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Learning rate over mini-batches: `constant`, or `cosine` from zero to zero.

    Cosine: linearly up to the peak within the first 5 % of all mini-batches, then down
    along half a cosine, to zero after the last.

    Source: Loshchilov and Hutter 2017, SGDR, eq. 5 (one period), with warm-up.
    """
    if kind == "constant":
        return peak_rate
    warm_up = int(WARM_UP * batches)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=batches - warm_up,
        warmup_target=peak_rate,
        warmup_steps=warm_up,
    )


class Trainer:
    """A model with its Adam optimizer and one compiled step (Kingma and Ba 2015, ICLR).

    Gradients longer than `clip_norm`, in Euclidean norm over all weights, are cut to it.

    Source: Pascanu et al. 2013, On the difficulty of training recurrent neural networks,
    algorithm 1.
    """

    def __init__(
        self,
        model: keras.Model,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
        clip_norm: float | None = None,
    ):
        self.model = model
        self.optimizer = keras.optimizers.Adam(learning_rate, global_clipnorm=clip_norm)
        self.optimizer.build(model.trainable_variables)
        # AutoGraph would look for loops and branches, and there are none for it.
        self._step = tf.function(self._descend, autograph=False, reduce_retracing=True)

    def describe(self) -> str:
        """One line that says which operations the network is trained with."""
        reason = fused.unsupported_reason(self.model)
        operations = f"stock layers, because {reason}" if reason else "fused operations"
        return f"{self.model.name}: trained with {operations}"

    def state(self) -> list[np.ndarray]:
        """Everything that decides the next steps: weights and the optimizer's variables."""
        return [np.asarray(variable) for variable in self._variables()]

    def restore(self, state: list[np.ndarray]) -> None:
        """Resume from the `state` of a trainer of the same network and settings."""
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.optimizer.variables]

    def _descend(self, symbols: tf.Tensor) -> tf.Tensor:
        # The parts are independent until all are done, so TensorFlow runs them at once.
        losses, gradients = zip(
            *(self._loss_and_gradient(part, tf.size(symbols)) for part in fused.in_parts(symbols))
        )
        total = [tf.add_n(parts) for parts in zip(*gradients)]
        self.optimizer.apply_gradients(zip(total, self.model.trainable_variables))
        return tf.add_n(losses)

    def _loss_and_gradient(self, part: tf.Tensor, symbols: tf.Tensor) -> tuple:
        """A part's share of the mean over all `symbols` of the mini-batch."""
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(nats(fused.logits(self.model, part), part))
            loss = total / tf.cast(symbols, total.dtype)
        return loss, tape.gradient(loss, self.model.trainable_variables)

    def steps(
        self, batches: Iterable[np.ndarray], total: int, label: str, done: int = 0
    ) -> Iterator[int]:
        """One step for each remaining batch (batch, time); yields the number done so far.

        `total` and the progress bar include those that were `done` before.

        Raises:
            ValueError: if the loss is not finite; names label and batch.
        """
        # In a log file, a line every 30 s is enough.
        interval = 0.5 if sys.stderr.isatty() else 30
        bar = tqdm(batches, label, total, unit="batch", mininterval=interval, initial=done)
        for number, symbols in enumerate(bar, start=done + 1):
            loss = float(self._step(tf.constant(symbols)))
            if not np.isfinite(loss):
                raise ValueError(
                    f"{label}, batch {number}: the loss is {loss}; expected a finite "
                    "number; lower the learning rate in params.yaml"
                )
            bar.set_postfix(nats=f"{loss:.4f}", refresh=False)
            yield number


def in_batches(symbols: np.ndarray, order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """The rows of `symbols` in the given order; the last batch may be smaller."""
    for start in range(0, len(order), batch_size):
        yield symbols[order[start : start + batch_size]]
