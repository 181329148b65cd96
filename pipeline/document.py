"""The report: its text as Markdown, section by section, and its rendering as one HTML file."""

import base64
import html as escape
from collections.abc import Mapping
from typing import Any

from latex2mathml.converter import convert as to_mathml
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from pipeline import findings, tables
from pipeline.images import SIDE

Record = dict[str, Any]

TITLE = (
    "Pixels, patches and priors: a 2018 assignment on recurrent networks, measured again"
)

STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #222; max-width: 62rem;
       margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 3rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; font-size: 14px; margin: 1rem 0; display: block;
        overflow-x: auto; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; }
td { white-space: nowrap; }
img { max-width: 100%; height: auto; }
code { background: #f3f3f3; padding: 0 0.2em; }
math { font-size: 1.1em; } div.math { margin: 1rem 0; }
"""


def figure(name: str, caption: str, *data: str) -> str:
    """A figure with its caption and the files of what is drawn, relative to the report."""
    links = ", ".join(f"[{path}]({path})" for path in data)
    return f"![{caption}](figures/{name}.png)\n\n*{caption}* Data: {links}."


def introduction(parameters: Mapping[str, str], images: Mapping[str, int]) -> str:
    """What this is, and on which data."""
    source = {"mnist": "MNIST", "digits": "the digits that scikit-learn bundles (8 x 8)"}
    rule = {
        "threshold": f"on where grey / 255 > {parameters['data.threshold']}",
        "stochastic": "on with the grey value as probability, drawn once",
    }
    return f"""# {TITLE}

A recurrent network reads binary images one pixel at a time and predicts the next (question 1);
the same network fills missing pixels, given everything around them, by exact enumeration
(question 2); and four networks learn to predict sequences for which the best possible
prediction is known (question 3).

The images are {source[parameters["data.source"]]}, flattened row by row to 784 pixels; a pixel
is {rule[parameters["data.binarisation"]]}. {images["train"]:,} images are for training,
{images["test"]:,} for testing. All logarithms are natural. "±" is one standard error over
images or sequences; it does not include the variation from one training to the next. Every
sentence under "Findings" is computed from the tables."""


def data(ink: list[Record]) -> str:
    """The binary images: examples and their ink."""
    test = [row for row in ink if row["split"] == "test"]
    every = {row["split"]: row for row in ink if row["digit"] == "all"}
    table = tables.markdown(
        ["digit", *(str(row["digit"]) for row in test)],
        [
            ["test images", *(f"{row['images']:,}" for row in test)],
            ["ink (% of pixels)", *(tables.percent(row["ink"], 1) for row in test)],
        ],
    )
    return f"""## The images

{figure("binarised", "The first test image of each digit, before and after binarisation.", "data/examples.npz")}

Of the training images' pixels {100 * every["train"]["ink"]:.2f} ± {100 * every["train"]["ink_se"]:.2f} %
are on, of the test images' {100 * every["test"]["ink"]:.2f} ± {100 * every["test"]["ink_se"]:.2f} %.

{table}"""


def pixels(
    parameters: Mapping[str, str],
    history: list[Record],
    snapshots: list[Record],
    horizons: list[Record],
) -> str:
    """Question 1: the network, its learning, and its continuations."""
    learned = tables.markdown(
        [
            "snapshot",
            "passes over the data",
            "test loss (nats per pixel)",
            "test accuracy (%)",
            "nats per image",
        ],
        [
            [
                str(row["snapshot"]),
                str(row["epochs_trained"]),
                tables.estimate(row["test_loss"], row["test_loss_se"], 4),
                tables.estimate(
                    100 * row["test_accuracy"], 100 * row["test_accuracy_se"], 2
                ),
                tables.number(row["test_nats_per_image"], 1),
            ]
            for row in snapshots
        ],
    )
    count = f"{snapshots[0]['test_images']:,}"
    images = f"{horizons[0]['images']:,}"
    first = parameters["rollout.first_pixel"]
    return f"""## Question 1: predicting pixels

**What was done.** {parameters["pixels.cell"].upper()} layers of {parameters["pixels.units"]} hidden units; fully
connected layers of {parameters["pixels.dense"]} units, a ReLU before each; one logit: is the next
pixel on? Adam, learning rate {parameters["pixels.learning_rate"]}, batches of
{parameters["pixels.batch_size"]}, {parameters["pixels.epochs"]} epochs. Snapshot 0 is the network *after* the first pass
over the data. The prediction of pixel t uses the pixels before t only, so that the product of
all 784 predictions is a probability of the whole image.

{figure("learning_curves", f"Cross-entropy and one-step accuracy after every epoch, with that epoch's final weights: all {count} test images, and a fixed {int(parameters['pixels.curve_images']):,} of the training images.", "pixels/history.csv")}

One-step prediction of the {count} test images:

{learned}

**Continuing a masked image.** Of {images} test images everything from pixel {first} on is hidden.
The network goes on from its own predictions: with *argmax* it takes the likelier value at each
step, with *sample* it draws from its probabilities ({parameters["rollout.samples"]} continuations of each
image, averaged), and *teacher forced* it is fed with the truth. Cross-entropy is -log of the
probability that it gives the true pixel, after its own past. The baselines know no network:
paper everywhere, the last known pixel repeated (copy left), the last known {SIDE} pixels repeated
(copy above), what most training images have at that place (training majority). Their
cross-entropy is that of the training set's frequency of ink at a place where the baseline
guesses the same, which is one and the same for all zero and training majority.

{figure("rollout_scores", f"Continuations of the final network and the baselines, {images} test images.", "rollout/steps.csv")}

Accuracy (%) of the predicted pixels, mean over {images} test images:

{_by_horizon(horizons, "accuracy", 100, 1)}

Cross-entropy (nats per pixel) of the same:

{_by_horizon(horizons, "cross_entropy", 1, 3)}

{figure("rollout_gallery", "Continuations by the final network. Chosen by rule: the images whose argmax continuation is right in the most, middling and fewest pixels, and those whose samples vary most.", "rollout/gallery.npz")}

### Findings

{bullets(findings.learning(history, snapshots) + findings.rollout(horizons))}"""


def inpainting(parameters: Mapping[str, str], table: list[Record]) -> str:
    """Question 2: the exact posterior over missing pixels, and every alternative."""
    rows = [
        [
            row["task"].replace("_", " "),
            row["masks"],
            row["method"].replace("_", " ")
            + ("" if row["snapshot"] in ("final", "none") else f" ({row['snapshot']})"),
            tables.estimate(100 * row["fill_accuracy"], 100 * row["fill_accuracy_se"], 1),
            tables.estimate(100 * row["pixel_accuracy"], 100 * row["pixel_accuracy_se"], 1),
            tables.estimate(row["nats"], row["nats_se"]),
            tables.estimate(row["brier"], row["brier_se"]),
            tables.number(row["ece"]),
        ]
        for row in table
        if row["method"] != "past_only" or row["snapshot"] == "final"
    ]
    headers = [
        "task",
        "masks",
        "method",
        "fill right (%)",
        "missing pixels right (%)",
        "-log p(truth) (nats)",
        "Brier",
        "ECE",
    ]
    whole = [
        [
            row["task"].replace("_", " "),
            row["masks"],
            tables.estimate(row["image_nats_fill"], row["image_nats_fill_se"], 2),
            tables.estimate(row["image_nats_truth"], row["image_nats_truth_se"], 2),
            tables.estimate(row["information"], row["information_se"]),
        ]
        for row in table
        if (row["method"], row["snapshot"]) == ("exact", "final")
    ]
    count = f"{table[0]['images']:,}"
    first, last = parameters["inpainting.centre"].split(", ")
    return rf"""## Question 2: filling missing pixels

**What was done.** The write-up planned this and did not do it. The network gives every complete
image a probability, the product of its one-step predictions,

$$p(X) = \prod_{{t=0}}^{{783}} p(x_t \mid x_0, \ldots, x_{{t-1}}).$$

For one missing pixel $m$ with all others known, Bayes' rule therefore gives

$$p(x_m \mid \text{{rest}}) = \frac{{p(X \text{{ with }} x_m)}}{{p(X \text{{ with }} x_m = 0) + p(X \text{{ with }} x_m = 1)}},$$

and for a patch of $m, m+1, m+28, m+29$ the same over its 16 completions $c$,

$$p(c \mid \text{{rest}}) = \frac{{p(X_c)}}{{\sum_{{c'=0}}^{{15}} p(X_{{c'}})}}.$$

