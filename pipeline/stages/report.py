"""Draw the figures, hold ours against the published numbers, and write the report."""

from collections.abc import Callable
from importlib.metadata import version

from matplotlib.figure import Figure

from pipeline import (
    completions,
    document,
    figures,
    files,
    guard,
    meta_figures,
    meta_findings,
    meta_section,
    params,
    published,
    tables,
)
from pipeline.stages import main

Draw = Callable[[str, Figure], None]

# What there is of each pictured sequence.
PARTS = ("characters", "network", "exact")
# Beside those that decide bytes.
PACKAGES = ("matplotlib", "dvc")


def run(
    seed: int,
    threads: int,
    data: params.Data,
    pixels: params.Pixels,
    rollout: params.Rollout,
    inpainting: params.Inpainting,
    meta: params.Meta,
    studies: params.Studies,
    report: params.Report,
) -> None:
    """Write figures, scorecard, metrics, and the report as Markdown and HTML."""
    everything = params.Params(
        seed, threads, data, pixels, rollout, inpainting, meta, studies, report
    )
    parameters = params.flatten(everything)
    models = list(meta.models)
    ink = files.read_csv(files.INK)
    history = files.read_csv(files.PIXEL_HISTORY)
    snapshots = files.read_csv(files.SNAPSHOT_SCORES)
    horizons = files.read_csv(files.HORIZONS)
    fills = files.read_csv(files.INPAINTING_SCORES)
    results = _meta_results(meta)

    pictures: dict[str, bytes] = {}

    def draw(name: str, figure: Figure) -> None:
        address, png = files.write_figure(name, figure)
        pictures[address] = png

    _figures(draw, history, fills, models)
    panels = _meta_figures(draw, models, results, meta.training.steps)
    card = published.scorecard(
        snapshots,
        history,
        horizons,
        results.comparison,
        _reachable(results.bounds, models, meta.training.steps),
        published.Tolerance(report.accuracy_tolerance, report.nats_tolerance),
    )
    files.write_csv(files.SCORECARD, card)
    files.write_json(
        files.METRICS, _metrics(snapshots, horizons, fills, results.comparison)
    )

    counts = {row["split"]: row["images"] for row in ink if row["digit"] == "all"}
    versions = guard.installed() | {name: version(name) for name in PACKAGES}
    text = "\n\n".join(
        [
            document.introduction(parameters, counts),
            document.data(ink),
            document.pixels(parameters, history, snapshots, horizons),
            document.inpainting(parameters, fills),
            meta_section.section(
                parameters, models, results, panels, published.META_ACCURACY
            ),
            document.scorecard(parameters, card),
            document.appendix(parameters, versions, files.code_version()),
        ]
    )
    files.write_text(files.REPORT_MARKDOWN, text)
    files.write_text(files.REPORT_HTML, document.html(text, pictures))
    print(f"wrote {files.REPORT_HTML}")


def _meta_results(meta: params.Meta) -> meta_section.Results:
    """The tables of question 3; of the studies' what is of models that there are."""
    studied = {
        row["model"]
        for row in files.read_csv(files.RECIPES)
        if _same_source(row, meta.models.get(row["model"]))
    }

    def study(rows: list[files.Record]) -> list[files.Record]:
        return [row for row in rows if row["model"] in studied]

    return meta_section.Results(
        comparison=files.read_csv(files.COMPARISON),
        bias=files.read_csv(files.BIAS),
        bounds=files.read_csv(files.BOUNDS),
        histories=files.read_csv(files.HISTORIES),
        leaks=files.read_csv(files.LEAKS),
        readout=files.read_csv(files.READOUT),
        concentration=files.read_csv(files.CONCENTRATION),
        matrix=files.read_csv(files.MATRIX),
        simplex=files.read_csv(files.SIMPLEX),
        curves={name: files.read_csv(files.meta_curves(name)) for name in meta.models},
        recipes=study(files.read_csv(files.RECIPES)),
        excess=study(files.read_csv(files.EXCESS)),
        regret=study(files.read_csv(files.REGRET)),
        memory=files.read_csv(files.MEMORY),
        missing=[name for name in meta.models if name not in studied],
    )


def _same_source(row: files.Record, model: params.MetaModel | None) -> bool:
    """Whether a row of the studies is of the sequences that a model is now trained on."""
    return model is not None and (row["reset_every"], row["alpha"]) == (
        model.reset_every,
        tables.vector(model.alpha),
    )


