"""Does the graph, run anew, give the committed results?

`python -m pipeline.verify` clones the last commit into a scratch folder, runs every stage
there, and compares; `--quick` does the same with the demo, in minutes, against
reports/demo.json, which `--record` writes. Nothing outside the scratch folder is touched.

Data, masks and exact bounds have to be the same to the byte. Trained networks are that on
the same kind of processor; elsewhere the headline numbers have to lie within the band of
what another seed changes. Every difference is named.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

from pipeline import demo, files, guard, params, storage

# Outputs that no network has a part in.
EXACT = (
    files.BINARISED,
    files.INK,
    files.EXAMPLES,
    *files.INPAINTING_TASKS.values(),
    files.BOUNDS,
)
# Everything else has a version or a commit in it.
RESULTS = (".csv", ".keras", ".npy", ".npz")
# Of the demo's bands: as far as the farthest of so many seeds are apart, or this.
SEEDS, LEAST = 4, 0.001
# Of the full graph's numbers, how far another seed may take them. Losses and accuracies of
# early snapshots differ most (benchmarks/README.md, three seeds), excess by recipes.csv,
# five seeds.
BANDS = {
    "pixels": 0.03,
    "rollout": 0.05,
    "inpainting": 0.05,
    "meta": 0.003,
}


class Results(NamedTuple):
    """What a run has made.

    sums: the MD5 sum of every output by its path, as in dvc.lock.
    metrics: the headline numbers by their dotted names.
    """

    sums: dict[str, str]
    metrics: dict[str, float]


class Difference(NamedTuple):
    """Something that is not as expected, and whether that is a failure."""

    failed: bool
    text: str


def compare(
    expected: Results, found: Results, bands: Mapping[str, float]
) -> Iterator[Difference]:
    """Every difference of two runs.

    Args:
        expected: the committed results.
        found: those of now.
        bands: how far a metric may be off, by its dotted name.
    """
    exact = {path.as_posix() for path in EXACT}
    if found.metrics == expected.metrics:
        # Then the processor is of the same kind, and nothing trained differs either.
        exact |= {path for path in expected.sums if Path(path).suffix in RESULTS}
    for path in sorted(expected.sums.keys() | found.sums.keys()):
        if path not in found.sums:
            yield Difference(True, f"{path}: missing")
        elif path not in expected.sums:
            yield Difference(True, f"{path}: was not expected")
        elif found.sums[path] != expected.sums[path]:
            must = path in exact
            yield Difference(must, f"{path}: other bytes" + must * ", but must be the same")
    for name in sorted(expected.metrics.keys() | found.metrics.keys()):
        if not (name in expected.metrics and name in found.metrics):
            yield Difference(True, f"{name}: in one run only")
            continue
        one, other = expected.metrics[name], found.metrics[name]
        # Written so that nan, which is near to nothing, fails.
        inside = abs(one - other) <= bands[name]
        if one != other:
            where = "within" if inside else "beyond"
            text = f"{name}: {other:g} instead of {one:g}, {where} the band {bands[name]:g}"
            yield Difference(not inside, text)


def results(folder: Path) -> Results:
    """The outputs that are listed by dvc.lock in `folder`, and its metrics."""
    sums: dict[str, str] = {}
    for output in storage.recorded(folder):
        place = folder / output
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                sums[name] = storage.md5(path.read_bytes())
    metrics = json.loads((folder / files.METRICS).read_text(encoding="utf-8"))
    return Results(sums, dict(_flat(metrics)))


def _flat(value: Mapping, prefix: str = "") -> Iterator[tuple[str, float]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def full(scratch: Path) -> Iterator[Difference]:
    """Clone the last commit, run every stage, and compare with what is committed."""
    clone = ["git", "clone", "--quiet", "--local", ".", str(scratch)]
    subprocess.run(clone, check=True)
    # What has been downloaded need not be again.
    if any(files.TFDS_CACHE.glob("mnist/*/dataset_info.json")):
        (scratch / files.TFDS_CACHE.parent).mkdir(parents=True, exist_ok=True)
        (scratch / files.TFDS_CACHE).symlink_to(files.TFDS_CACHE.resolve())
    manual = Path(os.environ.get("MNIST_DIR") or files.RAW_DATA).resolve()
    # Of data there are only the sums in git.
    data = {
        path: output.md5
        for path, output in storage.recorded(scratch).items()
        if path.startswith("data/")
    }
    committed = results(scratch)
    committed.sums.update(data)
    _dvc(scratch, "repro", "--force", MNIST_DIR=str(manual))
    bands = {name: BANDS[name.split(".")[0]] for name in committed.metrics}
    yield from compare(committed, results(scratch), bands)


def quick(scratch: Path) -> Iterator[Difference]:
    """Run the demo and compare with reports/demo.json."""
    expected = json.loads(files.DEMO.read_text(encoding="utf-8"))
    found = run_demo(scratch)
    yield from compare(
        Results(expected["sums"], expected["metrics"]), found, expected["bands"]
    )


def run_demo(scratch: Path, seed: int | None = None) -> Results:
    """The demo's results, with its own seed or another."""
    demo.prepare(scratch, demo.CHANGES)
    if seed is not None:
        yaml = YAML()
        settings = yaml.load(scratch / params.FILE)
        settings["seed"] = seed
        yaml.dump(settings, scratch / params.FILE)
    # Also what a cache that is shared with other projects would give.
    _dvc(scratch, "repro", "--force")
    return results(scratch)


def record() -> None:
    """Write reports/demo.json: the demo's results, and how far other seeds take them."""
    runs = []
    first = params.load().seed
    for seed in range(first, first + SEEDS):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(run_demo(Path(folder) / "demo", seed))
    own = runs[0]
    values = {name: [run.metrics[name] for run in runs] for name in own.metrics}
    bands = {name: max(max(found) - min(found), LEAST) for name, found in values.items()}
    content = {"sums": own.sums, "metrics": own.metrics, "bands": bands}
    files.write_json(files.DEMO, content)
    print(f"wrote {files.DEMO}")


def main() -> None:
    """The command: differences line by line, and a status that is not zero if one fails."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.verify", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="the demo alone, minutes")
    which.add_argument("--record", action="store_true", help="the demo as it is now")
    arguments = parser.parse_args()
    try:
        for version in guard.other_versions():
            print(f"warning: {version}", file=sys.stderr)
        if arguments.record:
            record()
            return
        with tempfile.TemporaryDirectory() as folder:
            run = quick if arguments.quick else full
            differences = list(run(Path(folder) / "scratch"))
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")
    for difference in differences:
        print(f"{'FAILED' if difference.failed else 'differs'}: {difference.text}")
    if any(difference.failed for difference in differences):
        sys.exit("error: the results are not those that are committed")
    print("verified" if differences else "verified: every byte is the same")


def _dvc(folder: Path, *arguments: str, **environment: str) -> None:
    # The stages' `python` is this one.
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        check=True,
        env=os.environ | {"PATH": paths} | environment,
    )


if __name__ == "__main__":
    main()
