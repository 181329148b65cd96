"""What a network draws from itself: do its resets keep time, are its counts those of the prior?"""

import numpy as np
from jaxtyping import Integer, UInt8
from scipy.optimize import brentq
from scipy.stats import chi2, dirichlet_multinomial, ncx2, power_divergence

from pipeline.core import scores
from pipeline.meta.source import Source, count_vectors

# Cells of the test with fewer expected periods are joined (Cochran 1954, Biometrics 10).
FEWEST_EXPECTED = 5
# A difference counts as detectable if the test, at this level, finds it with this power.
LEVEL, POWER = 0.05, 0.8


def periods(characters: UInt8[np.ndarray, "N T"]) -> tuple[np.ndarray, np.ndarray]:
    """Whole periods: from a reset to the next one of the same sequence.

    Returns:
        The number of characters of each, the reset included; and for each the place of its
        reset in `characters`, as an index of the flat array.
    """
    sequence, step = np.nonzero(characters == 0)
    whole = sequence[:-1] == np.roll(sequence, -1)[:-1]
    lengths = (np.roll(step, -1) - step)[:-1]
    return lengths[whole], (sequence * characters.shape[1] + step)[:-1][whole]


def clock(characters: UInt8[np.ndarray, "N T"], reset_every: int) -> dict[str, int | float]:
    """How well resets keep time.

    Returns:
        periods, the number of whole periods; right, the share of them that are
        `reset_every` long, with a 95 % interval, early, that of shorter ones, which have an
        extra reset, and late, that of longer ones, in which one is missing; in_step, the
        share of the sequences in which all resets come at their steps and nowhere else. NaN
        where there is no whole period.
    """
    lengths, _ = periods(characters)
    due = np.arange(characters.shape[1]) % reset_every == 0
    in_step = float(((characters == 0) == due).all(axis=1).mean())
    found = dict.fromkeys(("right", "right_low", "right_high", "early", "late"), np.nan)
    if len(lengths):
        right = scores.share(int((lengths == reset_every).sum()), len(lengths))
        found = {"right": right["share"], "right_low": right["low"], "right_high": right["high"]}
        found["early"] = float((lengths < reset_every).mean())
        found["late"] = float((lengths > reset_every).mean())
    return {"periods": len(lengths)} | found | {"in_step": in_step}


def counts_of_periods(
    characters: UInt8[np.ndarray, "N T"], source: Source
) -> Integer[np.ndarray, "periods symbols"]:
    """How often each symbol comes in each whole period of the right length."""
    lengths, places = periods(characters)
    first = places[lengths == source.reset_every]
    inside = characters.ravel()[first[:, None] + np.arange(1, source.reset_every)]
    return (inside[..., None] == np.arange(1, source.symbols + 1)).sum(axis=1)


def polya_test(
    counts: Integer[np.ndarray, "periods symbols"], source: Source
) -> dict[str, int | float]:
    """G test of the counts of periods against the Dirichlet-multinomial distribution.

    G = 2 sum O log(O / E) over the vectors of counts; those of which fewer than
    FEWEST_EXPECTED are expected count as one. For the right distribution G has a chi-squared
    distribution, with mean `freedom`.

    Returns:
        tested, the number of periods; g, freedom, p_value; nats, an estimate without bias of
        KL(counts || Dirichlet-multinomial) in nats per period, (G - freedom) / (2 tested),
        which may be negative where the KL is zero; and detectable, the KL that the test finds
        with probability POWER. NaN where the periods are too few for two vectors of counts.

    Source: Sokal and Rohlf 2012, Biometry (4th ed.), section 17.2; Mosimann 1962.
    """
    seen = source.reset_every - 1
    cells = count_vectors(seen, source.symbols)
    expected = len(counts) * dirichlet_multinomial.pmf(cells, source.alpha, seen)
    # A vector of counts as one number.
    base = (seen + 1) ** np.arange(source.symbols)
    order = np.argsort(cells @ base)
    cell = order[np.searchsorted((cells @ base)[order], counts @ base)]
    observed = np.bincount(cell, minlength=len(cells))
    # The rarest together, until enough are expected of them.
    by_rarity = np.argsort(expected)
    together = np.cumsum(expected[by_rarity])
    enough = int(np.searchsorted(together, FEWEST_EXPECTED)) + 1
    joined = max(enough, int((expected < FEWEST_EXPECTED).sum()))
    first, rest = by_rarity[:joined], by_rarity[joined:]
    observed, expected = (
        np.array([values[first].sum(), *values[rest]]) for values in (observed, expected)
    )
    freedom = len(expected) - 1
    row = {"tested": len(counts), "freedom": freedom}
    if not freedom:
        return row | dict.fromkeys(("g", "p_value", "nats", "detectable"), np.nan)
    found = power_divergence(observed, expected, lambda_="log-likelihood")
    return row | {
        "g": float(found.statistic),
        "p_value": float(found.pvalue),
        "nats": float(found.statistic - freedom) / (2 * len(counts)),
        "detectable": _noncentrality(freedom) / (2 * len(counts)),
    }


def _noncentrality(freedom: int) -> float:
    """The noncentrality of a chi-squared distribution that is found at LEVEL with POWER."""
    limit = chi2.isf(LEVEL, freedom)
    return float(brentq(lambda nc: ncx2.sf(limit, freedom, nc) - POWER, 1e-6, 100 * freedom + 100))


def judge(characters: UInt8[np.ndarray, "N T"], source: Source) -> dict[str, int | float]:
    """The clock and the counts of sequences that somebody has drawn for a source."""
    test = polya_test(counts_of_periods(characters, source), source)
    return clock(characters, source.reset_every) | test
