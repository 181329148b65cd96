"""Rows and cells of tables, for sentences and figures."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

# By the names of their files, without suffix.
Tables = Mapping[str, pd.DataFrame]
Arrays = Mapping[str, np.ndarray]


def as_written(table: pd.DataFrame) -> pd.DataFrame:
    """The cells as the table's file has them: floats with six significant digits."""
    return table.map(lambda cell: float(f"{cell:.6g}") if isinstance(cell, float) else cell)


def select(table: pd.DataFrame, **where: Any) -> pd.DataFrame:
    """The rows that have these values in these columns."""
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def records(table: pd.DataFrame, **where: Any) -> list[Any]:
    """The rows that `select` finds, each with its cells as attributes."""
    return list(select(table, **where).itertuples(index=False))


def record(table: pd.DataFrame, **where: Any) -> Any:
    """The only row that `select` finds."""
    (row,) = records(table, **where)
    return row


def group(table: pd.DataFrame, *columns: str) -> list[list[Any]]:
    """The rows that share the values of some columns, in the order of the table."""
    return [records(rows) for _, rows in table.groupby(list(columns), sort=False)]


def numbered_columns(columns: Iterable[str], name: str) -> list[str]:
    """The columns NAME_1, NAME_2, ...: one for each symbol, without the reset's NAME_0."""
    return [column for column in columns if re.fullmatch(rf"{name}_[1-9]\d*", column)]


def cells(row: Any, name: str) -> list[float]:
    """The cells NAME_1, NAME_2, ... of a row."""
    return [getattr(row, column) for column in numbered_columns(row._fields, name)]
