"""Draw the figures, compare ours with the published numbers, and write the report."""

from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import paths
from pipeline.files import formats
from pipeline.files.fingerprint import fingerprint
from pipeline.params import sections
from pipeline.probes import summaries
from pipeline.report import facts, figures, page, published, words
from pipeline.report.metrics import metrics
from pipeline.report.tables import as_written
from pipeline.runtime import versions

READS = ("*",)

# In the report by the names of their files.
TABLES = (
    paths.INK,
    paths.PIXEL_HISTORY,
    paths.SNAPSHOT_SCORES,
    paths.HORIZONS,
    paths.STEPS_AHEAD,
    paths.INPAINTING_SCORES,
    paths.RELIABILITY,
    paths.COMPARISON,
    paths.BIAS,
    paths.BOUNDS,
    paths.ATTAINABLE,
    paths.KNOWLEDGE,
    paths.KNOWLEDGE_SUMMARY,
    paths.LEAKS,
    paths.READOUT,
    paths.HIDDEN_STATES,
    paths.CONCENTRATION,
    paths.MATRIX,
    paths.SIMPLEX,
    paths.UNSEEN,
)
STUDIES = (
    paths.RECIPES,
    paths.EXCESS,
    paths.REGRET,
    paths.MEMORY,
    paths.MEMORY_SUMMARY,
)
# Packages that decide bytes of the report alone, or run it.
PACKAGES = ("matplotlib", "dvc")


def run(params: sections.Params) -> dict[Path, Any]:
    """Figures, scorecard, metrics, and the report as Markdown and HTML."""
    models = params.meta.models
    tables = {path.stem: formats.read_table(path) for path in TABLES}
    tables |= _read_studies(params)
    curves = {name: formats.read_table(paths.meta_curves(name)) for name in models}
    pictures = {
        "examples": formats.read_arrays(paths.EXAMPLES),
        "gallery": formats.read_arrays(paths.ROLLOUT_GALLERY),
        "fills": formats.read_arrays(paths.INPAINTING_GALLERY),
        "predictions": formats.read_arrays(paths.PREDICTIONS),
    }
    gaps = summaries.generalisation(tables["history"], curves)
    tables["generalisation"] = as_written(gaps)
    tables["scorecard"] = as_written(published.scorecard(tables, params.report))
    write = partial(
        words.render,
        "report.md.jinja",
        params=params,
        parameters=words.flatten(sections.values(params)),
        tables=tables,
        versions=versions.installed() | {name: version(name) for name in PACKAGES},
        fingerprint=fingerprint(params),
    )
    drawn, text = figures.draw(figures.plan(tables, curves, pictures), meanwhile=write)
    addresses = {f"{paths.FIGURES.name}/{name}.png": png for name, png in drawn.items()}
    return {
        **{paths.FIGURES / f"{name}.png": png for name, png in drawn.items()},
        paths.SCORECARD: tables["scorecard"],
        paths.GENERALISATION: tables["generalisation"],
        paths.METRICS: metrics(tables),
        paths.REPORT_MARKDOWN: text,
        paths.REPORT_HTML: page.html(text, addresses),
    }


def _read_studies(params: sections.Params) -> dict[str, pd.DataFrame]:
    """The tables of `make studies`, without the models that they do not cover."""
    if not paths.RECIPES.exists():  # the studies were never run
        return {path.stem: pd.DataFrame(columns=["model"]) for path in STUDIES}
    tables = {path.stem: formats.read_table(path) for path in STUDIES}
    covered = facts.covered_models(tables["recipes"], params.meta.models)
    return {
        name: table[table.model.isin(covered)] if "model" in table else table
        for name, table in tables.items()
    }
