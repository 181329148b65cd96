import pandas as pd
import pytest

from pipeline.tables import claims


def trainings(strategy: str, **by_snapshot: list[float]) -> pd.DataFrame:
    """A row for each training; a name such as s5_300 is snapshot 5, 300 ahead."""
    rows = []
    for name, values in by_snapshot.items():
        snapshot, horizon = name.removeprefix("s").split("_")
        rows += [
            {"training": k, "snapshot": snapshot, "strategy": strategy, "horizon": int(horizon)}
            | {"accuracy": value, "cross_entropy": value}
            for k, value in enumerate(values)
        ]
    return pd.DataFrame(rows)


def verdicts(**tables: pd.DataFrame) -> dict[str, str]:
    """The verdict on each claim that the tables can judge."""
    found = claims.claims(tables)
    return dict(zip(found.claim, found.verdict))


@pytest.mark.parametrize(
    ("early", "late", "verdict"),
    [
        ([0.80, 0.81], [0.82, 0.83], "holds"),
        ([0.80, 0.84], [0.82, 0.83], "in some trainings"),
        ([0.83, 0.84], [0.82, 0.83], "does not hold"),
    ],
)
def test_a_claim_about_networks_counts_trainings(early, late, verdict):
    table = trainings("argmax", s1_300=early, s5_300=late)
    assert verdicts(trainings=table)["Of course more training helps"] == verdict


def test_trainings_are_compared_with_themselves():
    table = trainings("argmax", s5_10=[0.80, 0.90], s5_300=[0.81, 0.91])
    shuffled = table.sample(frac=1, random_state=1)
    assert verdicts(trainings=shuffled)["The next row can be worse than all of the rest"] == "holds"


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.91, "holds"), (0.867, "unattainable")])
def test_over_90_percent_is_judged_by_exact_bayes(accuracy, verdict):
    row = {"model": "M1", "predictor": "exact", "accuracy": accuracy}
    found = verdicts(attainable=pd.DataFrame([row]))
    assert found["The accuracy of M1 is over 90 %"] == verdict


@pytest.mark.parametrize(("high", "verdict"), [(0.11, "does not hold"), (0.75, "holds")])
def test_a_plan_holds_if_it_may_be_as_good_as_exact_bayes(high, verdict):
    where = {"task": "patch_2x2", "masks": "centre", "snapshot": "final", "fill_accuracy": 0.5}
    rows = [
        where | {"method": "greedy", "fill_low": 0.09, "fill_high": high},
        where | {"method": "exact", "fill_low": 0.73, "fill_high": 0.76},
    ]
    (found,) = (v for c, v in verdicts(scores=pd.DataFrame(rows)).items() if "argmax cont" in c)
    assert found == verdict


def test_a_claim_that_the_tables_cannot_judge_is_left_out():
    without_tables = claims.claims({})
    # Those that no table decides remain.
    assert set(without_tables.question) == {2, 3}
    assert len(without_tables) == 2
    other = trainings("argmax", s2_300=[0.8, 0.9])
    assert "Of course more training helps" not in verdicts(trainings=other)
