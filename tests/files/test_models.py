import errno
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.files import models
from tests.conftest import KINDS

# Keras' own, of every array that it converts.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

PATH = Path("model.keras")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_models_have_equal_bytes(make_network, kind):
    """Keras alone would write the time, and memory addresses."""
    one, equal, other = make_network(kind), make_network(kind), make_network(kind, seed=1)
    contents = [models.encode(PATH, model) for model in (one, one, equal, other)]
    assert contents[0] == contents[1] == contents[2] != contents[3]
    # These were written within a second; nothing else in the file may tell the time.
    with zipfile.ZipFile(io.BytesIO(contents[0])) as archive:
        assert archive.namelist() == sorted(archive.namelist())
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        assert json.loads(archive.read("metadata.json"))["date_saved"].startswith("1980-")
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    # Stock layers only.
    assert len(layers) == len(one.layers)
    assert {(layer["module"], layer["registered_name"]) for layer in layers} == {
        ("keras.layers", None)
    }
    assert not list(Path().iterdir())


def test_a_model_opens_with_plain_keras_and_predicts_the_same(any_network, rng):
    import keras

    PATH.write_bytes(models.encode(PATH, any_network))
    elements = rng.normal(size=(2, 6, any_network.input_shape[-1])).astype(np.float32)
    expected = any_network.predict_on_batch(elements)
    for load in (keras.saving.load_model, models.read):
        loaded = load(PATH)
        # The same operations on the same weights: not a bit may differ.
        assert_array_equal(loaded.predict_on_batch(elements), expected)
        assert loaded.name == any_network.name


def change(content: bytes, name: str, edit: Callable[[bytes], bytes]) -> bytes:
    """The .keras file with one changed member."""
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(changed, "w") as again,
    ):
        for member in archive.namelist():
            old = archive.read(member)
            again.writestr(member, edit(old) if member == name else old)
    return changed.getvalue()


@pytest.mark.parametrize("module", ["os", "builtins", "pipeline.files", "keras_evil.x"])
def test_a_model_that_asks_for_other_modules_is_refused(make_network, module):
    content = models.encode(PATH, make_network("gru"))
    PATH.write_bytes(
        change(
            content,
            "config.json",
            lambda old: old.replace(b"keras.layers", module.encode()),
        )
    )
    with pytest.raises(ValueError, match=f"asks for code of the module {module}"):
        models.read(PATH)


def test_a_model_with_code_of_its_own_is_refused(threads):
    import keras

    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda values: values + 1)(inputs))
    model.save(PATH)
    with pytest.raises(ValueError, match="`Lambda` layer"):
        models.read(PATH)
    with pytest.raises(ValueError, match="safe"):
        models.encode(PATH, model)


def test_a_damaged_model_is_refused(make_network):
    """Keras itself uses weights whose sum is wrong."""
    content = models.encode(PATH, make_network("gru"))
    weights = make_network("gru").get_weights()[0].tobytes()
    place = content.index(weights)
    flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    bad = {
        b"": "not a zip file",
        b"<html>": "not a zip file",
        content[:-1]: "not a zip file",
        flipped: "model.weights.h5 is damaged",
        change(content, "config.json", lambda old: old[1:]): "",
        change(content, "config.json", lambda old: b"{}"): "",
        change(content, "model.weights.h5", lambda old: old[:500]): "",
    }
    for damaged, reason in bad.items():
        PATH.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"^model\.keras: not a .* \(.*{reason}.*\); g"):
            models.read(PATH)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_temporary_folder_is_one_line(make_network, monkeypatch, number):
    def full(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    model = make_network("gru")
    monkeypatch.setattr(models, "TemporaryDirectory", full)
    with pytest.raises(OSError, match=r"^model\.keras: cannot be written: .*; make room in"):
        models.encode(PATH, model)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_model_has_finite_weights(make_network, value):
    model = make_network("gru")
    weights = model.get_weights()
    weights[0][0, 0] = value
    model.set_weights(weights)
    with pytest.raises(ValueError, match="not a number"):
        models.encode(PATH, model)


def test_a_model_has_one_input(threads):
    import keras

    inputs = [keras.Input((2,)), keras.Input((2,))]
    keras.Model(inputs, keras.layers.Add()(inputs)).save(PATH)
    with pytest.raises(ValueError, match="exactly one input and one output"):
        models.read(PATH)
