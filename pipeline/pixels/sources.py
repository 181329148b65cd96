"""Grey images: MNIST through tensorflow-datasets, or scikit-learn's digits."""

import os
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer, UInt8

from pipeline.pixels import images

MNIST_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
# Digits: the last 297 of 1,797 are the test set, about a sixth as in MNIST.
TEST_IMAGES = {"mnist": 10_000, "digits": 297}
TRAIN_IMAGES = {"mnist": 60_000, "digits": 1_500}
# Give up on the network after this.
SECONDS = 15


class Source(NamedTuple):
    """Grey images 0 .. 255 and the digits on them."""

    train: UInt8[np.ndarray, "train side side"]
    train_labels: Integer[np.ndarray, "train"]
    test: UInt8[np.ndarray, "test side side"]
    test_labels: Integer[np.ndarray, "test"]


def read(name: str, cache: Path, manual: Path) -> Source:
    """The images of `data.source`, mnist or digits; for the folders see `mnist`."""
    return mnist(cache, manual) if name == "mnist" else digits(TRAIN_IMAGES["digits"])


def mnist(cache: Path, manual: Path) -> Source:
    """MNIST in the order of tensorflow-datasets, which checks the sums of the four files.

    `cache` is for the prepared data set. Before it downloads the files it looks for them in
    the environment variable MNIST_DIR, or else in `manual`.

    Raises:
        ValueError: if files are missing and cannot be downloaded, their sums are wrong, or
            the prepared data set is damaged.
    """
    try:
        import tensorflow_datasets as tfds
        from tensorflow_datasets.core.download import download_manager
    except ModuleNotFoundError as error:  # `make demo` does without
        raise ValueError(f"{error}; `make setup` installs what MNIST needs") from None

    manual = Path(os.environ.get("MNIST_DIR") or manual)
    tfds.disable_progress_bar()  # it would show one also where nothing is downloaded
    try:
        builder = tfds.builder("mnist", data_dir=str(cache))
    except Exception as error:  # it reads the prepared data set
        raise ValueError(_damaged(cache, error)) from None
    if not builder.data_path.exists():
        missing = [name for name in MNIST_FILES if not (manual / name).is_file()]
        # Its own download would try for minutes before it says that there is no network.
        if missing and not _reachable(builder.URL):
            raise ValueError(
                f"no MNIST: not in {manual}: {', '.join(missing)}, and no network to "
                f"download them; put the four files {', '.join(MNIST_FILES)} into "
                f"{manual}, or set MNIST_DIR to the folder that has them, or run `make "
                "demo`, which needs no download"
            )
        try:
            own = tfds.download.DownloadConfig(manual_dir=str(manual))
            builder.download_and_prepare(download_dir=str(cache / "downloads"), download_config=own)
        except download_manager.NonMatchingChecksumError as error:
            raise ValueError(
                f"MNIST in {manual}: wrong checksum, {str(error).splitlines()[0]}; "
                "replace the file by the original"
            ) from None
        except Exception as error:  # of a download, of TensorFlow, of the disk
            raise ValueError(
                f"MNIST could not be prepared in {cache} ({_reason(error)}); fix this and "
                "run the command again"
            ) from None
    try:
        both = tfds.as_numpy(builder.as_dataset(split=["train", "test"], batch_size=-1))
    except Exception as error:  # TensorFlow's errors about damaged files are of many kinds
        raise ValueError(_damaged(cache, error)) from None
    return Source(*(part for one in both for part in (one["image"][..., 0], one["label"])))


def _damaged(cache: Path, error: Exception) -> str:
    return (
        f"{cache}: the prepared MNIST is damaged ({_reason(error)}); delete that folder "
        "and run the command again"
    )


def _reason(error: Exception) -> str:
    return f"{(str(error).splitlines() or [type(error).__name__])[0]:.200}"


def digits(train: int) -> Source:
    """The 1,797 images of 8 x 8 in 17 grey levels that scikit-learn bundles, scaled up.

    The first `train` images are for training, the others are the test set.

    Source: E. Alpaydin and C. Kaynak 1998, Optical recognition of handwritten digits, UCI
    machine learning repository (its test part).
    """
    from sklearn.datasets import load_digits

    bundled = load_digits()
    grey = np.rint(bundled.images * (255 / 16)).astype(np.uint8)
    grey, labels = images.resize(grey, images.SIDE), bundled.target
    return Source(grey[:train], labels[:train], grey[train:], labels[train:])


def _reachable(url: str) -> bool:
    """Whether a server answers within SECONDS, the search for its address included."""
    answered = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=SECONDS)
        except urllib.error.HTTPError:
            pass  # it answered, even if only that the folder itself is not a file
        except OSError:
            return
        answered.append(True)

    # No timeout covers the search for an address, but a thread can be left alone.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return bool(answered)
