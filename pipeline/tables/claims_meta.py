"""What the write-up said in words of question 3; each function judges one claim."""

from collections.abc import Callable

from pipeline.tables.evidence import FAILS, HOLDS, PARTLY, UNATTAINABLE, Claim, find, only
from pipeline.tables.rows import Tables

# The recipe without a schedule, the nearest to what the write-up can have had.
RECIPE = "plain"


def _long_run(model: str, expected: tuple[float, ...]) -> Callable[[Tables], Claim]:
    """The author's expectation: predictions settle at the mean of the prior."""

    def judge(tables: Tables) -> Claim:
        rows = find(tables, "bias", model=model, own_prior=1)
        means = ", ".join(f"{mean:.4f}" for mean in rows.network)
        gain = only(tables, "recipes", model=model, recipe=RECIPE)
        found = (
            f"on average, yes: {means}. But each prediction follows the counts, which is worth "
            f"{gain.gain:.4f} nats per symbol"
        )
        words = ", ".join(f"{share:.3f}" for share in expected)
        return Claim(
            3, f"In the long run {model} predicts the mean of its prior", words, found, PARTLY
        )

    return judge


def _only_symbol_1(tables: Tables) -> Claim:
    row = only(tables, "knowledge_summary", model="M2")
    found = (
        f"biased prior: another symbol is most likely in {100 * row.exact_other:.4f} % of the "
        f"exact predictions of M2's sequences. Balanced prior: all three are, equally often"
    )
    verdict = HOLDS if row.exact_other < 0.001 else FAILS
    return Claim(3, "Argmax only ever emits symbol 1 and the reset", "in words", found, verdict)


def _accuracy(model: str) -> Callable[[Tables], Claim]:
    """A published accuracy, and what exact Bayes reaches."""
    claim, published_words = {
        "M1": ("over 90 %", "over 0.90"),
        "M2": ("over 90 %", "over 0.90"),
        "M3": ("in the mid-50s", "0.53 to 0.57"),
        "M4": ("in the mid-50s", "0.53 to 0.57"),
    }[model]

    def judge(tables: Tables) -> Claim:
        row = only(tables, "attainable", model=model, predictor="exact")
        share = 100 * row.accuracy
        found = f"exact Bayes, which nothing beats under this prior, reaches {share:.1f} %"
        reached = 53 <= share <= 57 if "mid" in claim else share > 90
        verdict = HOLDS if reached else UNATTAINABLE
        return Claim(3, f"The accuracy of {model} is {claim}", published_words, found, verdict)

    return judge


def _mean_not_map(tables: Tables) -> Claim:
    return Claim(
        3,
        "The predictive is the mean of the Dirichlet, thus the MAP",
        "in words",
        "the mean is (alpha_k + N_k) / (sum alpha + n). The MAP is (alpha_k + N_k - 1) / "
        "(sum alpha + n - 3): another number, and no predictive probability",
        FAILS,
    )


def _short_or_long(tables: Tables) -> Claim:
    numbers = {}
    for model in ("M3", "M4"):
        row = only(tables, "attainable", model=model, predictor="exact")
        positions = find(tables, "bounds", model=model, predictor="exact")
        numbers[model] = 100 * row.accuracy, 100 * positions.accuracy.mean()
    (short, short_symbols), (long, long_symbols) = numbers["M3"], numbers["M4"]
    found = (
        f"exact Bayes, balanced prior: {short:.1f} % with T = 5 and {long:.1f} % with T = 20 "
        f"of all characters, for a fifth of the short ones are resets. Of the symbols "
        f"{short_symbols:.1f} % and {long_symbols:.1f} %"
    )
    return Claim(3, "Short or long resets make no clear difference", "0.55 and 0.55", found, FAILS)


def _tougher_if_short(tables: Tables) -> Claim:
    rows = {model: only(tables, "recipes", model=model, recipe=RECIPE) for model in ("M3", "M4")}
    lost = {model: 100 * row.excess / row.gain for model, row in rows.items()}
    found = (
        f"of what counting is worth, networks lose {lost['M3']:.2f} % with T = 5 and "
        f"{lost['M4']:.2f} % with T = 20 (balanced prior, mean of {rows['M3'].seeds})"
    )
    verdict = HOLDS if lost["M3"] > lost["M4"] else FAILS
    return Claim(3, "It is tougher if p changes at shorter intervals", "expected", found, verdict)


JUDGES: tuple[Callable[[Tables], Claim], ...] = (
    _long_run("M1", (10 / 12, 1 / 12, 1 / 12)),
    _long_run("M3", (1 / 3, 1 / 3, 1 / 3)),
    _only_symbol_1,
    *map(_accuracy, ("M1", "M2", "M3", "M4")),
    _short_or_long,
    _tougher_if_short,
    _mean_not_map,
)
