from typing import Any

import pytest
from numpy.testing import assert_allclose

from pipeline import meta_findings

Record = dict[str, Any]
# Whole or half numbers of the tables; what is computed of them rounds in double precision.
DOUBLE: dict[str, Any] = {"rtol": 1e-12}


def limits(model: str, predictor: str, *by_position: tuple[float, float]) -> list[Record]:
    """Cross-entropy and accuracy at each position of a period, and their mean."""
    positions = [*range(1, len(by_position) + 1), "mean"]
    mean = tuple(sum(values) / len(values) for values in zip(*by_position))
    return [
        {
            "model": model,
            "predictor": predictor,
            "position": position,
            "cross_entropy": nats,
            "accuracy": right,
        }
        for position, (nats, right) in zip(positions, [*by_position, mean])
    ]


@pytest.mark.parametrize(
    ("quantity", "steps", "expected"),
    [
        # Resets cost nothing; the second period is cut short.
        ("cross_entropy", 3, (0 + 0.9 + 0.3) / 3),
        ("cross_entropy", 5, (0 + 0.9 + 0.3 + 0 + 0.9) / 5),
        # They are always guessed.
        ("accuracy", 3, (1 + 0.5 + 0.75) / 3),
        ("accuracy", 4, (1 + 0.5 + 0.75 + 1) / 4),
    ],
)
def test_per_character_counts_the_resets_in(quantity, steps, expected):
    table = [
        *limits("M1", "known_p", (0.1, 0.9), (0.1, 0.9)),
        *limits("M2", "exact", (0.2, 0.8)),
        *limits("M1", "exact", (0.9, 0.5), (0.3, 0.75)),
    ]
    found = meta_findings.per_character(table, "M1", "exact", quantity, steps)
    assert_allclose(found, expected, **DOUBLE)


@pytest.mark.parametrize(
    ("published", "verdict"),
    [
        (0.79, "can be reached."),
        (0.80, "can be reached."),
        (0.809, "can be reached to within the tolerance of 0.01."),
        (0.82, "cannot be reached by looking at the sequence alone."),
        (0.908, "cannot be reached by looking at the sequence alone."),
        (0.92, "cannot be reached by any predictor, even one that is told p."),
    ],
)
def test_what_is_attainable_is_told_by_both_predictors(published, verdict):
    # With the reset: (1 + 0.6) / 2 and (1 + 0.8) / 2.
    table = limits("M1", "exact", (0.5, 0.6)) + limits("M1", "known_p", (0.4, 0.8))
    # M9 is published, but no model of ours.
    both = {"M1": published, "M9": 0.5}
    (sentence,) = meta_findings.attainable(table, 2, both, 0.01)
    assert sentence.startswith(f"M1: the published {100 * published:.0f} % {verdict}")
    assert "In expectation exact Bayes is right in 80.00 % of the characters" in sentence
    assert sentence.endswith("knows p in 90.00 %.")


def state(model: str, counts: tuple[int, ...], **numbers: Any) -> Record:
    row: Record = {"model": model, "seen": sum(counts)}
    row |= {f"count_{k}": n for k, n in enumerate(counts, 1)}
    spread = {"order_spread": 0.0, "past_spread": 0.0, "probability": 1.0}
    return row | {"kl": 0.01, "kl_worst": 0.02} | spread | numbers


def shares(name: str, *values: float) -> Record:
    """Of the symbols 1, 2 ...; the reset is column 0."""
    return {f"{name}_0": 0.0} | {f"{name}_{k}": p for k, p in enumerate(values, 1)}


# A period of three characters: two symbols, and what follows them is the reset.
ARGMAX = [
    # Three equally likely symbols share.
    state("M3", (0, 0, 0), **shares("exact", 1 / 3, 1 / 3, 1 / 3))
    | shares("argmax", 0.5, 0.25, 0.25),
    state("M3", (1, 0, 0), probability=0.6, **shares("exact", 0.5, 0.25, 0.25))
    | shares("argmax", 1, 0, 0),
    state("M3", (0, 1, 0), probability=0.4, **shares("exact", 0.3, 0.4, 0.3))
    | shares("argmax", 0.5, 0, 0.5),
    state("M3", (1, 1, 0), **shares("exact", 0, 0, 0)) | shares("argmax", 0, 1, 0),
]


