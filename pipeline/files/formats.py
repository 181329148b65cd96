"""Every file format but that of networks: content to bytes, and files to content.

The same content gives the same bytes. A table is a pandas DataFrame; the names of its
columns decide which are text, so that a snapshot named 0 stays "0".
"""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.runtime import checks
from pipeline.runtime.process import first_line

# Columns of text, in all tables and in one; every other column holds numbers.
TEXT = (
    {"digit", "masks", "method", "predictor", "snapshot", "split", "strategy", "task"}
    | {"model", "position", "prior", "recipe", "schedule", "sequences", "settings"}
    | {"quantity", "unit", "verdict", "verdict_first", "written", "block", "baseline", "failure"}
    | {"settings", "at", "shown", "cell", "claim", "found"}
)
TEXT_OF = {paths.CLAIMS: {"published"}}

# What Markdown and formulae could take for a link, a picture or a command.
MARKUP = re.compile(r"[\\$`<>{}\[\]]")

# Columns that may have empty cells, besides standard errors (`*_se`): one value has none.
EMPTY: dict[Path, tuple[str, ...]] = {
    # A method that gives no probabilities.
    paths.INPAINTING_SCORES: (
        "nats",
        "brier",
        "ece",
        "ece_calibrated",
        "ece_p",
        "information",
        "image_nats_fill",
        "image_nats_truth",
        # One that draws nothing.
        "fills_drawn",
        "truth_drawn",
    ),
    paths.PAIRED_FILLS: ("nats_less",),
    # A network has no table.
    paths.CONTEXT_TABLES: ("context_pixels",),
    # A period of two characters, in which nothing is ever counted.
    paths.CONCENTRATION: ("estimate", "kl_left"),
    paths.READOUT: ("r_squared", "r_squared_untrained"),
    paths.RECIPES: tuple(
        f"{name}{end}" for name in ("level", "reaction") for end in ("", "_low", "_high")
    ),
    paths.MEMORY: ("lost",),
    # A single network has no interval.
    paths.PROBES: ("low", "high"),
    # With one training; or without one of the same number by the reference.
    paths.SETTINGS: ("sd", "z", "low", "high", "less_reference"),
    # Where all images have the same score.
    paths.SUBSETS: ("accuracy_z", "cross_entropy_z"),
    # A number that no exact predictor bounds, or of which there are not several trainings.
    paths.SCORECARD: (
        *("mean", "spread", "deviation", "low", "high", "factor", "z", "z_first"),
        "reachable",
    ),
    paths.BLOCKS: ("mean_z", "mean_z_first"),
    paths.SPREAD: tuple(
        f"{name}_{end}" for name in ("accuracy", "cross_entropy") for end in ("mean", "low", "high")
    ),
    paths.ALPHA: ("level", "level_most", "rise"),
    # A network that draws no whole period, or too few.
    paths.FREE_RUNNING: (
        *("right", "right_low", "right_high", "early", "late"),
        *("g", "p_value", "nats", "detectable"),
    ),
    # A single network.
    paths.CELLS: ("ratio_low", "ratio_high"),
}

# DVC's cache may be damaged, too. A stage that runs puts that right, but DVC runs none of which
# it remembers the results, unless it is forced to.
REGENERATE = "delete it, and run `dvc repro --force --single-item` with the name of its stage"


def encode(path: Path, content: Any) -> bytes:
    """The bytes of a file; its suffix says how. Bytes (of a network) stay as they are.

    Tables are CSV, with 6 significant digits and empty cells for NaN. JSON has sorted keys,
    and 6 decimals.

    Raises:
        ValueError: if the content breaks a rule of its format.
    """
    file = io.BytesIO()
    match path.suffix:
        case _ if isinstance(content, bytes):
            return content
        case ".csv":
            _check_table(path, content)
            content.to_csv(file, index=False, float_format="%.6g", lineterminator="\n")
        case ".json":
            rounded = json.loads(json.dumps(content, allow_nan=False), parse_float=_rounded)
            file.write(f"{json.dumps(rounded, indent=2, sort_keys=True)}\n".encode())
        case ".npy":
            checks.require_finite(path, content, log_scale=True)
            np.save(file, content, allow_pickle=False)
        case ".npz":
            for array in content.values():
                checks.require_finite(path, array, log_scale=True)
            np.savez_compressed(file, allow_pickle=False, **content)
        case ".html" | ".md":
            file.write(content.encode())
        case other:
            raise ValueError(f"{path}: no format has the suffix {other!r}")
    return file.getvalue()


