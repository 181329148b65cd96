"""Every path, relative to the top folder, and every file format but that of networks.

Each writer checks its content and makes the same bytes from the same content; `storage`
sees to it that a file is either complete or absent.
"""

import csv
import io
import json
import subprocess
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import checks, storage

Record = dict[str, Any]

# What to do about a file that is no use.
_ANEW = "delete it and run `dvc repro`, which makes it anew"

# Inputs
RAW_DATA = Path("data/raw")
TFDS_CACHE = Path("data/tensorflow_datasets")

# Of stages that run or were stopped; no outputs.
CHECKPOINTS = Path("data/checkpoints")
LOCKS = Path("data/locks")

# binarise
BINARISED = Path("data/mnist/binarised.npz")
INK = Path("reports/data/ink.csv")
EXAMPLES = Path("reports/data/examples.npz")

# train_pixels
PIXEL_MODELS = Path("models/pixels")
PIXEL_HISTORY = Path("reports/pixels/history.csv")
SNAPSHOT_SCORES = Path("reports/pixels/snapshots.csv")

# rollout
HORIZONS = Path("reports/rollout/horizons.csv")
STEPS_AHEAD = Path("reports/rollout/steps.csv")
ROLLOUT_IMAGES = Path("reports/rollout/images.csv")
ROLLOUT_GALLERY = Path("reports/rollout/gallery.npz")

# inpaint
INPAINTING_TASKS = {
    "one_pixel": Path("data/inpainting/one_pixel.npy"),
    "patch_2x2": Path("data/inpainting/patch_2x2.npy"),
}
POSTERIORS = Path("data/inpainting/posteriors.npz")
INPAINTING_SCORES = Path("reports/inpainting/scores.csv")
INPAINTING_IMAGES = Path("reports/inpainting/images.csv")
RELIABILITY = Path("reports/inpainting/reliability.csv")
INPAINTING_GALLERY = Path("reports/inpainting/gallery.npz")

# train_meta
META_MODELS = Path("models/meta")
META_REPORTS = Path("reports/meta")

# compare_bayes
COMPARISON = Path("reports/meta/comparison.csv")
BIAS = Path("reports/meta/bias.csv")
PREDICTIONS = Path("reports/meta/predictions.npz")
BOUNDS = Path("reports/meta/bounds.csv")

# probe_knowledge
HISTORIES = Path("reports/meta/histories.csv")
LEAKS = Path("reports/meta/leaks.csv")
READOUT = Path("reports/meta/readout.csv")
HIDDEN_STATES = Path("reports/meta/states.csv")
CONCENTRATION = Path("reports/meta/concentration.csv")

# probe_offprior
MATRIX = Path("reports/meta/matrix.csv")
SIMPLEX = Path("reports/meta/simplex.csv")

# The studies: what their runs write, and the tables that pipeline.studies makes of it.
STUDY_TRAINING = Path("studies/training")
STUDY_MEMORY = Path("studies/memory")
RECIPES = Path("reports/meta/recipes.csv")
EXCESS = Path("reports/meta/excess.csv")
REGRET = Path("reports/meta/regret.csv")
MEMORY = Path("reports/meta/memory.csv")

# report
FIGURES = Path("reports/figures")
SCORECARD = Path("reports/scorecard.csv")
METRICS = Path("reports/metrics.json")
REPORT_MARKDOWN = Path("reports/report.md")
REPORT_HTML = Path("reports/report.html")

# verify
DEMO = Path("reports/demo.json")

# What decides the results, so that the report can name the commit that made it.
SOURCES = (
    "pipeline",
    "params.yaml",
    "dvc.yaml",
    "studies/dvc.yaml",
    "numerics.lock",
)


def pixel_model(snapshot: str) -> Path:
    """The pixel network after an epoch ("5"), "untrained" or "final"."""
    stem = f"epoch-{snapshot}" if snapshot.isdigit() else snapshot
    return PIXEL_MODELS / f"{stem}.keras"


def meta_model(name: str) -> Path:
    """The trained network of a meta-task model, such as M1."""
    return META_MODELS / f"{name}.keras"


def meta_curves(name: str) -> Path:
    """The training curves of a meta-task model."""
    return META_REPORTS / f"curves-{name}.csv"


def study_curve(name: str, recipe: str, repetition: int) -> Path:
    """Excess while training a meta-task model by a recipe."""
    return STUDY_TRAINING / f"{name}-{recipe}-{repetition}-curve.csv"


