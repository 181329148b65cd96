from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.pixels import completions, context, methods
from pipeline.pixels.infill import CompletionScores
from tests import reference

PIXELS = 8

# For four images: the first pixel, the last, adjacent and scattered ones.
THREE = np.array([[0, 1, 2], [5, 6, 7], [0, 3, 7], [1, 2, 6]])


def draw(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 2, (count, PIXELS), dtype=np.uint8)


# Slow loops; the network does not change between examples.
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), count=st.integers(1, 3))
def test_both_plans_are_what_a_loop_finds(pixel_network, seed, count):
    rng = np.random.default_rng(seed)
    images, uniform = draw(rng, 3), rng.random((3, 6, PIXELS), np.float32)
    missing = np.sort([rng.choice(PIXELS, count, replace=False) for _ in images])
    rows = list(zip(images.tolist(), missing.tolist(), uniform))
    greedy = [reference.greedy_fill(pixel_network, image, pixels) for image, pixels, _ in rows]
    assert_array_equal(methods.greedy_fill(pixel_network, images, missing), greedy)
    sampled = zip(*[reference.sampled_fill(pixel_network, *row) for row in rows])
    for found, expected in zip(
        methods.sampled_fill(pixel_network, images, missing, uniform), sampled
    ):
        assert_array_equal(found, expected)


def test_values_at_missing_pixels_are_ignored(pixel_network, rng):
    images, uniform = draw(rng, 4), rng.random((4, 5, PIXELS), np.float32)
    other = completions.fill(images, THREE, 7 - completions.completion_of(images, THREE))
    found, again = (methods.greedy_fill(pixel_network, each, THREE) for each in (images, other))
    assert_array_equal(found, again)
    for found, again in zip(
        *(methods.sampled_fill(pixel_network, each, THREE, uniform) for each in (images, other))
    ):
        assert_array_equal(found, again)


def test_without_a_future_greedy_chooses_paper(pixel_network, rng):
    missing = np.tile([2, PIXELS - 1], (5, 1))
    assert_array_equal(methods.greedy_fill(pixel_network, draw(rng, 5), missing), [0] * 5)


def test_values_that_are_never_drawn_cannot_be_chosen(pixel_network, rng):
    images, uniform = draw(rng, 4), rng.random((4, 6, PIXELS), np.float32)
    # p > 0 always, p > 1 never: only ink is drawn, then only paper, then one of each.
    for numbers, only in (((0, 0, 0), 0b111), ((1, 1, 1), 0b000), ((1, 0, 1), 0b010)):
        threshold = np.broadcast_to(np.array(numbers, np.float32), (4, 6, 3))
        np.put_along_axis(uniform, THREE[:, None], threshold, 2)
        found, drawn = methods.sampled_fill(pixel_network, images, THREE, uniform)
        assert_array_equal(found, [only] * 4)
        assert_array_equal(drawn, [np.arange(8) == only] * 4)


# Two images with one missing pixel each, of which the second is ink.
TASK = methods.Task(
    name="one_pixel",
    masks="centre",
    image=np.array([4, 7]),
    truth=np.array([[0, 0, 1], [0, 1, 1]], np.uint8),
    missing=np.array([[1], [1]]),
    completion=np.array([0, 1]),
)


# Joint: p(X) of both completions, whose share is the posterior; past: as it is.
FOUND = CompletionScores(np.log([[0.3, 0.1], [0.2, 0.3]]), np.log([[0.5, 0.5], [0.9, 0.1]]))


def test_the_rows_of_a_network_by_hand(rng):
    exact, past = methods.by_network("5", FOUND)
    exact_row, past_row = (methods.score(TASK, answer, 10, rng) for answer in (exact, past))
    key = {"task": "one_pixel", "masks": "centre", "snapshot": "5", "images": 2}
    assert exact_row.items() >= (key | {"method": "exact", "fill_accuracy": 1}).items()
    assert past_row.items() >= (key | {"method": "past_only", "fill_accuracy": 0.5}).items()
    by_image = {
        "nats": -np.log([0.75, 0.6]),
        "information": np.log([0.75 / 0.5, 0.6 / 0.1]),
        "image_nats_fill": -np.log([0.3, 0.3]),
        "image_nats_truth": -np.log([0.3, 0.3]),
    }
    row = exact_row | methods.score_whole_images(TASK, FOUND)
    for name, value in reference.estimates(by_image).items():
        assert_allclose(row[name], value, atol=1e-12)
    assert_allclose(past_row["nats"], -np.log([0.5, 0.1]).mean(), rtol=1e-12)
    choice = methods.score(TASK, methods.Answer("greedy", "5", np.array([1, 1])), 10, rng)
    assert choice["fill_accuracy"] == 0.5
    assert "nats" not in choice