def _reachable(
    bounds: list[files.Record], models: list[str], steps: int
) -> dict[str, float]:
    """The accuracy per character that exact Bayes has in expectation."""
    return {
        name: meta_findings.per_character(bounds, name, "exact", "accuracy", steps)
        for name in models
    }


def _figures(
    draw: Draw, history: list[files.Record], fills: list[files.Record], models: list[str]
) -> None:
    """Draw the figures of questions 1 and 2, and the overview."""
    draw("binarised", figures.binarised(files.read_arrays(files.EXAMPLES)))
    draw("learning_curves", figures.learning_curves(history))
    draw("rollout_scores", figures.rollout_scores(files.read_csv(files.STEPS_AHEAD)))
    rollouts = files.read_arrays(files.ROLLOUT_GALLERY)
    draw("rollout_gallery", figures.rollout_gallery(rollouts))
    draw("inpainting_scores", figures.inpainting_scores(fills))
    gallery = files.read_arrays(files.INPAINTING_GALLERY)
    for task in files.INPAINTING_TASKS:
        values = completions.values(gallery[f"{task}-missing"].shape[1])
        draw(f"inpainting_{task}", figures.inpainting_gallery(gallery, task, values))
    draw("inpainting_worked", figures.inpainting_worked(gallery, values))
    draw("inpainting_methods", figures.inpainting_methods(fills))
    reliability = files.read_csv(files.RELIABILITY)
    draw("inpainting_reliability", figures.inpainting_reliability(reliability))
    predictions = files.read_arrays(files.PREDICTIONS)
    last = [predictions[f"{models[-1]}-own-{part}"] for part in PARTS]
    draw("overview", figures.overview(rollouts, gallery, values, *last))


def _meta_figures(
    draw: Draw, models: list[str], results: meta_section.Results, steps: int
) -> list[tuple[str, str, str]]:
    """Draw those of question 3; returns name, caption and data of single sequences'."""
    draw("meta_curves", meta_figures.curves(results.curves, results.bounds, steps))
    if results.recipes:
        draw("meta_excess", meta_figures.excess(results.excess))
        shown = [row for row in results.regret if row["recipe"] == "published"]
        draw("meta_regret", meta_figures.regret(shown))
        draw("meta_memory", meta_figures.memory(results.memory))
    draw("meta_histories", meta_figures.histories(results.histories))
    draw("meta_in_a_row", meta_figures.in_a_row(results.histories))
    draw("meta_argmax", meta_figures.argmax(results.histories))
    draw("meta_leaks", meta_figures.leaks(results.leaks))
    states = files.read_csv(files.HIDDEN_STATES)
    draw("meta_states", meta_figures.hidden_states(states))
    if meta_section.is_triangle(results.simplex):
        draw("meta_simplex", meta_figures.simplex(results.simplex))
    predictions = files.read_arrays(files.PREDICTIONS)
    panels = []
    for which, words in (("own", "its own prior"), ("fixed", "fixed p")):
        for name in models:
            arrays = (predictions[f"{name}-{which}-{part}"] for part in PARTS)
            figure = f"meta_{name}_{which}"
            draw(figure, meta_figures.predictions(*arrays))
            caption = f"{name} on the first sequence from {words}: network and exact Bayes"
            number = published.SEQUENCE_FIGURES.get((name, which))
            caption += f" (figure {number} of the write-up)." if number else "."
            panels.append((figure, caption, "meta/predictions.npz"))
    return panels


def _metrics(
    snapshots: list[files.Record],
    horizons: list[files.Record],
    fills: list[files.Record],
    comparison: list[files.Record],
) -> dict:
    """The headline numbers, nested by section."""
    return {
        "pixels": {
            str(row["snapshot"]): {
                "test_loss": row["test_loss"],
                "test_accuracy": row["test_accuracy"],
            }
            for row in snapshots
        },
        "rollout": {
            f"{row['horizon']}_ahead": {
                "accuracy": row["accuracy"],
                "cross_entropy": row["cross_entropy"],
            }
            for row in horizons
            if (row["predictor"], row["strategy"]) == ("final", "argmax")
        },
        "inpainting": {
            row["task"]: {"fill_accuracy": row["fill_accuracy"], "nats": row["nats"]}
            for row in fills
            if (row["snapshot"], row["method"], row["masks"])
            == ("final", "exact", "uniform")
        },
        "meta": {
            row["model"]: {"excess": row["excess"], "kl": row["kl"]}
            for row in comparison
            if row["own_prior"]
        },
    }


if __name__ == "__main__":
    main(run)
