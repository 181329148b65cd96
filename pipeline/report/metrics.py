"""The headline numbers for `dvc metrics show` and `dvc metrics diff`, nested by section."""

from typing import Any

from pipeline.tables.rows import Tables, select


def metrics(tables: Tables) -> dict[str, Any]:
    """Sections pixels (by snapshot), rollout (by horizon), inpainting (by task), meta."""

    def cells(table: str, key: str, *columns: str, **where: Any) -> dict[Any, dict[str, Any]]:
        return select(tables[table], **where).set_index(key)[list(columns)].to_dict("index")

    argmax = {"predictor": "final", "strategy": "argmax"}
    exact = {"snapshot": "final", "method": "exact", "masks": "uniform"}
    ahead = cells("horizons", "horizon", "accuracy", "cross_entropy", **argmax)
    return {
        "pixels": cells("snapshots", "snapshot", "test_loss", "test_accuracy"),
        "rollout": {f"{horizon}_ahead": row for horizon, row in ahead.items()},
        "inpainting": cells("scores", "task", "fill_accuracy", "nats", **exact),
        "meta": cells("comparison", "model", "excess", "kl", own_prior=1),
    }
