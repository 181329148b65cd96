"""Every file format but that of networks: content to bytes, and files to content.

The same content gives the same bytes. A table is a pandas DataFrame; the names of its
columns decide which are text, so that a snapshot named 0 stays "0".
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.runtime import checks
from pipeline.runtime.process import first_line

# Columns of text, in all tables; every other column holds numbers.
TEXT = frozenset(
    {
        "digit",
        "masks",
        "method",
        "model",
        "position",
        "predictor",
        "prior",
        "quantity",
        "recipe",
        "schedule",
        "sequences",
        "snapshot",
        "split",
        "strategy",
        "task",
        "unit",
        "verdict",
    }
)

# Columns that may have empty cells, besides standard errors (`*_se`): one value has none.
EMPTY: dict[Path, tuple[str, ...]] = {
    # A method that gives no probabilities.
    paths.INPAINTING_SCORES: (
        "nats",
        "brier",
        "ece",
        "information",
        "image_nats_fill",
        "image_nats_truth",
    ),
    # A bin without forecasts.
    paths.RELIABILITY: ("confidence", "accuracy"),
    # A period of two characters, in which nothing is ever counted.
    paths.CONCENTRATION: ("estimate", "kl_left"),
    paths.READOUT: ("r_squared", "r_squared_untrained"),
    paths.RECIPES: ("reaction", "reaction_low", "reaction_high"),
    # A number that no exact predictor bounds.
    paths.SCORECARD: ("reachable",),
}

# DVC would put a damaged file of its cache back in the place of a new one.
REGENERATE = "delete it and .dvc/cache, and run `dvc repro` to regenerate it"


def encode(path: Path, content: Any) -> bytes:
    """The bytes of a file; its suffix says how. Bytes (of a network) stay as they are.

    Raises:
        ValueError: if the content breaks a rule of its format.
    """
    return content if isinstance(content, bytes) else ENCODERS[path.suffix](path, content)


def _encode_table(path: Path, table: pd.DataFrame) -> bytes:
    """CSV under a header; floats with 6 significant digits, NaN as an empty cell."""
    _check_table(path, table)
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode()


def read_table(path: Path) -> pd.DataFrame:
    """A table with typed columns; an empty cell among numbers is NaN.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a whole table, or a cell has the wrong type.
    """
    content = read_bytes(path)
    try:
        _check_structure(content)
        # "nan" may be the name of a model, so that only empty cells are NaN.
        table = pd.read_csv(
            io.BytesIO(content),
            dtype=dict.fromkeys(TEXT, str),
            keep_default_na=False,
            na_values=[""],
        )
        _check_table(path, table)
    except (ValueError, csv.Error) as error:
        reason = first_line(error).removeprefix(f"{path}: ")
        raise ValueError(f"{path}: not a whole table ({reason}); {REGENERATE}") from None
    return table


def _check_structure(content: bytes) -> None:
    """Check what pandas would repair silently, with empty cells or other names.

    Raises:
        ValueError: if rows differ in length, two columns have the same name, or the last
            line is cut off.
    """
    text = content.decode()
    if not text.endswith("\n"):
        raise ValueError("its last line is cut off")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    if len(set(header)) < len(header):
        raise ValueError("two columns have the same name")
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} cells, not {len(header)}")


def _check_table(path: Path, table: pd.DataFrame) -> None:
    """Check the types of all columns, and that only those of EMPTY have empty cells.

    Raises:
        ValueError: if a column breaks a rule; names it, and the row.
    """
    if table.empty:
        raise ValueError(f"{path}: got no row; expected at least one")
    for column, values in table.items():
        if column in TEXT:
            wrong = ~values.map(lambda value: isinstance(value, str)).to_numpy(bool)
        elif values.dtype.kind in "iuf":
            may_be_empty = column in EMPTY.get(path, ()) or str(column).endswith("_se")
            numbers = values.to_numpy(float)
            wrong = np.isinf(numbers) | (np.isnan(numbers) & (not may_be_empty))
        else:
            raise ValueError(f"{path}: {column}: got {values.dtype}; expected numbers")
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(f"{path}: row {row + 1}, {column}: got {values.iloc[row]!r}")


def _encode_json(path: Path, content: Mapping) -> bytes:
    """JSON with sorted keys, and floats rounded to 6 decimals."""

    def rounded(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: rounded(inner) for key, inner in value.items()}
        return round(value, 6) if isinstance(value, float) else value

    text = json.dumps(rounded(content), indent=2, sort_keys=True, allow_nan=False)
    return f"{text}\n".encode()


def _encode_array(path: Path, array: np.ndarray) -> bytes:
    checks.require_log_scale(path, array)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _encode_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> bytes:
    for array in arrays.values():
        checks.require_log_scale(path, array)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def read_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Named arrays from .npz: those asked for, or all.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or something else, or an array is missing.
    """
    content = read_bytes(path)
    try:
        # zipfile checks the sum of each member that it reads. But a damaged directory can
        # hide a member; the last bytes have their number.
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            if len(set(archive.files)) != int.from_bytes(content[-12:-10], "little"):
                raise ValueError("its list of arrays is damaged")
            return {name: archive[name] for name in names or archive.files}
    except Exception as error:  # whatever NumPy and zipfile raise for other files
        raise ValueError(
            f"{path}: not a whole .npz file ({first_line(error)}); {REGENERATE}"
        ) from None


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        FileNotFoundError: if there is no such file.
        OSError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: not found; if it is a result, `dvc repro` makes it"
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"{path}: cannot be read: {reason}") from None


def _encode_text(path: Path, text: str) -> bytes:
    return text.encode()


ENCODERS: dict[str, Callable[[Path, Any], bytes]] = {
    ".csv": _encode_table,
    ".html": _encode_text,
    ".json": _encode_json,
    ".md": _encode_text,
    ".npy": _encode_array,
    ".npz": _encode_arrays,
}
