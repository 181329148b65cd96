"""The whole graph, stage after stage, on a few small images in a temporary folder."""

import base64
import hashlib
import importlib
import json
import multiprocessing
import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import THREADS
from numpy.testing import assert_allclose, assert_array_equal
from ruamel.yaml import YAML

from pipeline import demo, dirichlet, document, files, masks, params, sources
from pipeline import stages as package
from pipeline.stages import binarise, train_meta

ROOT = Path(__file__).parents[1]

# In the order of dvc.yaml.
STAGES = [
    "binarise",
    "train_pixels",
    "rollout",
    "inpaint",
    "train_meta M1",
    "train_meta M3",
    "compare_bayes",
    "report",
]

# What a run in seconds takes instead of the committed parameters.
TRAIN, TEST, EPOCHS, UNKNOWN = 48, 24, 2, 60
CHANGES: dict[str, Any] = {
    "threads": THREADS,
    "data": {"source": "digits", "threshold": 0.4},
    "pixels": {
        "units": [4],
        "dense": [8],
        "batch_size": 20,
        "epochs": EPOCHS,
        "snapshots": [0],
        "curve_images": 10,
    },
    "rollout": {
        "images": 8,
        "first_pixel": 784 - UNKNOWN,
        "horizons": [1, UNKNOWN],
        "samples": 2,
    },
    "inpainting": {"images": 6},
    "meta": {
        "training": {
            "units": [4],
            "steps": 12,
            "batches": 5,
            "batch_size": 4,
            "evaluate_every": 2,
            "train_sequences": 10,
            "test_sequences": 6,
        },
        "comparison": {"sequences": 5},
    },
}


def read_params() -> Any:
    return YAML(typ="safe", pure=True).load(ROOT / "params.yaml")


def write_params(changes: dict[str, Any]) -> None:
    settings = read_params()
    demo.merge(settings, changes)
    for name in ("M2", "M4"):
        del settings["meta"]["models"][name]
    YAML(typ="safe").dump(settings, params.FILE)


def run_stage(patch: pytest.MonkeyPatch, stage: str) -> None:
    name, *operands = stage.split()
    patch.setattr(sys, "argv", [name, *operands])
    package.main(importlib.import_module(f"pipeline.stages.{name}").run)


def run_all(folder: Path) -> Path:
    """The outputs of all stages in a new folder."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        everything = sources.digits(TRAIN)
        few = everything._replace(
            test=everything.test[:TEST], test_labels=everything.test_labels[:TEST]
        )
        patch.setattr(sources, "digits", lambda train: few)
        write_params(CHANGES)
        for stage in STAGES:
            run_stage(patch, stage)
    return folder


@pytest.fixture(scope="module")
def runs(threads: int, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs side by side, one in a process with other hashes and memory addresses."""
    folder = tmp_path_factory.mktemp("stages")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        other = pool.submit(run_all, folder / "other")
        return run_all(folder / "this"), other.result()


@pytest.fixture(scope="module")
def outputs(runs: tuple[Path, Path]) -> Path:
    return runs[0]


