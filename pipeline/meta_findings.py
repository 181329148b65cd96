"""What the tables of question 3 show, as sentences computed from them."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pipeline import bounds
from pipeline.findings import in_words

Record = dict[str, Any]

# The share of what counting is worth below which an excess is none to speak of.
NEGLIGIBLE = 0.01


def per_character(
    limits: list[Record], model: str, predictor: str, quantity: str, steps: int
) -> float:
    """What an exact predictor reaches per character, resets (certain to it) included."""
    by_position = [
        row[quantity]
        for row in limits
        if (row["model"], row["predictor"]) == (model, predictor)
        and row["position"] != "mean"
    ]
    at_reset = 0.0 if quantity == "cross_entropy" else 1.0
    return bounds.per_character(np.array(by_position), steps, at_reset)


def argmax_shares(states: list[Record]) -> dict[str, dict[str, list[float]]]:
    """Of each model, how often each symbol is the likeliest, to "network" and to "exact".

    Averaged over the positions of a period at which a symbol comes. Where several are
    equally likely to the exact predictor, each counts in part.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for model in dict.fromkeys(row["model"] for row in states):
        own = [row for row in states if row["model"] == model]
        longest = max(row["seen"] for row in own)
        symbols = sum(name.startswith("count_") for name in own[0])
        network, best = np.zeros(symbols), np.zeros(symbols)
        for row in own:
            if row["seen"] == longest:
                continue  # the reset comes
            p = np.array([row[f"exact_{k + 1}"] for k in range(symbols)])
            likeliest = p >= p.max() - 1e-9
            weight = row["probability"] / longest
            best += weight * likeliest / likeliest.sum()
            network += weight * np.array([row[f"argmax_{k + 1}"] for k in range(symbols)])
        found[model] = {"network": network.tolist(), "exact": best.tolist()}
    return found


def only_first(states: list[Record], model: str) -> list[Record]:
    """The states of knowledge in which only symbol 1 has come, and a symbol comes next."""
    own = [row for row in states if row["model"] == model]
    longest = max(row["seen"] for row in own)
    return [row for row in own if row["count_1"] == row["seen"] < longest]


def of_position(states: list[Record], model: str, name: str) -> float:
    """Mean of a column over all states of knowledge of a model, by their probability.

    Every character of a period has the same weight, its reset included.
    """
    own = [row for row in states if row["model"] == model]
    total = sum(row["probability"] * row[name] for row in own)
    return total / sum(row["probability"] for row in own)


def attainable(
    limits: list[Record], steps: int, published: Mapping[str, float], tolerance: float
) -> list[str]:
    """Which published accuracies any predictor could reach, to within the tolerance."""
    sentences = []
    for model, accuracy in published.items():
        if not any(row["model"] == model for row in limits):
            continue
        exact, known = (
            per_character(limits, model, predictor, "accuracy", steps)
            for predictor in ("exact", "known_p")
        )
        verdict = (
            "can be reached"
            if accuracy <= exact
            else f"can be reached to within the tolerance of {tolerance:g}"
            if accuracy <= exact + tolerance
            else "cannot be reached by looking at the sequence alone"
            if accuracy <= known + tolerance
            else "cannot be reached by any predictor, even one that is told p"
        )
        sentences.append(
            f"{model}: the published {100 * accuracy:.0f} % {verdict}. In expectation "
            f"exact Bayes is right in {100 * exact:.2f} % of the characters, the predictor "
            f"that knows p in {100 * known:.2f} %."
        )
    return sentences


def comparison(table: list[Record], bias: list[Record]) -> list[str]:
    """How close the networks are to exact Bayes, and where they deviate."""
    own = [row for row in table if row["own_prior"]]
    sentences = [
        "On sequences from their own prior the networks' cross-entropy exceeds the exact "
        "predictor's by "
        + in_words(
            f"{row['excess']:.5f} ± {row['excess_se']:.5f} ({row['model']})" for row in own
        )
        + " nats per character."
    ]
    sentences += [_own_bias(row) for row in bias if row["symbol"] == 1 and row["own_prior"]]
    perfect = [row["model"] for row in own if row["reset_accuracy"] == 1]
    sentences.append(
        f"{in_words(perfect) if perfect else 'No model'} guessed every single reset."
    )
    return sentences


