"""What the write-up said in words of questions 1 and 2; each function judges one claim."""

from collections.abc import Callable

from pipeline.tables import published
from pipeline.tables.evidence import (
    FAILS,
    HOLDS,
    OPEN,
    Claim,
    by_training,
    count,
    find,
    last_of_each,
    mean_and_range,
    only,
)
from pipeline.tables.rows import Tables

# Question 1


def _falls_to_a_tenth(tables: Tables) -> Claim:
    losses = last_of_each(tables, "cross_entropy")
    where, verdict = count(losses.round(1) <= 0.1)
    found = f"{mean_and_range(losses, 3, 1)} nats per pixel after the last epoch; 0.1 {where}"
    return Claim(1, "The cross-entropy is reduced to 0.1", "0.1", found, verdict)


def _peaks_around_95(tables: Tables) -> Claim:
    best = 100 * find(tables, "history").test_accuracy.max()
    snapshot = 100 * float(published.SNAPSHOTS["5"][1])
    found = (
        f"the highest is {best:.2f} % (one training). The write-up's own snapshot 5 has "
        f"{snapshot:g} %, so its words are rounded down"
    )
    verdict = HOLDS if 92.5 <= best < 97.5 else FAILS  # what five rounds to 95
    return Claim(1, "One-step accuracy peaks around 95 %", "95 %", found, verdict)


def _over_96_fully_trained(tables: Tables) -> Claim:
    shares = last_of_each(tables, "accuracy")
    where, verdict = count(shares > 0.96)
    found = f"{mean_and_range(shares, 2)} %; over 96 % {where}"
    return Claim(
        1, "One-step accuracy is over 96 % when fully trained", "over 96 %", found, verdict
    )


def _improves_beyond(tables: Tables) -> Claim:
    losses = find(tables, "history").test_loss.to_numpy()
    late = 1000 * (losses[-1] - losses[-1 - len(losses) // 4])
    found = (
        f"not run. In the last quarter of {len(losses)} epochs the test loss changes by "
        f"{late:+.2f} millinats per pixel (one training)"
    )
    return Claim(1, "It keeps improving beyond 20 epochs", "yes", found, OPEN)


def _more_training_helps(tables: Tables) -> Claim:
    horizon = 300
    early, late = (
        by_training(tables, "accuracy", snapshot=snapshot, strategy="argmax", horizon=horizon)
        for snapshot in ("1", "5")
    )
    where, verdict = count(late > early)
    found = (
        f"from snapshot 1 to 5 the argmax accuracy {horizon} ahead goes from "
        f"{mean_and_range(early)} to {mean_and_range(late)} %; up {where}"
    )
    return Claim(1, "Of course more training helps", "0.81 to 0.83", found, verdict)


def _ten_worse_than_all(tables: Tables) -> Claim:
    near, far = (
        by_training(tables, "accuracy", snapshot="5", strategy="argmax", horizon=horizon)
        for horizon in (10, 300)
    )
    where, verdict = count(near < far)
    found = (
        f"snapshot 5: {mean_and_range(near)} % 10 ahead, {mean_and_range(far)} % 300 ahead; "
        f"worse {where}"
    )
    return Claim(
        1, "The next row can be worse than all of the rest", "0.826 and 0.83", found, verdict
    )


def _empty_bottom(tables: Tables) -> Claim:
    near, far = (
        only(tables, "horizons", predictor="all_zero", horizon=horizon) for horizon in (10, 300)
    )
    found = (
        f"paper alone is right in {100 * near.accuracy:.1f} % of the first 10 pixels and in "
        f"{100 * far.accuracy:.1f} % of all 300"
    )
    verdict = HOLDS if far.accuracy - near.accuracy > 2 * near.accuracy_se else FAILS
    return Claim(1, "That is because the bottom has many zeros", "in words", found, verdict)


def _tries_differ_little(tables: Tables) -> Claim:
    rows = find(tables, "subsets", predictor="5", strategy="argmax")
    worst = rows.loc[rows.accuracy_sd.idxmax()]
    found = (
        f"snapshot 5: accuracies of 1,000 images drawn again deviate by up to "
        f"{100 * worst.accuracy_sd:.1f} points ({worst.horizon:.0f} ahead)"
    )
    verdict = HOLDS if worst.accuracy_sd < 0.05 else FAILS
    return Claim(
        1, "With 1,000 images, a few tries differ by small percentages", "in words", found, verdict
    )


def _near_perfect_forced(tables: Tables) -> Claim:
    forced = only(tables, "horizons", predictor="final", strategy="teacher_forced", horizon=300)
    nearest = only(tables, "horizons", predictor="nearest", horizon=300)
    found = (
        f"{100 * forced.accuracy:.1f} % of the 300 pixels. The nearest training images, which "
        f"see none of them, get {100 * nearest.accuracy:.1f} %"
    )
    verdict = HOLDS if forced.accuracy > 0.95 else FAILS
    return Claim(
        1, "It is near perfect if it may step with the ground truth", "in words", found, verdict
    )


def _failure(name: str, claim: str) -> Callable[[Tables], Claim]:
    """A way to fail that the write-up names below its pictures, and how often it happens."""

    def judge(tables: Tables) -> Claim:
        row = only(tables, "failures", predictor="5", failure=name)
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
        plan = only(tables, "scores", method=method, snapshot="final", **where)
        exact = only(tables, "scores", method="exact", snapshot="final", **where)
        found = (
            f"{100 * plan.fill_accuracy:.1f} % of the patches right "
            f"({100 * plan.fill_low:.1f} to {100 * plan.fill_high:.1f}), exact Bayes "
            f"{100 * exact.fill_accuracy:.1f} %, a guess {100 / 16:.1f} %"
        )
        verdict = HOLDS if plan.fill_high >= exact.fill_low else FAILS
        return Claim(2, claim, "plan", found, verdict)

    return judge


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
)
