"""benchmarks/README.md and its charts, made of the committed tables.

Every benchmark ends with `write`; `python -m benchmarks.page` makes the page alone.
"""

import json
import os
import platform
import statistics
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from pipeline import files, style, tables
from pipeline.style import plt

FOLDER = Path("benchmarks")
SPEED = FOLDER / "results.csv"
SCALING = FOLDER / "scaling.csv"
SEEDS = FOLDER / "seeds.csv"
STAGES = FOLDER / "stages.csv"
ENVIRONMENT = FOLDER / "environment.json"
SPEED_CHART = FOLDER / "speed.png"
SCALING_CHART = FOLDER / "scaling.png"
PAGE = FOLDER / "README.md"

PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "torch", "jax", "numpy", "dvc")
COLOURS = {
    "ours": style.NETWORK,
    "keras": "#ee9944",
    "pytorch": "#aa3377",
    "jax": "#228833",
}
SECONDS = (0.03, 0.1, 0.3, 1, 3)
LABELS = {
    "batch": "images in a mini-batch",
    "units": "hidden units",
    "length": "pixels of an image",
}

INTRODUCTION = """# Benchmarks

How fast the pipeline is, and whether its fast path learns the same. Every table and chart
here is made by a command, on a machine that does nothing else; subjects take turns, each
in a process of its own. A ratio is one of medians; the fastest and the slowest call stand
beside them, for some subjects have two speeds and change between them by chance. Seconds
tell little about another machine; ratios tell more."""

SPEED_TEXT = """## Beside what one would pick instead

`make bench` (`speed.py`, `results.csv`). `ratio` is a subject's time over ours. Keras is
trained by `fit` as its documentation has it, without XLA, which is slower here; PyTorch
has `nn.GRU`, JAX a compiled `scan`. Same sizes, batches and number of threads, the same
images of MNIST or random characters; a forward pass of a batch is one of many, as an
evaluation makes them.

- Rollout: as many images, samples, steps and snapshots as `params.yaml` says. Calling the
  network on the growing prefix takes too long for that: 1,000 rows were timed at five
  lengths, and scaled. PyTorch and JAX with a carried state were timed on a tenth of the
  images for one snapshot, and scaled.
- In-painting: all completions of 1,000 images with a missing 2 x 2 patch. A full pass for
  each completion was timed on 64 images, 1,024 rows, and scaled.
- Memory is the peak of the subject's process, its libraries included; of the two cases of
  a network it is the larger."""

SCALING_TEXT = """## How cost grows

`make bench` (`scaling.py`, `scaling.csv`): a training step of the pixel network, one size
varied at a time. The images are MNIST's, for the lengths scaled to half and double size."""

SEEDS_TEXT = """## The same learning

`python -m benchmarks.seeds` (`seeds.csv`): the pixel network trained by fused operations
and by stock layers. Each seed begins on both paths with the same weights and sees the
same images in the same order; rounding alone tells the two runs of a seed apart. Test
loss in nats per pixel."""

STAGES_TEXT = """## The whole graph

`python -m benchmarks.stages` (`stages.csv`): `make reproduce` from nothing, with the four
files of MNIST at hand. The stages of question 3 run beside those of questions 1 and 2, and
what shares the processors takes longer than alone. A stage's seconds include its imports,
not what DVC does for it; they add up to more than the whole."""

# The last row of STAGES.
WHOLE = "all, from nothing to the report"


def write(part: str) -> None:
    """Make the page anew after the benchmark `part` has written its table."""
    known = json.loads(ENVIRONMENT.read_text()) if ENVIRONMENT.exists() else {}
    files.write_json(ENVIRONMENT, known | {part: environment()})
    make()


