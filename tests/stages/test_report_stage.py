"""Figures and report of the committed tables, and of tables of other models."""

import base64
import contextlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.files import formats
from pipeline.files.fingerprint import fingerprint
from pipeline.params import loading
from pipeline.report import page, words
from pipeline.runtime import runner
from pipeline.stages import draw, report, scorecard
from pipeline.tables import studies
from tests import tiny

ROOT = Path(__file__).parents[2]
# Of a model each, or with a column for each symbol.
DRAWN = (paths.KNOWLEDGE, paths.LEAKS, paths.HIDDEN_STATES, paths.SIMPLEX)
JUDGED = [path.name for path in (paths.SCORECARD, paths.BLOCKS, paths.SPREAD, paths.CLAIMS)]
TABLES = [path for path in (*report.TABLES, *DRAWN) if path.name not in JUDGED]
MODELS = ["M1", "M2", "M3", "M4"]


def run() -> str:
    """The report on what is in the current folder."""
    for stage in (scorecard, draw, report):
        runner.run(stage, {}, loading.load(), formats.encode, time.monotonic())
    text = paths.REPORT_MARKDOWN.read_text()
    assert not re.search(r"\b(nan|inf|None|training_majority|2x2)\b", text)
    assert all(target.is_file() for target in linked(paths.REPORT_MARKDOWN))
    return text


def linked(markdown: Path) -> set[Path]:
    """The files that a page shows or points to, relative to the project."""
    targets = re.findall(r"\]\(([^)#:]+)\)", markdown.read_text())
    return {markdown.parent / target for target in targets}


