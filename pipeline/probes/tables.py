"""Tables below one another, and their numbered columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def stack(tables: Mapping[Any, pd.DataFrame], *keys: str) -> pd.DataFrame:
    """Tables below one another; the keys of the mapping become the first columns."""
    levels = list(range(len(keys)))
    return pd.concat(tables, names=keys).reset_index(levels).reset_index(drop=True)


def numbered(name: str, values: np.ndarray, start: int = 1) -> dict[str, np.ndarray]:
    """Columns name_1, name_2, ... from an array (rows, symbols)."""
    return {f"{name}_{k}": column for k, column in enumerate(values.T, start)}


def columns(table: pd.DataFrame, name: str) -> np.ndarray:
    """The columns name_1, name_2, ... of a table, shape (rows, symbols)."""
    return table.filter(regex=rf"^{name}_[1-9]\d*$").to_numpy()
