import os
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.pixels import images, sources


def test_digits_are_split_in_order_and_scaled_to_grey():
    train = sources.TRAIN_IMAGES["digits"]
    source = sources.digits(train)
    assert source.train.shape == (train, 28, 28)
    assert source.test.shape == (sources.TEST_IMAGES["digits"], 28, 28)
    assert source.train.dtype == np.uint8
    bundled = load_digits()
    labels = np.concatenate([source.train_labels, source.test_labels])
    np.testing.assert_array_equal(labels, bundled.target)
    # The corners of a new image lie beyond the outermost old centres: levels 0 .. 16
    # of the old corner, times 255 / 16 to the nearest whole number.
    grey = np.concatenate([source.train, source.test])
    corner = np.rint(bundled.images[:, 0, -1] * 255 / 16)
    np.testing.assert_array_equal(grey[:, 0, -1], corner)
    # Full ink stays 255: some old pixels of level 16 are flat areas.
    assert grey.max() == 255


def test_mnist_after_the_demo_alone_says_how_to_install_the_rest(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ValueError, match=r"tensorflow_datasets.*; `make setup` installs"):
        sources.mnist(tmp_path / "cache", tmp_path / "manual")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (False, "no MNIST: not in .*, and no network .*MNIST_DIR.*`make demo`"),
        (True, "MNIST in .*: wrong checksum, .*; replace the file by the original"),
    ],
)
def test_mnist_that_is_missing_or_wrong_is_one_line(tmp_path, monkeypatch, files, message):
    for name in sources.MNIST_FILES if files else ():
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    monkeypatch.setattr(sources, "_reachable", lambda url: False)
    with pytest.raises(ValueError, match=f"^{message}.*$") as info:
        sources.mnist(tmp_path / "cache", tmp_path / "manual")
    assert "\n" not in str(info.value)


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="MNIST_DIR is not set")
def test_real_mnist(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_reachable", lambda url: False)  # nothing is downloaded
    first = sources.mnist(tmp_path, tmp_path)
    assert first.train.shape == (60_000, 28, 28)
    assert first.test.shape == (10_000, 28, 28)
    # In tensorflow-datasets' order; those of the original files begin 7, 2, 1, 0, 4.
    assert first.test_labels[:5].tolist() == [2, 0, 4, 8, 7]
    assert first.train_labels[:5].tolist() == [4, 1, 0, 7, 8]
    assert np.bincount(first.train_labels)[0] == 5923
    assert np.bincount(first.test_labels)[:3].tolist() == [980, 1135, 1032]
    # Mean grey is 0.13, and a fifth of the pixels is not white.
    assert 0.13 < images.binarise_threshold(first.train, 0.1).mean() < 0.19
    # The second time it reads what it prepared the first time.
    for one, again in zip(first, sources.mnist(tmp_path, tmp_path)):
        np.testing.assert_array_equal(one, again)
