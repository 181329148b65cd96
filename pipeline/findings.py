"""What the tables show, as sentences computed from them.

No sentence states what the numbers do not support: each comparison is worded by its sign
and by whether it exceeds two standard errors.
"""

from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]


def difference(one: float, other: float, standard_error: float) -> str:
    """How one mean stands to another: "higher than", "lower than", or not told apart."""
    if abs(one - other) <= 2 * standard_error:
        return "not distinguishable from"
    return "higher than" if one > other else "lower than"


def learning(history: list[Record], snapshots: list[Record]) -> list[str]:
    """What the curves of the pixel network show."""
    first, last = history[0], history[-1]
    peak = max(history, key=lambda row: row["test_accuracy"])
    gap = last["test_loss"] - last["train_loss"]
    untrained, final = snapshots[0], snapshots[-1]
    return [
        f"The test loss is {untrained['test_loss']:.3f} nats per pixel before training, "
        f"{first['test_loss']:.3f} after the first epoch and "
        f"{final['test_loss']:.4f} ± {final['test_loss_se']:.4f} after {len(history)}.",
        f"One-step test accuracy peaks at {100 * peak['test_accuracy']:.2f} % after epoch "
        f"{peak['epoch']}.",
        f"At the end the test loss is {abs(gap):.4f} nats per pixel "
        f"{'above' if gap > 0 else 'below'} the training loss"
        + (
            ": less than a twentieth of it, so the network does not overfit."
            if abs(gap) < last["train_loss"] / 20
            else "."
        ),
    ]


def rollout(horizons: list[Record]) -> list[str]:
    """How the final network's continuations stand to the baselines and to each other."""
    rows = {(r["predictor"], r["strategy"], r["horizon"]): r for r in horizons}
    ahead = max(row["horizon"] for row in horizons)
    argmax, sample, forced = (
        rows["final", strategy, ahead]
        for strategy in ("argmax", "sample", "teacher_forced")
    )
    baselines = [
        row for row in horizons if row["strategy"] == "baseline" and row["horizon"] == ahead
    ]
    accurate = max(baselines, key=lambda row: row["accuracy"])
    informed = min(baselines, key=lambda row: row["cross_entropy"])
    return [
        f"Over {ahead} pixels the final network's argmax continuation is right in "
        f"{_share(argmax, 'accuracy')} of them: {_relation(argmax, accurate, 'accuracy')} "
        f"the best baseline, {accurate['predictor']}, with {_share(accurate, 'accuracy')}.",
        f"Its cross-entropy there, {_nats(argmax)} nats per pixel, is "
        f"{_relation(argmax, informed, 'cross_entropy')} that of the best baseline, "
        f"{informed['predictor']}, with {_nats(informed)}.",
        f"Drawing instead of taking the likelier value makes the accuracy "
        f"{_share(sample, 'accuracy')}, {_relation(sample, argmax, 'accuracy')} argmax, "
        f"and the cross-entropy {_nats(sample)}, "
        f"{_relation(sample, argmax, 'cross_entropy')} argmax.",
        f"Fed with the truth at the same positions the network has {_nats(forced)} nats "
        f"per pixel; fed with its own argmax it has "
        f"{argmax['cross_entropy'] / forced['cross_entropy']:.1f} times that.",
    ]


def inpainting(table: list[Record]) -> list[str]:
    """What the exact posterior gains, over the past alone and over all other methods."""
    rows = {
        (row["task"], row["masks"], row["method"]): row
        for row in table
        if row["snapshot"] in ("final", "none")
    }
    tasks = {"one_pixel": "one missing pixel", "patch_2x2": "a 2 x 2 patch"}
    kinds = list(dict.fromkeys(row["masks"] for row in table))
    sentences = []
    for task, words in tasks.items():
        exact, past = (rows[task, "uniform", name] for name in ("exact", "past_only"))
        sentences.append(
            f"For {words} anywhere the exact fill is right in "
            f"{_share(exact, 'fill_accuracy')} of the images, "
            f"{_relation(exact, past, 'fill_accuracy')} the past-only fill with "
            f"{_share(past, 'fill_accuracy')}; seeing the future is worth "
            + in_words(
                f"{rows[task, kind, 'exact']['information']:.3f} ± "
                f"{rows[task, kind, 'exact']['information_se']:.3f} nats ({kind} masks)"
                for kind in kinds
            )
            + " per image."
        )
        for kind in kinds:
            exact = rows[task, kind, "exact"]
            others = [
                row
                for (its_task, its_kind, method), row in rows.items()
                if (its_task, its_kind) == (task, kind) and method != "exact"
            ]
            best = max(others, key=lambda row: row["fill_accuracy"])
            sentences.append(
                f"{words.capitalize()}, {kind} masks: exact is right in "
                f"{_share(exact, 'fill_accuracy')}, "
                f"{_relation(exact, best, 'fill_accuracy')} the best alternative, "
                f"{_words(best['method'])}, with {_share(best, 'fill_accuracy')}."
            )
    return sentences


def inpainting_message(table: list[Record]) -> list[str]:
    """The two sentences to take away."""
    rows = {
        (row["task"], row["masks"], row["method"]): row
        for row in table
        if row["snapshot"] in ("final", "none")
    }
    exact = [row for (_, _, method), row in rows.items() if method == "exact"]
    verdicts = []
    for row in exact:
        lookup = rows[row["task"], row["masks"], "lookup"]
        verdicts.append(_relation(row, lookup, "nats"))
    better, worse = verdicts.count("lower than"), verdicts.count("higher than")
    worst = max(exact, key=lambda row: row["ece"])
    return [
        f"In {better} of the {len(exact)} combinations of task and mask the exact "
        "posterior gives the truth more probability than a table of the eight neighbours, "
        f"in {worse} less, and in {len(exact) - better - worse} they cannot be told apart.",
        "Its probabilities can be taken at their word to within "
        f"{100 * worst['ece']:.1f} percentage points on average (the largest expected "
        f"calibration error: {_words(worst['task'])}, {worst['masks']} masks).",
    ]


def _relation(one: Record, other: Record, name: str) -> str:
    # The errors of two methods on the same images are positively correlated, so that this
    # standard error of the difference is too large rather than too small.
    error = (one[f"{name}_se"] ** 2 + other[f"{name}_se"] ** 2) ** 0.5
    return difference(one[name], other[name], error)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _share(row: Record, name: str) -> str:
    return f"{100 * row[name]:.1f} ± {100 * row[f'{name}_se']:.1f} %"


def _nats(row: Record, name: str = "cross_entropy") -> str:
    return f"{row[name]:.3f} ± {row[f'{name}_se']:.3f}"


def in_words(parts: Iterable[str]) -> str:
    """A list as in a sentence: commas, and "and" before the last."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