def test_argmax_shares_are_means_over_positions_and_states():
    only_1 = [
        state("M1", (0, 0), **shares("exact", 0.8, 0.2)) | shares("argmax", 1, 0),
        state("M1", (1, 0), **shares("exact", 0, 0)) | shares("argmax", 0, 1),
    ]
    found = meta_findings.argmax_shares([*ARGMAX, *only_1])
    assert list(found) == ["M3", "M1"]
    # 0.5 (0.5 + 0.6 + 0.4 * 0.5), and so on.
    assert_allclose(found["M3"]["network"], [0.65, 0.125, 0.225], **DOUBLE)
    # 0.5 (1/3 + 0.6), 0.5 (1/3 + 0.4), 0.5 / 3.
    assert_allclose(found["M3"]["exact"], [7 / 15, 11 / 30, 1 / 6], **DOUBLE)
    assert found["M1"] == {"network": [1, 0], "exact": [1, 0]}


def test_likeliest_says_how_often_it_is_another_symbol_than_the_first():
    only_1 = [
        state("M1", (0, 0), **shares("exact", 0.8, 0.2)) | shares("argmax", 1, 0),
        state("M1", (1, 0), **shares("exact", 0, 0)) | shares("argmax", 0, 1),
    ]
    balanced, biased = meta_findings.likeliest([*ARGMAX, *only_1])
    assert balanced == (
        "M3: the likeliest symbol is another than 1 in 35 % of the predictions, to exact "
        "Bayes in 53.3 %."
    )
    assert biased == (
        "M1: the likeliest symbol is another than 1 in none of the predictions, to exact "
        "Bayes in none."
    )


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, "in none of"),
        (0.0012, "in 0.12 % of"),
        (0.5, "in 50 % of"),
        (1.0, "in 100 % of"),
    ],
)
def test_likeliest_writes_small_and_large_shares(share, expected):
    states = [
        state("M1", (0, 0), **shares("exact", 0.8, 0.2))
        | shares("argmax", 1 - share, share),
        state("M1", (1, 0), **shares("exact", 0, 0)) | shares("argmax", 0, 1),
    ]
    (sentence,) = meta_findings.likeliest(states)
    assert expected in sentence


def test_only_first_leaves_other_symbols_and_the_reset_out():
    states = [
        state("M1", (0, 0)),
        state("M1", (1, 0)),
        state("M1", (0, 1)),
        state("M1", (1, 1)),
        state("M1", (2, 0)),
        state("M2", (0, 0)),
        state("M2", (1, 0)),
    ]
    assert meta_findings.only_first(states, "M1") == states[:2]
    assert meta_findings.only_first(states, "M2") == states[5:6]


def test_a_mean_over_states_is_weighted_by_their_probability():
    states = [
        state("M1", (0, 0), kl=0.4),
        state("M1", (1, 0), kl=0.1, probability=0.75),
        state("M1", (0, 1), kl=0.3, probability=0.25),
        state("M2", (0, 0), kl=9.0),
    ]
    # Each of the two positions has weight one.
    expected = (0.4 + 0.75 * 0.1 + 0.25 * 0.3) / 2
    assert_allclose(meta_findings.of_position(states, "M1", "kl"), expected, **DOUBLE)


def compared(model: str, **numbers: Any) -> Record:
    row = {"model": model, "own_prior": True, "excess": 0.0123, "excess_se": 0.0004}
    return row | {"reset_accuracy": 1} | numbers


def bias(difference: float, error: float, **numbers: Any) -> Record:
    row = {"model": "M1", "sequences": "M1", "symbol": 1, "own_prior": True}
    values = {"network": 0.6 + difference, "exact": 0.6, "difference": difference}
    return row | values | {"difference_se": error} | numbers


def test_comparison_lists_the_excess_on_the_own_prior():
    first, *_ = meta_findings.comparison(
        [
            compared("M1"),
            compared("M2", excess=0.5, excess_se=0.25),
            compared("M3", own_prior=False),
        ],
        [],
    )
    assert "0.01230 ± 0.00040 (M1) and 0.50000 ± 0.25000 (M2) nats per char" in first
    assert "M3" not in first


