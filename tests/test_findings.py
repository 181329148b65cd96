from typing import Any

import pytest

from pipeline import findings

Record = dict[str, Any]
HIGHER, LOWER, SAME = "higher than", "lower than", "not distinguishable from"

# Two numbers with a standard error of 0.01 each: theirs of the difference is 0.014.
SWAPS = [(0.9, 0.8, HIGHER), (0.8, 0.9, LOWER), (0.82, 0.8, SAME), (0.8, 0.82, SAME)]


@pytest.mark.parametrize(
    ("one", "other", "error", "expected"),
    [
        (2.0, 1.0, 0.4, HIGHER),
        (1.0, 2.0, 0.4, LOWER),
        (2.0, 1.0, 0.6, SAME),
        (1.0, 2.0, 0.6, SAME),
        (2.0, 1.0, 0.5, SAME),  # two standard errors exactly
        (1.0, 1.0, 0.0, SAME),
    ],
)
def test_difference_is_worded_by_sign_and_two_standard_errors(one, other, error, expected):
    assert findings.difference(one, other, error) == expected


def history(train_loss: float, test_loss: float) -> list[Record]:
    return [
        {"epoch": 0, "train_loss": 0.3, "test_loss": 0.25, "test_accuracy": 0.9},
        {"epoch": 1, "train_loss": 0.2, "test_loss": 0.15, "test_accuracy": 0.96},
        {
            "epoch": 2,
            "train_loss": train_loss,
            "test_loss": test_loss,
            "test_accuracy": 0.95,
        },
    ]


SNAPSHOTS: list[Record] = [
    {"snapshot": "untrained", "test_loss": 0.7, "test_loss_se": 0.01},
    {"snapshot": "final", "test_loss": 0.1234, "test_loss_se": 0.0021},
]


def test_learning_names_the_peak_and_both_ends():
    falls, peak, _ = findings.learning(history(0.1, 0.11), SNAPSHOTS)
    for number in ("0.700", "0.250", "0.1234 ± 0.0021", "after 3."):
        assert number in falls
    assert "96.00 % after epoch 1" in peak


@pytest.mark.parametrize(
    ("train", "test", "expected", "overfits"),
    [
        (0.1, 0.104, "0.0040 nats per pixel above", False),
        (0.1, 0.096, "0.0040 nats per pixel below", False),
        # A twentieth of the training loss is 0.005.
        (0.1, 0.106, "0.0060 nats per pixel above", True),
    ],
)
def test_learning_tells_overfitting(train, test, expected, overfits):
    *_, gap = findings.learning(history(train, test), SNAPSHOTS)
    assert expected in gap
    assert ("does not overfit" in gap) != overfits


def horizon(predictor: str, strategy: str, accuracy: float, nats: float) -> Record:
    return {
        "predictor": predictor,
        "strategy": strategy,
        "horizon": 300,
        "accuracy": accuracy,
        "accuracy_se": 0.01,
        "cross_entropy": nats,
        "cross_entropy_se": 0.01,
    }


def horizons(argmax: float, sample: float, best: float) -> list[Record]:
    """The same numbers as accuracies and as cross-entropies."""
    return [
        horizon("final", "argmax", argmax, argmax),
        horizon("final", "sample", sample, sample),
        horizon("final", "teacher_forced", 0.95, 0.1),
        # Of the accuracies the first is best, of the cross-entropies the second.
        horizon("copy", "baseline", best, 9.0),
        horizon("all_zero", "baseline", 0.1, best),
        # Not the longest horizon.
        horizon("final", "argmax", 0.0, 0.0) | {"horizon": 10},
        horizon("copy_above", "baseline", 1.0, 0.0) | {"horizon": 10},
    ]


@pytest.mark.parametrize(("argmax", "best", "expected"), SWAPS)
def test_rollout_beside_the_best_baseline(argmax, best, expected):
    accurate, informed, *_ = findings.rollout(horizons(argmax, 0.5, best))
    assert f"{expected} the best baseline, copy, with {100 * best:.1f} ± 1.0 %" in accurate
    assert f"right in {100 * argmax:.1f} ± 1.0 %" in accurate
    assert accurate.startswith("Over 300 pixels")
    assert f"{argmax:.3f} ± 0.010 nats per pixel, is {expected} that of" in informed
    assert f"the best baseline, all_zero, with {best:.3f} ± 0.010" in informed


