"""The studies' tables, from what their runs have written.

`make studies` runs studies/dvc.yaml and then `python -m pipeline.studies`, which writes the
tables of reports/meta that the report shows. They are no outputs of DVC: as such they would
join the two graphs, and `dvc repro` would run the studies.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
from scipy.stats import norm, t

from pipeline import files, params, tables

# Share of the cases in which an interval covers the mean.
COVERAGE = 0.95


def main() -> None:
    """Write all tables; say in one line what is missing."""
    if len(sys.argv) > 1:
        sys.exit("usage: python -m pipeline.studies")
    try:
        collect(params.load())
    except (ValueError, OSError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


def collect(parameters: params.Params) -> None:
    """Read what the runs have written, and write the four tables.

    Raises:
        ValueError: a run is missing.
    """
    meta, studies = parameters.meta, parameters.studies
    recipes: list[files.Record] = []
    excess: list[files.Record] = []
    regret: list[files.Record] = []
    for name, model in meta.models.items():
        for recipe in (field.name for field in fields(meta.optimiser)):
            key = {"model": name, "recipe": recipe}
            curves, regrets = (
                [_read(path(name, recipe, number)) for number in studies.repetitions]
                for path in (files.study_curve, files.study_regret)
            )
            recipes.append(
                key
                | summary(curves)
                | reaction(regrets, model.reset_every)
                | _made_with(parameters, name, recipe)
            )
            excess += [key | row for row in over_seeds(curves)]
            regret += [key | row for row in with_intervals(regrets)]
    memory = [
        row
        for prior in studies.memory.priors
        for reset_every in studies.memory.reset_every
        for row in _read(files.study_memory(prior, reset_every))
    ]
    # Of a period of two characters: see `reaction`.
    reactions = ("reaction", "reaction_low", "reaction_high")
    files.write_csv(files.RECIPES, recipes, empty=reactions)
    files.write_csv(files.EXCESS, excess)
    files.write_csv(files.REGRET, regret)
    files.write_csv(files.MEMORY, memory)


def summary(curves: list[list[files.Record]]) -> files.Record:
    """Where the curves of one recipe end: the networks' mean and its error, and extremes.

    Args:
        curves: of each network, one record for each point.
    """
    last = [curve[-1] for curve in curves]
    row: files.Record = {"batches": last[0]["batch"], "seeds": len(last)}
    for name in ("excess", "excess_per_character"):
        values = np.array([end[name] for end in last])
        row |= {
            name: values.mean(),
            f"{name}_se": values.std(ddof=1) / np.sqrt(len(values)),
            f"{name}_median": np.median(values),
            f"{name}_best": values.min(),
            f"{name}_worst": values.max(),
        }
    return row


def reaction(regrets: list[list[files.Record]], reset_every: int) -> files.Record:
    """How fast the networks react to symbol 1 and nothing else, beside exact Bayes.

    Let p_n be the probability of symbol 1 after it came n times in a row. A network reacts
    by p_n - p_0; `reaction` is the mean of this over n > 0, less the exact predictor's:
    positive if it is faster. `start` is p_0 less the exact one's. Both with an interval
    over networks, and `faster` the number of networks that are.

    Args:
        regrets: of each network, one record for each step.
        reset_every: characters in a period.
    """
    reactions, starts = [], []
    for rows in regrets:
        gap = np.array([row["only_1_network"] - row["only_1_exact"] for row in rows])
        place = np.arange(len(gap)) % reset_every
        first = np.arange(len(gap)) // reset_every * reset_every + 1
        later = (place > 1) & (first < len(gap))
        starts.append(gap[place == 1].mean())
        # A period of two characters has one symbol, and nothing to react to.
        reactions.append((gap[later] - gap[first[later]]).mean() if later.any() else np.nan)
    row: files.Record = {"faster": int(np.sum(np.array(reactions) > 0))}
    for name, found in (("reaction", reactions), ("start", starts)):
        values = np.array(found)
        half = _over_networks(values)
        row |= {
            name: values.mean(),
            f"{name}_low": values.mean() - half,
            f"{name}_high": values.mean() + half,
        }
    return row


def over_seeds(curves: list[list[files.Record]]) -> Iterator[files.Record]:
    """Median, lowest and highest excess of the networks at each point of their curves."""
    for points in zip(*curves):
        values = np.array([point["excess"] for point in points])
        yield {
            "batch": points[0]["batch"],
            "seeds": len(values),
            "excess": values.mean(),
            "median": np.median(values),
            "lowest": values.min(),
            "highest": values.max(),
        }


def with_intervals(regrets: list[list[files.Record]]) -> Iterator[files.Record]:
    """Mean regret at each step, and the interval of network less exact.

    Two sources of chance: which networks training makes, Student's t over their means; and
    which sequences are drawn, the same for all networks. Their half-widths add in squares.
    """
    for points in zip(*regrets):
        row: files.Record = {"step": points[0]["step"], "seeds": len(points)}
        row |= {
            name: np.mean([point[name] for point in points])
            for name in ("network", "exact")
        }
        for name in ("difference", "cumulated"):
            values = np.array([point[name] for point in points])
            errors = np.array([point[f"{name}_se"] for point in points])
            over_sequences = norm.ppf((1 + COVERAGE) / 2) * errors.mean()
            half = np.hypot(_over_networks(values), over_sequences)
            mean = values.mean()
            row |= {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}
        yield row


def _over_networks(values: np.ndarray) -> float:
    """Half the interval of a mean over networks, by Student's t."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    return float(t.ppf((1 + COVERAGE) / 2, len(values) - 1) * error)


def _made_with(parameters: params.Params, name: str, recipe: str) -> files.Record:
    """What the runs were made with, so that the report need not assume it."""
    model = parameters.meta.models[name]
    optimiser = getattr(parameters.meta.optimiser, recipe)
    return {
        "sequences": parameters.studies.sequences,
        "reset_every": model.reset_every,
        "alpha": tables.vector(model.alpha),
        "peak_rate": optimiser.peak_rate,
        "schedule": optimiser.schedule,
        "clip_norm": optimiser.clip_norm,
    }


def _read(path: Path) -> list[files.Record]:
    try:
        return files.read_csv(path)
    except FileNotFoundError:
        raise ValueError(f"{path}: not found; run `make studies`") from None


if __name__ == "__main__":
    main()