@pytest.mark.parametrize(
    ("reset", "expected"),
    [
        ((1, 1, 1), "M1, M2 and M3 guessed every single reset."),
        ((1, 0.99, 0.5), "M1 guessed every single reset."),
        ((0.99, 0.98, 0.999), "No model guessed every single reset."),
    ],
)
def test_comparison_says_who_guessed_every_reset(reset, expected):
    rows = [compared(f"M{n}", reset_accuracy=p) for n, p in enumerate(reset, 1)]
    # What it guesses of others' sequences does not count.
    rows.append(compared("M9", own_prior=False))
    assert meta_findings.comparison(rows, [])[-1] == expected


@pytest.mark.parametrize(
    ("difference", "error", "expected"),
    [
        (0.03, 0.01, "M1 over-estimates symbol 1"),
        (-0.03, 0.01, "M1 under-estimates symbol 1"),
        (0.03, 0.02, "M1 neither over- nor under-estimates symbol 1"),
        (-0.03, 0.02, "M1 neither over- nor under-estimates symbol 1"),
    ],
)
def test_comparison_words_the_bias_on_the_own_prior(difference, error, expected):
    others = [bias(0.5, 0.1, symbol=2), bias(0.5, 0.1, own_prior=False)]
    rows = [*others, bias(difference, error)]
    _, sentence, _ = meta_findings.comparison([compared("M1")], rows)
    assert expected in sentence
    assert f"{0.6 + difference:.4f} on average" in sentence
    assert "exact predictor has 0.6000" in sentence
    assert f"(difference {difference:+.5f} ± {error:.5f})" in sentence


def concentration(model: str, *pairs: tuple[float, float]) -> list[Record]:
    return [
        {"model": model, "symbol": k, "alpha": own, "estimate": fit, "kl_left": 0.00072}
        for k, (own, fit) in enumerate(pairs, 1)
    ]


def test_knowledge_has_the_mean_and_names_the_worst_state():
    states = [
        state("M1", (0, 0), kl=0.004, kl_worst=0.005),
        state("M1", (1, 0), kl=0.002, kl_worst=0.9, probability=0.98),
        state("M1", (0, 1), kl=0.102, kl_worst=1.2344, probability=0.02),
        state("M2", (0, 0), kl=0.001, kl_worst=7.0),
    ]
    alphas = concentration("M1", (10.0, 9.871), (1.3, 1.444))
    first, second, third = meta_findings.knowledge(states, alphas)
    # (0.004 + 0.98 * 0.002 + 0.02 * 0.102) / 2 = 0.004
    assert first.startswith("M1: KL(exact || network) is 0.00400 nats on average")
    assert "at worst, of all orders and pasts asked, 1.234 nats, after the cou" in first
    assert "after the counts (0, 1), which 1 symbols have with probability 0.02." in first
    assert second.startswith("M2: KL(exact || network) is 0.00100 nats")
    assert third.startswith("M1 was trained with alpha = (10, 1.3);")
    assert "describes it best has (9.87, 1.44), and 0.00072 nats of KL" in third


def test_knowledge_does_not_name_an_alpha_where_nothing_is_counted():
    nan = float("nan")
    alphas = concentration("M1", (10.0, nan), (1.0, nan))
    (sentence,) = meta_findings.knowledge([], alphas)
    assert sentence.startswith("M1 was trained with alpha = (10, 1);")
    assert sentence.endswith("cannot be told: nothing is ever counted within its period.")
    assert "nan" not in sentence


def leak(previous: int, network: float, probability: float, model: str = "M1") -> Record:
    weights = {"previous_1": previous, "network_1": network, "probability": probability}
    return {"model": model, "exact_1": 0.625} | weights


def test_after_reset_is_the_weighted_slope_and_the_range():
    on_a_line = [leak(n, 0.5 + 0.01 * n, p) for n, p in ((0, 0.1), (1, 0.3), (4, 0.6))]
    slope, low, high = meta_findings.after_reset(on_a_line)
    assert_allclose((slope, low, high), (0.01, 0.5, 0.54), rtol=1e-9)
    # Three times as likely is three times there: a line through (0, 0.5), (1, 0.8) and
    # three times (1, 0.6) has the slope mean(0.8, 0.6, 0.6, 0.6) - 0.5.
    bent = [leak(0, 0.5, 0.1), leak(1, 0.8, 0.1), leak(1, 0.6, 0.3)]
    slope, low, high = meta_findings.after_reset(bent)
    assert_allclose((slope, low, high), (0.15, 0.5, 0.8), rtol=1e-9)