def study_regret(name: str, recipe: str, repetition: int) -> Path:
    """Regret of the trained network at each step."""
    return STUDY_TRAINING / f"{name}-{recipe}-{repetition}-regret.csv"


def study_memory(prior: str, reset_every: int) -> Path:
    """Excess by hidden units, for one prior and length of the period."""
    return STUDY_MEMORY / f"{prior}-{reset_every}.csv"


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with line feeds, whatever the locale."""
    storage.write(path, text.encode())


def write_csv(path: Path, records: Iterable[Record], empty: Collection[str] = ()) -> None:
    """Records as rows under a header; floats with 6 significant digits.

    Args:
        path: the file.
        records: at least one, all with the same columns.
        empty: columns in which nan is meant, beside those of standard errors (`..._se`),
            for a single value has none; it becomes an empty cell.

    Raises:
        ValueError: no record, other columns in one than in the first, or a number that is
            nan or infinite.
    """
    records = list(records)
    if not records:
        raise ValueError(f"{path}: got no row; expected at least one")
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    for number, record in enumerate(records, start=1):
        if record.keys() != records[0].keys():
            raise ValueError(f"{path}: row {number} has other columns than the first")
        for column, value in record.items():
            if isinstance(value, float | np.floating) and not np.isfinite(value):
                meant = column in empty or column.endswith("_se")
                if not (np.isnan(value) and meant):
                    raise ValueError(f"{path}: row {number}, {column}: got {value}")
        writer.writerow({key: _cell(value) for key, value in record.items()})
    write_text(path, text.getvalue())


def read_csv(path: Path) -> list[Record]:
    """Rows as records; numbers as numbers, an empty cell as nan.

    Raises:
        ValueError: no text, or a row that has not as many cells as the header.
    """
    try:
        text = storage.read(path).decode()
        header, *rows = [*csv.reader(io.StringIO(text))] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        reason = storage.reason(error)
        raise ValueError(f"{path}: not a table ({reason}); {_ANEW}") from None
    if not rows or any(len(row) != len(header) for row in rows):
        raise ValueError(f"{path}: not a whole table; {_ANEW}")
    return [dict(zip(header, map(_value, row))) for row in rows]


def write_json(path: Path, content: Mapping) -> None:
    """JSON with sorted keys and floats rounded to 6 decimals."""

    def rounded(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: rounded(inner) for key, inner in value.items()}
        return round(value, 6) if isinstance(value, float) else value

    write_text(path, json.dumps(rounded(content), indent=2, sort_keys=True) + "\n")


def write_array(path: Path, array: np.ndarray) -> None:
    """One array as .npy.

    Raises:
        ValueError: it has nan or plus infinity, or objects, which would have to be pickled.
    """
    checks.numbers(path, array)
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    storage.write(path, content.getvalue())


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Named arrays as compressed .npz.

    Raises:
        ValueError: one has nan or plus infinity, or objects, which would have to be
            pickled.
    """
    for array in arrays.values():
        checks.numbers(path, array)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    storage.write(path, content.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Named arrays from .npz.

    Raises:
        ValueError: the file is damaged or something else.
    """
    content = storage.read(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # whatever numpy says of what is no archive
        reason = storage.reason(error)
        raise ValueError(f"{path}: not a whole .npz file ({reason}); {_ANEW}") from None


def write_figure(name: str, figure: Any) -> tuple[str, bytes]:
    """A matplotlib figure as PNG among the report's figures.

    Returns:
        Its address relative to the report, and its content.
    """
    path = FIGURES / f"{name}.png"
    png = figure_as_png(figure)
    storage.write(path, png)
    return path.relative_to(REPORT_HTML.parent).as_posix(), png


def figure_as_png(figure: Any) -> bytes:
    """The same bytes each time, without the version of matplotlib that drew them."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def code_version() -> str:
    """The last commit that changed code or parameters, and whether they differ from it now.

    Not the newest commit: one that adds results alone does not change what made them.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments, "--", *SOURCES],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    try:
        commit = git("log", "-1", "--format=%h", "--abbrev=12")
        changed = git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return "not under version control"
    if not commit:
        return "not committed"
    return f"{commit} with uncommitted changes" if changed else commit


def _cell(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.6g}"
    return value


def _value(text: str) -> Any:
    if text == "":
        return float("nan")
    if text[0].isalpha():
        return text  # also where it could be read as a number, such as a model named nan
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
