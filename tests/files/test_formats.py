import io
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from pipeline import paths
from pipeline.files import formats

pytestmark = pytest.mark.usefixtures("folder")

CSV, NPY, NPZ, JSON = map(Path, ("a.csv", "a.npy", "a.npz", "a.json"))


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


def test_numbers_of_a_table_are_the_nearest_to_their_digits():
    texts = [f"{x:.6g}" for x in np.random.default_rng(0).lognormal(0, 9, 1000)]
    CSV.write_text("a\n" + "\n".join(texts) + "\n")
    assert formats.read_table(CSV)["a"].tolist() == [float(text) for text in texts]


NESTED = b'{\n  "a": 0.1,\n  "b": {\n    "d": 0.333333\n  }\n}\n'
NATS = pd.DataFrame({"a": [1, 1], "nats": [2, np.nan]})


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        # Six significant digits, line feeds on every system.
        (CSV, pd.DataFrame({"a": [1 / 3, 123456789.0]}), b"a\n0.333333\n1.23457e+08\n"),
        (CSV, pd.DataFrame({"a": [2, 10**9]}), b"a\n2\n1000000000\n"),
        # Empty cells for standard errors, and where methods without probabilities are.
        (CSV, NATS.rename(columns={"nats": "a_se"}), b"a,a_se\n1,2\n1,\n"),
        (paths.INPAINTING_SCORES, NATS, b"a,nats\n1,2\n1,\n"),
        (JSON, {"b": {"d": 1 / 3}, "a": np.float64(0.1)}, NESTED),
        (Path("a.md"), "± ü\n", b"\xc2\xb1 \xc3\xbc\n"),
        (Path("a.png"), b"\x89PNG", b"\x89PNG"),
    ],
)
def test_bytes_of_a_content(path, content, expected):
    assert formats.encode(path, content) == expected


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        (CSV, pd.DataFrame({"a": []}), "a.csv: got no row"),
        (CSV, pd.DataFrame({"a": ["1"]}), "a.csv: a: got str; expected numbers"),
        (CSV, pd.DataFrame({"a": [True]}), "a.csv: a: got bool; expected numbers"),
        (CSV, pd.DataFrame({"model": [1]}), "a.csv: row 1, model: got np.int64(1)"),
        (CSV, pd.DataFrame({"model": ["M1", None]}), "a.csv: row 2, model: got nan"),
        (CSV, NATS, "a.csv: row 2, nats: got"),
        (CSV, pd.DataFrame({"model": [r"$\href{javascript:x}{M1}$"]}), "a.csv: row 1, model: got"),
        (CSV, pd.DataFrame({"model": ["![](https://x.org/a.png)"]}), "a.csv: row 1, model: got"),
        (CSV, pd.DataFrame({"a_se": [1, np.inf]}), "a.csv: row 2, a_se: got"),
        (CSV, pd.DataFrame({"a": [1, -np.inf]}), "a.csv: row 2, a: got"),
        (CSV, pd.DataFrame({"a_se": [1, -0.1]}), "a.csv: row 2, a_se: got"),
        (
            CSV,
            pd.DataFrame({"a_low": [1, 90.001], "a_high": [2, 0.001]}),
            "a.csv: row 2, a_low: got",
        ),
        (NPY, np.array([0, -np.inf, np.nan]), "a.npy: got a value that is not a number"),
        (NPZ, {"b": np.zeros(1), "a": np.array([np.inf])}, "a.npz: got a value that is not a n"),
        (JSON, {"a": float("nan")}, "Out of range float values are not JSON compliant"),
        (Path("a.txt"), "text", "a.txt: no format has the suffix '.txt'"),
    ],
)
def test_a_content_that_breaks_a_rule_is_refused(path, content, message):
    with pytest.raises(ValueError, match=r".*") as caught:
        formats.encode(path, content)
    assert str(caught.value).startswith(message)


# faults/ damages tables of stages, too: half of one, one twice, cells too few or too many.
WHOLE = b"model,a,a_se\nM1,1.5,\nM2,2.5,0.5\n"
DAMAGED = [b"", b"\n", bytes(20) + b"\n", WHOLE[:-1], WHOLE[:-5] + b"\n", WHOLE + b"\n"]
DAMAGED += [WHOLE.replace(b"M2", text) for text in (b"", b'"M2', b"\xff", b'"M2' + bytes(200_000))]
DAMAGED += [WHOLE.replace(b"2.5", text) for text in (b"2.x", b"", b"inf", b"nan", b"2,5")]
DAMAGED += [WHOLE.replace(b"model", b"modem"), b"model,a,a\nM1,1.5,1\nM2,2.5,1\n"]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_table_is_refused(content):
    CSV.write_bytes(WHOLE)
    assert formats.read_table(CSV).shape == (2, 3)
    CSV.write_bytes(content)
    with pytest.raises(ValueError, match=r"^a\.csv: not a whole table \(.*; delete it, and"):
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
    one = np.load(written(NPY, array))
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


def test_files_that_are_not_arrays_are_refused():
    content = formats.encode(NPZ, {"a": np.arange(5)})
    pickled = io.BytesIO()
    np.savez(pickled, a=np.array([{}, {}]), allow_pickle=True)
    one_array = formats.encode(NPY, np.arange(5))
    for damaged in (b"", content[:-9], b"<html>", one_array, pickled.getvalue()):
        NPZ.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"^a\.npz: not a whole \.npz file \(.*; delete"):
            formats.read_arrays(NPZ)
    NPZ.write_bytes(content)
    with pytest.raises(ValueError, match=r"^a\.npz: not a whole \.npz file \(.*b\b.* archive"):
        formats.read_arrays(NPZ, "a", "b")
    with pytest.raises(ValueError, match=r"^a\.npz: not a whole \.npz file \(no array b\); delete"):
        formats.read_arrays(NPZ)["b"]


def test_arrays_that_would_not_be_written_are_not_read():
    np.savez(NPZ, a=np.array([-np.inf]))
    assert formats.read_arrays(NPZ)["a"] == -np.inf  # the log of zero
    np.savez(NPZ, a=np.array([np.nan]))
    with pytest.raises(ValueError, match=r"^a\.npz: not a whole \.npz file \(got a value that is"):
        formats.read_arrays(NPZ)


def test_files_that_cannot_be_read_are_named():
    with pytest.raises(FileNotFoundError, match=r"^none: not found; .*`dvc repro` makes it"):
        formats.read_bytes(Path("none"))
    with pytest.raises(OSError, match=r"^\.: cannot be read: is a directory"):
        formats.read_bytes(Path())
