"""What the benchmarks write; never how long something takes."""

import shutil
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from benchmarks import page, scaling, speed, timing
from tests.tiny import ROOT


def test_the_page_is_made_of_the_committed_tables(tmp_path, monkeypatch):
    shutil.copytree(ROOT / page.FOLDER, tmp_path / page.FOLDER)
    monkeypatch.chdir(tmp_path)
    page.make()
    assert page.PAGE.read_text() == (ROOT / page.PAGE).read_text()
    assert page.SPEED_CHART.read_bytes().startswith(b"\x89PNG")
    assert f"]({page.SPEED_CHART.name})" in page.PAGE.read_text()


def test_ratios_are_times_over_ours():
    table = pd.read_csv(ROOT / page.TABLES["speed"])
    ours = table[table["subject"] == "ours"].set_index("case")["median_s"]
    expected = table["median_s"] / table["case"].map(ours)
    np.testing.assert_allclose(table["ratio"], expected, rtol=1e-4)


def subject() -> Mapping[str, timing.Run]:
    mistake = timing.Run({}.popitem)
    return {"nothing": timing.Run(lambda: None, scale=1e9), "mistake": mistake}


def test_a_worker_times_in_its_own_process_and_says_whose_run_failed():
    worker = timing.Worker("tried", subject)
    # A call takes some nanoseconds at least, which the scale makes many.
    assert worker.seconds("nothing") > 1
    assert worker.close() > 1
    worker = timing.Worker("tried", subject)
    with pytest.raises(RuntimeError, match="mistake: the process of tried ended"):
        worker.seconds("mistake")


def test_what_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(speed.importlib.util, "find_spec", lambda name: None)
    subjects = ("ours", "keras, growing prefix", "pytorch, carried state", "jax")
    assert [*map(speed.missing_library, subjects)] == [None, None, "torch", "jax"]


def test_images_are_scaled_to_the_pixels_that_are_asked_for():
    def half(pixels: int) -> np.ndarray:
        return np.stack([np.zeros(pixels), np.arange(pixels) < pixels // 2]).astype(np.uint8)

    for pixels in (196, 784, 3136):
        np.testing.assert_array_equal(scaling.scaled(half(784), pixels), half(pixels))
