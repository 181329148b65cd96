"""Judge the published numbers by what another training of ours would show."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline import paths
from pipeline.files.formats import read_table
from pipeline.params.sections import MetaModel
from pipeline.tables import claims, scorecard, studies

READS = ("data.source", "meta.models")

TABLES = (paths.PIXEL_HISTORY, paths.SNAPSHOT_SCORES, paths.HORIZONS, paths.COMPARISON)
# What the claims need beside them.
OF_CLAIMS = (
    *(paths.FAILURES, paths.SUBSETS, paths.INPAINTING_SCORES),
    *(paths.ATTAINABLE, paths.BOUNDS, paths.BIAS, paths.KNOWLEDGE_SUMMARY),
)


def run(source: str, models: Mapping[str, MetaModel]) -> dict[Path, pd.DataFrame]:
    """The scorecard, what it says by block, and our own numbers with their range."""
    tables = {path.stem: read_table(path) for path in (*TABLES, *OF_CLAIMS)} | studies.read(models)
    tables |= studies.read_pixels(source)
    numbers = scorecard.numbers(tables)
    card = scorecard.scorecard(numbers)
    return {
        paths.SCORECARD: card,
        paths.BLOCKS: scorecard.blocks(numbers, card),
        paths.SPREAD: scorecard.spread(tables),
        paths.CLAIMS: claims.claims(tables),
    }
