from typing import Any

import pandas as pd
import pytest

from pipeline.report import facts
from pipeline.tables.published import Claim
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


@pytest.mark.parametrize(
    ("difference", "error", "expected"),
    [(0.3, 0.1, 1), (-0.3, 0.1, -1), (0.2, 0.1, 0), (-0.1, 0.1, 0), (0.0, 0.0, 0), (0.1, 0.0, 1)],
)
def test_a_paired_difference_exceeds_two_standard_errors(difference, error, expected):
    assert facts.sign(row(nats_less=difference, nats_less_se=error), "nats_less") == expected


@pytest.mark.parametrize(
    ("published", "verdict"),
    [
        (0.79, "reached"),
        (0.80, "reached"),
        (0.805, "reached"),  # "0.805" with a half of 0.01 may be 0.795
        (0.811, "needs_p"),
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
    claims = {"M1": Claim("so much", published, 0.01), "M9": Claim("half", 0.5)}
    (found,) = records(facts.attainable(table, claims))
    assert found == ("M1", 0.8, 0.9, "so much", verdict)
    assert facts.attainable(table, {}).empty


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
    assert facts.outcome(row(excess_high=excess, gain=gain)) == expected


@pytest.mark.parametrize(
    ("numbers", "inside", "plain", "expected"),
    [
        (10, 10, None, "likely"),
        (10, 9, None, "open"),
        (10, 8, None, "open"),  # a fifth exactly
        (10, 7, None, "unlikely"),
        (10, 10, 10, "open"),  # the plain reading holds all as well
        (10, 10, 9, "likely"),
        (10, 7, 10, "unlikely"),
    ],
)
def test_a_reading_is_judged_by_what_is_outside(numbers, inside, plain, expected):
    other = None if plain is None else row(numbers=10, inside=plain)
    assert facts.likely(row(numbers=numbers, inside=inside), other) == expected