def knowledge(states: list[Record], alphas: list[Record]) -> list[str]:
    """How near the networks are to exact Bayes in every state of knowledge."""
    sentences = []
    for model in _models(states):
        own = [row for row in states if row["model"] == model]
        worst = max(own, key=lambda row: row["kl_worst"])
        counts = ", ".join(
            str(value) for name, value in worst.items() if name.startswith("count_")
        )
        sentences.append(
            f"{model}: KL(exact || network) is {of_position(states, model, 'kl'):.5f} nats "
            "on average over all states of knowledge, weighted by their probability; at "
            f"worst, of all orders and pasts asked, {worst['kl_worst']:.3f} nats, after "
            f"the counts ({counts}), which {worst['seen']} symbols have with probability "
            f"{worst['probability']:.1g}."
        )
    for model in _models(alphas):
        own = [row for row in alphas if row["model"] == model]
        truth, fitted = (
            ", ".join(f"{row[name]:.3g}" for row in own) for name in ("alpha", "estimate")
        )
        if np.isnan(own[0]["estimate"]):
            found = "cannot be told: nothing is ever counted within its period"
        else:
            left = own[0]["kl_left"]
            found = f"has ({fitted}), and {left:.5f} nats of KL per symbol are left"
        sentences.append(
            f"{model} was trained with alpha = ({truth}); the exact predictor that "
            f"describes it best {found}."
        )
    return sentences


def sufficiency(
    states: list[Record], leaks: list[Record], readout: list[Record]
) -> list[str]:
    """Whether counts are all that a network's prediction depends on."""
    sentences = []
    for model in _models(states):
        kl = of_position(states, model, "kl")
        order, past = (
            of_position(states, model, f"{which}_spread") for which in ("order", "past")
        )
        sentences.append(
            f"{model}: predictions after the same counts in different orders lie "
            f"{order:.2g} nats from their mean, with different pasts {past:.2g}: "
            f"{100 * order / kl:.0f} % and {100 * past / kl:.0f} % of the KL to exact "
            "Bayes, to which neither order nor past matters."
        )
    for model in _models(leaks):
        own = [row for row in leaks if row["model"] == model]
        slope, low, high = after_reset(own)
        sentences.append(
            f"{model}, right after a reset: one symbol 1 more in the period before changes "
            f"p(symbol 1) by {slope:+.5f} on average; over all previous counts it lies "
            f"between {low:.3f} and {high:.3f}, where exact Bayes has "
            f"{own[0]['exact_1']:.3f}."
        )
    for model in _models(readout):
        own = [row for row in readout if row["model"] == model]
        if any(np.isnan(row["r_squared"]) for row in own):
            continue  # nothing is ever counted within the period
        worst = min(own, key=lambda row: row["r_squared"])
        sentences.append(
            f"{model}: counts read out of the hidden state linearly with R squared of at "
            f"least {worst['r_squared']:.3f} ({worst['quantity']}) on "
            f"{worst['sequences']:,} held-out sequences; out of the untrained network's "
            f"with {worst['r_squared_untrained']:.3f}."
        )
    return sentences


def after_reset(rows: list[Record]) -> tuple[float, float, float]:
    """Slope of p(symbol 1) over the previous count of symbol 1; its lowest and highest."""
    weight = np.array([row["probability"] for row in rows])
    count, p = (
        np.array([row[name] for row in rows]) for name in ("previous_1", "network_1")
    )
    count = count - weight @ count / weight.sum()
    slope = (weight * count) @ p / ((weight * count) @ count)
    return float(slope), float(p.min()), float(p.max())


