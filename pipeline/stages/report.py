"""Draw the figures, hold ours against the published numbers, and write the report."""

from importlib.metadata import version
from platform import python_version

from pipeline import completions, document, figures, files, params, published
from pipeline.stages import main

# What there is of each pictured sequence.
PARTS = ("characters", "network", "exact")
PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "matplotlib", "dvc")


def run(
    seed: int,
    threads: int,
    data: params.Data,
    pixels: params.Pixels,
    rollout: params.Rollout,
    inpainting: params.Inpainting,
    meta: params.Meta,
    report: params.Report,
) -> None:
    """Write figures, scorecard, metrics, and the report as Markdown and HTML."""
    everything = params.Params(
        seed, threads, data, pixels, rollout, inpainting, meta, report
    )
    parameters = params.flatten(everything)
    models = list(meta.models)
    ink = files.read_csv(files.INK)
    history = files.read_csv(files.PIXEL_HISTORY)
    snapshots = files.read_csv(files.SNAPSHOT_SCORES)
    horizons = files.read_csv(files.HORIZONS)
    fills = files.read_csv(files.INPAINTING_SCORES)
    comparison = files.read_csv(files.COMPARISON)

    panels = _figures(history, fills, models)
    card = published.scorecard(
        snapshots,
        history,
        horizons,
        comparison,
        published.Tolerance(report.accuracy_tolerance, report.nats_tolerance),
    )
    files.write_csv(files.SCORECARD, card)
    files.write_json(files.METRICS, _metrics(snapshots, horizons, fills, comparison))

    counts = {row["split"]: row["images"] for row in ink if row["digit"] == "all"}
    versions = {"python": python_version()} | {name: version(name) for name in PACKAGES}
    text = "\n\n".join(
        [
            document.introduction(parameters, counts),
            document.data(ink),
            document.pixels(parameters, history, snapshots, horizons),
            document.inpainting(parameters, fills),
            document.meta(
                parameters, models, comparison, files.read_csv(files.BIAS), panels
            ),
            document.scorecard(parameters, card),
            document.appendix(parameters, versions, files.code_version()),
        ]
    )
    files.write_text(files.REPORT_MARKDOWN, text)
    files.write_text(files.REPORT_HTML, document.html(text, files.read_figures()))
    print(f"wrote {files.REPORT_HTML}")


def _figures(
    history: list[files.Record], fills: list[files.Record], models: list[str]
) -> list[tuple[str, str, str]]:
    """Draw every figure; returns name, caption and data of those of single sequences."""
    draw = files.write_figure
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
    curves = {name: files.read_csv(files.meta_curves(name)) for name in models}
    draw("meta_curves", figures.meta_curves(curves))

    predictions = files.read_arrays(files.PREDICTIONS)
    last = [predictions[f"{models[-1]}-own-{part}"] for part in PARTS]
    draw("overview", figures.overview(rollouts, gallery, values, *last))
    panels = []
    for which, words in (("own", "its own prior"), ("fixed", "fixed p")):
        for name in models:
            arrays = (predictions[f"{name}-{which}-{part}"] for part in PARTS)
            figure = f"meta_{name}_{which}"
            draw(figure, figures.meta_predictions(*arrays))
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