Nothing is approximated: all completions are enumerated. A worked example, chosen by rule: the
patch of whose filling the network is least sure.

{figure("inpainting_worked", "All 16 completions of one missing patch with their posterior probabilities, which sum to one; only its surroundings are shown.", "inpainting/gallery.npz")}

The alternatives: *past only* is what the same network says before it has seen the future,
$p(x_m \mid x_0, \ldots, x_{{m-1}})$, for a patch pixel by pixel. *Greedy* and *sampled* are the
write-up's two other plans: choose the fill after which the network's argmax continuation, or the
average of {parameters["inpainting.continuations"]} continuations drawn from it, fits the known future best. *Majority* takes the value of
most of the known neighbours; *lookup* the frequency in the training set of either value within
the same pattern of the eight neighbours.

{count} test images for each task and each kind of mask: *uniform* anywhere, *centre* within rows and
columns {first} to {last}, *boundary* where the missing pixels touch a change between ink and paper.
Fill right: all missing pixels are. Brier score and expected calibration error (ECE, {parameters["inpainting.calibration_bins"]} bins)
are of the distribution over completions. In brackets: earlier snapshots.

{tables.markdown(headers, rows)}

{figure("inpainting_methods", "How often the fill is right, final network.", "inpainting/scores.csv")}

{figure("inpainting_scores", "What the true values cost with each snapshot, uniform masks: given all other pixels (exact) and given the earlier ones (past only).", "inpainting/scores.csv")}