def test_methods_meet_image_by_image():
    # Right: exact on both images, past on the first alone.
    row = methods.compare(TASK, *methods.by_network("5", FOUND))
    assert (row["method"], row["exact_only"], row["other_only"]) == ("past_only", 1, 0)
    # One image alone decides nothing: a coin falls on one side or the other.
    assert row["p_value"] == 1
    less = -np.log([0.75 / 0.5, 0.6 / 0.1])
    for name, value in reference.estimates({"nats_less": less}).items():
        assert_allclose(row[name], value, rtol=1e-12)
    # Nine images of ten on one side: 2 (1 + 10) / 2^10.
    task = methods.Task("", "", *(np.zeros((11, 1), int),) * 3, np.zeros(11, int))
    one, other = np.zeros(11, int), np.ones(11, int)
    one[0], other[:2] = 1, 0
    answers = (methods.Answer("", "", fill) for fill in (one, other))
    assert methods.compare(task, *answers)["p_value"] == pytest.approx(22 / 2**10)


def test_some_of_the_images():
    rows = np.array([1])
    task, answer = TASK.at(rows), methods.by_network("5", FOUND)[0].at(rows)
    assert_array_equal(task.image, [7])
    assert_array_equal(task.truth, [[0, 1, 1]])
    assert answer.log_p is not None
    assert_allclose(np.exp(answer.log_p), [[0.4, 0.6]])
    assert methods.Answer("greedy", "5", np.array([3, 4])).at(rows).fill.tolist() == [4]


def test_what_a_plan_has_drawn_by_hand(rng):
    # All fills of the first image, and of the second the wrong one alone.
    drawn = np.array([[True, True], [True, False]])
    row = methods.score(
        TASK, methods.Answer("sampled", "5", np.array([0, 0]), drawn=drawn), 10, rng
    )
    assert (row["fills_drawn"], row["truth_drawn"]) == (1.5, 0.5)


def test_the_reliability_of_all_fills_by_hand():
    # In log-odds 0 and 0.4; then 2.2, wrong, and its complement.
    log_p = np.log([[0.5, 0.5], [0.6, 0.4], [0.1, 0.9]])
    table = methods.score_reliability("one_pixel", log_p, np.array([0, 1, 0]))
    assert table.task.unique() == ["one_pixel"]
    assert table.forecasts.tolist() == [1, 1, 3, 1]
    assert_allclose(table.probability, [0.1, 0.4, (0.5 + 0.5 + 0.6) / 3, 0.9])
    assert_allclose(table.share, [1, 1, 1 / 3, 0])


def test_the_row_of_each_image_by_hand():
    exact, past = np.log([[0.3, 0.7], [0.4, 0.6]]), np.log([[0.5, 0.5], [0.9, 0.1]])
    table = methods.score_images(TASK, exact, past)
    expected: dict[str, Any] = {
        "image": [4, 7],
        "first_missing": [1, 1],
        "truth": [0, 1],
        "fill": [1, 1],
        "p_fill": [0.7, 0.6],
        "nats": -np.log([0.3, 0.6]),
        "past_only_nats": -np.log([0.5, 0.1]),
    }
    assert list(table) == ["task", "masks", *expected]
    for name, values in expected.items():
        assert_allclose(table[name], values, rtol=1e-12)


def test_tasks_are_drawn_without_repetition(rng):
    test = rng.integers(0, 2, (30, 784), dtype=np.uint8)
    task = methods.draw_task(rng, "patch_2x2", "uniform", 2, test, 20, (10, 17))
    assert_array_equal(np.unique(task.image), task.image)
    assert_array_equal(task.truth, test[task.image])
    assert task.missing.shape == (20, 4)
    bits = np.take_along_axis(task.truth, task.missing, axis=1) @ [1, 2, 4, 8]
    assert_array_equal(task.completion, bits)


def test_the_other_methods_answer(make_network, rng):
    images = rng.integers(0, 2, (3, 784), dtype=np.uint8)
    tables = methods.count_tables(images)
    names = {"one_pixel": ["lookup_8", "lookup_12", "lookup_20"], "patch_2x2": ["joint_lookup"]}
    for side, (name, own) in enumerate(names.items(), start=1):
        task = methods.draw_task(rng, name, "uniform", side, images, 3, (10, 17))
        answers = methods.by_tables(task, tables[name])
        assert [answer.method for answer in answers] == ["majority", *own]
        for answer, table in zip(answers[1:], tables[name].values()):
            expected = context.log_p_of_fills(table, task.truth, task.missing)
            assert_array_equal(answer.log_p, expected)
            assert_array_equal(answer.fill, expected.argmax(axis=1))
            # What the images have at missing pixels is not looked at.
            other = task._replace(truth=completions.fill(task.truth, task.missing, answer.fill))
            (again,) = (
                each for each in methods.by_tables(other, tables[name]) if each[0] == answer.method
            )
            assert_array_equal(again.log_p, answer.log_p)
    uniform = rng.random((3, 2, 784), np.float32)
    plans = methods.by_plans(task, "5", make_network("gru"), uniform)
    assert [(answer.method, answer.snapshot) for answer in plans] == [
        ("greedy", "5"),
        ("sampled", "5"),
    ]