def long_run(recipes: list[Record], limits: list[Record]) -> list[str]:
    """Question 1: what will the network learn in the long run for each alpha?"""
    sentences = []
    for row in recipes:
        if row["recipe"] != "converged":
            continue
        model = row["model"]
        exact, prior = (_mean(limits, model, name) for name in ("exact", "prior_only"))
        gain = prior - exact
        if gain <= 0:
            what = "learns the prior: counting is worth nothing"
        elif row["excess"] < NEGLIGIBLE * gain:
            what = "learns the exact posterior predictive"
        else:
            what = "approaches the exact posterior predictive"
        sentences.append(
            f"{model} {what}: after {row['batches']:,} mini-batches its excess over exact "
            f"Bayes is {row['excess']:.6f} ± {row['excess_se']:.6f} nats per symbol (mean "
            f"of {row['seeds']} networks), where counting is worth {gain:.4f} nats: exact "
            f"Bayes has {exact:.4f}, ignoring the counts {prior:.4f}."
        )
    return sentences


def budget(recipes: list[Record]) -> list[str]:
    """What each recipe reaches, and the network with which it goes least well."""
    sentences = []
    for recipe in dict.fromkeys(row["recipe"] for row in recipes):
        own = [row for row in recipes if row["recipe"] == recipe]
        worst = max(own, key=lambda row: row["excess_per_character_worst"])
        highest = max(row["excess_per_character"] for row in own)
        sentences.append(
            f"Recipe {recipe}, {own[0]['batches']:,} mini-batches: every model's excess is "
            f"at most {highest:.5f} nats per character, mean over {own[0]['seeds']} "
            f"networks; the worst of all networks is one of {worst['model']} with "
            f"{worst['excess_per_character_worst']:.5f}, where the median of that model is "
            f"{worst['excess_per_character_median']:.5f}."
        )
    return sentences


def regrets(rows: list[Record]) -> list[str]:
    """What the networks lose to exact Bayes over a whole sequence, and where."""
    sentences = []
    for model in _models(rows):
        own = [row for row in rows if row["model"] == model]
        last = own[-1]
        # Exact Bayes regrets nothing where it is certain: at the resets.
        resets = sum(row["difference"] for row in own[1:] if row["exact"] == 0)
        first = own[0]["difference"]
        sentences.append(
            f"{model}: over {len(own)} characters the networks lose "
            f"{last['cumulated']:.3f} nats to exact Bayes (95 % interval "
            f"{last['cumulated_low']:.3f} to "
            f"{last['cumulated_high']:.3f}, over sequences and {last['seeds']} networks): "
            f"{first:.3f} at the very first reset, {resets:.3f} at the later ones, "
            f"{last['cumulated'] - first - resets:.3f} at symbols."
        )
    return sentences


def likeliest(states: list[Record]) -> list[str]:
    """Question 2: does argmax ever emit symbols 2 and 3?"""
    sentences = []
    for model, shares in argmax_shares(states).items():
        network, exact = (sum(shares[which][1:]) for which in ("network", "exact"))
        sentences.append(
            f"{model}: the likeliest symbol is another than 1 in {_percent(network)} of "
            f"the predictions, to exact Bayes in {_percent(exact)}."
        )
    return sentences


def generalisation(curves: Mapping[str, list[Record]]) -> str:
    """How much worse than on their training stream the networks do on new sequences."""
    gaps = {
        # Less the same of exact Bayes, so that easier sequences do not count.
        model: (rows[-1]["test_loss"] - rows[-1]["exact_test_loss"])
        - (rows[-1]["train_loss"] - rows[-1]["exact_train_loss"])
        for model, rows in curves.items()
    }
    return (
        "Every mini-batch is fresh, so that nothing can be learned by heart. At the end of "
        "training the excess on new sequences is "
        + in_words(f"{gap:+.5f} ({model})" for model, gap in gaps.items())
        + " nats per character above that on the sequences that training began with."
    )


