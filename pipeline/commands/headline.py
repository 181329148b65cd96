"""Print one number for each question, and the link to the report."""

import argparse
import contextlib
from pathlib import Path

from pipeline import paths
from pipeline.files.formats import read_table
from pipeline.report.words import pm, span
from pipeline.tables.rows import record, records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `main`."""
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="of the project")


def main(folder: Path) -> None:
    """The command.

    Raises:
        ValueError: if a table is not whole.
        OSError: if it cannot be read.
    """
    with contextlib.chdir(folder):
        pixels = record(read_table(paths.SNAPSHOT_SCORES), snapshot="final")
        exact = {"snapshot": "final", "method": "exact", "masks": "uniform"}
        fills = record(read_table(paths.INPAINTING_SCORES), task="patch_2x2", **exact)
        excess = [
            f"{row.model} {pm(row.excess, row.excess_se, 5)}"
            for row in records(read_table(paths.COMPARISON), own_prior=1)
        ]
        loss = pm(pixels.test_loss, pixels.test_loss_se, 4)
        print(f"1. A pixel costs the network {loss} nats, over {pixels.test_images:,} images.")
        share = span(fills.fill_accuracy, fills.fill_low, fills.fill_high, ".1f", 100)
        print(f"2. It fills {share} % of the 2 x 2 patches right, over {fills.images:,} images.")
        print(f"3. Nats above exact Bayes, per character: {', '.join(excess)}.")
        print(f"The report is {paths.REPORT_HTML.resolve().as_uri()}")
