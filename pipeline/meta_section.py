"""The report's section on question 3, as Markdown."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline import meta_findings, tables
from pipeline.document import bullets, figure
from pipeline.findings import in_words

Record = dict[str, Any]


class Results(NamedTuple):
    """The tables of reports/meta."""

    comparison: list[Record]
    bias: list[Record]
    bounds: list[Record]
    histories: list[Record]
    leaks: list[Record]
    readout: list[Record]
    concentration: list[Record]
    matrix: list[Record]
    simplex: list[Record]
    curves: dict[str, list[Record]]
    recipes: list[Record]
    excess: list[Record]
    regret: list[Record]
    memory: list[Record]
    missing: list[str]  # models that the studies were not made for


def section(
    parameters: Mapping[str, str],
    models: list[str],
    results: Results,
    panels: list[tuple[str, str, str]],
    published: Mapping[str, float],
) -> str:
    """Networks that learn a prior, beside exact Bayes.

    Args:
        parameters: dotted names and values.
        models: names of the meta-task models.
        results: the tables.
        panels: name, caption and data file of the pictures of single sequences.
        published: the accuracy that the write-up has for each model.
    """
    pictures = "\n\n".join(figure(*panel) for panel in panels)
    parts = [
        _task(parameters, models, results, published),
        f"### Single sequences\n\n{pictures}",
        _excess(results),
        *([_studies(results)] if results.recipes else []),
        *([_missing(results.missing)] if results.missing else []),
        _knowledge(parameters, results),
        _off_prior(parameters, results),
        _answers(results),
    ]
    return "\n\n".join(parts)


def _task(
    parameters: Mapping[str, str],
    models: list[str],
    results: Results,
    published: Mapping[str, float],
) -> str:
    tolerance = float(parameters["report.accuracy_tolerance"])
    recipe = {
        name: parameters[f"meta.optimiser.published.{name}"]
        for name in ("batches", "peak_rate", "schedule", "clip_norm")
    }
    steps = int(parameters["meta.training.steps"])
    sources = tables.markdown(
        ["model", "T", "alpha"],
        [
            [
                name,
                parameters[f"meta.models.{name}.reset_every"],
                parameters[f"meta.models.{name}.alpha"],
            ]
            for name in models
        ],
    )
    words = {
        "exact": "exact Bayes",
        "known_p": "p known",
        "prior_only": "counts ignored",
    }
    limits = tables.markdown(
        ["model", "predictor", "nats per symbol", "right (%)", "nats per character"],
        [
            [
                row["model"],
                words[row["predictor"]],
                tables.number(row["cross_entropy"], 5),
                tables.percent(row["accuracy"]),
                tables.number(
                    meta_findings.per_character(
                        results.bounds,
                        row["model"],
                        row["predictor"],
                        "cross_entropy",
                        steps,
                    ),
                    5,
                ),
            ]
            for row in results.bounds
            if row["position"] == "mean"
        ],
    )
    curves = tuple(f"meta/curves-{name}.csv" for name in models)
    return rf"""## Question 3: learning a prior

**What was done.** Character 0 is "reset" and comes every T steps; with it a new
$p \sim \text{{Dirichlet}}(\alpha)$ is drawn, and the T - 1 symbols that follow are independent draws
from it. A {parameters["meta.training.cell"].upper()}({parameters["meta.training.units"]}) with a linear output predicts the next
character; it is trained on {int(recipe["batches"]):,} mini-batches of {parameters["meta.training.batch_size"]} fresh sequences
of {steps} steps with Adam, schedule {recipe["schedule"]}, rate {recipe["peak_rate"]}, gradients cut to
norm {recipe["clip_norm"]}. That is the recipe "published", the same for all models; others are below. The
write-up gives the number of mini-batches; size, rate and the limit of gradients are ours.

{sources}

The exact predictor follows from conjugacy: after counts $N$ in the current period

$$p(x_t = k \mid x_0, \ldots, x_{{t-1}}) = \frac{{\alpha_k + N_k}}{{\sum_j \alpha_j + \sum_j N_j}}.$$

Two things are *known* to it that a network has to *learn*: that character 0 comes every T steps,
and alpha. At a reset the exact predictor is certain, so that a network's cross-entropy there is
all excess.

**What can be reached.** Expected cross-entropy and accuracy, not sampled but summed over all vectors
of counts: of exact Bayes, of a predictor that is told p, and of one that knows alpha but ignores the
counts. Per symbol with the resets left out, and in the last column per character with them.
By position: [meta/bounds.csv](meta/bounds.csv).

