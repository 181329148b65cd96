"""Does the graph, run again, give the committed results?

`python -m pipeline verify` clones the last commit into a scratch folder, runs every stage
there, and asks git what differs. `--quick` compares the demo with reports/demo.json, which
`--record` writes.

Data, masks and exact bounds must be the same to the byte. Trained networks are the same on
the same kind of processor; elsewhere the last bits differ, and with them the networks, as if
they had another seed. There the headline numbers must lie where those of another training
would. Every difference is named.
"""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from scipy.stats import norm

from pipeline import paths
from pipeline.commands import demo
from pipeline.core import intervals
from pipeline.files import formats
from pipeline.params import loading
from pipeline.runtime import transaction
from pipeline.tables import studies
from pipeline.tables.rows import records, select

Numbers = dict[str, float]  # by dotted names, such as pixels.final.test_loss
Bands = dict[str, tuple[float, float]]  # the lowest and highest that each may be

# How the paths of results begin that no network decides.
EXACT = (
    "data/mnist",
    "reports/data",
    *map(str, [*paths.INPAINTING_TASKS.values(), paths.ATTAINABLE, paths.BOUNDS]),
)
# The same of results that name versions, or in which packages for drawing have a part.
LOOSE = ("reports/figures", "reports/report.", "dvc.lock")
# The demo's bands: the spread over SEEDS seeds, but at least LEAST.
SEEDS, LEAST = 4, 0.001


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `main`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="the demo alone, minutes")
    which.add_argument("--record", action="store_true", help="write reports/demo.json")


def main(quick: bool = False, record: bool = False) -> None:
    """The command: a line for each difference; a status that is not zero if one fails.

    Raises:
        ValueError: if a program that it runs fails.
    """
    try:
        if record:
            return record_demo()
        differences = list(judge_demo() if quick else judge_graph())
    except subprocess.CalledProcessError as error:
        raise ValueError(str(error)) from None
    for failed, text in differences:
        print(f"{'FAILED' if failed else 'differs'}: {text}")
    if any(failed for failed, _ in differences):
        sys.exit("error: the results are not the committed ones")
    print("verified" if differences else "verified: every byte is the same")


def judge_graph() -> Iterator[tuple[bool, str]]:
    """Run the last commit's graph in a clone, and compare with what is committed."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder)
        subprocess.run(["git", "clone", "--quiet", "--local", ".", clone], check=True)
        # What has been downloaded need not be again.
        if any(paths.TFDS_CACHE.glob("mnist/*/dataset_info.json")):
            (clone / paths.TFDS_CACHE.parent).mkdir(exist_ok=True)
            (clone / paths.TFDS_CACHE).symlink_to(paths.TFDS_CACHE.resolve())
        sums, expected = results(clone)
        with contextlib.chdir(clone):
            bands = graph_bands()
        changed, found = run_graph(clone)
        git = ["git", "status", "--porcelain", "--untracked-files=all"]
        status = subprocess.check_output(git, cwd=clone, text=True)
    # Git does not have data/, but dvc.lock has its sums.
    files = {path for path, _ in sums.items() ^ changed.items() if path.startswith("data/")}
    files |= {line[3:] for line in status.splitlines()}
    yield from compare(files, expected, found, bands)


def graph_bands() -> Bands:
    """Where each headline number of the current folder's results may be, by its name.

    It is the prediction interval of another training by those of the studies. A number that
    nobody measured on several trainings (in-painting; the untrained network) gets what
    another set of as many images would show: as much as is known of its error. The intervals
    are so wide that all numbers together lie within theirs in at least 95 % of the cases
    (Bonferroni).
    """
    measured = list(_measured())
    coverage = 1 - (1 - intervals.COVERAGE) / len(measured)
    bands = {}
    for name, number, error, values in measured:
        half = norm.ppf((1 + coverage) / 2) * math.sqrt(2) * error
        low, high = number - half, number + half
        if len(values) > 1:
            half = intervals.student(len(values), coverage)
            if name.startswith("meta"):
                # It cannot be negative, so the interval is of its logarithm. The sequences of
                # the studies are others.
                other = intervals.predict(np.log(values.to_numpy()), error / number)
                low, high = np.exp(other.mean + np.array([-half, half]) * other.deviation)
            else:
                other = intervals.predict(values.to_numpy())
                low, high = other.mean + np.array([-half, half]) * other.deviation
        bands[name] = float(low), float(high)
    return bands


def _measured() -> Iterator[tuple[str, float, float, pd.Series]]:
    """Name, value, standard error, and the values of other trainings of each headline number."""
    params = loading.load()
    trainings = studies.read_pixels(params.data.source)["trainings"]
    for row in records(formats.read_table(paths.SNAPSHOT_SCORES)):
        where = {"snapshot": row.snapshot, "strategy": "teacher_forced", "horizon": 0}
        own = select(trainings, **where)
        for name, values in (("loss", own.cross_entropy), ("accuracy", own.accuracy)):
            number, error = getattr(row, f"test_{name}"), getattr(row, f"test_{name}_se")
            yield f"pixels.{row.snapshot}.test_{name}", number, error, values
    where = {"predictor": "final", "strategy": "argmax"}
    for row in records(formats.read_table(paths.HORIZONS), **where):
        own = select(trainings, snapshot="final", strategy="argmax", horizon=row.horizon)
        for name in ("accuracy", "cross_entropy"):
            number, error = getattr(row, name), getattr(row, f"{name}_se")
            yield f"rollout.{row.horizon}_ahead.{name}", number, error, own[name]
    none = pd.Series(dtype=float)
    where = {"snapshot": "final", "method": "exact", "masks": "uniform"}
    for row in records(formats.read_table(paths.INPAINTING_SCORES), **where):
        share, start = row.fill_accuracy, f"inpainting.{row.task}"
        yield f"{start}.fill_accuracy", share, math.sqrt(share * (1 - share) / row.images), none
        yield f"{start}.nats", row.nats, row.nats_se, none
    networks = studies.read(params.meta.models)["networks"]
    for row in records(formats.read_table(paths.COMPARISON), own_prior=1):
        # Both estimate KL(exact || network), of which the studies have the expectation.
        for name in ("excess", "kl"):
            number, error = getattr(row, name), getattr(row, f"{name}_se")
            yield (
                f"meta.{row.model}.{name}",
                number,
                error,
                select(networks, model=row.model).excess,
            )


def judge_demo() -> Iterator[tuple[bool, str]]:
    """Run the demo and compare with reports/demo.json."""
    expected = json.loads(paths.DEMO.read_text(encoding="utf-8"))
    sums, found = run_demo()
    files = {path for path, _ in expected["sums"].items() ^ sums.items()}
    metrics, bands = expected["metrics"], expected["bands"]
    around = {name: (one - bands[name], one + bands[name]) for name, one in metrics.items()}
    yield from compare(files, metrics, found, around)


def record_demo() -> None:
    """Write reports/demo.json: the demo's results, and how far other seeds take them."""
    first = loading.load().seed
    runs = [run_demo({"seed": seed}) for seed in range(first, first + SEEDS)]
    found = pd.DataFrame([numbers for _, numbers in runs])
    bands = (found.max() - found.min()).clip(lower=LEAST).to_dict()
    content = {"sums": runs[0][0], "metrics": runs[0][1], "bands": bands}
    transaction.place({paths.DEMO: formats.encode(paths.DEMO, content)})