@pytest.mark.parametrize(("sample", "argmax", "expected"), SWAPS)
def test_rollout_drawn_beside_argmax(sample, argmax, expected):
    _, _, drawn, forced = findings.rollout(horizons(argmax, sample, 0.5))
    assert drawn.count(f"{expected} argmax") == 2
    assert f"{argmax / 0.1:.1f} times that" in forced


def fill(task: str, kind: str, method: str, accuracy: float, **numbers: Any) -> Record:
    return {
        "task": task,
        "masks": kind,
        "method": method,
        "snapshot": "none" if method in ("lookup", "majority") else "final",
        "fill_accuracy": accuracy,
        "fill_accuracy_se": 0.01,
        "nats": 0.2,
        "nats_se": 0.01,
        "ece": 0.02,
        "information": 0.123,
        "information_se": 0.004,
    } | numbers


def fills(exact: float, past: float, lookup: float, **of_exact: Any) -> list[Record]:
    return [
        row
        for task in ("one_pixel", "patch_2x2")
        for kind in ("uniform", "boundary")
        for row in (
            fill(task, kind, "exact", exact, **of_exact),
            # Another snapshot is not what the findings are about.
            fill(task, kind, "exact", 0.0, snapshot=5, nats=9.0, ece=0.9),
            fill(task, kind, "past_only", past),
            fill(task, kind, "lookup", lookup),
            fill(task, kind, "majority", 0.1),
        )
    ]


@pytest.mark.parametrize(("exact", "past", "expected"), SWAPS)
def test_inpainting_beside_the_past_alone(exact, past, expected):
    sentences = findings.inpainting(fills(exact, past, 0.3))
    firsts = [sentence for sentence in sentences if sentence.startswith("For ")]
    assert len(firsts) == 2
    for sentence in firsts:
        assert (
            f"right in {100 * exact:.1f} ± 1.0 % of the images, {expected} the" in sentence
        )
        assert f"past-only fill with {100 * past:.1f} ± 1.0 %" in sentence
        for kind in ("uniform", "boundary"):
            assert f"0.123 ± 0.004 nats ({kind} masks)" in sentence


@pytest.mark.parametrize(("exact", "best", "expected"), SWAPS)
def test_inpainting_beside_the_best_alternative(exact, best, expected):
    for name, table in (
        ("lookup", fills(exact, 0.3, best)),
        ("past only", fills(exact, best, 0.3)),
    ):
        sentences = [s for s in findings.inpainting(table) if not s.startswith("For ")]
        assert len(sentences) == 4
        for sentence in sentences:
            assert f"{expected} the best alternative, {name}, with" in sentence


@pytest.mark.parametrize(
    ("nats", "counts"), [(0.1, (4, 0, 0)), (0.3, (0, 4, 0)), (0.21, (0, 0, 4))]
)
def test_the_message_counts_where_exact_beats_the_lookup(nats, counts):
    table = fills(0.9, 0.8, 0.7, nats=nats)
    better, worse, same = counts
    first, _ = findings.inpainting_message(table)
    assert first.startswith(f"In {better} of the 4 combinations")
    assert f"in {worse} less, and in {same} they" in first


def test_the_message_names_the_largest_calibration_error():
    table = fills(0.9, 0.8, 0.7)
    worst = next(row for row in table if row["task"] == "patch_2x2" and row["ece"] == 0.02)
    worst["ece"] = 0.057
    _, second = findings.inpainting_message(table)
    assert "within 5.7 percentage points" in second
    assert "patch 2x2, uniform masks" in second


@pytest.mark.parametrize(
    ("parts", "expected"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_a_list_as_in_a_sentence(parts, expected):
    assert findings.in_words(part for part in parts) == expected
