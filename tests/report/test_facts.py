from typing import Any

import pandas as pd
import pytest

from pipeline.params.sections import MetaModel
from pipeline.report import facts
from pipeline.report.tables import records

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
        # The errors of both count: 0.5 by Pythagoras.
        (2.0, 1.0, (0.3, 0.4), 0),
        (2.1, 1.0, (0.3, 0.4), 1),
    ],
)
def test_means_are_compared_by_two_standard_errors(one, other, errors, expected):
    first = row(nats=one, nats_se=errors[0], accuracy=0.0, accuracy_se=0.0)
    second = row(nats=other, nats_se=errors[1], accuracy=9.0, accuracy_se=0.0)
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


def test_a_case_has_exact_past_and_the_best_other_method():
    uniform, centre = facts.cases(scores(uniform=0.3, centre=0.3))
    assert (uniform.exact.masks, centre.exact.masks) == ("uniform", "centre")
    assert (uniform.exact.snapshot, uniform.exact.fill_accuracy) == ("final", 0.9)
    assert uniform.past_only.fill_accuracy == 0.8
    assert uniform.best.method == "majority"


def test_exact_and_lookup_are_compared_by_the_probability_of_the_truth():
    cases = facts.cases(scores(uniform=0.3, centre=0.1, boundary=0.21))
    assert [case.likelihood for case in cases] == [1, -1, 0]


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
    (found,) = facts.attainable(table, {"M1": published, "M9": 0.5}, 0.01)
    assert found == ("M1", published, 0.8, 0.9, verdict)


@pytest.mark.parametrize(
    ("excess", "gain", "expected"),
    [
        # 1 % of 0.4 is 0.004.
        (0.0039, 0.4, "exact"),
        (0.0041, 0.4, "nearly"),
        (0.4, 0.4, "nearly"),
        # A period of one symbol has nothing to count.
        (0.0039, 0.0, "prior"),
    ],
)
def test_what_is_learned_depends_on_what_counting_is_worth(excess, gain, expected):
    assert facts.outcome(row(excess=excess, gain=gain)) == expected


@pytest.mark.parametrize(
    ("reset_every", "alpha", "expected"),
    [
        (5, (10.0, 1.0, 1.0), True),
        (5, (10.0, 1.0, 1.0000001), True),  # tables have six digits
        (5, (10.0, 1.0, 1.001), False),
        (5, (1.0, 10.0, 1.0), False),
        (6, (10.0, 1.0, 1.0), False),
        (5, (10.0, 1.0), False),
        (5, (10.0, 1.0, 1.0, 1.0), False),
    ],
)
def test_studies_cover_a_model_with_the_same_source(reset_every, alpha, expected):
    recipes = pd.DataFrame(
        {
            "model": ["M1", "M1"],
            "reset_every": 5,
            "alpha_1": 10.0,
            "alpha_2": 1,
            "alpha_3": 1,
        }
    )
    models = {"M1": MetaModel(reset_every, alpha), "M2": MetaModel(reset_every, alpha)}
    assert facts.covered_models(recipes, models) == ["M1"] * expected


@pytest.mark.parametrize(("symbols", "expected"), [(2, False), (3, True), (4, False)])
def test_the_simplex_of_three_symbols_is_a_triangle(symbols, expected):
    table = pd.DataFrame({f"p_{k + 1}": [0.5] for k in range(symbols)} | {"p_0": [0.0]})
    assert facts.is_triangle(table) == expected
