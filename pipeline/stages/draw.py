"""Draw the figures of the report."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pipeline import paths
from pipeline.figures import drawing, inpainting, length, meta, pixels, scorecard
from pipeline.figures.overview import overview
from pipeline.files.formats import read_arrays, read_table
from pipeline.params.sections import MetaModel
from pipeline.tables import published, studies
from pipeline.tables.rows import numbered_columns, select

READS = ("data.source", "meta.models")


def run(source: str, models: Mapping[str, MetaModel]) -> dict[Path, bytes]:
    """A PNG file for each figure."""
    scores = read_table(paths.INPAINTING_SCORES)
    gallery, fills = read_arrays(paths.ROLLOUT_GALLERY), read_arrays(paths.INPAINTING_GALLERY)
    predictions, simplex = read_arrays(paths.PREDICTIONS), read_table(paths.SIMPLEX)
    curves = {name: read_table(paths.meta_curves(name)) for name in models}
    studied = studies.read(models)
    # What is published is of MNIST.
    written, rollouts = (published.SNAPSHOTS, published.ROLLOUT) if source == "mnist" else ({}, {})
    history, steps = read_table(paths.PIXEL_HISTORY), read_table(paths.STEPS_AHEAD)
    figures: dict[str, drawing.Draw] = {
        "binarised": partial(pixels.binarised, read_arrays(paths.EXAMPLES)),
        "learning_curves": partial(pixels.learning_curves, history, written),
        "context": partial(pixels.context, read_table(paths.CONTEXT_TABLES)),
        "rollout_scores": partial(pixels.rollout_scores, steps, rollouts),
        "rollout_gallery": partial(pixels.rollout_gallery, gallery),
        "inpainting_scores": partial(inpainting.scores_by_snapshot, scores),
        "inpainting_methods": partial(inpainting.methods, scores),
        "inpainting_reliability": partial(inpainting.reliability, read_table(paths.RELIABILITY)),
        "inpainting_worked": partial(inpainting.worked, fills),
        "scorecard": partial(scorecard.dots, read_table(paths.SCORECARD)),
        "overview": partial(overview, gallery, fills, predictions, [*models][-1]),
        "meta_curves": partial(meta.curves, curves, read_table(paths.ATTAINABLE)),
        "meta_knowledge": partial(meta.knowledge, read_table(paths.KNOWLEDGE)),
        "meta_sequences": partial(meta.sequences, predictions, models),
        "meta_leaks": partial(meta.leaks, read_table(paths.LEAKS)),
        "meta_hidden_states": partial(meta.hidden_states, read_table(paths.HIDDEN_STATES)),
    }
    for task in inpainting.TASKS:
        figures[f"inpainting_{task}"] = partial(inpainting.gallery, fills, task)
    if len(trainings := studies.read_pixels(source)["trainings"]):
        figures["score_by_loss"] = partial(pixels.score_by_loss, trainings)
    if len(numbered_columns(simplex, "p")) == 3:  # the simplex of others cannot be drawn
        figures["meta_simplex"] = partial(meta.simplex, simplex)
    if len(studied["recipes"]):
        shown = select(studied["regret"], recipe="plain")
        figures["meta_reactions"] = partial(meta.reactions, studied["reactions"])
        figures["meta_regret"] = partial(meta.regret, shown)
        figures["meta_excess"] = partial(meta.excess, studied["excess"])
        figures["meta_memory"] = partial(meta.memory, studied["memory"])
    if len(studied["length"]):
        figures["meta_length"] = partial(length.excess, studied["length"])
    drawn = drawing.draw(figures)
    return {paths.FIGURES / f"{name}.png": png for name, png in drawn.items()}
