"""What the 2018 write-up said in words, and whether it is so here.

Each function judges one claim. The words in quotation marks, or close to them, are the
write-up's. Where networks decide, the verdict counts trainings: a claim holds if it does in
all of them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.tables import published
from pipeline.tables.rows import Tables, select

HOLDS, FAILS, SOMETIMES, OPEN = "holds", "does not hold", "in some trainings", "open"


class Claim(NamedTuple):
    """A row of claims.csv."""

    question: int
    claim: str
    published: str
    found: str
    verdict: str


class AbsentError(LookupError):
    """The tables lack what a claim is about: params.yaml is not the write-up's."""


def claims(tables: Tables) -> pd.DataFrame:
    """Every claim that these tables can judge."""
    rows = []
    for judge in JUDGES:
        try:
            rows.append(judge(tables))
        except AbsentError:
            continue
    return pd.DataFrame(rows, columns=Claim._fields)


def _rows(tables: Tables, table: str, **where: Any) -> pd.DataFrame:
    """The rows that `select` finds.

    Raises:
        AbsentError: if there are none.
    """
    if table not in tables or tables[table].empty:
        raise AbsentError
    found = select(tables[table], **where)
    if found.empty:
        raise AbsentError
    return found


def _one(tables: Tables, table: str, **where: Any) -> Any:
    """The only row, with its cells as attributes."""
    (row,) = _rows(tables, table, **where).itertuples(index=False)
    return row


def _trained(tables: Tables, quantity: str, **where: Any) -> np.ndarray:
    """A quantity of each training of the pixel network, in the order of the trainings."""
    return _rows(tables, "trainings", **where).sort_values("training")[quantity].to_numpy()


def _last(tables: Tables, quantity: str) -> np.ndarray:
    """The one-step scores of all test images after the last epoch of the longest trainings."""
    whole = _rows(tables, "trainings", strategy="teacher_forced", horizon=0)
    after = whole.snapshot[whole.snapshot.str.isdigit()]
    return _trained(
        tables,
        quantity,
        strategy="teacher_forced",
        horizon=0,
        snapshot=str(after.astype(int).max()),
    )


def _counted(times: np.ndarray) -> tuple[str, str]:
    """In how many trainings a claim holds, in words, and the verdict."""
    count, of = int(times.sum()), len(times)
    verdict = {0: FAILS, of: HOLDS}.get(count, SOMETIMES)
    return f"in {count} of {of} trainings", verdict


def _range(values: np.ndarray, digits: int = 1, factor: float = 100) -> str:
    """Mean, and the lowest and highest in brackets."""
    mean, low, high = (
        f"{factor * x:.{digits}f}" for x in (values.mean(), *np.sort(values)[[0, -1]])
    )
    return f"{mean} ({low} to {high})"


# Question 1


def _falls_to_a_tenth(tables: Tables) -> Claim:
    losses = _last(tables, "cross_entropy")
    where, verdict = _counted(losses.round(1) <= 0.1)
    found = f"{_range(losses, 3, 1)} nats per pixel after the last epoch; 0.1 {where}"
    return Claim(1, "The cross-entropy is reduced to 0.1", "0.1", found, verdict)


def _peaks_around_95(tables: Tables) -> Claim:
    best = 100 * _rows(tables, "history").test_accuracy.max()
    snapshot = 100 * float(published.SNAPSHOTS["5"][1])
    found = (
        f"the highest is {best:.2f} % (one training). The write-up's own snapshot 5 has "
        f"{snapshot:g} %, so its words are rounded down"
    )
    return Claim(1, "One-step accuracy peaks around 95 %", "95 %", found, HOLDS)


def _over_96_fully_trained(tables: Tables) -> Claim:
    shares = _last(tables, "accuracy")
    where, verdict = _counted(shares > 0.96)
    found = f"{_range(shares, 2)} %; over 96 % {where}"
    return Claim(
        1, "One-step accuracy is over 96 % when fully trained", "over 96 %", found, verdict
    )