def compare(
    files: set[str], expected: Numbers, found: Numbers, bands: Bands
) -> Iterator[tuple[bool, str]]:
    """Whether it is a failure, and a text, for each difference of two runs.

    `files` differ in their bytes, or one of the runs lacks them. `bands` say where each
    headline number may be.
    """
    numbers = pd.DataFrame({"one": expected, "other": found})
    changed = numbers[numbers.one != numbers.other]
    # With equal numbers the processor is of the same kind, and all bytes must be equal.
    exact = EXACT if len(changed) else ("",)
    for path in sorted(files):
        failed = path.startswith(exact) and not path.startswith(LOOSE)
        yield failed, f"{path}: differs" + failed * ", but must be the same"
    for name, one, other in changed.sort_index().itertuples():
        low, high = bands.get(name, (one, one))
        # Written so that NaN fails, also that of a number which one run lacks.
        inside = low <= other <= high
        band = f"{'within' if inside else 'outside'} the band {low:g} to {high:g}"
        yield not inside, f"{name}: {other:g} instead of {one:g}, {band}"


def run_demo(*changes: dict[str, Any]) -> tuple[dict[str, str], Numbers]:
    """The results of the demo, with its own parameters or other ones."""
    with tempfile.TemporaryDirectory() as folder:
        demo.prepare(Path(folder), YAML(typ="safe").load(demo.CHANGES), *changes)
        return run_graph(Path(folder))


def run_graph(folder: Path) -> tuple[dict[str, str], Numbers]:
    """The results of every stage, which runs also where a shared cache has them."""
    environment = os.environ | {
        # The stages' `python` is this one.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "MNIST_DIR": str(Path(os.environ.get("MNIST_DIR") or paths.RAW_DATA).resolve()),
    }
    dvc = [sys.executable, "-m", "dvc", "repro", "--force"]
    subprocess.run(dvc, cwd=folder, check=True, env=environment)
    return results(folder)


def results(folder: Path) -> tuple[dict[str, str], Numbers]:
    """DVC's sum of every output, and the headline numbers."""
    stages = YAML(typ="safe").load(folder / "dvc.lock")["stages"].values()
    sums = {out["path"]: out["md5"] for stage in stages for out in stage["outs"]}
    numbers = json.loads((folder / paths.METRICS).read_text(encoding="utf-8"))
    return sums, pd.json_normalize(numbers).iloc[0].to_dict()
