"""Every number that the 2018 write-up published, and how ours is held against it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Record = dict[str, Any]

# Its figure 2: test loss (nats per pixel) and test accuracy of each snapshot.
SNAPSHOTS = {"0": (0.15, 0.9377), "1": (0.12, 0.9499), "5": (0.10, 0.9578)}

# Its rollout table: accuracy and cross-entropy (nats per pixel) by snapshot and horizon.
ROLLOUT = {
    "0": {1: (0.872, 0.295), 10: (0.746, 0.531), 28: (0.846, 0.353), 300: (0.80, 0.64)},
    "1": {1: (0.89, 0.24), 10: (0.79, 0.49), 28: (0.87, 0.32), 300: (0.81, 0.69)},
    "5": {1: (0.933, 0.176), 10: (0.826, 0.41), 28: (0.90, 0.24), 300: (0.83, 0.62)},
}

# Its figure 1: where the curves end and peak.
LOWEST_LOSS, PEAK_ACCURACY = 0.10, 0.95

# Its figures 4 to 7: "over 90 %" for the biased alpha, "mid-50s" for the balanced one.
META_ACCURACY = {"M1": 0.90, "M2": 0.90, "M3": 0.55, "M4": 0.55}
RESET_ACCURACY = 1.0

# Its figures of single sequences, by model and kind of sequence.
SEQUENCE_FIGURES = {
    ("M1", "own"): 8,
    ("M3", "own"): 9,
    ("M2", "own"): 10,
    ("M4", "own"): 11,
    ("M2", "fixed"): 12,
    ("M4", "fixed"): 13,
}


class Ours(NamedTuple):
    """Our number, its standard error, and the most that any predictor can reach."""

    value: float
    standard_error: float = 0.0
    bound: float = float("inf")


class Tolerance(NamedTuple):
    """How far from a published number still agrees, before our standard error."""

    accuracy: float
    nats: float


def scorecard(
    snapshots: Iterable[Record],
    history: Iterable[Record],
    horizons: Iterable[Record],
    comparison: Iterable[Record],
    reachable: Mapping[str, float],
    tolerance: Tolerance,
) -> list[Record]:
    """Every published number beside ours; one that we have no counterpart of is left out.

    A number agrees if it differs by no more than the tolerance plus two of our standard
    errors (the published ones come from one run, rounded, and from as few images). If it
    does not, an accuracy above what the exact predictor has in expectation (`reachable`, by
    model) is not attainable.
    """
    rows: list[Record] = []

    def compare(quantity: str, published: float, ours: Ours, unit: str) -> None:
        allowed = getattr(tolerance, unit) + 2 * ours.standard_error
        rows.append(
            {
                "quantity": quantity,
                "published": published,
                "ours": ours.value,
                "difference": ours.value - published,
                "verdict": _verdict(published, ours, allowed),
                "ours_se": ours.standard_error,
                "tolerance": allowed,
                "unit": "nats per pixel" if unit == "nats" else "share of right guesses",
            }
        )

    by_name = {str(row["snapshot"]): row for row in snapshots}
    for name, (loss, accuracy) in SNAPSHOTS.items():
        if name in by_name:
            row = by_name[name]
            ours = Ours(row["test_loss"], row["test_loss_se"])
            compare(f"test loss, snapshot {name}", loss, ours, "nats")
            ours = Ours(row["test_accuracy"], row["test_accuracy_se"])
            compare(f"test accuracy, snapshot {name}", accuracy, ours, "accuracy")
    history = list(history)
    lowest = Ours(min(row["test_loss"] for row in history))
    compare("lowest test loss of the curves", LOWEST_LOSS, lowest, "nats")
    peak = Ours(max(row["test_accuracy"] for row in history))
    compare("peak one-step test accuracy", PEAK_ACCURACY, peak, "accuracy")
    for row in horizons:
        name, horizon = str(row["predictor"]), row["horizon"]
        numbers = ROLLOUT.get(name, {}).get(horizon)
        if numbers and row["strategy"] == "argmax":
            where = f"rollout, snapshot {name}, {horizon} ahead"
            ours = Ours(row["accuracy"], row["accuracy_se"])
            compare(f"accuracy, {where}", numbers[0], ours, "accuracy")
            ours = Ours(row["cross_entropy"], row["cross_entropy_se"])
            compare(f"cross-entropy, {where}", numbers[1], ours, "nats")
    for row in comparison:
        if row["own_prior"] and row["model"] in META_ACCURACY:
            name = row["model"]
            ours = Ours(row["accuracy"], row["accuracy_se"], reachable[name])
            compare(f"{name} accuracy", META_ACCURACY[name], ours, "accuracy")
            ours = Ours(row["reset_accuracy"])
            compare(f"{name} accuracy at resets", RESET_ACCURACY, ours, "accuracy")
    return rows


def _verdict(published: float, ours: Ours, allowed: float) -> str:
    difference = ours.value - published
    # A billionth more: 0.91 - 0.90 is not 0.01 in binary.
    if abs(difference) <= allowed + 1e-9:
        return f"agrees within {allowed:.3f}"
    if published > ours.bound:
        return f"not attainable: the exact predictor reaches {ours.bound:.3f}"
    return f"differs: ours is {'higher' if difference > 0 else 'lower'}"