def _rounded(digits: str) -> float:
    return round(float(digits), 6)


def read_table(path: Path) -> pd.DataFrame:
    """A table with typed columns; an empty cell among numbers is NaN.

    Raises:
        ValueError: if it is not a whole table, or a cell has the wrong type.
        OSError: if it cannot be read.
    """
    content = read_bytes(path)
    try:
        _check_structure(content)
        # "nan" may be the name of a model, so that only empty cells are NaN.
        table = pd.read_csv(
            io.BytesIO(content),
            dtype=dict.fromkeys(_text(path), str),
            keep_default_na=False,
            na_values=[""],
        )
        _check_table(path, table)
    except (ValueError, csv.Error) as error:
        reason = first_line(error).removeprefix(f"{path}: ")
        raise ValueError(f"{path}: not a whole table ({reason}); {REGENERATE}") from None
    return table


def _check_structure(content: bytes) -> None:
    """Check what pandas would repair silently, with empty cells or other names."""
    text = content.decode()
    if not text.endswith("\n"):
        raise ValueError("its last line is cut off")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    if len(set(header)) < len(header):
        raise ValueError("two columns have the same name")
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} cells, not {len(header)}")


def _text(path: Path) -> set[str]:
    """The columns of text that a table may have."""
    return TEXT | TEXT_OF.get(path, set())


def _check_table(path: Path, table: pd.DataFrame) -> None:
    """Check types, that only columns of EMPTY have empty cells, and errors and intervals.

    No standard error is below zero, and the lower end of no interval above the upper one.
    """
    if table.empty:
        raise ValueError(f"{path}: got no row; expected at least one")
    for column, values in table.items():
        if column in _text(path):
            wrong = ~values.map(_is_plain).to_numpy(bool)
        elif values.dtype.kind in "iuf":
            may_be_empty = column in EMPTY.get(path, ()) or str(column).endswith("_se")
            numbers = values.to_numpy(float)
            wrong = np.isinf(numbers) | (np.isnan(numbers) & (not may_be_empty))
            if str(column).endswith("_se"):
                wrong |= numbers < 0
            end = re.sub("low$", "high", str(column))
            if end != column and end in table:
                wrong |= numbers > table[end].to_numpy()
        else:
            raise ValueError(f"{path}: {column}: got {values.dtype}; expected numbers")
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(f"{path}: row {row + 1}, {column}: got {values.iloc[row]!r}")


def _is_plain(value: Any) -> bool:
    """Whether a cell is text that the report shows as it is."""
    return isinstance(value, str) and not MARKUP.search(value)


class Arrays(dict[str, np.ndarray]):
    """The arrays of a file, by name; one that it does not have is an error of that file."""

    def __init__(self, path: Path, arrays: dict[str, np.ndarray]):
        super().__init__(arrays)
        self.path = path

    def __missing__(self, name: str) -> NoReturn:
        raise ValueError(f"{self.path}: not a whole .npz file (no array {name}); {REGENERATE}")


def read_arrays(path: Path, *names: str) -> Arrays:
    """Named arrays from .npz: those asked for, or all.

    Raises:
        ValueError: if the file is damaged or something else, an array is missing, or `encode`
            would refuse it.
        OSError: if it cannot be read.
    """
    content = read_bytes(path)
    try:
        # zipfile checks the sum of each member that it reads. But a damaged directory can
        # hide a member; the last bytes have their number.
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            if len(set(archive.files)) != int.from_bytes(content[-12:-10], "little"):
                raise ValueError("its list of arrays is damaged")
            arrays = {name: archive[name] for name in names or archive.files}
        for array in arrays.values():
            checks.require_finite(path, array, log_scale=True)
    except Exception as error:  # whatever NumPy and zipfile raise for other files
        reason = first_line(error).removeprefix(f"{path}: ")
        raise ValueError(f"{path}: not a whole .npz file ({reason}); {REGENERATE}") from None
    return Arrays(path, arrays)


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        OSError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        reason = "not found; if it is a result, `dvc repro` makes it"
        raise FileNotFoundError(f"{path}: {reason}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"{path}: cannot be read: {reason}") from None
