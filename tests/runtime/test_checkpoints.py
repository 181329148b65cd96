"""What is saved comes back to the bit, and nothing else does."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.runtime import checkpoints, versions

ROOT = Path(__file__).parents[2]
NEWEST = Path("data/checkpoints/stage-M1")
PREVIOUS = Path("data/checkpoints/stage-M1.before")


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
        # 0.1 + 0.2 needs all digits; NaN is a loss that was not measured.
        {"rows": [{"epoch": done, "loss": 0.1 + 0.2}, {"loss": float("nan")}], "none": []},
        {"0": [rng.normal(size=3)], "last-one": [np.zeros(1), np.ones(2)]},
    )


def same(one: checkpoints.Progress | None, other: checkpoints.Progress) -> bool:
    assert one is not None
    pairs = [(one.state, other.state)]
    pairs += [(one.weights[name], other.weights[name]) for name in other.weights]
    return (
        one.done == other.done
        # NaN equals nothing, not even itself.
        and repr(one.tables) == repr(other.tables)
        and list(one.weights) == list(other.weights)
        and all(
            a.dtype == b.dtype and np.array_equal(a, b)
            for these, those in pairs
            for a, b in zip(these, those, strict=True)
        )
    )


def test_progress_comes_back_as_it_was(capsys):
    assert checkpoint().load() is None
    for done in (1, 2):
        checkpoint().save(progress(done))
        assert same(checkpoint().load(), progress(done))
    assert capsys.readouterr().out == "resuming from epoch 1\nresuming from epoch 2\n"
    assert set(Path("data/checkpoints").iterdir()) == {PREVIOUS, NEWEST}
    checkpoints.clear("stage-M1")
    assert checkpoint().load() is None


@pytest.mark.parametrize("how", ["empty", "truncated", "something else", "zeros"])
def test_the_previous_file_takes_the_place_of_a_damaged_one(how, capsys):
    for done in (1, 2):
        checkpoint().save(progress(done))
    content = NEWEST.read_bytes()
    damaged = {
        "empty": b"",
        "truncated": content[:-1],
        "something else": content[32:],  # an .npz file without its sum
        "zeros": bytes(len(content)),
    }
    NEWEST.write_bytes(damaged[how])
    assert same(checkpoint().load(), progress(1))
    assert f"warning: {NEWEST}: not used, because it is damaged" in capsys.readouterr().err
    # The next one does not put the damaged one in the place of the good one.
    checkpoint().save(progress(2))
    assert same(checkpoint().load(), progress(2))
    NEWEST.write_bytes(b"")
    assert same(checkpoint().load(), progress(1))
    for path in (NEWEST, PREVIOUS):
        path.write_bytes(b"")
    assert checkpoint().load() is None


def test_a_flipped_bit_is_noticed_anywhere():
    checkpoint().save(progress(1))
    content = NEWEST.read_bytes()
    for place in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        NEWEST.write_bytes(bytes(flipped))
        assert checkpoint().load() is None
    NEWEST.write_bytes(content)
    assert same(checkpoint().load(), progress(1))


@pytest.mark.parametrize("newest", [None, b"half"])
def test_a_run_that_dies_while_it_saves_resumes_from_the_previous_file(newest):
    checkpoint().save(progress(1))
    NEWEST.rename(PREVIOUS)
    if newest:
        NEWEST.with_name(f".unfinished-{NEWEST.name}").write_bytes(newest)
    assert same(checkpoint().load(), progress(1))


DATA = np.arange(6, dtype=np.uint8)


@pytest.mark.parametrize(
    "other",
    [
        (2, DATA),
        (1, DATA + 1),
        (1, DATA.astype(np.int8)),
        (1, DATA.reshape(2, 3)),
        (1, DATA, None),
    ],
)
def test_a_file_of_other_data_or_parameters_is_not_used(other, capsys):
    checkpoint(1, DATA).save(progress(1))
    assert same(checkpoint(1, DATA.copy()).load(), progress(1))
    assert checkpoint(*other).load() is None
    assert "of other code, data, parameters or versions" in capsys.readouterr().err


def test_a_file_of_another_stage_version_or_format_is_not_used(monkeypatch):
    checkpoint().save(progress(1))
    content = NEWEST.read_bytes()
    NEWEST.with_name("stage-M2").write_bytes(content)
    assert checkpoints.Checkpoint("stage-M2", "epoch", 1, "a").load() is None
    for owner, name, value in [
        (versions, "installed", lambda: {"tensorflow": "0.1"}),
        (checkpoints, "machine", lambda: "abacus"),
        (checkpoints, "FORMAT", 0),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value)
            NEWEST.write_bytes(content)
            assert checkpoint().load() is None
    packed = io.BytesIO()
    np.savez(packed, about=np.frombuffer(b'{"key": "of an older version"}', np.uint8))
    NEWEST.write_bytes(checkpoints._sum(packed.getvalue()) + packed.getvalue())
    assert checkpoint().load() is None
    NEWEST.write_bytes(content)
    assert same(checkpoint().load(), progress(1))


# Whether an edit of a module makes the checkpoints of train_meta useless.
EDITS = {
    "core/network.py": True,
    "files/formats.py": True,
    "meta/source.py": True,
    "stages/train_meta.py": True,
    "commands/studies.py": False,
    "params/sections.py": False,
    "paths.py": False,
    "probes/knowledge.py": False,
    "report/style.py": False,
    "runtime/checkpoints.py": False,
    "stages/report.py": False,
}
COMPARE_KEYS = """
import sys
from pathlib import Path
from pipeline.runtime import checkpoints
from pipeline.stages import train_meta
before = checkpoints._key(())
for path in map(Path, sys.argv[1:]):
    content = path.read_bytes()
    path.write_bytes(content + b"#")
    print(checkpoints._key(()) != before)
    path.write_bytes(content)
assert checkpoints._key(()) == before
"""


def test_the_key_covers_the_code_that_the_stage_has_loaded(tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=ignore)
    command = [sys.executable, "-c", COMPARE_KEYS, *(f"pipeline/{path}" for path in EDITS)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert dict(zip(EDITS, said.split(), strict=True)) == {
        path: str(matters) for path, matters in EDITS.items()
    }