**Is the posterior honest?** If it is, the fills to which it gives probability p are right in a
share p of all cases.

{figure("inpainting_reliability", "Reliability of the final network's exact posterior.", "inpainting/reliability.csv")}

What seeing the future is worth, and the cross-entropy of the whole image (nats per image):

{tables.markdown(["task", "masks", "with the fill", "with the truth", "information in the future"], whole)}

That the image with the most probable fill costs less than the true one holds by construction, for
that fill is the one with the largest p(X); it says nothing of its quality.

{figure("inpainting_one_pixel", "One missing pixel, final network: chosen by rule, the surest right, the surest wrong and the least sure. All pictures but the first show the surroundings of the pixel.", "inpainting/gallery.npz")}

{figure("inpainting_patch_2x2", "A missing 2 x 2 patch, final network: the four likeliest of 16 completions with their posterior probability, chosen by the same rule. All pictures but the first show the surroundings of the patch.", "inpainting/gallery.npz")}

### Findings

{bullets(findings.inpainting(table))}

**To take away.** {" ".join(findings.inpainting_message(table))}"""


def scorecard(parameters: Mapping[str, str], rows: list[Record]) -> str:
    """Every published number against ours."""
    verdicts = [row["verdict"].split(":")[0].split(" within")[0] for row in rows]
    counts = ", ".join(
        f"{verdicts.count(verdict)} {words}"
        for verdict, words in (
            ("agrees", "agree"),
            ("differs", "differ"),
            ("not attainable", "are not attainable"),
        )
    )
    table = tables.markdown(
        ["quantity", "published", "ours", "difference", "verdict"],
        [
            [
                row["quantity"],
                f"{row['published']:g}",
                tables.estimate(row["ours"], row["ours_se"] or float("nan"), 4),
                f"{row['difference']:+.4f}",
                row["verdict"],
            ]
            for row in rows
        ],
    )
    elsewhere = (
        ""
        if parameters["data.source"] == "mnist"
        else "**The published numbers are of MNIST, ours of other images.** "
    )
    return f"""## Scorecard

{elsewhere}Every number of the write-up that has a counterpart here: of {len(rows)}, {counts}. A number
agrees if it differs by no more than the tolerance of `params.yaml` plus two of our standard errors.
Rollouts are held against our argmax continuations. "Over 90 %" is taken as 0.90, "mid-50s %" as
0.55; both per character, resets included.

{table}"""


def appendix(
    parameters: Mapping[str, str], versions: Mapping[str, str], commit: str
) -> str:
    """What is needed to make the same report again."""
    return f"""## How this was made

Code and parameters: commit {commit}. Seed {parameters["seed"]}, {parameters["threads"]} threads.

{tables.markdown(["package", "version"], [list(item) for item in versions.items()])}

{tables.markdown(["parameter", "value"], [[f"`{name}`", value] for name, value in parameters.items()])}
"""


def html(markdown: str, pictures: Mapping[str, bytes]) -> str:
    """The Markdown as one HTML file that loads nothing from elsewhere.

    Args:
        markdown: formulae between dollar signs become MathML; HTML in it is shown as text.
        pictures: PNG files by the address that the Markdown has for them.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.use(
        dollarmath_plugin,
        double_inline=True,
        renderer=lambda formula, options: to_mathml(
            # The converter would pass markup inside \text on as it is.
            formula.replace("<", r"\lt ").replace(">", r"\gt "),
            display="block" if options["display_mode"] else "inline",
        ),
    )
    tokens = parser.parse(markdown)
    for token in tokens:
        for child in token.children or []:
            source = child.attrs.get("src")
            if source in pictures:
                encoded = base64.b64encode(pictures[str(source)]).decode()
                child.attrs["src"] = f"data:image/png;base64,{encoded}"
    body = parser.renderer.render(tokens, parser.options, {})
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape.escape(TITLE)}</title>
<style>{STYLE}</style>
</head>
<body>
{body}</body>
</html>
"""


def _by_horizon(horizons: list[Record], name: str, factor: float, digits: int) -> str:
    """One row for each predictor and strategy, one column for each horizon."""
    lines: dict[tuple[str, str], dict[int, Record]] = {}
    for row in horizons:
        key = str(row["predictor"]), row["strategy"]
        lines.setdefault(key, {})[row["horizon"]] = row
    ahead = sorted({row["horizon"] for row in horizons})
    return tables.markdown(
        ["predictor", "strategy", *(f"{horizon} ahead" for horizon in ahead)],
        [
            [
                predictor.replace("_", " "),
                strategy.replace("_", " "),
                *(
                    tables.estimate(
                        factor * rows[horizon][name],
                        factor * rows[horizon][f"{name}_se"],
                        digits,
                    )
                    for horizon in ahead
                ),
            ]
            for (predictor, strategy), rows in lines.items()
        ],
    )


def bullets(sentences: list[str]) -> str:
    """Sentences as a list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)
