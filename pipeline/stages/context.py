"""Tables of nearby pixels beside the network: how much context is a recurrent network worth?"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.core import prediction, scores
from pipeline.files import formats, models
from pipeline.pixels import context
from pipeline.runtime import terminal

READS = ("threads",)

# Pixels before the predicted one. A table of more would not fit into memory comfortably.
SIZES = (1, 2, 4, 10, 15, 20, 24)
# The network that each predictor is compared with, image by image.
NETWORK = "final"


def run() -> dict[Path, Any]:
    """One-step scores of each table, and of the network at each snapshot."""
    data = formats.read_arrays(paths.BINARISED, "train", "test")
    test = data["test"]
    predictors = {}
    model = models.read(paths.pixel_model(NETWORK))
    for snapshot in formats.read_table(paths.SNAPSHOT_SCORES)["snapshot"]:
        model.set_weights(models.read(paths.pixel_model(snapshot)).get_weights())
        log_p = prediction.log_p_next(model, test)
        predictors[f"network_{snapshot}", np.nan] = _by_image(log_p, test)
    for size, table in context.count(data["train"], context.Context(context.CAUSAL, SIZES)).items():
        terminal.progress(f"table of {size} pixels")
        log_p = context.log_p_everywhere(table, test)
        predictors["table", size] = _by_image(log_p, test)
    network = predictors[f"network_{NETWORK}", np.nan]
    rows = [
        {"predictor": name, "context_pixels": size}
        | scores.estimates(
            by_image | {f"{q}_less_{NETWORK}": by_image[q] - network[q] for q in by_image}
        )
        | {"images": len(test)}
        for (name, size), by_image in predictors.items()
    ]
    return {paths.CONTEXT_TABLES: pd.DataFrame(rows)}


def _by_image(log_p: np.ndarray, images: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "test_loss": scores.nats(log_p, images).mean(axis=1, dtype=np.float64),
        "test_accuracy": scores.correct(log_p, images).mean(axis=1),
    }