def memory(rows: list[Record], recipes: list[Record]) -> list[str]:
    """Question 3: how does learning depend on memory and on the speed of resetting?

    Of each size there is one network, so that a ratio says something only if it exceeds the
    largest one between networks that differ by nothing but their seed.
    """
    noise = max(
        row["excess_per_character_worst"] / row["excess_per_character_best"]
        for row in recipes
        if row["recipe"] == "tuned"
    )
    sentences = [
        f"Networks that differ by their seed alone differ up to {noise:.1f} fold (recipe "
        "tuned); smaller ratios between single networks mean nothing."
    ]
    for prior in dict.fromkeys(row["prior"] for row in rows):
        by = {
            (row["units"], row["reset_every"]): row["excess_per_character"]
            for row in rows
            if row["prior"] == prior
        }
        sizes, periods = (sorted({key[axis] for key in by}) for axis in (0, 1))
        ratios = [by[sizes[0], period] / by[sizes[-1], period] for period in periods]
        enough = [
            next(size for size in sizes if by[size, period] <= noise * best)
            for period in periods
            for best in [min(by[size, period] for size in sizes)]
        ]
        sentences.append(
            f"Memory, {prior} prior: the excess of {sizes[0]} hidden units is "
            + in_words(
                f"{ratio:,.0f} times (T = {period})"
                for ratio, period in zip(ratios, periods)
            )
            + f" that of {sizes[-1]}. The smallest size within {noise:.1f} times the best "
            "is "
            + in_words(f"{size} (T = {period})" for size, period in zip(enough, periods))
            + "."
        )
        for size in (sizes[0], sizes[-1]):
            by_period = {period: by[size, period] for period in periods}
            hardest = max(by_period, key=by_period.__getitem__)
            easiest = min(by_period, key=by_period.__getitem__)
            ratio = by[size, hardest] / by[size, easiest]
            sentences.append(
                f"Resets, {prior} prior, {size} hidden units: the excess is largest with "
                f"T = {hardest}, {by[size, hardest]:.5f} nats per character, and smallest "
                f"with T = {easiest}, {by[size, easiest]:.5f}"
                + (
                    "."
                    if ratio > noise
                    else ", which is no more than networks differ by their seed."
                )
            )
    return sentences


def unseen(matrix: list[Record], simplex: list[Record]) -> list[str]:
    """Question 4, first half: does it generalise to an unseen p?"""
    own_prior = {
        row["model"]: row["kl_own"] for row in matrix if row["model"] == row["sequences"]
    }
    sentences = []
    for model in _models(simplex):
        own = [row for row in simplex if row["model"] == model]
        worst = max(own, key=lambda row: row["kl_own"])
        point = ", ".join(
            f"{value:.2g}" for name, value in worst.items() if name.startswith("p_")
        )
        average = float(np.mean([row["kl_own"] for row in own]))
        ratio = average / own_prior[model]
        sentences.append(
            f"{model} on {len(own)} fixed p all over the simplex: KL(exact || network) is "
            f"{average:.5f} nats per symbol on average, {ratio:.1f} times that on its own "
            f"prior, and {worst['kl_own']:.5f} at worst, with p = ({point})."
        )
    return sentences


def speed(recipes: list[Record]) -> list[str]:
    """Question 4, second half: faster or slower than Bayes?"""
    sentences = []
    for row in recipes:
        if row["recipe"] != "published" or np.isnan(row["reaction"]):
            continue  # a period of two characters has nothing to react to
        if row["reaction_low"] > 0:
            verdict = "faster than"
        elif row["reaction_high"] < 0:
            verdict = "more slowly than"
        else:
            verdict = "neither faster nor more slowly than"
        sentences.append(
            f"{row['model']} reacts {verdict} exact Bayes: the difference of "
            f"{row['reaction']:+.4f} has the 95 % interval {row['reaction_low']:+.4f} to "
            f"{row['reaction_high']:+.4f}, and {row['faster']} of {row['seeds']} networks "
            "are faster."
        )
    return sentences


def _mean(limits: list[Record], model: str, predictor: str) -> float:
    key = (model, predictor, "mean")
    (value,) = (
        row["cross_entropy"]
        for row in limits
        if (row["model"], row["predictor"], row["position"]) == key
    )
    return value


def _models(rows: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(row["model"] for row in rows))


def _percent(share: float) -> str:
    return "none" if share == 0 else f"{100 * share:.3g} %"


def _own_bias(row: Record) -> str:
    gap, standard_error = row["difference"], row["difference_se"]
    if abs(gap) <= 2 * standard_error:
        what = "neither over- nor under-estimates"
    else:
        what = "over-estimates" if gap > 0 else "under-estimates"
    return (
        f"On its own prior {row['model']} {what} symbol 1: {row['network']:.4f} on average "
        f"where the exact predictor has {row['exact']:.4f} (difference {gap:+.5f} ± "
        f"{standard_error:.5f})."
    )
