"""benchmarks/README.md and its charts, made of the committed tables.

Every benchmark ends with `write`; `python -m benchmarks.page` makes the page alone. Its
words are in README.md.jinja.
"""

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from pipeline.figures import style

FOLDER = Path("benchmarks")
TABLES = {
    "speed": FOLDER / "results.csv",
    "scaling": FOLDER / "scaling.csv",
    "seeds": FOLDER / "seeds.csv",
    "stages": FOLDER / "stages.csv",
}
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

# The last row of the stages' table.
WHOLE = "all, from nothing to the report"


def write(part: str, table: pd.DataFrame) -> None:
    """Write the table of a benchmark, and make the page again."""
    table.to_csv(TABLES[part], index=False, float_format="%.6g")
    known = json.loads(ENVIRONMENT.read_text()) if ENVIRONMENT.exists() else {}
    known[part] = environment()
    ENVIRONMENT.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    make()


def make() -> None:
    """Write the page and its charts from the tables that exist."""
    measured = json.loads(ENVIRONMENT.read_text())
    sections = {"speed": speed, "scaling": scaling, "seeds": seeds, "stages": stages}
    facts = {
        part: section(pd.read_csv(TABLES[part])) | {"where": measured[part]}
        if part in measured
        else None
        for part, section in sections.items()
    }
    words = Environment(loader=FileSystemLoader(FOLDER), undefined=StrictUndefined)
    PAGE.write_text(words.get_template(f"{PAGE.name}.jinja").render(facts) + "\n")


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
    return f"{os.cpu_count()} processors ({processor}), {platform.system()}; " + ", ".join(versions)


def seconds(value: float) -> str:
    """Three digits, and never as a power of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def spread(row: Any) -> str:
    """Median seconds with the fastest and the slowest call."""
    fastest, slowest = seconds(row.fastest_s), seconds(row.slowest_s)
    return f"{seconds(row.median_s)} ({fastest} to {slowest})"


def speed(table: pd.DataFrame) -> dict[str, Any]:
    """Times and ratios of all cases."""
    draw_speed(table)
    rows = [
        (row.case, row.subject, spread(row), f"{row.ratio:,.2f}", f"{row.peak_mb:.0f}")
        for row in table.itertuples()
    ]
    return {"chart": SPEED_CHART.name, "rows": rows}


def scaling(table: pd.DataFrame) -> dict[str, Any]:
    """Time and memory by size."""
    draw_scaling(table)
    ours, keras = (table[table["subject"] == subject].itertuples() for subject in ("ours", "keras"))
    rows = [
        (
            f"{LABELS[own.varied]}: {own.value}",
            spread(own),
            spread(other),
            f"{other.ratio:.2f}",
            f"{own.peak_mb:.0f}",
            f"{other.peak_mb:.0f}",
        )
        for own, other in zip(ours, keras)
    ]
    return {"chart": SCALING_CHART.name, "rows": rows}


def seeds(table: pd.DataFrame) -> dict[str, Any]:
    """Losses on both paths by seed, and how far the paths are apart."""
    losses = table.pivot(index=["epochs_trained", "path"], columns="seed", values="test_loss")
    mean, deviation = losses.mean(axis=1), losses.std(axis=1)
    last = table["epochs_trained"].max()
    ended = table["epochs_trained"] == last
    return {
        "heads": [f"seed {seed}" for seed in losses],
        "rows": [
            (*key, *(f"{value:.4f}" for value in values))
            for key in losses.index
            for values in [(*losses.loc[key], mean[key], deviation[key])]
        ],
        "last": last,
        "difference": abs(mean[last, "fast"] - mean[last, "stock"]),
        "deviation": deviation[last].max(),
        "error": table.loc[ended, "test_loss_se"].max(),
        **table.groupby("path")[["training_s", "evaluation_s"]].median().to_dict("index"),
    }


def stages(table: pd.DataFrame) -> dict[str, Any]:
    """Seconds of each stage, and of the whole."""
    *rows, (whole, total) = table.itertuples(index=False)
    last = (f"**{whole}**", f"**{total:.0f}** ({total / 60:.1f} minutes)")
    return {"rows": [(stage, f"{taken:.0f}") for stage, taken in rows] + [last]}


def draw_speed(table: pd.DataFrame) -> None:
    """Bars of each subject's time over ours, a panel for each case."""
    cases = list(table.groupby("case", sort=False))
    figure = Figure((9, 1.9 * len(cases) / 2), layout="constrained")
    axes = figure.subplots(len(cases) // 2, 2)
    for axis, (case, rows) in zip(axes.flat, cases):
        shown = rows[::-1]
        colours = [COLOURS[subject.split(",")[0]] for subject in shown["subject"]]
        bars = axis.barh(shown["subject"], shown["ratio"], color=colours)
        axis.bar_label(bars, [f" {seconds(ratio)}" for ratio in shown["ratio"]])
        axis.axvline(1, color="black", linewidth=0.8)
        wide = shown["ratio"].max() > 20
        if wide:
            axis.set_xscale("log")
        axis.set_xlim(right=shown["ratio"].max() * (8 if wide else 1.2))
        axis.set_title(case, fontsize=10)
        axis.grid(visible=False, axis="y")
    for axis in axes[-1]:
        axis.set_xlabel("time over ours")
    SPEED_CHART.write_bytes(style.png(figure))


def draw_scaling(table: pd.DataFrame) -> None:
    """Time, logarithmic, and memory of ours and Keras against each size."""
    figure = Figure((10, 5.5), layout="constrained")
    axes = figure.subplots(2, len(LABELS), sharex="col", sharey="row")
    quantities = {"median_s": "seconds of a training step", "peak_mb": "peak memory, MiB"}
    for column, (varied, label) in enumerate(LABELS.items()):
        sizes = table[table["varied"] == varied]
        values = sorted(set(sizes["value"]))
        for row, (quantity, name) in enumerate(quantities.items()):
            axis = axes[row, column]
            for subject, points in sizes.groupby("subject", sort=False):
                colour = COLOURS[subject]
                axis.plot(
                    points["value"],
                    points[quantity],
                    marker="o",
                    color=colour,
                    label=subject,
                )
            axis.set(xscale="log", xticks=values)
            if quantity == "median_s":
                axis.set(yscale="log")
                axis.set_yticks(SECONDS, labels=map(str, SECONDS))
            else:
                axis.set_ylim(0, 1.05 * table[quantity].max())
            axis.set_xticks(values, labels=map(str, values))
            axis.minorticks_off()
            if column == 0:
                axis.set_ylabel(name)
        axes[-1, column].set_xlabel(label)
    axes[0, 0].legend()
    SCALING_CHART.write_bytes(style.png(figure))


if __name__ == "__main__":
    make()