{limits}

{bullets(meta_findings.attainable(results.bounds, steps, published, tolerance))}

{figure("meta_curves", f"Cross-entropy and accuracy per character while training: {int(parameters['meta.training.train_sequences']):,} sequences of the training stream, {int(parameters['meta.training.test_sequences']):,} others for testing; lines: what exact predictors reach in expectation.", *curves, "meta/bounds.csv")}"""


def _excess(results: Results) -> str:
    rows = [
        [
            row["model"],
            row["sequences"] + (" (own)" if row["own_prior"] else ""),
            tables.number(row["cross_entropy"], 4),
            tables.number(row["exact_cross_entropy"], 4),
            tables.estimate(row["excess"], row["excess_se"], 5),
            tables.number(row["symbol_excess"], 5),
            tables.number(row["kl"], 5),
            tables.percent(row["accuracy"]),
            tables.percent(row["exact_accuracy"]),
        ]
        for row in results.comparison
    ]
    headers = [
        "model",
        "sequences from",
        "network (nats)",
        "exact (nats)",
        "excess (nats)",
        "of it symbols",
        "KL (nats)",
        "network right (%)",
        "exact right (%)",
    ]
    count = f"{results.comparison[0]['count']:,}"
    return f"""### How far from exact Bayes

The networks of this report and the exact predictor (with the model's own T and alpha) on the same
{count} sequences of each kind, per predicted character, resets included. Fixed: every period has
the same p.

{tables.markdown(headers, rows)}

{bullets(meta_findings.comparison(results.comparison, results.bias))}"""


def _studies(results: Results) -> str:
    recipes = tables.markdown(
        [
            "model",
            "recipe",
            "mini-batches",
            "networks",
            "excess (nats per symbol)",
            "per character",
            "median",
            "worst",
        ],
        [
            [
                row["model"],
                row["recipe"],
                f"{row['batches']:,}",
                str(row["seeds"]),
                tables.estimate(row["excess"], row["excess_se"], 6),
                *(
                    tables.number(row[f"excess_per_character{which}"], 6)
                    for which in ("", "_median", "_worst")
                ),
            ]
            for row in results.recipes
        ],
    )
    by_recipe = {row["recipe"]: row for row in results.recipes}
    schedules = "; ".join(
        f"*{name}*: {row['batches']:,} mini-batches, rate {row['peak_rate']:g}, "
        f"{row['schedule']}"
        for name, row in by_recipe.items()
    )
    return f"""### Without the noise of sampling, and over several trainings

`make studies` trains several networks
of each model by each of three recipes ({schedules}).
Cosine: the rate rises within the first 5 % and then falls to zero. What comes next is averaged
out exactly, so that the excess is the mean KL(exact || network) over
{results.recipes[0]["sequences"]:,} sequences: per symbol with the resets left out, and per character with
them. "±" is here the standard error over networks.

{recipes}

{bullets(meta_findings.budget(results.recipes))}

{figure("meta_regret", "Regret against the true p of each period, recipe published: mean over its networks; their difference to exact Bayes at each step and cumulated, with 95 % intervals over sequences and networks. Gaps: resets, where exact Bayes has no regret.", "meta/regret.csv")}

{bullets(meta_findings.regrets(_published(results.regret)))}"""


def _knowledge(parameters: Mapping[str, str], results: Results) -> str:
    return f"""### Every state of knowledge

To exact Bayes a state is a vector of counts. The networks are asked in each of them: after all
histories of a short period, of a long one after {parameters["meta.probes.orders"]} orders of every vector of counts; each with
{parameters["meta.probes.pasts"]} different pasts of two periods.

{figure("meta_histories", "KL(exact || network) in every state of knowledge, mean over orders, pasts, and the other symbols' counts by their probability.", "meta/histories.csv")}

{bullets(meta_findings.knowledge(results.histories, results.concentration))}

**Are the counts all that matters?** The order in which symbols came, and what came before the last
reset, should make no difference; both are averaged over states by their probability.

{bullets(meta_findings.sufficiency(results.histories, results.leaks, results.readout))}

{figure("meta_leaks", "What the networks say right after a reset, where all that came before has lost its meaning. A point for each vector of counts of the period before.", "meta/leaks.csv")}

{figure("meta_states", "Hidden states on their first two principal components.", "meta/states.csv")}"""


def _off_prior(parameters: Mapping[str, str], results: Results) -> str:
    table = tables.markdown(
        [
            "network",
            "sequences",
            "network",
            "own Bayes",
            "matched Bayes",
            "network less own",
        ],
        [
            [
                row["model"],
                row["sequences"],
                tables.number(row["network"], 4),
                tables.number(row["own"], 4),
                tables.number(row["matched"], 4),
                tables.estimate(row["network_less_own"], row["network_less_own_se"], 4),
            ]
            for row in results.matrix
        ],
    )
    return f"""### Off its prior

Each network on the sequences of every model and on fixed p = ({parameters["meta.comparison.fixed"]}), nats per symbol,
given that a symbol comes ({int(parameters["meta.probes.sequences"]):,} sequences each). *Own Bayes* is exact with the T and
alpha that the network was trained on: where the sequences have another T it forgets at the wrong
times and expects resets that do not come, and without the condition its cross-entropy would be
infinite. *Matched Bayes* is exact for the sequences. Where a network is ahead of its own Bayes, it follows the
resets that it sees, or says at an unexpected symbol what it never had to say in training.

{table}"""


def _answers(results: Results) -> str:
    caption = "Network less exact Bayes with the same prior, on fixed p over the simplex."
    drawn = (
        figure("meta_simplex", caption, "meta/simplex.csv")
        if is_triangle(results.simplex)
        else ""
    )
    long_run, memory, speed = "", "", ""
    if results.recipes:
        caption = "Excess against mini-batches: median and range of each recipe's networks."
        long_run = "\n\n".join(
            [
                bullets(meta_findings.long_run(results.recipes, results.bounds)),
                figure("meta_excess", caption, "meta/excess.csv"),
            ]
        )
        caption = (
            "Excess by hidden units and period, one network each; the error over sequences "
            "is smaller than the dots."
        )
        memory = "\n\n".join(
            [
                f"Of each size and period one network, {results.memory[0]['batches']:,} "
                "mini-batches of the recipe tuned:",
                bullets(meta_findings.memory(results.memory, results.recipes)),
                figure("meta_memory", caption, "meta/memory.csv"),
            ]
        )
        speed = "\n\n".join(
            [
                "Network less exact Bayes, mean over the networks of each recipe with its "
                "95 % interval:",
                _reactions(results.recipes),
                bullets(meta_findings.speed(results.recipes)),
            ]
        )
    return f"""### The write-up's questions, answered

It asked them before its experiment and answered them by intuition.

**1. What will the network learn in the long run, for each alpha?**

{long_run}

**2. Does argmax ever emit symbols 2 and 3?**

{bullets(meta_findings.likeliest(results.histories))}

{figure("meta_argmax", "How often each symbol is the likeliest, over all states of knowledge by their probability; equally likely symbols share.", "meta/histories.csv")}

**3. How do learning and generalisation depend on the network's memory and on the speed of resetting?**

{meta_findings.generalisation(results.curves)}

{memory}

**4. Does it generalise to an unseen p, and faster or slower than Bayes?**

{bullets(meta_findings.unseen(results.matrix, results.simplex))}

{drawn}

With fixed p = (1, 0, 0) symbol 1 is all that comes. To react is to raise p(symbol 1) above what it
is right after the reset; the published finding is that M2 does so faster than exact Bayes, and M4
too, but less. Exact Bayes is what is best under the prior, so that any difference from it is a
mistake of the network, be it fast or slow.

{speed}

{figure("meta_in_a_row", "The probability of symbol 1 after nothing but symbol 1 since the reset, networks of this report.", "meta/histories.csv")}"""


def _reactions(recipes: list[Record]) -> str:
    def interval(row: Record, name: str) -> str:
        return f"{row[name]:+.4f} ({row[f'{name}_low']:+.4f} to {row[f'{name}_high']:+.4f})"

    return tables.markdown(
        ["model", "recipe", "right after the reset", "reaction", "networks faster"],
        [
            [
                row["model"],
                row["recipe"],
                interval(row, "start"),
                interval(row, "reaction"),
                f"{row['faster']} of {row['seeds']}",
            ]
            for row in recipes
            if not math.isnan(row["reaction"])
        ],
    )


def _missing(models: list[str]) -> str:
    return (
        f"The committed studies tell nothing of {in_words(models)} with this T and alpha; "
        "`make studies` makes them anew."
    )


def is_triangle(simplex: list[Record]) -> bool:
    """Whether there are three symbols: the simplex of others cannot be drawn."""
    return sum(name.startswith("p_") for name in simplex[0]) == 3


def _published(rows: list[Record]) -> list[Record]:
    return [row for row in rows if row["recipe"] == "published"]