def readout(quantity: str, trained: float, untrained: float) -> Record:
    row = {"model": "M1", "quantity": quantity, "sequences": 1500}
    return row | {"r_squared": trained, "r_squared_untrained": untrained}


def test_sufficiency_has_spreads_leaks_and_readout():
    states = [
        state("M1", (0, 0), kl=0.004, order_spread=0.0, past_spread=0.001),
        state("M1", (1, 0), kl=0.004, order_spread=0.002, past_spread=0.001),
    ]
    leaks = [leak(n, 0.6 + 0.012 * n, 0.5) for n in (0, 1, 2)] + [leak(0, 0.1, 1, "M2")]
    rows = [readout("count of symbol 1", 0.99, 0.7), readout("symbols seen", 0.91, 0.456)]
    spread, leaked, other, read = meta_findings.sufficiency(
        states, [*leaks, leak(1, 0.09, 1, "M2")], rows
    )
    assert spread.startswith("M1: predictions after the same counts in different orders")
    # Means over the two states: 0.001 of 0.004 each.
    assert "lie 0.001 nats from their mean, with different pasts 0.001: " in spread
    assert "25 % and 25 % of the KL to exact Bayes" in spread
    assert leaked.startswith("M1, right after a reset: ")
    assert "changes p(symbol 1) by +0.01200 on average" in leaked
    assert "between 0.600 and 0.624, where exact Bayes has 0.625" in leaked
    assert "changes p(symbol 1) by -0.01000 on average" in other
    # The quantity that is read out worst.
    assert "at least 0.910 (symbols seen) on 1,500 held-out sequences" in read
    assert read.endswith("out of the untrained network's with 0.456.")


def recipe(model: str, name: str, **numbers: Any) -> Record:
    row = {"model": model, "recipe": name, "batches": 3000, "seeds": 5, "excess": 0.002}
    row |= {"excess_se": 0.0001, "excess_per_character": 0.001}
    extremes = {"best": 0.0009, "median": 0.0011, "worst": 0.0012}
    row |= {f"excess_per_character_{which}": value for which, value in extremes.items()}
    return row | numbers


@pytest.mark.parametrize(
    ("excess", "prior", "what"),
    [
        # Of the 0.4 nats that counting is worth, 1 % is 0.004.
        (0.0039, 1.0, "M1 learns the exact posterior predictive: "),
        (0.0041, 1.0, "M1 approaches the exact posterior predictive: "),
        (0.4, 1.0, "M1 approaches the exact posterior predictive: "),
        # A period of one symbol has nothing to count.
        (0.0039, 0.6, "M1 learns the prior: counting is worth nothing: "),
    ],
)
def test_long_run_holds_the_excess_against_what_counting_is_worth(excess, prior, what):
    rows = [recipe("M1", "published", excess=9.0), recipe("M1", "converged", excess=excess)]
    table = [
        # The mean over positions is 0.6.
        *limits("M1", "exact", (0.7, 0.5), (0.5, 0.5)),
        *limits("M1", "prior_only", (prior, 0.5), (prior, 0.5)),
        *limits("M1", "known_p", (0.1, 0.5), (0.1, 0.5)),
        *limits("M2", "exact", (0.1, 0.5), (0.1, 0.5)),
    ]
    (sentence,) = meta_findings.long_run(rows, table)
    assert sentence.startswith(what)
    assert "after 3,000 mini-batches its excess over exact Bayes is " in sentence
    assert f"{excess:.6f} ± 0.000100 nats per symbol (mean of 5 networks)" in sentence
    assert f"counting is worth {prior - 0.6:.4f} nats: " in sentence
    assert sentence.endswith(f"Bayes has 0.6000, ignoring the counts {prior:.4f}.")


def per_char(mean: float, median: float, worst: float) -> Record:
    name = "excess_per_character"
    return {name: mean, f"{name}_median": median, f"{name}_worst": worst}


