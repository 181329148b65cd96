"""What is saved comes back to the bit, and nothing else does."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import checkpoints, guard


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def checkpoint(*determinants) -> checkpoints.Checkpoint:
    return checkpoints.Checkpoint("stage-M1", "epoch", *(determinants or (1, "a")))


def progress(done: int) -> checkpoints.Progress:
    rng = np.random.default_rng(done)
    return checkpoints.Progress(
        done,
        [rng.normal(size=(2, 3)).astype(np.float32), np.array(done)],
        # 0.1 + 0.2 has all digits; nan is what no test has given yet.
        {"rows": [{"epoch": done, "loss": 0.1 + 0.2}, {"loss": float("nan")}], "none": []},
        {"0": [rng.normal(size=3)], "last-one": [np.zeros(1), np.ones(2)]},
    )


def same(one: checkpoints.Progress | None, other: checkpoints.Progress) -> bool:
    assert one is not None
    pairs = [(one.state, other.state)]
    pairs += [(one.weights[name], other.weights[name]) for name in other.weights]
    return (
        one.done == other.done
        # A nan equals nothing, itself included.
        and repr(one.records) == repr(other.records)
        and list(one.weights) == list(other.weights)
        and all(
            a.dtype == b.dtype and np.array_equal(a, b)
            for these, those in pairs
            for a, b in zip(these, those, strict=True)
        )
    )


NEWEST, BEFORE = (
    Path("data/checkpoints/stage-M1"),
    Path("data/checkpoints/stage-M1.before"),
)


def test_progress_comes_back_as_it_was(capsys):
    assert checkpoint().load() is None
    checkpoint().save(progress(1))
    assert same(checkpoint().load(), progress(1))
    checkpoint().save(progress(2))
    assert same(checkpoint().load(), progress(2))
    assert capsys.readouterr().out == "resuming from epoch 1\nresuming from epoch 2\n"
    assert set(Path("data/checkpoints").iterdir()) == {BEFORE, NEWEST}
    checkpoints.clear("stage-M1")
    assert checkpoint().load() is None


def damaged(content: bytes, how: str) -> bytes:
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    return {
        "empty": b"",
        "truncated": content[:middle],
        "a bit flipped": flipped,
        "something else": b"<html>",
        "zeros": bytes(len(content)),
    }[how]


DAMAGE = ["empty", "truncated", "a bit flipped", "something else", "zeros"]


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_is_left_out_for_the_one_before(how, capsys):
    for done in (1, 2):
        checkpoint().save(progress(done))
    NEWEST.write_bytes(damaged(NEWEST.read_bytes(), how))
    assert same(checkpoint().load(), progress(1))
    assert f"warning: {NEWEST}: not used, for it is damaged" in capsys.readouterr().err
    # The next one does not put the damaged one in the place of the good one.
    checkpoint().save(progress(2))
    assert same(checkpoint().load(), progress(2))
    NEWEST.write_bytes(b"")
    assert same(checkpoint().load(), progress(1))
    for path in (NEWEST, BEFORE):
        path.write_bytes(b"")
    assert checkpoint().load() is None


def test_a_bit_that_flipped_anywhere_is_noticed():
    checkpoint().save(progress(1))
    content = NEWEST.read_bytes()
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        NEWEST.write_bytes(bytes(flipped))
        assert checkpoint().load() is None
    NEWEST.write_bytes(content)
    assert same(checkpoint().load(), progress(1))


def test_the_file_of_another_stage_is_left_out():
    checkpoint().save(progress(1))
    NEWEST.rename(NEWEST.with_name("stage-M2"))
    assert checkpoints.Checkpoint("stage-M2", "epoch", 1, "a").load() is None


def test_arrays_of_someone_else_are_left_out(capsys):
    NEWEST.parent.mkdir(parents=True)
    with NEWEST.open("wb") as file:
        np.savez(file, weights=np.ones(3))
    assert checkpoint().load() is None
    assert "no checkpoint" in capsys.readouterr().err


DATA = np.arange(6, dtype=np.uint8)


@pytest.mark.parametrize(
    "other",
    [
        (2, DATA),
        (1, DATA + 1),
        (1, DATA.astype(np.int64)),
        (1, DATA.reshape(2, 3)),
        (1, DATA, None),
    ],
)
def test_a_file_of_other_data_or_parameters_is_left_out(other, capsys):
    checkpoint(1, DATA).save(progress(1))
    assert same(checkpoint(1, DATA.copy()).load(), progress(1))
    assert checkpoint(*other).load() is None
    assert "of other code, data, parameters or versions" in capsys.readouterr().err


def test_a_file_of_other_code_or_versions_is_left_out(monkeypatch):
    checkpoint().save(progress(1))
    with monkeypatch.context() as patch:
        patch.setattr(guard, "installed", lambda: {"tensorflow": "0.1"})
        assert checkpoint().load() is None
    checkpoint().save(progress(1))
    package = Path("package")
    package.mkdir()
    (package / "one.py").write_text("1")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "__file__", str(package / "checkpoints.py"))
        assert checkpoint().load() is None
        checkpoint().save(progress(1))
        assert same(checkpoint().load(), progress(1))
        (package / "one.py").write_text("2")
        assert checkpoint().load() is None


@pytest.mark.parametrize("moment", ["before", "between", "while"])
def test_a_run_that_dies_while_saving_goes_on_from_the_one_before(monkeypatch, moment):
    checkpoint().save(progress(1))
    content = NEWEST.read_bytes()
    if moment == "between":
        NEWEST.rename(BEFORE)
    elif moment == "while":
        NEWEST.rename(BEFORE)
        NEWEST.with_name(f".unfinished-{NEWEST.name}").write_bytes(content[:50])
    assert same(checkpoint().load(), progress(1))
