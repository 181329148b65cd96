import io
import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from pipeline import paths
from pipeline.files import formats

CSV, NPZ = Path("a.csv"), Path("a.npz")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def written(path: Path, content: object) -> Path:
    path.write_bytes(formats.encode(path, content))
    return path


def test_a_table_comes_back_with_typed_columns():
    table = pd.DataFrame(
        {
            "model": ['a, "b"\nc', "nan", "ü"],
            "snapshot": ["0", "007", "final"],
            "count": np.array([-4, 10**12, 0]),
            "share": np.array([0.25, 2e-9, 1], np.float32),
            "share_se": [np.nan, 1.5, 0],
        }
    )
    read = formats.read_table(written(CSV, table))
    assert [dtype.kind for dtype in read.dtypes] == ["O", "O", "i", "f", "f"]
    assert_frame_equal(read, table, check_dtype=False)
    assert formats.encode(CSV, read) == CSV.read_bytes()


def test_a_table_as_text():
    table = pd.DataFrame({"a": [1 / 3, 123456789.0], "b_se": [np.nan, 1], "c": [2, 10**9]})
    # Six significant digits, an empty cell for NaN, line feeds on every system.
    expected = b"a,b_se,c\n0.333333,,2\n1.23457e+08,1,1000000000\n"
    assert formats.encode(CSV, table) == expected


def test_numbers_of_a_table_are_the_nearest_to_their_digits():
    texts = [f"{x:.6g}" for x in np.random.default_rng(0).lognormal(0, 9, 1000)]
    CSV.write_text("a\n" + "\n".join(texts) + "\n")
    assert formats.read_table(CSV)["a"].tolist() == [float(text) for text in texts]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_table_has_finite_numbers(value):
    table = pd.DataFrame({"a": [1.0, 1.0], "nats": [2.0, value]})
    with pytest.raises(ValueError, match=r"^a\.csv: row 2, nats: got"):
        formats.encode(CSV, table)
    if np.isnan(value):
        path = paths.INPAINTING_SCORES  # where methods without probabilities are
        assert formats.encode(path, table) == b"a,nats\n1,2\n1,\n"
        table = table.rename(columns={"nats": "a_se"})
        assert formats.encode(CSV, table) == b"a,a_se\n1,2\n1,\n"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame(), "got no row"),
        (pd.DataFrame({"a": []}), "got no row"),
        (pd.DataFrame({"a": ["1"]}), "a: got str; expected numbers"),
        (pd.DataFrame({"a": [True]}), "a: got bool; expected numbers"),
        (pd.DataFrame({"a": [1, None]}, dtype=object), "a: got object; expected numbers"),
        (pd.DataFrame({"model": [1]}), "row 1, model: got np.int64(1)"),
        (pd.DataFrame({"model": ["M1", None]}), "row 2, model: got nan"),
    ],
)
def test_a_table_with_other_types_is_refused(table, message):
    with pytest.raises(ValueError, match=r"^a\.csv: ") as caught:
        formats.encode(CSV, table)
    assert str(caught.value).startswith(f"a.csv: {message}")


WHOLE = b"model,a,a_se\nM1,1.5,\nM2,2.5,0.5\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"<html>\n",
        bytes(20),
        bytes(20) + b"\n",
        b"model,a,a_se\n",
        WHOLE[:-1],
        WHOLE[:-5],
        WHOLE[:-5] + b"\n",
        WHOLE + b"\n",
        WHOLE + WHOLE,
        WHOLE.replace(b"M2", b""),
        WHOLE.replace(b"M2,", b""),
        WHOLE.replace(b"M2", b'"M2'),
        WHOLE.replace(b"M2", b'"M2' + bytes(200_000)),
        WHOLE.replace(b"M2", b"\xff"),
        WHOLE.replace(b"2.5", b"2.x"),
        WHOLE.replace(b"2.5", b""),
        WHOLE.replace(b"2.5", b"inf"),
        WHOLE.replace(b"2.5", b"nan"),
        WHOLE.replace(b"2.5", b"2,5"),
        b"model,a,a\nM1,1.5,1\nM2,2.5,1\n",
        WHOLE.replace(b"model", b"modem"),
    ],
)
def test_a_damaged_table_is_refused(content):
    CSV.write_bytes(WHOLE)
    assert formats.read_table(CSV).shape == (2, 3)
    CSV.write_bytes(content)
    with pytest.raises(ValueError, match=r"^a\.csv: not a whole table \(.*; delete it and"):
        formats.read_table(CSV)