def test_budget_names_the_highest_mean_and_the_worst_network_of_each_recipe():
    published, tuned = meta_findings.budget(
        [
            # The highest mean is not of the model that has the worst network.
            recipe("M1", "published", batches=1000, **per_char(0.007, 0.0069, 0.008)),
            recipe("M1", "tuned", **per_char(0.0004, 0.0003, 0.0005)),
            recipe("M2", "published", batches=1000, **per_char(0.005, 0.0041, 0.0091)),
        ]
    )
    assert published == (
        "Recipe published, 1,000 mini-batches: every model's excess is at most 0.00700 "
        "nats per character, mean over 5 networks; the worst of all networks is one of M2 "
        "with 0.00910, where the median of that model is 0.00410."
    )
    assert tuned.startswith("Recipe tuned, 3,000 mini-batches: every model's excess is at")
    assert "at most 0.00040 nats" in tuned
    assert tuned.endswith(
        "one of M1 with 0.00050, where the median of that model is 0.00030."
    )


def test_regrets_are_split_into_resets_and_symbols():
    # At steps 0 and 2 the exact predictor is certain.
    steps = [(0.0, 0.5, 0.5), (0.3, 0.2, 0.7), (0.0, 0.1, 0.8), (0.4, 0.05, 0.85)]
    rows = [
        {
            "model": model,
            "step": step,
            "exact": exact,
            "difference": difference,
            "cumulated": cumulated,
            "cumulated_low": cumulated - 0.25,
            "cumulated_high": cumulated + 0.5,
            "seeds": 4,
        }
        for model in ("M1", "M2")
        for step, (exact, difference, cumulated) in enumerate(steps)
    ]
    one, other = meta_findings.regrets(rows)
    assert one == (
        "M1: over 4 characters the networks lose 0.850 nats to exact Bayes (95 % interval "
        "0.600 to 1.350, over sequences and 4 networks): 0.500 at the very first reset, "
        "0.100 at the later ones, 0.250 at symbols."
    )
    assert other.startswith("M2: over 4 characters")


def test_generalisation_is_less_what_exact_bayes_differs():
    def curve(test: float, train: float) -> list[Record]:
        last = {"test_loss": test, "train_loss": train}
        last |= {"exact_test_loss": 0.5, "exact_train_loss": 0.4}
        return [last | {"test_loss": 9.0}, last]

    # (0.61 - 0.5) - (0.5 - 0.4) = 0.01: the test sequences are harder to exact Bayes too.
    sentence = meta_findings.generalisation(
        {"M1": curve(0.61, 0.5), "M2": curve(0.6, 0.502)}
    )
    assert "+0.01000 (M1) and -0.00200 (M2) nats per character" in sentence


def sized(prior: str, units: int, period: int, excess: float) -> Record:
    row = {"prior": prior, "units": units, "reset_every": period}
    return row | {"excess_per_character": excess}


# Seeds differ 1.5 fold and 2 fold; of the recipe tuned alone does the noise come.
NOISE = [
    recipe("M1", "published", excess_per_character_best=0.0001),
    recipe("M1", "tuned", excess_per_character_best=0.0008),
    recipe("M2", "tuned", excess_per_character_best=0.0006),
]


def test_memory_compares_sizes_within_the_noise_of_seeds():
    rows = [
        sized("biased", 2, 5, 0.8),
        sized("biased", 8, 5, 0.03),
        sized("biased", 64, 5, 0.02),
        sized("biased", 64, 20, 0.05),
        sized("biased", 8, 20, 0.2),
        sized("biased", 2, 20, 0.15),
    ]
    noise, memory, *_ = meta_findings.memory(rows, NOISE)
    assert noise.startswith(
        "Networks that differ by their seed alone differ up to 2.0 fold"
    )
    # With T = 5 two times the best is 0.04; with T = 20 it is 0.1.
    assert memory == (
        "Memory, biased prior: the excess of 2 hidden units is 40 times (T = 5) and 3 "
        "times (T = 20) that of 64. The smallest size within 2.0 times the best is 8 "
        "(T = 5) and 64 (T = 20)."
    )