def make() -> None:
    """Write the page and its charts from the tables that exist."""
    where = json.loads(ENVIRONMENT.read_text())
    sections = [INTRODUCTION]
    for part, path, section in (
        ("speed", SPEED, speed_section),
        ("scaling", SCALING, scaling_section),
        ("seeds", SEEDS, seeds_section),
        ("stages", STAGES, stages_section),
    ):
        if part in where:
            sections += [*section(files.read_csv(path)), f"Measured on {where[part]}."]
    files.write_text(PAGE, "\n\n".join(map(str.strip, sections)) + "\n")


def environment() -> str:
    """The machine and the versions, in words."""
    cpu = Path("/proc/cpuinfo")
    models = [
        line.split(":")[1].strip()
        for line in (cpu.read_text().splitlines() if cpu.exists() else [])
        if line.startswith("model name")
    ]
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    processor = models[0] if models else platform.processor() or platform.machine()
    return f"{os.cpu_count()} processors ({processor}), {platform.system()}; " + ", ".join(
        versions
    )


def seconds(value: float) -> str:
    """Three digits, and never as a power of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def spread(row: files.Record) -> str:
    """Median seconds with the fastest and the slowest call."""
    return "{} ({} to {})".format(
        *(seconds(row[column]) for column in ("median_s", "fastest_s", "slowest_s"))
    )


def speed_section(rows: list[files.Record]) -> Iterator[str]:
    """Times and ratios of all cases."""
    draw_speed(rows)
    yield SPEED_TEXT
    yield f"![Time of every subject over ours]({SPEED_CHART.name})"
    yield tables.markdown(
        ("case", "subject", "seconds (fastest to slowest)", "ratio", "peak memory, MiB"),
        [
            (
                row["case"],
                row["subject"],
                spread(row),
                f"{row['ratio']:,.2f}",
                f"{row['peak_mb']:.0f}",
            )
            for row in rows
        ],
    )


def scaling_section(rows: list[files.Record]) -> Iterator[str]:
    """Time and memory by size."""
    draw_scaling(rows)
    yield SCALING_TEXT
    yield f"![Time and peak of memory by batch, units and length]({SCALING_CHART.name})"
    pairs = zip(rows[::2], rows[1::2])
    yield tables.markdown(
        ("size", "ours, s", "Keras, s", "ratio", "ours, MiB", "Keras, MiB"),
        [
            (
                f"{LABELS[ours['varied']]}: {ours['value']}",
                spread(ours),
                spread(keras),
                f"{keras['ratio']:.2f}",
                f"{ours['peak_mb']:.0f}",
                f"{keras['peak_mb']:.0f}",
            )
            for ours, keras in pairs
        ],
    )


def seeds_section(rows: list[files.Record]) -> Iterator[str]:
    """Losses on both paths by seed, and what tells them apart."""
    yield SEEDS_TEXT
    last = max(row["epochs_trained"] for row in rows)
    losses = {
        (row["path"], row["seed"], row["epochs_trained"]): row["test_loss"] for row in rows
    }
    seeds = sorted({row["seed"] for row in rows})
    epochs = range(1, last + 1)
    yield tables.markdown(
        (
            "epochs trained",
            "path",
            *(f"seed {seed}" for seed in seeds),
            "mean",
            "deviation",
        ),
        [
            (
                str(epoch),
                path,
                *(f"{losses[path, seed, epoch]:.4f}" for seed in seeds),
                f"{statistics.mean(values):.4f}",
                f"{statistics.stdev(values):.4f}",
            )
            for epoch in epochs
            for path in ("fast", "stock")
            for values in [[losses[path, seed, epoch] for seed in seeds]]
        ],
    )
    fast, stock = (
        [losses[path, seed, last] for seed in seeds] for path in ("fast", "stock")
    )
    difference = abs(statistics.mean(fast) - statistics.mean(stock))
    deviation = max(statistics.stdev(fast), statistics.stdev(stock))
    inside = "within" if difference <= deviation else "beyond"
    taken = {
        (path, part): statistics.median(row[part] for row in rows if row["path"] == path)
        for path in ("fast", "stock")
        for part in ("training_s", "evaluation_s")
    }
    error = max(row["test_loss_se"] for row in rows if row["epochs_trained"] == last)
    yield (
        f"After {last} epochs the means differ by {difference:.4f} nats per pixel, "
        f"{inside} the standard deviation from seed to seed, {deviation:.4f} (standard "
        f"error of a loss over the test images: {error:.4f}). An epoch's training takes "
        f"{taken['fast', 'training_s']:.0f} s on the fast path and "
        f"{taken['stock', 'training_s']:.0f} s on the other, which cuts batches into "
        f"parts as well; evaluating test and training curve after it "
        f"{taken['fast', 'evaluation_s']:.1f} s on the fast path, "
        f"{taken['fast', 'evaluation_s'] / taken['fast', 'training_s']:.0%} of the "
        "training."
    )


def stages_section(rows: list[files.Record]) -> Iterator[str]:
    """Seconds of each stage, and of the whole."""
    yield STAGES_TEXT
    *stages, whole = rows
    total = whole["seconds"]
    yield tables.markdown(
        ("stage", "seconds"),
        [
            *((row["stage"], f"{row['seconds']:.0f}") for row in stages),
            (f"**{whole['stage']}**", f"**{total:.0f}** ({total / 60:.1f} minutes)"),
        ],
    )


def draw_speed(rows: list[files.Record]) -> None:
    """Bars of each subject's time over ours, a panel for each case."""
    cases = list(dict.fromkeys(row["case"] for row in rows))
    figure, axes = plt.subplots(len(cases) // 2, 2, figsize=(9, 1.9 * len(cases) / 2))
    for axis, case in zip(axes.flat, cases):
        shown = [row for row in rows if row["case"] == case][::-1]
        ratios = [row["ratio"] for row in shown]
        bars = axis.barh(
            [row["subject"] for row in shown],
            ratios,
            color=[COLOURS[row["subject"].split(",")[0]] for row in shown],
        )
        axis.bar_label(bars, [f" {seconds(ratio)}" for ratio in ratios])
        axis.axvline(1, color="black", linewidth=0.8)
        if max(ratios) > 20:
            axis.set_xscale("log")
        axis.set_xlim(right=max(ratios) * (8 if max(ratios) > 20 else 1.2))
        axis.set_title(case, fontsize=10)
        axis.grid(visible=False, axis="y")
    for axis in axes[-1]:
        axis.set_xlabel("time over ours")
    save(figure, SPEED_CHART)


def draw_scaling(rows: list[files.Record]) -> None:
    """Time, logarithmic, and memory of ours and Keras against each size."""
    figure, axes = plt.subplots(
        2, len(LABELS), figsize=(10, 5.5), sharex="col", sharey="row"
    )
    quantities = {"median_s": "seconds of a training step", "peak_mb": "peak memory, MiB"}
    for column, (varied, label) in enumerate(LABELS.items()):
        for row, (quantity, name) in enumerate(quantities.items()):
            axis = axes[row, column]
            for subject in ("ours", "keras"):
                points = [
                    (one["value"], one[quantity])
                    for one in rows
                    if one["varied"] == varied and one["subject"] == subject
                ]
                axis.plot(*zip(*points), marker="o", color=COLOURS[subject], label=subject)
            values = sorted({one["value"] for one in rows if one["varied"] == varied})
            axis.set(xscale="log", xticks=values)
            if quantity == "median_s":
                axis.set(yscale="log")
                axis.set_yticks(SECONDS, labels=map(str, SECONDS))
            else:
                axis.set_ylim(0, 1.05 * max(one[quantity] for one in rows))
            axis.set_xticks(values, labels=map(str, values))
            axis.minorticks_off()
            if column == 0:
                axis.set_ylabel(name)
        axes[-1, column].set_xlabel(label)
    axes[0, 0].legend()
    save(figure, SCALING_CHART)


def save(figure, path: Path) -> None:
    """As PNG without what differs between runs."""
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    make()