@pytest.mark.parametrize(
    "array",
    [
        np.array([[-1, 0], [1, 127]], np.int8),
        np.array([0.5, -np.inf, 1e-300]),
        np.array(["surest", "ü"]),
        np.zeros((0, 3), np.float32),
    ],
    ids=str,
)
def test_arrays_come_back_as_they_were(array):
    some = {"a": array, "b-c": array[:1]}
    read = formats.read_arrays(written(NPZ, some))
    assert list(read) == ["a", "b-c"]
    assert list(formats.read_arrays(NPZ, "b-c")) == ["b-c"]
    one = np.load(io.BytesIO(formats.encode(Path("a.npy"), array)))
    for found, expected in [(one, array), (read["a"], array), (read["b-c"], array[:1])]:
        assert_array_equal(found, expected, strict=True)
    assert formats.encode(NPZ, some) == NPZ.read_bytes()


def test_damaged_arrays_are_refused_or_the_same():
    """Each bit flipped: that of a date changes nothing, another makes one name of two."""
    arrays = {"a": np.array([1, 2.5]), "c": np.arange(3)}
    content = written(NPZ, arrays).read_bytes()
    refused = 0
    for place, bit in product(range(len(content)), range(8)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << bit
        NPZ.write_bytes(bytes(flipped))
        try:
            read = formats.read_arrays(NPZ)
        except ValueError:
            refused += 1
        else:
            assert list(read) == list(arrays)
            for name, array in arrays.items():
                assert_array_equal(read[name], array, strict=True)
    assert refused > 4 * len(content)


@pytest.mark.parametrize("damage", ["empty", "short", "text", "one array", "pickled"])
def test_files_that_are_not_arrays_are_refused(damage):
    content = formats.encode(NPZ, {"a": np.arange(5)})
    pickled = io.BytesIO()
    np.savez(pickled, a=np.array([{}, {}]), allow_pickle=True)
    damaged = {"empty": b"", "short": content[:-9], "text": b"<html>"}
    damaged["one array"] = formats.encode(Path("a.npy"), np.arange(5))
    damaged["pickled"] = pickled.getvalue()
    NPZ.write_bytes(damaged[damage])
    with pytest.raises(ValueError, match=r"^a\.npz: not a whole \.npz file \(.*; delete"):
        formats.read_arrays(NPZ)


def test_an_array_that_is_missing_is_named():
    written(NPZ, {"a": np.arange(5)})
    with pytest.raises(ValueError, match=r"^a\.npz: not a whole \.npz file \(.*'b'|b is"):
        formats.read_arrays(NPZ, "a", "b")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_arrays_have_numbers(value):
    array = np.array([0, -np.inf, value])
    for path, content in [(Path("a.npy"), array), (NPZ, {"a": array})]:
        with pytest.raises(ValueError, match="not a number, or infinite"):
            formats.encode(path, content)


def test_json_is_sorted_and_rounded_at_every_depth():
    content = formats.encode(Path("a.json"), {"b": {"d": 1 / 3, "c": 2}, "a": np.float64(0.1)})
    assert json.loads(content) == {"a": 0.1, "b": {"c": 2, "d": 0.333333}}
    assert content.startswith(b'{\n  "a": 0.1,\n  "b": {\n    "c": 2,\n    "d": 0.333333\n')
    with pytest.raises(ValueError, match="not JSON compliant"):
        formats.encode(Path("a.json"), {"a": float("nan")})


def test_text_is_utf_8_with_line_feeds_and_bytes_stay():
    assert formats.encode(Path("a.md"), "± ü\n") == b"\xc2\xb1 \xc3\xbc\n"
    assert formats.encode(Path("a.html"), "<p>\n") == b"<p>\n"
    assert formats.encode(Path("a.png"), b"\x89PNG") == b"\x89PNG"


def test_files_that_cannot_be_read_are_named():
    with pytest.raises(FileNotFoundError, match=r"^none: not found; .*`dvc repro` makes it"):
        formats.read_bytes(Path("none"))
    with pytest.raises(OSError, match=r"^\.: cannot be read: is a directory"):
        formats.read_bytes(Path())


def test_paths_by_name():
    assert paths.pixel_model("5").as_posix() == "models/pixels/epoch-5.keras"
    assert paths.pixel_model("untrained").as_posix() == "models/pixels/untrained.keras"
    assert paths.meta_model("M1").as_posix() == "models/meta/M1.keras"
    assert paths.meta_curves("M1").as_posix() == "reports/meta/curves-M1.csv"
    curve = paths.study_curve("M1", "tuned", 3)
    assert curve.as_posix() == "studies/training/M1-tuned-3-curve.csv"
    regret = paths.study_regret("M1", "tuned", 3)
    assert regret.as_posix() == "studies/training/M1-tuned-3-regret.csv"
    assert paths.study_memory("biased", 20).as_posix() == "studies/memory/biased-20.csv"