@pytest.mark.parametrize(
    ("short", "long", "hardest", "easiest"),
    [
        (0.10, 0.21, "T = 50, 0.21000", "T = 5, 0.10000."),
        (0.21, 0.10, "T = 5, 0.21000", "T = 50, 0.10000."),
        # Less than twofold.
        (0.10, 0.19, "T = 50, 0.19000", "T = 5, 0.10000, which is no more than networks"),
        (0.19, 0.10, "T = 5, 0.19000", "T = 50, 0.10000, which is no more than networks"),
    ],
)
def test_memory_words_how_periods_differ(short, long, hardest, easiest):
    rows = [
        sized("biased", 2, 5, 0.3),
        sized("biased", 64, 5, short),
        # Neither the hardest period nor the easiest.
        sized("biased", 2, 20, 0.7),
        sized("biased", 64, 20, 0.15),
        sized("biased", 2, 50, 0.9),
        sized("biased", 64, 50, long),
        # Another prior has sentences of its own.
        sized("flat", 2, 5, 1.0),
        sized("flat", 64, 5, 1.0),
    ]
    _, _, few, many, *others = meta_findings.memory(rows, NOISE)
    assert few == (
        "Resets, biased prior, 2 hidden units: the excess is largest with T = 50, 0.90000 "
        "nats per character, and smallest with T = 5, 0.30000."
    )
    assert many.startswith(
        f"Resets, biased prior, 64 hidden units: the excess is largest with {hardest} nats "
        f"per character, and smallest with {easiest}"
    )
    assert len(others) == 3
    assert all("flat prior" in sentence for sentence in others)


def scored(model: str, kl: float, **numbers: Any) -> Record:
    return {"model": model, "kl_own": kl} | numbers


def test_unseen_holds_the_simplex_against_the_own_prior():
    matrix = [
        scored("M1", 0.002, sequences="M1"),
        scored("M1", 0.5, sequences="M2"),
        scored("M2", 0.004, sequences="M2"),
        scored("M2", 0.9, sequences="fixed"),
    ]
    simplex = [
        scored("M1", 0.001, p_1=1.0, p_2=0.0, p_3=0.0),
        scored("M1", 0.006, p_1=0.0, p_2=1 / 3, p_3=2 / 3),
        scored("M1", 0.002, p_1=0.5, p_2=0.5, p_3=0.0),
        scored("M2", 0.002, p_1=0.25, p_2=0.25, p_3=0.5),
    ]
    one, other = meta_findings.unseen(matrix, simplex)
    # The mean 0.003 is 1.5 times 0.002.
    assert one == (
        "M1 on 3 fixed p all over the simplex: KL(exact || network) is 0.00300 nats per "
        "symbol on average, 1.5 times that on its own prior, and 0.00600 at worst, with "
        "p = (0, 0.33, 0.67)."
    )
    assert other.startswith("M2 on 1 fixed p all over the simplex: ")
    assert "0.00200 nats per symbol on average, 0.5 times that" in other


def reacting(mean: float, low: float, high: float, **numbers: Any) -> Record:
    interval = {"reaction": mean, "reaction_low": low, "reaction_high": high, "faster": 4}
    return recipe("M1", "published") | interval | numbers


@pytest.mark.parametrize(
    ("mean", "low", "high", "verdict"),
    [
        (0.03, 0.01, 0.05, "faster than"),
        (-0.03, -0.05, -0.01, "more slowly than"),
        # Zero is within the interval: no claim of a direction.
        (0.03, -0.01, 0.07, "neither faster nor more slowly than"),
        (-0.03, -0.07, 0.01, "neither faster nor more slowly than"),
    ],
)
def test_speed_is_worded_by_the_interval(mean, low, high, verdict):
    other = reacting(0.5, 0.4, 0.6, recipe="tuned")
    (sentence,) = meta_findings.speed([other, reacting(mean, low, high)])
    assert sentence == (
        f"M1 reacts {verdict} exact Bayes: the difference of {mean:+.4f} has the 95 % "
        f"interval {low:+.4f} to {high:+.4f}, and 4 of 5 networks are faster."
    )


def test_speed_says_nothing_of_periods_with_nothing_to_react_to():
    nan = float("nan")
    some = reacting(nan, nan, nan, model="M2")
    (sentence,) = meta_findings.speed([some, reacting(0.03, 0.01, 0.05)])
    assert sentence.startswith("M1")
