"""What a claim of the write-up is judged by: rows of tables, counts of trainings, verdicts."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.tables.rows import Tables, select

HOLDS, FAILS, SOMETIMES, OPEN = "holds", "does not hold", "in some trainings", "open"
PARTLY, UNATTAINABLE = "partly", "unattainable"


class Claim(NamedTuple):
    """A row of claims.csv."""

    question: int
    claim: str
    published: str
    found: str
    verdict: str


class AbsentError(LookupError):
    """The tables lack what a claim is about: params.yaml is not the write-up's."""


def find(tables: Tables, table: str, **where: Any) -> pd.DataFrame:
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


def only(tables: Tables, table: str, **where: Any) -> Any:
    """The only row, with its cells as attributes."""
    (row,) = find(tables, table, **where).itertuples(index=False)
    return row


def by_training(tables: Tables, quantity: str, **where: Any) -> np.ndarray:
    """A quantity of each training of the pixel network, in the order of the trainings."""
    return find(tables, "trainings", **where).sort_values("training")[quantity].to_numpy()


def last_of_each(tables: Tables, quantity: str) -> np.ndarray:
    """The one-step scores of all test images after the last epoch of the longest trainings."""
    whole = find(tables, "trainings", strategy="teacher_forced", horizon=0)
    after = whole.snapshot[whole.snapshot.str.isdigit()]
    return by_training(
        tables,
        quantity,
        strategy="teacher_forced",
        horizon=0,
        snapshot=str(after.astype(int).max()),
    )


def count(times: np.ndarray) -> tuple[str, str]:
    """In how many trainings a claim holds, in words, and the verdict."""
    held, of = int(times.sum()), len(times)
    verdict = {0: FAILS, of: HOLDS}.get(held, SOMETIMES)
    return f"in {held} of {of} trainings", verdict


def mean_and_range(values: np.ndarray, digits: int = 1, factor: float = 100) -> str:
    """Mean, and the lowest and highest in brackets."""
    mean, low, high = (
        f"{factor * x:.{digits}f}" for x in (values.mean(), *np.sort(values)[[0, -1]])
    )
    return f"{mean} ({low} to {high})"
