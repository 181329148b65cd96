import errno
import json
import os
import zipfile
from typing import NoReturn

import numpy as np
import pytest
from conftest import KINDS
from numpy.testing import assert_array_equal

from pipeline import model_file
from pipeline.model_file import NoRoomError

# Keras' own, of every array that it converts.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


@pytest.mark.parametrize("kind", KINDS)
def test_equal_models_have_equal_bytes(tmp_path, make_network, kind):
    """Keras alone would write the time, and memory addresses."""
    one, equal, other = make_network(kind), make_network(kind), make_network(kind, seed=1)
    contents = []
    for number, model in enumerate([one, one, equal, other]):
        path = tmp_path / str(number) / "model.keras"
        model_file.write(path, model)
        assert [file.name for file in path.parent.iterdir()] == ["model.keras"]
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] == contents[2] != contents[3]
    # These were written within a second; nothing else in the file may tell the time.
    with zipfile.ZipFile(path) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        assert json.loads(archive.read("metadata.json"))["date_saved"].startswith("1980-")


def test_a_model_opens_with_plain_keras_and_predicts_the_same(tmp_path, any_network, rng):
    import keras

    path = tmp_path / "model.keras"
    model_file.write(path, any_network)
    elements = rng.normal(size=(2, 6, any_network.input_shape[-1])).astype(np.float32)
    expected = any_network.predict_on_batch(elements)
    for load in (keras.saving.load_model, model_file.read):
        loaded = load(path)
        # The same operations on the same weights: not a bit may differ.
        assert_array_equal(loaded.predict_on_batch(elements), expected)
        assert loaded.name == any_network.name


def test_a_model_has_stock_layers_only(tmp_path, any_network):
    path = tmp_path / "model.keras"
    model_file.write(path, any_network)
    with zipfile.ZipFile(path) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    assert len(layers) == len(any_network.layers)
    for layer in layers:
        assert layer["module"] == "keras.layers"
        assert layer["registered_name"] is None


def test_a_model_with_code_of_its_own_is_refused(tmp_path, threads):
    import keras

    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda values: values + 1)(inputs))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="code of its own, a Lambda layer"):
        model_file.read(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="safe"):
        model_file.write(tmp_path / "again.keras", model)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_no_room_to_unpack_a_model_is_not_taken_for_a_bad_one(
    tmp_path, make_network, monkeypatch, number
):
    path, model = tmp_path / "model.keras", make_network("gru")
    model_file.write(path, model)

    def full(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(model_file, "TemporaryDirectory", full)
    with pytest.raises(NoRoomError, match=r"model\.keras: cannot be unpacked .*room"):
        model_file.read(path)
    with pytest.raises(NoRoomError, match=r"again\.keras: cannot be written.*room"):
        model_file.write(tmp_path / "again.keras", model)
    assert not (tmp_path / "again.keras").exists()


@pytest.mark.parametrize("module", ["os", "builtins", "pipeline.files", "keras_evil.x"])
def test_a_model_that_asks_for_other_modules_is_refused(tmp_path, make_network, module):
    model_file.write(tmp_path / "model.keras", make_network("gru"))
    with (
        zipfile.ZipFile(tmp_path / "model.keras") as archive,
        zipfile.ZipFile(tmp_path / "evil.keras", "w") as evil,
    ):
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][1]["module"] = module
                content = json.dumps(config).encode()
            evil.writestr(name, content)
    with pytest.raises(ValueError, match=f"asks for code of the module {module}"):
        model_file.read(tmp_path / "evil.keras")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_model_has_finite_weights(tmp_path, make_network, value):
    model = make_network("gru")
    weights = model.get_weights()
    weights[0][0, 0] = value
    model.set_weights(weights)
    with pytest.raises(ValueError, match="not a number"):
        model_file.write(tmp_path / "model.keras", model)
    assert not list(tmp_path.iterdir())
