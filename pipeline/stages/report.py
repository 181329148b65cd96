"""Write the report around the figures, and the headline numbers."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.files.fingerprint import fingerprint
from pipeline.files.formats import read_table
from pipeline.params import sections
from pipeline.probes import summaries
from pipeline.report import page, words
from pipeline.report.metrics import metrics
from pipeline.runtime import versions
from pipeline.tables import studies
from pipeline.tables.rows import as_written

READS = ("*",)

# In the report by the names of their files.
TABLES = (
    paths.INK,
    paths.PIXEL_HISTORY,
    paths.SNAPSHOT_SCORES,
    paths.CONTEXT_TABLES,
    paths.HORIZONS,
    paths.PAIRED_ROLLOUTS,
    paths.DRAWS,
    paths.SUBSETS,
    paths.FAILURES,
    paths.ROLLOUT_IMAGES,
    paths.INPAINTING_SCORES,
    paths.PAIRED_FILLS,
    paths.COMPARISON,
    paths.BIAS,
    paths.BOUNDS,
    paths.ATTAINABLE,
    paths.KNOWLEDGE_SUMMARY,
    paths.READOUT,
    paths.CONCENTRATION,
    paths.MATRIX,
    paths.UNSEEN,
    paths.FREE_RUNNING,
    paths.ALPHA,
    paths.SCORECARD,
    paths.BLOCKS,
    paths.SPREAD,
    paths.CLAIMS,
)
# Packages that decide bytes of the report alone, or run it.
PACKAGES = ("matplotlib", "dvc")


def run(params: sections.Params) -> dict[Path, Any]:
    """Metrics, and the report as Markdown and HTML."""
    models = params.meta.models
    tables = {path.stem: read_table(path) for path in TABLES} | studies.read(models)
    tables |= studies.read_pixels(params.data.source)
    curves = {name: read_table(paths.meta_curves(name)) for name in models}
    tables["generalisation"] = as_written(summaries.generalisation(tables["history"], curves))
    text = words.render(
        "report.md.jinja",
        params=params,
        parameters=words.flatten(params.model_dump()),
        tables=tables,
        versions=versions.installed() | {name: version(name) for name in PACKAGES},
        fingerprint=fingerprint(params),
    )
    return {
        paths.GENERALISATION: tables["generalisation"],
        paths.METRICS: metrics(tables),
        paths.REPORT_MARKDOWN: text,
        paths.REPORT_HTML: page.html(text, paths.REPORT_MARKDOWN.parent),
    }
