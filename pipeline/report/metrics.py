"""The headline numbers for `dvc metrics show` and `dvc metrics diff`, nested by section."""

from typing import Any

from pipeline.report.tables import Tables, records


def metrics(tables: Tables) -> dict[str, Any]:
    """Sections pixels (by snapshot), rollout (by horizon), inpainting (by task), meta."""

    def cells(table: str, name: str, *columns: str, **where: Any) -> dict[str, Any]:
        return {
            name.format(row): {column: getattr(row, column) for column in columns}
            for row in records(tables[table], **where)
        }

    argmax = {"predictor": "final", "strategy": "argmax"}
    exact = {"snapshot": "final", "method": "exact", "masks": "uniform"}
    ahead = "{0.horizon}_ahead"
    return {
        "pixels": cells("snapshots", "{0.snapshot}", "test_loss", "test_accuracy"),
        "rollout": cells("horizons", ahead, "accuracy", "cross_entropy", **argmax),
        "inpainting": cells("scores", "{0.task}", "fill_accuracy", "nats", **exact),
        "meta": cells("comparison", "{0.model}", "excess", "kl", own_prior=1),
    }
