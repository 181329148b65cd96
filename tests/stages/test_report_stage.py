"""The report of the committed tables, and of tables of other models."""

import base64
import json
import re
import shutil
import time
from collections.abc import Callable
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
from pipeline.report import figures, page
from pipeline.runtime import runner
from pipeline.stages import report
from tests import tiny

ROOT = Path(__file__).parents[2]


def prepare(folder: Path) -> None:
    """What the stage reads, as committed."""
    made = shutil.ignore_patterns("figures", "report.*", "scorecard.csv", "metrics.json")
    shutil.copytree(ROOT / "reports", folder / "reports", ignore=made)
    shutil.copy(ROOT / loading.FILE, folder)


def run() -> str:
    """The report on what is in the current folder."""
    runner.run(report, {}, loading.load(), formats.encode, time.monotonic())
    text = paths.REPORT_MARKDOWN.read_text()
    assert not re.search(r"\b(nan|inf|None|training_majority|2x2)\b", text)
    assert all(target.is_file() for target in linked(paths.REPORT_MARKDOWN))
    return text


def linked(markdown: Path) -> set[Path]:
    """The files that a page shows or points to, relative to the project."""
    targets = re.findall(r"\]\(([^)#:]+)\)", markdown.read_text())
    return {markdown.parent / target for target in targets}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    prepare(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run()
    return folder


@pytest.fixture
def inside(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(outputs)


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for a report on other tables."""
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)


def draw_nothing(plan: dict, meanwhile: Callable[[], str]) -> tuple[dict[str, bytes], str]:
    return dict.fromkeys(plan, b""), meanwhile()


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures, where they are as in the committed report, or not looked at."""
    monkeypatch.setattr(figures, "draw", draw_nothing)


def change(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path.write_bytes(formats.encode(path, edit(formats.read_table(path))))


def change_params(changes: dict[str, Any]) -> None:
    yaml = YAML()
    settings = yaml.load(loading.FILE)
    tiny.merge(settings, changes)
    yaml.dump(settings, loading.FILE)


def test_the_report_shows_and_links_what_exists(inside):
    targets = linked(paths.REPORT_MARKDOWN)
    assert {paths.STEPS_AHEAD, paths.PIXEL_HISTORY, paths.GENERALISATION} < targets
    readme = {path.relative_to(ROOT) for path in linked(ROOT / "README.md")}
    assert set(paths.FIGURES.iterdir()) <= targets | readme


def test_the_report_names_what_made_it(inside):
    assert f"`{fingerprint(loading.load())}`" in paths.REPORT_MARKDOWN.read_text()


def test_numbers_of_the_report_are_cells_of_tables(inside):
    """Of each kind of table one, with the digits that the report prints."""
    text = " ".join(paths.REPORT_MARKDOWN.read_text().split())
    final = formats.read_table(paths.SNAPSHOT_SCORES).iloc[-1]
    assert f"{final.test_loss:.4f} ± {final.test_loss_se:.4f} after 20 epochs" in text
    for row in formats.read_table(paths.KNOWLEDGE_SUMMARY).itertuples():
        assert f"- {row.model}: KL(exact || network) is {row.kl:.5f} nats" in text
    gaps = formats.read_table(paths.GENERALISATION).iloc[1:]
    assert (
        ", ".join(f"{gap:+.5f} ({name})" for name, gap in gaps[["model", "gap"]].values[:-1])
        in text
    )
    card = formats.read_table(paths.SCORECARD)
    for verdict, words in (("agrees", "agree,"), ("unattainable", "are not attainable")):
        assert f" {sum(card.verdict == verdict)} {words}" in text


def test_scorecard_and_metrics(inside):
    card = formats.read_table(paths.SCORECARD)
    assert list(card)[:5] == ["quantity", "published", "ours", "difference", "verdict"]
    # Written with six digits.
    np.testing.assert_allclose(card.difference, card.ours - card.published, atol=1e-5)
    metrics = json.loads(paths.METRICS.read_text())
    assert set(metrics) == {"pixels", "rollout", "inpainting", "meta"}
    scores = formats.read_table(paths.SNAPSHOT_SCORES)
    assert list(metrics["pixels"]) == sorted(scores.snapshot)
    # Written with six decimals.
    final = metrics["pixels"]["final"]["test_loss"]
    np.testing.assert_allclose(final, scores.test_loss.iloc[-1], atol=5e-7)
    assert set(metrics["meta"]) == {"M1", "M2", "M3", "M4"}
    assert set(metrics["meta"]["M1"]) == {"excess", "kl"}


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_is_complete_in_itself(inside):
    text = paths.REPORT_HTML.read_text()
    elements = Elements(text).found
    assert not {tag for tag, _ in elements} & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", text)
    for _, attributes in elements:
        for name in {"src", "href", "srcset", "poster", "data"} & attributes.keys():
            assert not re.match(r"\w+:(?!image/png;base64,)|//", attributes[name] or "")
    images = [attributes for tag, attributes in elements if tag == "img"]
    shown = [
        base64.b64decode(str(image["src"]).removeprefix("data:image/png;base64,"))
        for image in images
    ]
    pictures = set(paths.FIGURES.iterdir()) & linked(paths.REPORT_MARKDOWN)
    assert sorted(shown) == sorted(path.read_bytes() for path in pictures)
    assert len(shown) > 10
    assert all(image["alt"] for image in images)
    assert sum(tag == "math" for tag, _ in elements) > 0


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script> $a<b$",
        "| a |\n| --- |\n| <script>x</script> |",
        "![<script>x</script>](figures/a.png)",
        "```\n<script>x</script>\n```",
        "# <script>x</script>",
    ],
)
def test_markup_in_the_text_is_shown_as_text(text):
    elements = Elements(page.html(text, {"figures/a.png": b"png"})).found
    assert {"html", "body"} <= {tag for tag, _ in elements}
    assert "script" not in {tag for tag, _ in elements}


@pytest.mark.parametrize("missing", [["M1"], ["M1", "M2", "M3", "M4"]])
def test_studies_of_other_sequences_are_not_reported(other, undrawn, missing):
    """As where a model's alpha was changed and `make studies` not run since."""
    models = {name: {"alpha": [9.5, 1.0, 1.0]} for name in missing}
    change_params({"meta": {"models": models}})
    text = run()
    assert "The committed studies do not cover M1" in text
    assert "M1 reacts" not in text
    for words in ("M3 reacts", paths.EXCESS.name, paths.REGRET.name, paths.MEMORY.name):
        assert (words in text) == ("M3" not in missing)
    # No question is left without a word.
    assert not re.search(r"\*\*\n\n(\n|\*\*|!|#)", text)


def test_a_report_without_studies_is_complete(other, undrawn):
    for path in report.STUDIES:
        path.unlink()
    assert "The committed studies do not cover M1, M2, M3 and M4" in run()


def test_a_report_on_one_model(other):
    settings = YAML().load(loading.FILE)
    settings["meta"]["models"] = {"M2": settings["meta"]["models"]["M2"]}
    YAML().dump(settings, loading.FILE)
    for path in report.TABLES:
        if "model" in formats.read_table(path):
            change(path, lambda it: it[it.model == "M2"])
    change(paths.MATRIX, lambda it: it[it.sequences.isin(["M2", "fixed p"])])
    text = run()
    assert "M1" not in text
    assert "M2 reacts" in text


def test_a_report_on_periods_of_two_characters(other):
    """In which nothing is ever counted."""
    change_params({"meta": {"models": {"M1": {"reset_every": 2}}}})
    change(paths.KNOWLEDGE, lambda it: it[(it.model != "M1") | (it.seen < 2)])
    for path in (paths.RECIPES, paths.CONCENTRATION, paths.READOUT):
        table = formats.read_table(path)
        table.loc[table.model == "M1", list(formats.EMPTY[path])] = np.nan
        if path == paths.RECIPES:
            table.loc[table.model == "M1", "reset_every"] = 2
        path.write_bytes(formats.encode(path, table))
    text = run()
    assert "No alpha can be fitted" in text
    assert "M1 reacts" not in text
    assert "M2 reacts" in text


@pytest.mark.parametrize("symbols", [2, 4])
def test_a_report_on_models_with_other_numbers_of_symbols(other, symbols):
    def edit(table: pd.DataFrame) -> pd.DataFrame:
        columns = [name for name in table if str(name).endswith("_3")]
        if symbols == 4:
            return table.assign(**{f"{name[:-1]}4": table[name] for name in columns})
        kept = table[table.symbol < 3] if "symbol" in table else table
        return kept.drop(columns=columns)

    for path in (*report.TABLES, paths.RECIPES):
        change(path, edit)
    alpha, fixed = [10.0, *[1.0] * (symbols - 1)], [1.0, *[0.0] * (symbols - 1)]
    models = {name: {"alpha": alpha} for name in ("M1", "M2", "M3", "M4")}
    change_params({"meta": {"models": models, "comparison": {"fixed": fixed}}})
    text = run()
    assert "meta_simplex" not in text
    assert "M1 reacts" in text
    assert "The committed studies do not cover M3 and M4" in text


def test_a_report_on_other_images_says_so(other, undrawn):
    few = {"images": 100}
    changes: dict[str, Any] = {
        "rollout": few,
        "inpainting": few,
        "data": {"source": "digits"},
    }
    change_params(changes | {"pixels": {"curve_images": 100}})
    text = run()
    assert "**The published numbers are for MNIST, ours for other images.**" in text
    assert "the digits that scikit-learn bundles" in text


def test_missing_inputs_are_named(other, undrawn):
    paths.INK.unlink()
    with pytest.raises(FileNotFoundError, match=str(paths.INK)):
        run()
