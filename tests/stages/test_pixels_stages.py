"""The stages of questions 1 and 2, one after the other, on a few small images."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import paths
from pipeline.core import parallel, training
from pipeline.files import formats
from pipeline.pixels import continuations, masks
from pipeline.runtime import transaction
from pipeline.stages import study_pixels
from tests import tiny

RUNS = [*tiny.PIXELS, *tiny.PIXEL_STUDIES]
# Numbers are written with six digits.
SIX = 1e-5


def run_in_new_process(folder: Path) -> Path:
    parallel.use_threads(tiny.THREADS)
    return tiny.run(folder, *RUNS)


@pytest.fixture(scope="module")
def runs(threads: int, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs, one with other hashes, addresses, language, time, home and permissions."""
    folder = tmp_path_factory.mktemp("stages")
    elsewhere = {"HOME": str(folder), "TMPDIR": str(folder), "LANG": "tr_TR.UTF-8"}
    elsewhere |= {"LC_ALL": "C", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7"}
    spawn = multiprocessing.get_context("spawn")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in elsewhere.items():
            patch.setenv(name, value)
        with ProcessPoolExecutor(1, spawn, os.umask, (0o077,)) as pool:
            other = pool.submit(run_in_new_process, folder / "other")
            # That process has started with all this; this one stays as it was.
            patch.undo()
            return tiny.run(folder / "this", *RUNS), other.result()


@pytest.fixture
def inside(runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the outputs as the current one."""
    monkeypatch.chdir(runs[0])
    return runs[0]


pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


def test_binarise(inside):
    arrays = formats.read_arrays(paths.BINARISED)
    for split, count in (("train", tiny.TRAIN), ("test", tiny.TEST)):
        assert (arrays[split].shape, arrays[split].dtype) == ((count, 784), np.uint8)
        assert set(np.unique(arrays[split])) == {0, 1}
        assert arrays[f"{split}_labels"].shape == (count,)
    ink = formats.read_table(paths.INK).set_index(["split", "digit"])["ink"]
    assert_allclose(ink["train", "all"], arrays["train"].mean(), rtol=SIX)
    ones = arrays["test"][arrays["test_labels"] == 1]
    assert_allclose(ink["test", "1"], ones.mean(), rtol=SIX)
    examples = formats.read_arrays(paths.EXAMPLES)
    assert_array_equal(examples["binary"], arrays["test"][examples["image"]])


def test_binarise_names_a_threshold_that_leaves_an_image_without_ink(folder):
    tiny.write_params(tiny.CHANGES | {"data": {"source": "digits", "threshold": 0.999}})
    says = r"^params\.yaml: data\.threshold: got 0\.999, under which \d+ test images have ink or"
    with pytest.raises(ValueError, match=says):
        tiny.run(folder, "binarise")
    assert not paths.BINARISED.exists()


def nats_by_keras(file: str, images: np.ndarray) -> np.ndarray:
    """-log p of each pixel by a saved network, with nothing but Keras."""
    model = keras.saving.load_model(f"models/pixels/{file}.keras")
    assert model.input_shape == model.output_shape == (None, None, 1)
    shifted = np.pad(images[:, :-1].astype(np.float32), ((0, 0), (1, 0)))
    logits = model.predict_on_batch(shifted[..., None])[..., 0].astype(np.float64)
    return np.logaddexp(0, np.where(images == 1, -logits, logits))


def test_train_pixels(inside):
    history = formats.read_table(paths.PIXEL_HISTORY)
    columns = "epoch train_loss train_accuracy test_loss test_accuracy"
    assert list(history) == columns.split()
    assert history["epoch"].tolist() == list(range(tiny.EPOCHS))
    table = formats.read_table(paths.SNAPSHOT_SCORES).set_index("snapshot")
    assert table["epochs_trained"].to_dict() == {"untrained": 0, "0": 1, "final": 2}
    loss = table["test_loss"]
    # A network that knows nothing loses log 2 a pixel; training helps.
    assert_allclose(loss["untrained"], np.log(2), atol=0.2)
    assert loss["final"] < loss["untrained"]
    assert loss["0"] == history["test_loss"][0]
    assert_allclose(table["test_nats_per_image"], 784 * loss, rtol=SIX)
    test = formats.read_arrays(paths.BINARISED)["test"]
    for name, file in (("untrained", "untrained"), ("0", "epoch-0"), ("final", "final")):
        assert_allclose(loss[name], nats_by_keras(file, test).mean(), rtol=SIX)  # float32 logits


def test_rollout(inside):
    table = formats.read_table(paths.HORIZONS)
    columns = "predictor strategy horizon images accuracy accuracy_se"
    assert list(table) == f"{columns} cross_entropy cross_entropy_se".split()
    cells = table.set_index(["predictor", "strategy", "horizon"])
    by_network = product(("untrained", "0", "final"), continuations.STRATEGIES)
    baselines = ("all_zero", "copy_left", "copy_above", "training_majority", "nearest")
    rows = {*by_network, *((name, "baseline") for name in baselines)}
    assert {key[:2] for key in cells.index} == rows
    assert len(cells) == len(set(cells.index)) == 2 * len(rows)
    assert (table["images"] == 8).all()
    assert table["accuracy"].between(0, 1).all()
    test = formats.read_arrays(paths.BINARISED)["test"][:8, -tiny.UNKNOWN :]
    paper = cells["accuracy"]["all_zero", "baseline", tiny.UNKNOWN]
    assert_allclose(paper, 1 - test.mean(), rtol=SIX)
    # One step ahead, rollout and teacher forcing have read the same: the truth.
    first = cells["cross_entropy"]["final"].xs(1, level="horizon")
    # float32 in another order of operations.
    assert_allclose(first[["argmax", "sample", "marginal"]], first["teacher_forced"], rtol=1e-4)
    steps = formats.read_table(paths.STEPS_AHEAD).groupby(["predictor", "strategy"])
    means = cells.xs(tiny.UNKNOWN, level="horizon")["cross_entropy"]
    assert_allclose(steps["cross_entropy"].mean()[means.index], means, rtol=10 * SIX)
    # Against each baseline the difference of the means is the mean of the differences.
    paired = formats.read_table(paths.PAIRED_ROLLOUTS)
    assert len(paired) == 4 * 5 * 2
    for row in paired.itertuples():
        own = cells.loc[row.predictor, row.strategy, row.horizon]
        other = cells.loc[row.baseline, "baseline", row.horizon]
        for name in ("accuracy", "cross_entropy"):
            assert_allclose(getattr(row, name), own[name] - other[name], atol=1e-5)
    subsets = formats.read_table(paths.SUBSETS).set_index(["predictor", "strategy", "horizon"])
    assert set(subsets.index) == set(cells.index)
    row = subsets.loc["final", "argmax", tiny.UNKNOWN]
    assert (row.images, row.subset) == (8, 4)
    assert_allclose(row.accuracy, cells["accuracy"]["final", "argmax", tiny.UNKNOWN], rtol=SIX)
    # sqrt(1/4 - 1/8) by the standard error of eight, sqrt(1/8).
    assert_allclose(
        row.accuracy_sd, cells["accuracy_se"]["final", "argmax", tiny.UNKNOWN], rtol=SIX
    )
    by_hand = (row.accuracy_first - row.accuracy) / row.accuracy_sd
    assert_allclose(row.accuracy_z, by_hand, rtol=1e-3)
    wrong = formats.read_table(paths.FAILURES).groupby("predictor")["count"].sum()
    assert wrong.to_dict() == {"untrained": 8, "0": 8, "final": 8}
    draws = formats.read_table(paths.DRAWS)
    assert list(draws["draws"].unique()) == [1, 2, 5, 10, 20, 50, 100]
    shown = formats.read_arrays(paths.ROLLOUT_GALLERY)
    by_image = formats.read_table(paths.ROLLOUT_IMAGES)
    right = (shown["argmax"] == shown["truth"][:, -tiny.UNKNOWN :]).mean(axis=1)
    assert_allclose(by_image["argmax_accuracy"][shown["image"]], right, rtol=SIX)


def test_study_pixels(inside):
    columns = "snapshot batches strategy horizon images accuracy accuracy_se"
    for settings in tiny.SETTINGS:
        whole, short = (formats.read_table(paths.study_pixels(settings, n)) for n in (1, 2))
        assert list(whole)[:7] == columns.split()
        # Training 1 goes on to the end. Rollouts at each second batch of three, and the ends.
        one_step = whole[(whole.strategy == "teacher_forced") & (whole.horizon == 0)]
        names = ["batch-2", "0", "batch-5", "final"]
        assert list(zip(one_step.snapshot, one_step.batches)) == list(zip(names, (2, 3, 5, 6)))
        for name in names:
            assert set(whole[(whole.snapshot == name) & (whole.horizon == 1)].strategy) == {
                *continuations.STRATEGIES,
                *(f"argmax_clipped_{clip}" for clip in study_pixels.CLIPS),
            }
        assert list(short.snapshot.unique()) == ["batch-2", "0"]
        # Its own weights and order.
        assert short.cross_entropy[0] != whole.cross_entropy[0]
    cells = whole.set_index(["snapshot", "strategy", "horizon"])
    end = cells.loc["final", "argmax"], cells.loc["final", "argmax_clipped_0.01"]
    assert_array_equal(end[0].accuracy, end[1].accuracy)
    assert (end[1].cross_entropy >= -np.log1p(-0.01)).all()
    assert (end[1].cross_entropy <= -np.log(0.01)).all()


def test_context(inside):
    table = formats.read_table(paths.CONTEXT_TABLES).set_index("predictor")
    test = formats.read_arrays(paths.BINARISED)["test"]
    snapshots = formats.read_table(paths.SNAPSHOT_SCORES).set_index("snapshot")
    for name in ("untrained", "0", "final"):
        own = table.loc[f"network_{name}"]
        assert_allclose(own["test_loss"], snapshots["test_loss"][name], rtol=SIX)
        assert np.isnan(own["context_pixels"])
    tables = table.loc["table"].set_index("context_pixels")
    assert list(tables.index) == [1, 2, 4, 10, 15, 20, 24]
    assert (table["images"] == len(test)).all()
    final = table.loc["network_final"]
    assert (final["test_loss_less_final"], final["test_loss_less_final_se"]) == (0, 0)
    less = tables["test_loss"] - final["test_loss"]
    assert_allclose(tables["test_loss_less_final"], less, atol=1e-5)


def test_inpaint(inside):
    test = formats.read_arrays(paths.BINARISED)["test"]
    posteriors = formats.read_arrays(paths.POSTERIORS)
    table = formats.read_table(paths.INPAINTING_SCORES)
    columns = "task masks method snapshot images fill_accuracy fill_low"
    assert list(table)[:7] == columns.split()
    keys = table.set_index(["task", "masks", "method", "snapshot"])
    # Two by each of three snapshots, the two plans, majority, and three tables or one.
    assert len(keys) == len(set(keys.index)) == len(masks.KINDS) * (12 + 10)
    of_all = keys.index.isin(["final", "none"], 3) & ~keys.index.isin(["greedy", "sampled"], 2)
    assert_array_equal(table["images"], np.where(of_all, 6, 3))
    # A fill is right if all of its pixels are.
    assert (table["fill_accuracy"] <= table["pixel_accuracy"]).all()
    gives_probabilities = table["method"].str.contains("exact|past_only|lookup")
    for name in ("nats", "nats_se", "brier", "ece"):
        assert_array_equal(table[name].notna(), gives_probabilities)
    for task, missing in (("one_pixel", 1), ("patch_2x2", 4)):
        masked, truth = np.load(paths.INPAINTING_TASKS[task])
        assert (truth.shape, truth.dtype) == ((6 * len(masks.KINDS), 784), np.int8)
        assert_array_equal((masked == -1).sum(axis=1), missing)
        assert_array_equal(masked[masked != -1], truth[masked != -1])
        assert all((test == image).all(axis=1).any() for image in truth)
        log_p = posteriors[task]
        assert log_p.shape == (len(truth), 2**missing)
        # In double precision.
        assert_allclose(np.exp(log_p).sum(axis=1), 1, atol=1e-9)
        # The posterior that is written is the one that is scored.
        bits = truth[masked == -1].reshape(-1, missing) @ (1 << np.arange(missing))
        nats = -log_p[np.arange(len(truth)), bits]
        for kind, own in zip(masks.KINDS, np.split(nats, len(masks.KINDS))):
            assert_allclose(keys["nats"][task, kind, "exact", "final"], own.mean(), rtol=SIX)
        # The posterior is that of the saved network.
        filled = np.repeat(masked[:1], 2**missing, axis=0)
        filled[:, masked[0] == -1] = np.arange(2**missing)[:, None] >> np.arange(missing) & 1
        joint = -nats_by_keras("final", filled).sum(axis=1)
        # Sums of 784 float32 terms, each rounded to 1e-7 of a size of order one.
        assert_allclose(np.exp(log_p[0]), np.exp(joint - np.logaddexp.reduce(joint)), atol=1e-4)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but those that are no results."""
    aside = {paths.LOCKS.name, paths.CHECKPOINTS.name, paths.SECONDS.name}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name not in aside
    }


def test_the_same_again_makes_the_same_bytes(runs):
    this, other = map(contents, runs)
    assert [name for name, _ in this.items() ^ other.items()] == []
    assert not [name for name in this if "/." in name]  # nothing unfinished is left


def test_training_that_was_stopped_resumes_to_the_same_bytes(inside, monkeypatch):
    before, begun = contents(inside), []
    steps = training.Trainer.steps

    def stop_in_the_last_epoch(self, batches, total, label, done=0):
        begun.append(label)
        if begun == ["epoch 0", "epoch 1"]:
            raise KeyboardInterrupt
        return steps(self, batches, total, label, done)

    monkeypatch.setattr(training.Trainer, "steps", stop_in_the_last_epoch)
    for kept in (inside / paths.CHECKPOINTS).glob("train_pixels*"):
        kept.unlink()
    with pytest.raises(KeyboardInterrupt):
        tiny.run(inside, "train_pixels")
    assert (inside / paths.CHECKPOINTS / "train_pixels").is_file()
    assert contents(inside).items() ^ before.items() == set()
    tiny.run(inside, "train_pixels")
    assert begun == ["epoch 0", "epoch 1", "epoch 1"]
    assert contents(inside).items() ^ before.items() == set()


def test_a_longer_training_goes_on_where_a_shorter_one_ended(runs, tmp_path, monkeypatch, capsys):
    """The bytes are those of a training that was not cut; the same one again takes no step."""
    trained = [paths.PIXEL_MODELS, paths.PIXEL_HISTORY.parent]
    data = formats.read_bytes(runs[0] / paths.BINARISED)
    monkeypatch.chdir(tmp_path)
    transaction.place({paths.BINARISED: data})
    made: list[dict[Path, bytes]] = []
    for epochs in (1, tiny.EPOCHS, 1):
        tiny.write_params(tiny.CHANGES | {"pixels": tiny.CHANGES["pixels"] | {"epochs": epochs}})
        if len(made) == 2:
            monkeypatch.setattr(training.Trainer, "steps", None)
        tiny.run(tmp_path, "train_pixels")
        made.append(
            {
                file.relative_to(tmp_path): file.read_bytes()
                for folder in trained
                for file in (tmp_path / folder).rglob("*.*")
            }
        )
    assert made[0] == made[2] != made[1]
    assert made[1] == {path: (runs[0] / path).read_bytes() for path in made[1]}
    assert capsys.readouterr().out.count("resuming from epoch 1") == 2
