from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import paths
from pipeline.files import models
from pipeline.pixels import context, inpainting
from pipeline.pixels.images import PIXELS, SIDE
from tests import reference
from tests.commands.wrong_arrays import MASKED, MISSING, TRUTH, draw, mask
from tests.tiny import ROOT


@pytest.fixture(scope="module")
def model(make_network: Callable[..., Any]) -> Any:
    return make_network("gru")


@pytest.fixture(scope="module")
def found(model: Any) -> inpainting.Inpainted:
    return inpainting.inpaint(MASKED, model, 5, np.random.default_rng(0))


def test_posterior_is_that_of_each_image_alone(model, found):
    assert found.log_posterior.shape == (3, 8)
    assert_array_equal(found.missing, [[0, -1, -1], [300, 301, 783], [28, 29, -1]])
    for log_p, image, missing in zip(found.log_posterior, MASKED.tolist(), MISSING):
        joint, _ = reference.completion_scores(model, image, missing)
        # Sums of 784 float32 log probabilities of order one.
        assert_allclose(np.exp(log_p[: len(joint)]), reference.posterior(joint), atol=1e-4)
        assert (log_p[len(joint) :] == -np.inf).all()
        assert_allclose(np.exp(log_p).sum(), 1, rtol=1e-12)


def test_fill_is_the_most_probable_completion(found):
    known = MASKED >= 0
    assert_array_equal(found.fill[known], MASKED[known])
    for log_p, filled, missing in zip(found.log_posterior, found.fill, MISSING):
        assert sum(filled[pixel] << b for b, pixel in enumerate(missing)) == log_p.argmax()


def test_samples_have_the_frequencies_of_the_posterior(model):
    count = 4000
    drawn = inpainting.inpaint(MASKED, model, count, np.random.default_rng(1))
    for row, missing in enumerate(MISSING):
        known = np.delete(np.arange(PIXELS), missing)
        assert (drawn.samples[row][:, known] == MASKED[row, known]).all()
        bits = drawn.samples[row][:, missing].astype(int) << np.arange(len(missing))
        p = np.exp(drawn.log_posterior[row, : 2 ** len(missing)])
        assert p.max() < 0.95  # otherwise any sampler would do
        frequency = np.bincount(bits.sum(axis=1), minlength=len(p)) / count
        # Five standard errors, and the one sample that a tiny p may give.
        error = 5 * np.sqrt(p * (1 - p) / count) + 1 / count
        assert (np.abs(frequency - p) <= error).all()


def test_samples_come_from_the_generator_that_is_given(model, found):
    again = inpainting.inpaint(MASKED, model, 5, np.random.default_rng(0))
    for one, two in zip(found, again):
        assert_array_equal(one, two)
    other = inpainting.inpaint(MASKED, model, 5, np.random.default_rng(1))
    assert (found.samples != other.samples).any()
    assert_array_equal(found.log_posterior, other.log_posterior)


def test_images_in_several_chunks_are_the_same(model, found, monkeypatch):
    monkeypatch.setattr(inpainting, "CHUNK", 1)
    order = [1, 0, 2, 1, 2, 0]
    apart = inpainting.inpaint(MASKED[order], model, 1, np.random.default_rng(0))
    # Other numbers of rows in a product of matrices change the last bits.
    assert_allclose(apart.log_posterior, found.log_posterior[order], atol=1e-4)
    assert_array_equal(apart.missing, found.missing[order])
    assert_array_equal(apart.fill, found.fill[order])


def test_score_by_hand():
    truth = np.zeros((2, PIXELS), np.uint8)
    truth[1, 8] = 1
    with np.errstate(divide="ignore"):
        log_posterior = np.log([[0.7, 0.3, 0, 0], [0.4, 0.1, 0.2, 0.3]])
    right_and_wrong = np.stack([truth[0], np.zeros(PIXELS, np.uint8)])
    missing = np.array([[5, -1], [7, 8]])
    table = inpainting.score(
        inpainting.Inpainted(log_posterior, missing, right_and_wrong, truth[:, None]), truth
    )
    assert_allclose(table["nats"], [-np.log(0.7), -np.log(0.2)], rtol=1e-12)
    assert_array_equal(table["fill_right"], [True, False])


def test_two_square_images_are_not_taken_for_image_and_truth():
    masked, truth = inpainting.check(MASKED[:2].reshape(2, SIDE, SIDE))
    assert_array_equal(masked, MASKED[:2])
    assert truth is None


def test_as_many_missing_pixels_as_allowed():
    masked, _ = inpainting.check(mask(draw(1), [list(range(12))]))
    assert (masked == -1).sum() == 12
    # Booleans are numbers, but cannot mark what is missing.
    with pytest.raises(ValueError, match="nothing is missing"):
        inpainting.check(TRUTH.astype(bool))


def test_a_table_fills_where_it_applies(rng):
    masked = mask(TRUTH, [[0], [300, 340, 783], [28, 700]])
    table = context.count(TRUTH.astype(np.uint8), context.TABLES["lookup_8"])[8]
    found = inpainting.inpaint(masked, table, 5, rng)
    for row, missing in enumerate([[0], [300, 340, 783], [28, 700]]):
        one = np.array([missing])
        expected = context.log_p_of_fills(table, TRUTH[[row]].astype(np.uint8), one)[0]
        assert_array_equal(found.log_posterior[row, : len(expected)], expected)
    with pytest.raises(ValueError, match=r"^array: image 1: a table of 8 pixels needs single"):
        inpainting.inpaint(MASKED, table, 5, rng)


def test_the_function_checks_its_images_too(model, rng):
    with pytest.raises(ValueError, match=r"^array: image 0: nothing is missing"):
        inpainting.inpaint(TRUTH, model, 1, rng)


def test_by_default_it_is_the_final_network_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = inpainting.inpaint(MASKED)
    network = models.read(ROOT / paths.pixel_model("final"))
    expected = inpainting.inpaint(MASKED, network, 5, np.random.default_rng(0))
    for one, other in zip(found, expected):
        assert_array_equal(one, other)
