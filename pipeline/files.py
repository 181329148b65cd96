"""Every path and every file format of the project. Paths are relative to its top folder.

Each writer makes the same bytes from the same content and replaces the target in one step,
so that a file is either complete or absent.
"""

import csv
import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Record = dict[str, Any]

# Inputs
RAW_DATA = Path("data/raw")
TFDS_CACHE = Path("data/tensorflow_datasets")

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

# What decides the results, so that the report can name the commit that made it.
SOURCES = (
    "pipeline",
    "params.yaml",
    "dvc.yaml",
    "studies/dvc.yaml",
    "requirements.lock",
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


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step."""
    with _replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with line feeds, whatever the locale."""
    write_bytes(path, text.encode())


def write_csv(path: Path, records: Iterable[Record]) -> None:
    """Records as rows under a header; floats with 6 significant digits, nan as empty."""
    records = list(records)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({key: _cell(value) for key, value in record.items()})
    write_text(path, text.getvalue())


def read_csv(path: Path) -> list[Record]:
    """Rows as records; numbers as numbers, an empty cell as nan."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {key: _value(text) for key, text in row.items()} for row in csv.DictReader(file)
        ]


def write_json(path: Path, content: Mapping) -> None:
    """JSON with sorted keys and floats rounded to 6 decimals."""

    def rounded(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: rounded(inner) for key, inner in value.items()}
        return round(value, 6) if isinstance(value, float) else value

    write_text(path, json.dumps(rounded(content), indent=2, sort_keys=True) + "\n")


def write_array(path: Path, array: np.ndarray) -> None:
    """One array as .npy."""
    with _replacing(path) as file:
        np.save(file, array, allow_pickle=False)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Named arrays as compressed .npz."""
    with _replacing(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Named arrays from .npz."""
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def write_figure(name: str, figure: Any) -> Path:
    """A matplotlib figure as PNG among the report's figures; returns its path."""
    path = FIGURES / f"{name}.png"
    with _replacing(path) as file:
        # The metadata would otherwise carry matplotlib's version and change with it.
        figure.savefig(file, format="png", metadata={"Software": None})
    return path


def read_figures() -> dict[str, bytes]:
    """The report's figures by their address relative to it."""
    folder = REPORT_HTML.parent
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(FIGURES.glob("*.png"))
    }


def write_model(path: Path, model: Any) -> None:
    """A Keras model as a .keras file whose bytes depend on nothing but the model.

    Keras puts the date, time stamps and memory addresses into the file; the archive is
    written again with fixed ones.
    """
    saved = path.with_name(f".saving-{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        model.save(saved)
        with (
            zipfile.ZipFile(saved) as archive,
            _replacing(path) as file,
            zipfile.ZipFile(file, "w") as rewritten,
        ):
            for name in sorted(archive.namelist()):
                # A ZipInfo made by hand is dated 1980 and keeps no attributes.
                rewritten.writestr(
                    zipfile.ZipInfo(name), _without_chance(name, archive.read(name))
                )
    finally:
        saved.unlink(missing_ok=True)


def read_model(path: Path) -> Any:
    """A Keras model; one that carries code of its own is refused."""
    import keras  # costs seconds, and most stages read no model

    return keras.saving.load_model(path, compile=False, safe_mode=True)


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


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file beside the target that takes its place when all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished-{path.name}")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


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


def _without_chance(name: str, content: bytes) -> bytes:
    """A member of a .keras archive without what differs between runs."""
    if name == "metadata.json":
        metadata = json.loads(content)
        metadata["date_saved"] = "1980-01-01@00:00:00"
        return json.dumps(metadata).encode()
    if name == "config.json":
        # Objects are told apart by memory address; number them in order of appearance.
        order: dict[str, int] = {}
        pattern = re.compile(r'"shared_object_id": (\d+)')

        def number(match: re.Match) -> str:
            return f'"shared_object_id": {order.setdefault(match[1], len(order))}'

        return pattern.sub(number, content.decode()).encode()
    return content