@pytest.fixture
def other(tmp_path: Path) -> Iterator[None]:
    """A folder with what the two stages read, as committed; to be changed."""
    made = shutil.ignore_patterns("figures", "report.*", "metrics.json", *map(str, JUDGED))
    shutil.copytree(ROOT / "reports", tmp_path / "reports", ignore=made)
    shutil.copy(ROOT / loading.FILE, tmp_path)
    with contextlib.chdir(tmp_path):
        yield


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures, where they are as in the committed report, or not looked at."""
    monkeypatch.setattr(draw.drawing, "draw", lambda figures: dict.fromkeys(figures, b""))


def change(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path.write_bytes(formats.encode(path, edit(formats.read_table(path))))
    tables = [Path(line.split()[1]) for line in paths.STUDY_SUMS.read_text().splitlines()]
    paths.STUDY_SUMS.write_bytes(studies.sums({one: one.read_bytes() for one in tables}))


def change_params(changes: dict[str, Any]) -> None:
    yaml = YAML()
    settings = yaml.load(loading.FILE)
    tiny.merge(settings, changes)
    yaml.dump(settings, loading.FILE)


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_report_on_the_committed_tables(other):
    text = " ".join(run().split())
    # It shows and links what exists, and names what made it.
    targets = linked(paths.REPORT_MARKDOWN)
    assert {paths.STEPS_AHEAD, paths.PIXEL_HISTORY, paths.GENERALISATION} < targets
    readme = {path.relative_to(ROOT) for path in linked(ROOT / "README.md")}
    assert set(paths.FIGURES.iterdir()) <= targets | readme
    assert f"`{fingerprint(loading.load())}`" in text

    # Its numbers are cells of tables, with the digits that it prints.
    scores = formats.read_table(paths.SNAPSHOT_SCORES)
    final = scores.iloc[-1]
    assert f"{final.test_loss:.4f} ± {final.test_loss_se:.4f} |" in text
    probes = formats.read_table(paths.PROBES)
    kl = probes[(probes.quantity == "kl") & (probes.sequences == "every state")]
    assert len(kl) == 2 * len(MODELS)
    for row in kl.itertuples():
        mean, low, high = (f"{1000 * end:.3f}" for end in (row.mean, row.low, row.high))
        assert f"| {row.model} | {row.recipe} | {mean} ({low} to {high}) |" in text
    for row in formats.read_table(paths.GENERALISATION).iloc[1:].itertuples():
        gap = words.NEGATIVE_ZERO.sub(r"\1", f"{row.gap:+.5f}")
        assert f"{gap} ({row.model})" in text
    card = formats.read_table(paths.SCORECARD)
    for verdict in ("inside", "outside", "unattainable"):
        assert re.search(rf" {sum(card.verdict == verdict)}( are)? {verdict}\b", text)
    assert all(f"| {row.quantity} | {row.written} |" in text for row in card.itertuples())
    spread = formats.read_table(paths.SPREAD)
    one = spread[(spread.snapshot == "0") & (spread.horizon == 0)].iloc[0]
    assert one.trainings > 2
    loss = [f"{one[f'cross_entropy_{end}']:.4f}" for end in ("mean", "low", "high")]
    assert "{} ({} to {})".format(*loss) in text

    assert list(card)[:5] == ["quantity", "published", "ours", "difference", "verdict"]
    # Written with six digits, and the metrics with six decimals.
    np.testing.assert_allclose(card.difference, card.ours - card.published, atol=1e-5)
    metrics = json.loads(paths.METRICS.read_text())
    assert set(metrics) == {"pixels", "rollout", "inpainting", "meta"}
    assert list(metrics["pixels"]) == sorted(scores.snapshot)
    assert set(metrics["rollout"]) == {f"{n}_ahead" for n in loading.load().rollout.horizons}
    np.testing.assert_allclose(metrics["pixels"]["final"]["test_loss"], final.test_loss, atol=5e-7)
    assert set(metrics["meta"]) == set(MODELS)
    assert set(metrics["meta"]["M1"]) == {"excess", "kl"}

    # The page is complete in itself.
    text = paths.REPORT_HTML.read_text()
    elements = Elements(text).found
    assert not {tag for tag, _ in elements} & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", text)
    for _, attributes in elements:
        for name in {"src", "href", "srcset", "poster", "data"} & attributes.keys():
            assert not re.match(r"\w+:(?!image/png;base64,)|//", attributes[name] or "")
    images = [attributes for tag, attributes in elements if tag == "img"]
    shown = [base64.b64decode(str(image["src"]).partition(",")[2]) for image in images]
    pictures = set(paths.FIGURES.iterdir()) & targets
    assert sorted(shown) == sorted(path.read_bytes() for path in pictures)
    assert len(shown) > 10
    assert all(image["alt"] for image in images)
    assert sum(tag == "math" for tag, _ in elements) > 0


def test_detail_folds_away_and_no_other_markup_does(tmp_path):
    folded = "<details><summary>Every number</summary>\n\n| a |\n| --- |\n| 1 |\n\n</details>\n"
    body = page.html(f"# T\n\n{folded}\ntext <details> text\n\n<details open>\n", tmp_path)
    elements = [tag for tag, _ in Elements(body).found]
    assert elements.count("details") == elements.count("summary") == 1
    assert body.index("</details>") > body.index("<table>")
    assert "text &lt;details&gt; text" in body


def test_markup_in_the_text_is_shown_as_text(tmp_path):
    (tmp_path / "a.png").touch()
    code = "<script>x</script>"
    text = f"# {code}\n\n{code} $a<b$\n\n| a |\n| --- |\n| {code} |\n\n```\n{code}\n```\n"
    elements = Elements(page.html(f"{text}\n![{code}](a.png)", tmp_path)).found
    found = {tag for tag, _ in elements}
    assert {"html", "body", "h1", "math", "table", "pre", "img"} <= found
    assert "script" not in found


@pytest.mark.parametrize(
    ("missing", "deleted"), [(["M1"], ()), (MODELS, ()), (MODELS, studies.FILES)]
)
def test_studies_of_other_sequences_are_not_reported(other, undrawn, missing, deleted):
    """As where a model's alpha was changed, or before `make studies` was ever run."""
    models = {name: {"alpha": [9.5, 1.0, 1.0]} for name in missing}
    change_params({"meta": {"models": models}})
    for path in deleted:
        path.unlink()
    text = run()
    assert "The committed studies do not cover M1" in text
    assert "| M1 | plain |" not in text
    for shown in ("| M3 | plain |", paths.EXCESS.name, paths.REGRET.name, paths.MEMORY.name):
        assert (shown in text) == ("M3" not in missing)
    # No question is left without a word.
    assert not re.search(r"\*\*\n\n(\n|\*\*|!|#)", text)


