import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.files import models
from tests.conftest import KINDS

pytestmark = pytest.mark.usefixtures("folder")

PATH = Path("model.keras")


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
    kinds = [(layer["module"], layer["registered_name"]) for layer in layers]
    assert kinds == [("keras.layers", None)] * len(one.layers)
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


def change(content: bytes, name: str, old: bytes, new: bytes) -> bytes:
    """The .keras file with one changed member."""
    changed = io.BytesIO()
    archive = zipfile.ZipFile(io.BytesIO(content))
    with zipfile.ZipFile(changed, "w") as again:
        for member in archive.namelist():
            inside = archive.read(member)
            again.writestr(member, inside.replace(old, new) if member == name else inside)
    return changed.getvalue()


def test_a_model_has_no_code_of_its_own_and_one_input(threads):
    import keras

    inputs = [keras.Input((2,)), keras.Input((2,))]
    model = keras.Model(inputs[0], keras.layers.Lambda(lambda values: values + 1)(inputs[0]))
    with pytest.raises(ValueError, match="safe"):
        models.encode(PATH, model)
    two = keras.Model(inputs, keras.layers.Add()(inputs))
    for wrong, reason in ((model, "`Lambda` layer"), (two, "exactly one input and one output")):
        wrong.save(PATH)
        with pytest.raises(ValueError, match=reason):
            models.read(PATH)


def test_a_model_that_is_damaged_or_asks_for_code_is_refused(make_network):
    """Keras itself uses weights whose sum is wrong. More of both is in faults/."""
    encoded = models.encode(PATH, make_network("gru"))
    weights = make_network("gru").get_weights()[0].tobytes()
    archive = zipfile.ZipFile(io.BytesIO(encoded))
    config, hdf5 = archive.read("config.json"), archive.read("model.weights.h5")
    bad = {
        encoded[:-1]: "not a zip file",
        encoded.replace(weights, bytes([weights[0] ^ 1]) + weights[1:]): "weights.h5 is damaged",
        change(encoded, "config.json", config, config[1:]): "",
        change(encoded, "config.json", config, b"{}"): "",
        change(encoded, "model.weights.h5", hdf5, hdf5[:500]): "",
    }
    for module in ("os", "pipeline.files", "keras_evil.x"):
        other = change(encoded, "config.json", b"keras.layers", module.encode())
        bad[other] = f"asks for code of the module {module}"
    assert encoded not in bad
    for damaged, reason in bad.items():
        PATH.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"^model\.keras: not a .* \(.*{reason}.*\); g"):
            models.read(PATH)


@pytest.mark.parametrize("member", sorted(models.MEMBERS))
def test_a_model_without_one_of_its_members_is_refused(make_network, member):
    encoded = models.encode(PATH, make_network("gru"))
    # Its name in the directory; the sums are of the contents alone.
    head, _, tail = encoded.rpartition(member.encode())
    PATH.write_bytes(head + member.encode().swapcase() + tail)
    with pytest.raises(ValueError, match=rf"^model\.keras: not a .* \(it has no {member}\); g"):
        models.read(PATH)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_model_has_finite_weights(make_network, value):
    """Also where it does not show: a bias of NaN before a ReLU makes a zero."""
    model = make_network("stack")
    weights = model.get_weights()
    weights[-3][0] = value
    model.set_weights(weights)
    with pytest.raises(ValueError, match="not a number"):
        models.encode(PATH, model)
    model.save(PATH)
    with pytest.raises(ValueError, match=r"^model\.keras: not a .* \(got a value that is not a n"):
        models.read(PATH)
