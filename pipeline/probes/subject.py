"""A trained network of the meta-tasks, and what the probes find in it."""

from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from pipeline.core import prediction
from pipeline.meta.source import Source, count_vectors, log_p_counts
from pipeline.probes import knowledge
from pipeline.probes.tables import numbered

# Earlier periods before the one that is looked at.
PERIODS_BEFORE = 2
# Histories whose predictions are held in memory at all steps.
AT_ONCE = 10_000
# Hidden states that are drawn for each model.
STATES_SHOWN = 1500


class Subject(NamedTuple):
    """A network and the source that it was trained on."""

    model: keras.Model
    source: Source

    def states(self, rng: np.random.Generator, orders: int, pasts: int) -> pd.DataFrame:
        """The predictions in every state of knowledge; see `knowledge.compare_states`.

        `orders` of each vector of counts, where there are too many to try all of them; each
        with as many `pasts`.
        """
        found = knowledge.histories(rng, self.source.symbols, self.source.reset_every, orders)
        log_q = [self._after(past, found.symbols) for past in self._pasts(rng, pasts)]
        return knowledge.compare_states(found, np.stack(log_q), self.source)

    def leaks(self, rng: np.random.Generator, orders: int) -> pd.DataFrame:
        """The prediction right after a reset, by the counts of the period before it.

        Returns:
            One row for each vector of counts: its probability; previous_k, the counts;
            network_k and exact_k, the mean probability of each character.
        """
        alpha, reset_every = self.source.alpha, self.source.reset_every
        counts = count_vectors(reset_every - 1, self.source.symbols)
        orders = knowledge.affordable_orders(len(counts), orders)
        periods = knowledge.draw_orders(rng, counts, orders)
        earlier = self._pasts(rng, len(periods))[:, :reset_every]
        reset = np.zeros((len(periods), 1), np.uint8)
        sequences = np.concatenate([earlier, reset, periods, reset, reset], axis=1)
        log_q = prediction.log_p_next(self.model, sequences)[:, -1].astype(np.float64)
        network = np.exp(log_q).reshape(len(counts), orders, -1).mean(axis=1)
        exact = np.tile([0.0, *np.asarray(alpha) / np.sum(alpha)], (len(counts), 1))
        return pd.DataFrame(
            {"probability": np.exp(log_p_counts(counts, alpha))}
            | numbered("previous", counts)
            | numbered("network", network, start=0)
            | numbered("exact", exact, start=0)
        )

    def readout(
        self, rng: np.random.Generator, untrained: keras.Model, count: int, steps: int
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Counts as linear functions of the hidden state, and some of the states.

        Of `count` sequences the first half is fitted, and R squared is of the others.

        Returns:
            One row for each quantity: r_squared, r_squared_untrained, and the count of
            held-out sequences. One row for each state shown: x and y, its place on the two
            principal components, x_share and y_share, their shares of the variance, and
            the counts.
        """
        sequences, _ = self.source.draw(rng, count, steps)
        counts = self.source.count(sequences)
        # Where a symbol is predicted; the state that predicts a reset has not seen it yet.
        at_symbol = sequences[0] != 0
        fitted = count // 2 * np.count_nonzero(at_symbol)

        def flat(array: np.ndarray) -> np.ndarray:
            return array[:, at_symbol].reshape(-1, array.shape[-1])

        counts = flat(counts)
        quantities = np.column_stack([counts, counts.sum(axis=1)])
        hidden = {
            "r_squared": flat(prediction.hidden_states(self.model, sequences)),
            "r_squared_untrained": flat(prediction.hidden_states(untrained, sequences)),
        }
        names = [f"count of symbol {k}" for k in range(1, self.source.symbols + 1)]
        table = {"quantity": [*names, "symbols seen"]} | {
            name: knowledge.linear_readout(
                states[:fitted], quantities[:fitted], states[fitted:], quantities[fitted:]
            )
            for name, states in hidden.items()
        }
        places, share = knowledge.principal_components(hidden["r_squared"])
        shown = rng.choice(len(places), min(STATES_SHOWN, len(places)), replace=False)
        picture = {"x": places[shown, 0], "y": places[shown, 1]}
        picture |= {"x_share": share[0], "y_share": share[1]}
        return (
            pd.DataFrame(table | {"count": count - count // 2}),
            pd.DataFrame(picture | numbered("count", counts[shown])),
        )

    def _pasts(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Earlier periods (count, PERIODS_BEFORE periods) from the network's own prior."""
        steps = PERIODS_BEFORE * self.source.reset_every
        return self.source.draw(rng, count, steps)[0]

    def _after(self, past: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Log q (histories, K) of the character after each history after one past."""
        parts = []
        for start in range(0, len(symbols), AT_ONCE):
            part = symbols[start : start + AT_ONCE]
            # A past, a reset, a history, and room for one more character.
            later = np.pad(part, ((0, 0), (1, 1)))
            sequences = np.concatenate([np.tile(past, (len(part), 1)), later], axis=1)
            log_q = prediction.log_p_next(self.model, sequences)
            next_one = len(past) + 1 + (part != 0).sum(axis=1)
            parts.append(log_q[np.arange(len(part)), next_one])
        return np.concatenate(parts).astype(np.float64)