def test_a_report_on_one_model(other):
    settings = YAML().load(loading.FILE)
    settings["meta"]["models"] = {"M2": settings["meta"]["models"]["M2"]}
    for name in ("M1", "M4"):
        del settings["studies"]["alpha"]["trained_on"][name]
    YAML().dump(settings, loading.FILE)
    for path in TABLES:
        if "model" in formats.read_table(path):
            change(path, lambda it: it[it.model == "M2"])
    change(paths.MATRIX, lambda it: it[it.sequences.isin(["M2", "fixed p"])])
    text = run()
    assert "| M1 |" not in text
    assert "| M2 | plain |" in text


def test_a_report_on_periods_of_two_characters(other):
    """In which nothing is ever counted."""
    change_params({"meta": {"models": {"M1": {"reset_every": 2}}}})
    change(paths.KNOWLEDGE, lambda it: it[(it.model != "M1") | (it.seen < 2)])

    def nothing_counted(table: pd.DataFrame) -> pd.DataFrame:
        empty = [name for name in formats.EMPTY[path] if name in table]
        table.loc[table.model == "M1", empty] = np.nan
        if path == paths.RECIPES:
            table.loc[table.model == "M1", ["reset_every", "gain"]] = 2, 0
        return table

    for path in (paths.RECIPES, paths.CONCENTRATION, paths.READOUT):
        change(path, nothing_counted)
    fitted = ("estimate_1", "estimate_2", "estimate_3", "kl_left", "r_squared")
    change(paths.PROBES, lambda it: it[(it.model != "M1") | ~it.quantity.isin(fitted)])
    text = run()
    # No alpha can be fitted, and nobody reacts; one learns the prior.
    assert "| (-, -, -) |" in text
    assert re.search(r"\nM1 \(.*?\): the prior, because", text)
    after = text.partition("### Too sure")[2].partition("### ")[0]
    assert "| M1 |" not in after
    assert "| M2 | plain |" in after


@pytest.mark.parametrize("symbols", [2, 4])
def test_a_report_on_models_with_other_numbers_of_symbols(other, symbols):
    def edit(table: pd.DataFrame) -> pd.DataFrame:
        columns = [name for name in table if str(name).endswith("_3")]
        if symbols == 4:
            return table.assign(**{f"{name[:-1]}4": table[name] for name in columns})
        kept = table[table.symbol < 3] if "symbol" in table else table
        return kept.drop(columns=columns)

    for path in (*TABLES, paths.RECIPES):
        change(path, edit)
    alpha, fixed = [10.0, *[1.0] * (symbols - 1)], [1.0, *[0.0] * (symbols - 1)]
    models = {name: {"alpha": alpha} for name in MODELS}
    change_params({"meta": {"models": models, "comparison": {"fixed": fixed}}})
    text = run()
    assert "meta_simplex" not in text
    assert not (paths.FIGURES / "meta_simplex.png").exists()
    assert "| M1 | plain |" in text
    assert "The committed studies do not cover M3 and M4" in text


def test_a_report_on_other_images_says_so(other, undrawn):
    few, curves = {"images": 100}, {"curve_images": 100}
    data = {"source": "digits"}
    fills = few | {"few": 100}
    change_params({"rollout": few, "inpainting": fills, "data": data, "pixels": curves})
    text = run()
    assert "**The published numbers are for MNIST, ours for other images.**" in text
    # The trainings of the studies are of MNIST.
    assert set(formats.read_table(paths.SPREAD).trainings) == {0}
    assert "the digits that scikit-learn bundles" in text


@pytest.mark.parametrize("missing", [paths.INK, paths.FIGURES / "meta_curves.png"])
def test_missing_inputs_are_named(other, missing):
    shutil.copytree(ROOT / paths.FIGURES, paths.FIGURES)
    missing.unlink()
    runner.run(scorecard, {}, loading.load(), formats.encode, time.monotonic())
    with pytest.raises(FileNotFoundError, match=str(missing)):
        report.run(loading.load())
