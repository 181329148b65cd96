"""What figures look like where the data are at an extreme, and how they are drawn."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.figures import drawing, inpainting, length, meta, mosaic, pixels, scorecard, style

ROOT = Path(__file__).parents[2]


def test_panels_have_the_size_and_margins_asked_for():
    margins = {"left": 0.5, "right": 0.25, "bottom": 0.5, "top": 0.25}
    figure, axes = style.panels(2, 3, (3, 1), gap=(0.5, 0.25), **margins)
    width, height = figure.get_size_inches()
    assert_allclose((width, height), (7.25, 4.25))
    assert axes.shape == (3, 2)
    last = axes[2, 1].get_position().bounds * np.array([width, height] * 2)
    assert_allclose(last, [4, 0.5, 3, 1])


def sequences(*symbols: int) -> dict[str, np.ndarray]:
    """Twenty characters of a model, in periods of five, and a network that is off by 0.01."""
    characters = np.resize((0, *symbols), 20)
    exact = np.full((20, 4), 1 / 4)
    parts = {"characters": characters, "network": exact + 0.01, "exact": exact}
    return {f"M1-{kind}-{part}": parts[part] for kind in ("own", "fixed") for part in parts}


def drawn(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_ydata(), float)


def test_a_sequence_ends_with_a_period_and_gaps_at_its_resets():
    own, below, *_ = meta.sequences(sequences(1, 2, 3, 1), ["M1"]).axes
    network, exact = own.lines[:2]
    assert_array_equal(network.get_xdata(), [15, 16, 17, 18, 19])
    assert_allclose(drawn(network), [np.nan, *[0.26] * 4])
    assert_allclose(drawn(exact), [np.nan, *[0.25] * 4])
    assert_allclose(drawn(below.lines[0]), [np.nan, *[0.01] * 4])
    assert below.get_ylim() == (-meta.SMALL, meta.SMALL)


def test_reactions_have_a_line_for_each_network():
    keys = [
        (recipe, n, seen) for recipe in ("plain", "converged") for n in (1, 2) for seen in (0, 1)
    ]
    after = pd.DataFrame(keys, columns=["recipe", "repetition", "seen"])
    after = after.assign(model="M1", network=np.arange(8), exact=1)
    *lines, _ = meta.reactions(after).axes[0].lines
    assert_array_equal([line.get_ydata() for line in lines], np.arange(-1, 7).reshape(4, 2))


def test_a_map_of_kl_is_weighted_by_probability():
    states = pd.DataFrame(
        [(0, 0, 1.0, 0.5), (1, 1, 0.4, 0.2), (1, 0, 0.1, 0.6), (1, 0, 0.3, 0.2)],
        columns=["seen", "count_1", "probability", "kl"],
    )
    # One other symbol: (0.1 * 0.6 + 0.3 * 0.2) / 0.4; two would be more than a period has.
    found = meta._kl_by_counts(states)
    assert_allclose(found, [[0.5, 0.2], [0.3, np.nan]])


def test_a_picture_is_enlarged_and_framed():
    image = np.zeros(784, np.uint8)
    image[28 * 10 + 20] = 1  # row 10, column 20
    picture = mosaic.Picture(image, framed=np.array([28 * 10 + 20]))
    rgb = mosaic.enlarge(picture, 112)
    black = np.argwhere((rgb == 0).all(axis=-1))
    assert_array_equal((black.min(axis=0), black.max(axis=0)), [(40, 80), (43, 83)])
    frame = np.argwhere((rgb == mosaic.FRAME).all(axis=-1))
    # One pixel away on each side.
    assert_array_equal((frame.min(axis=0), frame.max(axis=0)), [(36, 76), (47, 87)])
    zoomed = mosaic.enlarge(picture._replace(zoomed=True), 112)
    assert (zoomed == 0).all(axis=-1).sum() == 8 * 8


@pytest.mark.parametrize("pixel", [0, 27, 756, 783])
def test_a_frame_in_a_corner_stays_inside(pixel):
    picture = mosaic.Picture(np.zeros(784, np.uint8), framed=np.array([pixel]))
    for zoomed in (False, True):
        rgb = mosaic.enlarge(picture._replace(zoomed=zoomed), 84)
        assert (rgb == mosaic.FRAME).all(axis=-1).any()


def test_completions_are_in_the_order_of_their_probability():
    truth = np.zeros(784, np.uint8)
    truth[101] = 1
    missing = np.array([100, 101])
    log_posterior = np.log([0.2, 0.0999, 0.7, 0.0001])
    pictures = inpainting.completion_pictures(truth, missing, log_posterior, note="p = ")
    first, second, *_ = pictures
    # Completion 2 has its bit 1, and so the second missing pixel, set.
    assert (first.title, second.title) == ("p = 0.700 (truth)", "p = 0.200")
    assert_array_equal(first.image, truth)
    assert second.image.sum() == 0
    assert pictures[3].title == "p = 1e-04"


def edges(panel: Axes, bar: int) -> np.ndarray:
    """Where a horizontal bar begins and ends."""
    corners = panel.patches[bar].get_extents().corners()
    return panel.transData.inverted().transform(corners)[[0, -1], 0]


def test_each_published_number_is_a_dot_beside_its_band():
    card = pd.DataFrame(
        [
            ("test loss, snapshot 0", "nats per pixel", "one step", "0.15", -1.0, -1.0, 2.5),
            ("M1 accuracy", "share of right", "question 3", "over 90 %", 40.0, 40.0, 2.1),
            ("x, rollout, snapshot 0, 1 ahead", "share of right", "rollouts", "0.8", 0.5, 3.0, 2.5),
            ("no training", "share of right", "rollouts", "0.8", np.nan, np.nan, np.nan),
        ],
        columns=["quantity", "unit", "block", "written", "z", "z_first", "factor"],
    )
    card = card.assign(
        verdict=["inside", "unattainable", "inside", "open"],
        verdict_first=["inside", "unattainable", "outside", "open"],
    )
    nats, shares = scorecard.dots(card).axes
    (dot,) = nats.lines[1:]  # the first is the zero
    assert (dot.get_xdata(), dot.get_color()) == ([-1], style.VERDICTS["inside"])
    assert_allclose(edges(nats, 0), [-2.5, 2.5])
    far, hollow, dot = shares.lines[1:]
    assert (far.get_xdata(), far.get_color()) == ([scorecard.FARTHEST], "black")
    assert (hollow.get_xdata(), hollow.get_markerfacecolor()) == ([3], "white")
    assert hollow.get_markeredgecolor() == style.VERDICTS["outside"]
    assert dot.get_xdata() == [0.5]
    # A lower bound has no lower end.
    assert_allclose(edges(shares, 0), [shares.get_xlim()[0], 2.1])
    texts = [text.get_text() for text in shares.texts]
    assert {"40", "snapshot 0, 1 ahead", "rollouts", "no training"} <= {*texts}


def test_processes_draw_what_one_process_draws():
    plan = {f"{n}": partial(meta.sequences, sequences(n, n), ["M1"]) for n in (1, 2, 3)}
    alone = {name: style.png(figure()) for name, figure in plan.items()}
    assert drawing.draw(plan) == alone
    assert len(set(alone.values())) == 3


def test_a_users_settings_of_matplotlib_change_nothing(tmp_path):
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nfont.size: 30\n")
    code = (
        "import sys, numpy as np; from pipeline.figures import meta, style;"
        "p = np.full((6, 3), 1 / 3);"
        "parts = {'characters': np.arange(6) % 3, 'network': p, 'exact': p};"
        "kinds = {f'M1-{kind}-{part}': parts[part] for kind in ('own', 'fixed') for part in parts};"
        "figure = meta.sequences(kinds, ['M1']);"
        "sys.stdout.buffer.write(style.png(figure))"
    )
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    here, there = (
        subprocess.check_output([sys.executable, "-c", code], env=environment | settings)
        for settings in ({}, {"MATPLOTLIBRC": str(tmp_path)})
    )
    assert here == there
    assert here.startswith(b"\x89PNG")


@pytest.mark.parametrize(("stage", "own"), [("report", set()), ("draw", {"matplotlib"})])
def test_figures_and_words_do_not_wait_for_slow_libraries(stage, own):
    code = f"import sys, pipeline.stages.{stage}; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()
    slow = {"matplotlib", "tensorflow", "keras", "scipy", "sklearn"}
    assert slow.intersection(loaded) == own


def test_the_length_figure_has_only_tests_that_every_length_has():
    rows = [(length, tested) for length in (1, 4) for tested in (length, 9)]
    table = pd.DataFrame(rows, columns=["length", "tested"]).assign(model="M1", cell="gru")
    values = {"window_excess": 0.1, "excess": 0.2, "lowest": 0.1, "highest": 0.3}
    drawn = length.excess(table.assign(**values)).axes[0]
    lines = {line.get_label(): np.asarray(line.get_xdata()).tolist() for line in drawn.lines}
    assert lines == {name: [1, 4] for name in ("own length", "over 9", "exact, window alone")}


def stars(panel: Axes) -> np.ndarray:
    """Where a panel has published numbers, (stars, 2)."""
    found = [line for line in panel.lines if line.get_marker() == "*"]
    return np.concatenate([np.asarray(line.get_xydata()) for line in found])


def test_published_numbers_are_stars_at_their_epoch_and_horizon():
    columns = ["train_loss", "test_loss", "train_accuracy", "test_accuracy"]
    history = pd.DataFrame({name: [0.3, 0.2] for name in columns}).assign(epoch=[0, 1])
    left, right = pixels.learning_curves(history, {"1": ("0.12", "0.95")}).axes
    assert_allclose([stars(left), stars(right)], np.array([[[1, 0.12]], [[1, 95]]]))

    steps = pd.DataFrame([("5", "argmax", 0.9, 0.3), ("5", "argmax", 0.7, 0.5)])
    steps.columns = pd.Index(["predictor", "strategy", "accuracy", "cross_entropy"])
    left, right = pixels.rollout_scores(steps, {"1": {}, "5": {2: ("0.8", "0.4")}}).axes
    assert_allclose([stars(left), stars(right)], np.array([[[2, 80]], [[2, 0.4]]]))
    ours = [line for line in left.lines if line.get_label() == "argmax, snapshot 5"]
    assert_allclose(drawn(ours[0]), [90, 80])
