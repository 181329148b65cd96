from typing import Any

import pandas as pd
import pytest

from pipeline.report import facts
from pipeline.tables.rows import records

NAN = float("nan")


def row(**cells: Any) -> Any:
    return records(pd.DataFrame([cells]))[0]


@pytest.mark.parametrize(
    ("one", "other", "errors", "expected"),
    [
        (2.0, 1.0, (0.4, 0.0), 1),
        (1.0, 2.0, (0.4, 0.0), -1),
        (2.0, 1.0, (0.6, 0.0), 0),
        (1.0, 2.0, (0.0, 0.6), 0),
        (2.0, 1.0, (0.5, 0.0), 0),  # two standard errors exactly
        (1.0, 1.0, (0.0, 0.0), 0),
        (2.0, 1.0, (0.3, 0.4), 0),  # the errors of both count: 0.5 by Pythagoras
        (2.1, 1.0, (0.3, 0.4), 1),
    ],
)
def test_means_are_compared_by_two_standard_errors(one, other, errors, expected):
    first, second = (row(nats=mean, nats_se=se) for mean, se in zip((one, other), errors))
    assert facts.compare(first, second, "nats") == expected


def scores(**nats_of_lookup: float) -> pd.DataFrame:
    """Exact has 0.2 ± 0.01 nats; each kind of mask has a row for each method."""
    rows = [
        ("exact", "final", 0.9, 0.2),
        ("exact", "5", 0.99, 0.1),  # another snapshot is not what the findings are about
        ("past_only", "final", 0.8, 0.5),
        ("lookup", "none", 0.7, NAN),
        ("majority", "none", 0.85, NAN),
    ]
    table = pd.DataFrame(rows, columns=["method", "snapshot", "fill_accuracy", "nats"])
    table = table.assign(fill_accuracy_se=0.01, nats_se=0.01)
    return pd.concat(
        table.assign(task="one_pixel", masks=masks, nats=table.nats.fillna(nats))
        for masks, nats in nats_of_lookup.items()
    )


def test_a_case_has_exact_past_the_best_other_method_and_a_comparison_with_lookup():
    cases = facts.cases(scores(uniform=0.3, centre=0.1, boundary=0.21))
    uniform, centre, _ = cases
    assert (uniform["exact"].masks, centre["exact"].masks) == ("uniform", "centre")
    assert (uniform["exact"].snapshot, uniform["exact"].fill_accuracy) == ("final", 0.9)
    assert uniform["past_only"].fill_accuracy == 0.8
    assert uniform["best"].method == "majority"
    assert [case["likelihood"] for case in cases] == [1, -1, 0]


@pytest.mark.parametrize(
    ("published", "verdict"),
    [
        (0.79, "reached"),
        (0.80, "reached"),
        (0.809, "tolerated"),
        (0.82, "needs_p"),
        (0.908, "needs_p"),
        (0.92, "impossible"),
    ],
)
def test_what_is_attainable_depends_on_both_predictors(published, verdict):
    table = pd.DataFrame(
        [("M1", "exact", 0.8), ("M1", "known_p", 0.9), ("M2", "exact", 0.1)],
        columns=["model", "predictor", "accuracy"],
    )
    # M9 is published, but no model of ours; M2 is not published.
    (found,) = records(facts.attainable(table, {"M1": published, "M9": 0.5}, 0.01))
    assert found == ("M1", 0.8, 0.9, published, verdict)
    assert facts.attainable(table, {}, 0.01).empty


@pytest.mark.parametrize(
    ("excess", "gain", "expected"),
    [
        (0.0039, 0.4, "exact"),  # 1 % of 0.4 is 0.004
        (0.0041, 0.4, "nearly"),
        (0.4, 0.4, "nearly"),
        (0.0039, 0.0, "prior"),  # a period of one symbol has nothing to count
    ],
)
def test_what_is_learned_depends_on_what_counting_is_worth(excess, gain, expected):
    assert facts.outcome(row(excess=excess, gain=gain)) == expected
