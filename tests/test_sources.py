import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline import params, sources


def test_digits_are_split_in_order_and_scaled_to_grey():
    train = params.TRAIN_IMAGES["digits"]
    source = sources.digits(train)
    assert source.train.shape == (train, 28, 28)
    assert source.test.shape == (params.TEST_IMAGES["digits"], 28, 28)
    assert source.train.dtype == np.uint8
    bundled = load_digits()
    labels = np.concatenate([source.train_labels, source.test_labels])
    np.testing.assert_array_equal(labels, bundled.target)
    # The corners of a new image lie beyond the outermost old centres: levels 0 .. 16
    # of the old corner, times 255 / 16 to the nearest whole number.
    grey = np.concatenate([source.train, source.test])
    corner = np.rint(bundled.images[:, 0, -1] * 255 / 16)
    np.testing.assert_array_equal(grey[:, 0, -1], corner)
    # Full ink is white after scaling too: some old pixels of level 16 are flat areas.
    assert grey.max() == 255


def test_mnist_after_the_demo_alone_says_how_to_install_the_rest(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ValueError, match=r"tensorflow_datasets.*; `make setup` installs"):
        sources.mnist(tmp_path / "cache", tmp_path / "manual")
    assert not any(tmp_path.iterdir())