def _improves_beyond(tables: Tables) -> Claim:
    losses = _rows(tables, "history").test_loss.to_numpy()
    late = 1000 * (losses[-1] - losses[-1 - len(losses) // 4])
    found = (
        f"not run. In the last quarter of {len(losses)} epochs the test loss changes by "
        f"{late:+.2f} millinats per pixel (one training)"
    )
    return Claim(1, "It keeps improving beyond 20 epochs", "yes", found, OPEN)


def _more_training_helps(tables: Tables) -> Claim:
    horizon = 300
    early, late = (
        _trained(tables, "accuracy", snapshot=snapshot, strategy="argmax", horizon=horizon)
        for snapshot in ("1", "5")
    )
    where, verdict = _counted(late > early)
    found = (
        f"from snapshot 1 to 5 the argmax accuracy {horizon} ahead goes from {_range(early)} to "
        f"{_range(late)} %; up {where}"
    )
    return Claim(1, "Of course more training helps", "0.81 to 0.83", found, verdict)


def _ten_worse_than_all(tables: Tables) -> Claim:
    near, far = (
        _trained(tables, "accuracy", snapshot="5", strategy="argmax", horizon=horizon)
        for horizon in (10, 300)
    )
    where, verdict = _counted(near < far)
    found = f"snapshot 5: {_range(near)} % 10 ahead, {_range(far)} % 300 ahead; worse {where}"
    return Claim(
        1, "The next row can be worse than all of the rest", "0.826 and 0.83", found, verdict
    )


def _empty_bottom(tables: Tables) -> Claim:
    near, far = (
        _one(tables, "horizons", predictor="all_zero", horizon=horizon) for horizon in (10, 300)
    )
    found = (
        f"paper alone is right in {100 * near.accuracy:.1f} % of the first 10 pixels and in "
        f"{100 * far.accuracy:.1f} % of all 300"
    )
    verdict = HOLDS if far.accuracy - near.accuracy > 2 * near.accuracy_se else FAILS
    return Claim(1, "That is because the bottom has many zeros", "in words", found, verdict)


def _tries_differ_little(tables: Tables) -> Claim:
    rows = _rows(tables, "subsets", predictor="5", strategy="argmax")
    worst = rows.loc[rows.accuracy_sd.idxmax()]
    found = (
        f"snapshot 5: accuracies of 1,000 images drawn again deviate by up to "
        f"{100 * worst.accuracy_sd:.1f} points ({worst.horizon:.0f} ahead)"
    )
    return Claim(
        1, "With 1,000 images, a few tries differ by small percentages", "in words", found, HOLDS
    )


def _near_perfect_forced(tables: Tables) -> Claim:
    forced = _one(tables, "horizons", predictor="final", strategy="teacher_forced", horizon=300)
    nearest = _one(tables, "horizons", predictor="nearest", horizon=300)
    found = (
        f"{100 * forced.accuracy:.1f} % of the 300 pixels. The nearest training images, which "
        f"see none of them, get {100 * nearest.accuracy:.1f} %"
    )
    return Claim(
        1, "It is near perfect if it may step with the ground truth", "in words", found, HOLDS
    )


def _failure(name: str, claim: str) -> Callable[[Tables], Claim]:
    """A way to fail that the write-up names below its pictures, and how often it happens."""

    def judge(tables: Tables) -> Claim:
        row = _one(tables, "failures", predictor="5", failure=name)
        found = (
            f"{100 * row.share:.1f} % of {row.images:,} argmax continuations of snapshot 5 "
            f"({100 * row.low:.1f} to {100 * row.high:.1f}; one training)"
        )
        return Claim(1, claim, "examples", found, HOLDS if row.low > 0.01 else FAILS)

    return judge


# Question 2


def _equivalent(tables: Tables) -> Claim:
    """No table decides this: p(rest) is the same for every fill."""
    return Claim(
        2,
        "To maximise p(X) over the fills is the equivalent question",
        "formula",
        "right: p(fill given rest) = p(X) / p(rest), and p(rest) is the same for every fill. The "
        "formula's last factor needs p(x_t given all pixels before t), where the write-up has "
        "p(x_t given x_1 to x_T-1)",
        HOLDS,
    )


def _plan(method: str, claim: str) -> Callable[[Tables], Claim]:
    """One of the two plans that were never run, on the hardest masks: a patch in the centre."""

    def judge(tables: Tables) -> Claim:
        where = {"task": "patch_2x2", "masks": "centre"}
        plan = _one(tables, "scores", method=method, snapshot="final", **where)
        exact = _one(tables, "scores", method="exact", snapshot="final", **where)
        found = (
            f"{100 * plan.fill_accuracy:.1f} % of the patches right "
            f"({100 * plan.fill_low:.1f} to {100 * plan.fill_high:.1f}), exact Bayes "
            f"{100 * exact.fill_accuracy:.1f} %, a guess {100 / 16:.1f} %"
        )
        verdict = HOLDS if plan.fill_high >= exact.fill_low else FAILS
        return Claim(2, claim, "plan", found, verdict)

    return judge


# Question 3


def _long_run(model: str, expected: tuple[float, ...]) -> Callable[[Tables], Claim]:
    """The author's expectation: predictions settle at the mean of the prior."""

    def judge(tables: Tables) -> Claim:
        rows = _rows(tables, "bias", model=model, own_prior=1)
        means = ", ".join(f"{mean:.4f}" for mean in rows.network)
        gain = _one(tables, "recipes", model=model, recipe=RECIPE)
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
    row = _one(tables, "knowledge_summary", model="M2")
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
        row = _one(tables, "attainable", model=model, predictor="exact")
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
        row = _one(tables, "attainable", model=model, predictor="exact")
        positions = _rows(tables, "bounds", model=model, predictor="exact")
        numbers[model] = 100 * row.accuracy, 100 * positions.accuracy.mean()
    (short, short_symbols), (long, long_symbols) = numbers["M3"], numbers["M4"]
    found = (
        f"exact Bayes, balanced prior: {short:.1f} % with T = 5 and {long:.1f} % with T = 20 "
        f"of all characters, for a fifth of the short ones are resets. Of the symbols "
        f"{short_symbols:.1f} % and {long_symbols:.1f} %"
    )
    return Claim(3, "Short or long resets make no clear difference", "0.55 and 0.55", found, FAILS)


def _tougher_if_short(tables: Tables) -> Claim:
    rows = {model: _one(tables, "recipes", model=model, recipe=RECIPE) for model in ("M3", "M4")}
    lost = {model: 100 * row.excess / row.gain for model, row in rows.items()}
    found = (
        f"of what counting is worth, networks lose {lost['M3']:.2f} % with T = 5 and "
        f"{lost['M4']:.2f} % with T = 20 (balanced prior, mean of {rows['M3'].seeds})"
    )
    verdict = HOLDS if lost["M3"] > lost["M4"] else FAILS
    return Claim(3, "It is tougher if p changes at shorter intervals", "expected", found, verdict)


PARTLY, UNATTAINABLE = "partly", "unattainable"
# The recipe without a schedule, the nearest to what the write-up can have had.
RECIPE = "plain"
JUDGES: tuple[Callable[[Tables], Claim], ...] = (
    _falls_to_a_tenth,
    _peaks_around_95,
    _over_96_fully_trained,
    _improves_beyond,
    _more_training_helps,
    _ten_worse_than_all,
    _empty_bottom,
    _tries_differ_little,
    _near_perfect_forced,
    _failure("stops short", "It cuts the figure short"),
    _failure("stays empty", "It starts with zeros and goes on with zeros"),
    _failure("fills in", "It just fills in"),
    _equivalent,
    _plan("greedy", "Infill by the argmax continuation finds the missing pixels"),
    _plan("sampled", "Infill by drawn continuations finds the missing pixels"),
    _long_run("M1", (10 / 12, 1 / 12, 1 / 12)),
    _long_run("M3", (1 / 3, 1 / 3, 1 / 3)),
    _only_symbol_1,
    *map(_accuracy, ("M1", "M2", "M3", "M4")),
    _short_or_long,
    _tougher_if_short,
    _mean_not_map,
)