@pytest.fixture
def inside(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the outputs as the current one, so that paths are as in `files`."""
    monkeypatch.chdir(outputs)
    return outputs


def columns(path: Path) -> set[str]:
    return set(files.read_csv(path)[0])


pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


def test_binarise(inside):
    arrays = files.read_arrays(files.BINARISED)
    for split, count in (("train", TRAIN), ("test", TEST)):
        assert arrays[split].shape == (count, 784)
        assert arrays[split].dtype == np.uint8
        assert set(np.unique(arrays[split])) == {0, 1}
        assert arrays[f"{split}_labels"].shape == (count,)
    by_split = {
        (row["split"], row["digit"]): row["ink"] for row in files.read_csv(files.INK)
    }
    # Written with six digits.
    assert_allclose(by_split["train", "all"], arrays["train"].mean(), rtol=1e-5)
    ones = arrays["test"][arrays["test_labels"] == 1]
    assert_allclose(by_split["test", 1], ones.mean(), rtol=1e-5)
    examples = files.read_arrays(files.EXAMPLES)
    assert_array_equal(examples["binary"], arrays["test"][examples["image"]])


def test_train_pixels(inside):
    history = files.read_csv(files.PIXEL_HISTORY)
    assert [row["epoch"] for row in history] == list(range(EPOCHS))
    assert {
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
    } <= columns(files.PIXEL_HISTORY)
    snapshots = {str(row["snapshot"]): row for row in files.read_csv(files.SNAPSHOT_SCORES)}
    assert list(snapshots) == ["untrained", "0", "final"]
    assert [row["epochs_trained"] for row in snapshots.values()] == [0, 1, EPOCHS]
    # A network that knows nothing loses log 2 a pixel; training helps.
    assert_allclose(snapshots["untrained"]["test_loss"], np.log(2), atol=0.2)
    assert snapshots["final"]["test_loss"] < snapshots["untrained"]["test_loss"]
    assert snapshots["0"]["test_loss"] == history[0]["test_loss"]
    for row in snapshots.values():
        # Both written with six digits.
        nats = 784 * row["test_loss"]
        assert_allclose(row["test_nats_per_image"], nats, rtol=1e-5)


def test_saved_networks_open_with_plain_keras(inside):
    names = sorted(path.name for path in files.PIXEL_MODELS.iterdir())
    assert names == ["epoch-0.keras", "final.keras", "untrained.keras"]
    networks = {path: 1 for path in files.PIXEL_MODELS.iterdir()}
    networks |= {files.meta_model(name): 4 for name in ("M1", "M3")}
    for path, channels in networks.items():
        model = keras.saving.load_model(path)
        assert model.input_shape == model.output_shape == (None, None, channels)


def test_the_recorded_loss_is_that_of_the_saved_network(inside):
    model = keras.saving.load_model(files.pixel_model("final"))
    test = files.read_arrays(files.BINARISED)["test"].astype(np.float32)
    shifted = np.concatenate([np.zeros((TEST, 1)), test[:, :783]], axis=1)
    logits = model.predict_on_batch(shifted[..., None])[..., 0]
    nats = np.logaddexp(0, np.where(test == 1, -logits, logits))
    recorded = files.read_csv(files.SNAPSHOT_SCORES)[-1]
    # float32 logits, six digits.
    assert_allclose(recorded["test_loss"], nats.mean(), rtol=1e-5)


def test_rollout(inside):
    table = files.read_csv(files.HORIZONS)
    assert {
        "predictor",
        "strategy",
        "horizon",
        "images",
        "accuracy",
        "accuracy_se",
        "cross_entropy",
        "cross_entropy_se",
    } <= set(table[0])
    strategies = {(str(row["predictor"]), row["strategy"]) for row in table}
    for snapshot in ("untrained", "0", "final"):
        for strategy in ("argmax", "sample", "teacher_forced"):
            assert (snapshot, strategy) in strategies
    assert {strategy for _, strategy in strategies} >= {"baseline"}
    assert len(table) == 2 * len(strategies)
    test = files.read_arrays(files.BINARISED)["test"][:8, -UNKNOWN:]
    (paper,) = [
        row for row in table if row["predictor"] == "all_zero" and row["horizon"] == UNKNOWN
    ]
    assert_allclose(paper["accuracy"], 1 - test.mean(), rtol=1e-5)
    for row in table:
        assert row["images"] == 8
        assert 0 <= row["accuracy"] <= 1
        assert np.isfinite(row["cross_entropy"])
    # One step ahead rollout and teacher forcing see the same: the truth.
    one = {
        row["strategy"]: row["cross_entropy"]
        for row in table
        if (row["predictor"], row["horizon"]) == ("final", 1)
    }
    # float32 in another order of operations, six digits.
    assert_allclose(one["argmax"], one["teacher_forced"], rtol=1e-4)
    assert_allclose(one["sample"], one["teacher_forced"], rtol=1e-4)


def test_inpaint(inside):
    test = files.read_arrays(files.BINARISED)["test"]
    posteriors = files.read_arrays(files.POSTERIORS)
    for task, missing in (("one_pixel", 1), ("patch_2x2", 4)):
        masked, truth = files.read_array(files.INPAINTING_TASKS[task])
        assert masked.shape == truth.shape == (6 * len(masks.KINDS), 784)
        assert masked.dtype == np.int8
        assert_array_equal((masked == -1).sum(axis=1), missing)
        assert_array_equal(masked[masked != -1], truth[masked != -1])
        assert set(np.unique(truth)) == {0, 1}
        assert all((test == image).all(axis=1).any() for image in truth)
        assert posteriors[task].shape == (len(truth), 2**missing)
        # In double precision.
        assert_allclose(np.exp(posteriors[task]).sum(axis=1), 1, atol=1e-9)
    table = files.read_csv(files.INPAINTING_SCORES)
    assert {
        "task",
        "masks",
        "method",
        "images",
        "fill_accuracy",
        "pixel_accuracy",
        "nats",
        "nats_se",
        "brier",
        "ece",
    } <= set(table[0])
    keys = [(r["task"], r["masks"], r["method"], str(r["snapshot"])) for r in table]
    assert len(keys) == len(set(keys))
    assert {key[:2] for key in keys} == {
        (task, kind) for task in files.INPAINTING_TASKS for kind in masks.KINDS
    }
    for row in table:
        assert row["images"] == 6
        # A fill is right if all of its pixels are.
        assert 0 <= row["fill_accuracy"] <= row["pixel_accuracy"] <= 1
        gives_probabilities = row["method"] in ("exact", "past_only", "lookup")
        for name in ("nats", "nats_se", "brier", "ece"):
            assert np.isfinite(row[name]) == gives_probabilities


def test_the_written_posterior_is_what_is_scored(inside):
    """-log p(truth | rest) from the arrays alone, against the table."""
    table = files.read_csv(files.INPAINTING_SCORES)
    posteriors = files.read_arrays(files.POSTERIORS)
    for task in files.INPAINTING_TASKS:
        masked, truth = files.read_array(files.INPAINTING_TASKS[task])
        nats = []
        for log_p, image, true in zip(posteriors[task], masked, truth):
            bits = true[image == -1]
            nats.append(-log_p[sum(int(bit) << b for b, bit in enumerate(bits))])
        for kind, own in zip(masks.KINDS, np.split(np.array(nats), len(masks.KINDS))):
            (row,) = [
                row
                for row in table
                if (row["task"], row["masks"], row["method"], row["snapshot"])
                == (task, kind, "exact", "final")
            ]
            # Written with six digits.
            assert_allclose(row["nats"], own.mean(), rtol=1e-5)


def test_posteriors_are_those_of_the_saved_network(inside):
    model = keras.saving.load_model(files.pixel_model("final"))
    masked, _ = files.read_array(files.INPAINTING_TASKS["patch_2x2"])
    image = masked[0]
    (missing,) = np.nonzero(image == -1)
    joint = []
    for completion in range(16):
        filled = image.astype(np.float32)
        for bit, pixel in enumerate(missing):
            filled[pixel] = completion >> bit & 1
        shifted = np.concatenate([[0], filled[:783]])[None, :, None]
        logits = model.predict_on_batch(shifted.astype(np.float32))[0, :, 0]
        logits = logits.astype(np.float64)
        joint.append(-np.logaddexp(0, np.where(filled == 1, -logits, logits)).sum())
    expected = np.exp(joint - np.logaddexp.reduce(joint))
    posterior = np.exp(files.read_arrays(files.POSTERIORS)["patch_2x2"][0])
    # Sums of 784 float32 terms, each rounded to 1e-7 of a size of order one.
    assert_allclose(posterior, expected, atol=1e-4)


def test_meta(inside):
    table = files.read_csv(files.COMPARISON)
    assert {
        "model",
        "sequences",
        "cross_entropy",
        "exact_cross_entropy",
        "excess",
        "excess_se",
        "accuracy",
        "exact_accuracy",
        "kl",
    } <= set(table[0])
    # Two priors and one fixed p, for each of two models.
    assert len({(row["model"], row["sequences"]) for row in table}) == len(table) == 6
    for name in ("M1", "M3"):
        curves = files.read_csv(files.meta_curves(name))
        # Before the first, every second, and after the last.
        assert [row["batch"] for row in curves] == [0, 2, 4, 5]
        assert {"train_loss", "train_accuracy", "test_loss", "test_accuracy"} <= set(
            curves[0]
        )
        assert all(row["test_loss"] > row["exact_test_loss"] for row in curves)
        (own,) = [row for row in table if row["model"] == name and row["own_prior"]]
        # Written with six digits each.
        difference = own["cross_entropy"] - own["exact_cross_entropy"]
        assert_allclose(own["excess"], difference, atol=1e-4)
        arrays = files.read_arrays(files.PREDICTIONS)
        for which in ("own", "fixed"):
            characters = arrays[f"{name}-{which}-characters"]
            model = params.load().meta.models[name]
            exact = dirichlet.posterior_predictive(
                characters[None], model.alpha, model.reset_every
            )
            assert_allclose(
                arrays[f"{name}-{which}-exact"], np.exp(exact[0]), rtol=1e-9, atol=0
            )
            sums = arrays[f"{name}-{which}-network"].sum(axis=1)
            assert_allclose(sums, 1, atol=1e-6)  # of float32
    # p = (1, 0, 0): symbol 1 alone.
    assert set(arrays["M1-fixed-characters"]) == {0, 1}


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def linked(markdown: Path) -> set[Path]:
    """The files that a page shows or points to, relative to the project."""
    targets = re.findall(r"\]\(([^)#:]+)\)", markdown.read_text())
    return {markdown.parent / target for target in targets}


def test_report_points_to_files_that_exist(inside):
    assert not re.search(r"\b(nan|inf|None)\b", files.REPORT_MARKDOWN.read_text())
    targets = linked(files.REPORT_MARKDOWN)
    assert {files.STEPS_AHEAD, files.PIXEL_HISTORY} < targets
    for target in targets:
        assert target.is_file()


def test_every_figure_is_shown_somewhere(inside):
    readme = {path.relative_to(ROOT) for path in linked(ROOT / "README.md")}
    shown = linked(files.REPORT_MARKDOWN) | readme
    assert set(files.FIGURES.iterdir()) <= shown


def test_report_page_is_complete_in_itself(inside):
    page = files.REPORT_HTML.read_text()
    elements = Elements(page).found
    assert not {tag for tag, _ in elements} & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", page)
    for _, attributes in elements:
        for name in {"src", "href", "srcset", "poster", "data"} & attributes.keys():
            assert not re.match(r"\w+:(?!image/png;base64,)|//", attributes[name] or "")
    shown = [
        base64.b64decode(str(attributes["src"]).removeprefix("data:image/png;base64,"))
        for tag, attributes in elements
        if tag == "img"
    ]
    figures = set(files.FIGURES.iterdir()) & linked(files.REPORT_MARKDOWN)
    assert sorted(shown) == sorted(path.read_bytes() for path in figures)
    assert len(shown) > 10
    assert sum(tag == "math" for tag, _ in elements) > 0


def test_scorecard_and_metrics(inside):
    card = files.read_csv(files.SCORECARD)
    assert {"quantity", "published", "ours", "difference", "verdict"} <= set(card[0])
    for row in card:
        # Written with six digits.
        assert_allclose(row["difference"], row["ours"] - row["published"], atol=1e-5)
    metrics = json.loads(files.METRICS.read_text())
    assert set(metrics) == {"pixels", "rollout", "inpainting", "meta"}
    final = files.read_csv(files.SNAPSHOT_SCORES)[-1]
    assert_allclose(metrics["pixels"]["final"]["test_loss"], final["test_loss"], atol=1e-6)
    assert set(metrics["meta"]) == {"M1", "M3"}


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script> $a<b$",
        "| a |\n| --- |\n| <script>x</script> |",
        "![<script>x</script>](figures/a.png)",
        "```\n<script>x</script>\n```",
    ],
)
def test_markup_in_the_text_is_shown_as_text(text):
    elements = Elements(document.html(text, {"figures/a.png": b"png"})).found
    assert {"html", "body"} <= {tag for tag, _ in elements}
    assert "script" not in {tag for tag, _ in elements}


def test_nothing_unfinished_is_left(inside):
    hidden = [path for path in inside.rglob(".*") if path.is_file()]
    assert hidden == []


def test_the_same_again_makes_the_same_bytes(runs):
    def hashes(folder: Path) -> dict[str, str]:
        return {
            path.relative_to(folder).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in folder.rglob("*")
            if path.is_file()
        }

    this, other = map(hashes, runs)
    assert this == other


def run_as_a_command(folder: Path, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_bad_parameters_end_a_stage_with_a_line_for_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params({"seed": -1, "pixels": {"cell": "rnn"}})
    ran = run_as_a_command(tmp_path, "pipeline.stages.binarise")
    assert ran.returncode != 0
    first, second = ran.stderr.splitlines()
    assert first.startswith("error: params.yaml: seed: got -1; allowed: ")
    assert second.startswith("error: params.yaml: pixels.cell: got 'rnn'; allowed: ")
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_missing_mnist_ends_the_stage_with_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setattr(sources, "_reachable", lambda url: False)
    monkeypatch.setattr(sys, "argv", ["binarise"])
    write_params({"data": {"source": "mnist"}})
    with pytest.raises(SystemExit) as ended:
        package.main(binarise.run)
    (line,) = str(ended.value).splitlines()
    assert line.startswith("error: no MNIST: not in data/raw: train-images-idx3-ubyte.gz")
    for remedy in (*sources.MNIST_FILES, "MNIST_DIR", "`make demo`"):
        assert remedy in line
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_wrong_mnist_files_end_the_stage_with_one_line(tmp_path, monkeypatch):
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name in sources.MNIST_FILES:
        (folder / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DIR", str(folder))
    monkeypatch.setattr(sys, "argv", ["binarise"])
    write_params({"data": {"source": "mnist"}})
    with pytest.raises(SystemExit) as ended:
        package.main(binarise.run)
    (line,) = str(ended.value).splitlines()
    assert line.startswith(f"error: MNIST in {folder}: wrong checksum")
    assert not files.BINARISED.exists()


def test_missing_inputs_end_a_stage_with_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params({})
    monkeypatch.setattr(sys, "argv", ["report"])
    with pytest.raises(SystemExit) as ended:
        run_stage(monkeypatch, "report")
    (line,) = str(ended.value).splitlines()
    assert line.startswith("error: ")
    assert str(files.INK) in line


def test_usage_names_the_command_as_it_was_given(tmp_path):
    ran = run_as_a_command(tmp_path, "pipeline.stages.report", "M1")
    assert ran.returncode != 0
    assert ran.stderr == "usage: python -m pipeline.stages.report\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["M9"], "error: params.yaml: meta.models: there is no 'M9'; allowed: M1, M3"),
        ([], "usage: python -m pipeline.stages.train_meta NAME"),
        (["M1", "M3"], "usage: python -m pipeline.stages.train_meta NAME"),
        (["M1.alpha"], "error: "),
    ],
)
def test_a_wrong_operand_ends_the_stage_with_one_line(
    tmp_path, monkeypatch, arguments, expected
):
    monkeypatch.chdir(tmp_path)
    write_params({})
    monkeypatch.setattr(sys, "argv", ["train_meta", *arguments])
    with pytest.raises(SystemExit) as ended:
        package.main(train_meta.run)
    assert str(ended.value).startswith(expected)
    assert len(str(ended.value).splitlines()) == 1


def test_a_stage_receives_what_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params({"seed": 7})
    monkeypatch.setattr(sys, "argv", ["some", "M3"])
    received = {}

    def run(name, seed, meta_model, meta_training, meta_models):
        received.update(locals())

    package.main(run)
    loaded = params.load()
    assert received == {
        "name": "M3",
        "seed": 7,
        "meta_model": loaded.meta.models["M3"],
        "meta_training": loaded.meta.training,
        "meta_models": loaded.meta.models,
        "received": received,
    }


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="MNIST_DIR is not set")
def test_binarise_on_real_mnist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "_reachable", lambda url: False)  # nothing is downloaded
    write_params({"data": {"source": "mnist", "threshold": 0.1}})
    run_stage(monkeypatch, "binarise")
    first = files.BINARISED.read_bytes()
    arrays = files.read_arrays(files.BINARISED)
    assert arrays["train"].shape == (60_000, 784)
    assert arrays["test"].shape == (10_000, 784)
    for split, zeros in (("train", 5923), ("test", 980)):
        assert arrays[split].dtype == np.uint8
        assert set(np.unique(arrays[split])) == {0, 1}
        assert (arrays[f"{split}_labels"] == 0).sum() == zeros
    # tensorflow-datasets' order is not that of the original files, whose test labels
    # begin 7, 2, 1, 0, 4.
    assert arrays["test_labels"][:5].tolist() == [2, 0, 4, 8, 7]
    assert arrays["train_labels"][:5].tolist() == [4, 1, 0, 7, 8]
    assert_array_equal(np.bincount(arrays["test_labels"])[:3], [980, 1135, 1032])
    # Mean grey is 0.13, and a fifth of the pixels is not white.
    assert 0.13 < arrays["train"].mean() < 0.19
    files.BINARISED.unlink()
    run_stage(monkeypatch, "binarise")
    assert files.BINARISED.read_bytes() == first
