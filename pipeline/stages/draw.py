"""Draw the figures of the report."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pipeline import paths
from pipeline.figures import drawing, inpainting, length, meta, pixels
from pipeline.figures.overview import overview
from pipeline.files.formats import read_arrays, read_table
from pipeline.params.sections import MetaModel
from pipeline.tables import studies
from pipeline.tables.rows import numbered_columns, select

READS = ("meta.models",)


def run(models: Mapping[str, MetaModel]) -> dict[Path, bytes]:
    """A PNG file for each figure."""
    scores, knowledge = read_table(paths.INPAINTING_SCORES), read_table(paths.KNOWLEDGE)
    gallery, fills = read_arrays(paths.ROLLOUT_GALLERY), read_arrays(paths.INPAINTING_GALLERY)
    predictions, simplex = read_arrays(paths.PREDICTIONS), read_table(paths.SIMPLEX)
    curves = {name: read_table(paths.meta_curves(name)) for name in models}
    studied = studies.read(models)
    figures: dict[str, drawing.Draw] = {
        "binarised": partial(pixels.binarised, read_arrays(paths.EXAMPLES)),
        "learning_curves": partial(pixels.learning_curves, read_table(paths.PIXEL_HISTORY)),
        "context": partial(pixels.context, read_table(paths.CONTEXT_TABLES)),
        "rollout_scores": partial(pixels.rollout_scores, read_table(paths.STEPS_AHEAD)),
        "rollout_gallery": partial(pixels.rollout_gallery, gallery),
        "inpainting_scores": partial(inpainting.scores_by_snapshot, scores),
        "inpainting_methods": partial(inpainting.methods, scores),
        "inpainting_reliability": partial(inpainting.reliability, read_table(paths.RELIABILITY)),
        "inpainting_worked": partial(inpainting.worked, fills),
        "overview": partial(overview, gallery, fills, predictions, [*models][-1]),
        "meta_curves": partial(meta.curves, curves, read_table(paths.ATTAINABLE)),
        "meta_knowledge": partial(meta.knowledge, knowledge),
        "meta_in_a_row": partial(meta.in_a_row, knowledge),
        "meta_argmax": partial(meta.argmax, read_table(paths.KNOWLEDGE_SUMMARY)),
        "meta_leaks": partial(meta.leaks, read_table(paths.LEAKS)),
        "meta_hidden_states": partial(meta.hidden_states, read_table(paths.HIDDEN_STATES)),
    }
    for task in inpainting.TASKS:
        figures[f"inpainting_{task}"] = partial(inpainting.gallery, fills, task)
    if len(numbered_columns(simplex, "p")) == 3:  # the simplex of others cannot be drawn
        figures["meta_simplex"] = partial(meta.simplex, simplex)
    if len(studied["recipes"]):
        shown = select(studied["regret"], recipe="published")
        figures["meta_regret"] = partial(meta.regret, shown)
        figures["meta_excess"] = partial(meta.excess, studied["excess"])
        figures["meta_memory"] = partial(meta.memory, studied["memory"])
    if len(studied["length"]):
        figures["meta_length"] = partial(length.excess, studied["length"])
    for model in models:
        for kind in ("own", "fixed"):
            parts = meta.sequence_arrays(predictions, model, kind)
            figures[f"meta_{model}_{kind}"] = partial(meta.sequence, *parts)
    drawn = drawing.draw(figures)
    return {paths.FIGURES / f"{name}.png": png for name, png in drawn.items()}
