"""What is seen if a predictor was made for another alpha than the exact one it is compared with.

A network that has learned its task is the exact predictor of its own data. So a mistake in the
data's alpha can be computed without a network: by the exact predictors of the two alphas.
"""

import numpy as np

from pipeline.meta.source import Source, count_vectors, log_p_counts, log_predictive
from pipeline.probes import bounds


def mistaken(data: Source, believed: Source, steps: int) -> dict[str, float]:
    """The exact predictor of the data, less that of the alpha that is believed to be theirs.

    Both have the same period. All values are expectations, summed over all vectors of counts.

    Returns:
        accuracy, of the data's exact predictor per character of a sequence of `steps`; on its
        data `bias`, the mean difference of p(symbol 1), and `apart`, the mean distance; after
        nothing but symbol 1 `start`, the difference before the first symbol, `level`, its mean
        after one or more, `level_most`, the largest, and `rise`, level less start: positive
        if the reaction is faster. A period of two characters has no level: NaN.
    """
    mean_bias, mean_apart, only_1 = [], [], []
    for seen in range(data.reset_every - 1):
        counts = count_vectors(seen, data.symbols)
        weight = np.exp(log_p_counts(counts, data.alpha))
        p, q = (np.exp(log_predictive(counts, own.alpha))[:, 0] for own in (data, believed))
        mean_bias.append(weight @ (p - q))
        mean_apart.append(weight @ np.abs(p - q))
        only_1.append((p - q)[counts[:, 0] == seen].item())
    start, *later = only_1
    level = np.mean(later) if later else np.nan
    reached = bounds.attainable(bounds.expected_scores(data), steps).set_index("predictor")
    return {
        "accuracy": reached.accuracy["exact"],
        "bias": float(np.mean(mean_bias)),
        "apart": float(np.mean(mean_apart)),
        "start": start,
        "level": float(level),
        "level_most": max(later, key=abs, default=np.nan),
        "rise": float(level - start),
    }


def with_others_scaled(alpha: tuple[float, ...], factor: float) -> tuple[float, ...]:
    """The alpha whose entries after that of symbol 1 are multiplied by a factor."""
    first, *others = alpha
    return (first, *(factor * other for other in others))
