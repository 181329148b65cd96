"""What is saved comes back to the bit, and nothing else does."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_equal

from pipeline.commands import forget
from pipeline.runtime import checkpoints, terminal, versions

pytestmark = pytest.mark.usefixtures("folder")

ROOT = Path(__file__).parents[2]
NEWEST = Path("data/checkpoints/stage-M1")
PREVIOUS = Path("data/checkpoints/stage-M1.before")


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


def done_after_loading() -> int:
    found = checkpoint().load()
    if found is None:
        return 0
    expected = progress(found.done)
    assert_equal(found, expected)  # as numbers; as text, types are compared
    assert repr(found) == repr(expected)
    return found.done


def save(*numbers: int) -> bytes:
    for done in numbers:
        checkpoint().save(progress(done))
    return NEWEST.read_bytes()


def test_progress_comes_back_as_it_was(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "_title", "")
    assert done_after_loading() == 0
    for done in (1, 2):
        save(done)
        assert done_after_loading() == done
    assert capsys.readouterr().out == "resuming from epoch 1\nresuming from epoch 2\n"
    assert set(Path("data/checkpoints").iterdir()) == {PREVIOUS, NEWEST}


def test_what_ended_well_is_kept_and_the_furthest_that_is_usable_is_taken(capsys):
    for number in (3, 5):
        save(1, number)
        checkpoints.keep("stage-M1")
        assert len(checkpoints.kept()) == len(list(Path("data/checkpoints").iterdir()))
    checkpoint(2, "other").save(progress(9))
    checkpoints.keep("stage-M1")
    assert done_after_loading() == 5
    found = checkpoint().load(lambda progress: progress.done < 5)
    assert found
    assert found.done == 3
    assert checkpoint().load(lambda progress: progress.done < 3) is None
    # One that is being written counts too.
    save(4)
    assert done_after_loading() == 5
    save(6)
    assert done_after_loading() == 6
    assert not capsys.readouterr().err
    for _, _, file in checkpoints.kept():
        file.write_bytes(b"damaged")
    save(1, 2)
    assert done_after_loading() == 2
    forget.main()
    assert "deleted 1 files" in capsys.readouterr().out  # that of another key
    assert set(Path("data/checkpoints").iterdir()) == {PREVIOUS, NEWEST}
    checkpoints.keep("no-training")


@pytest.mark.parametrize(("name", "most"), [("MOST_FILES", 2), ("MOST_BYTES", 4000)])
def test_what_was_not_used_for_long_goes_first(monkeypatch, name, most):
    monkeypatch.setattr(checkpoints, name, most)
    for number in (1, 2, 3):
        save(number)
        size = NEWEST.stat().st_size
        checkpoints.keep("stage-M1")
        for time, _, file in checkpoints.kept():
            os.utime(file, (time - 10, time - 10))
        if number == 2:  # the first one is used again
            assert checkpoint().load(lambda progress: progress.done < 2)
    assert 4000 / 3 < size < 2000
    assert sorted(file.suffix for _, _, file in checkpoints.kept()) == [".1", ".3"]


def test_the_previous_file_takes_the_place_of_a_damaged_one(capsys):
    content = save(1, 2)
    # One is an .npz file without its sum; in the others a bit is flipped, anywhere.
    bad = [b"", content[:-1], content[32:], bytes(len(content))]
    for at in range(0, len(content), 97):
        bad.append(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
    for damaged in bad:
        NEWEST.write_bytes(damaged)
        assert done_after_loading() == 1
        assert f"warning: {NEWEST}: not used, because it is damaged" in capsys.readouterr().err
        # The next one does not put the damaged one in the place of the good one.
        save(2)
        assert done_after_loading() == 2
    for path in (NEWEST, PREVIOUS):
        path.write_bytes(b"")
    assert done_after_loading() == 0


def test_a_run_that_dies_while_it_saves_resumes_from_the_previous_file():
    save(1)
    NEWEST.rename(PREVIOUS)
    assert done_after_loading() == 1
    NEWEST.with_name(f".unfinished-{NEWEST.name}").write_bytes(b"half")
    assert done_after_loading() == 1


DATA = np.arange(6, dtype=np.uint8)


@pytest.mark.parametrize(
    "other",
    [(2, DATA), (1, DATA + 1), (1, DATA.astype(np.int8)), (1, DATA.reshape(2, 3)), (1, DATA, None)],
)
def test_a_file_of_other_data_or_parameters_is_not_used(other, capsys):
    checkpoint(1, DATA).save(progress(1))
    assert checkpoint(1, DATA.copy()).load()
    assert checkpoint(*other).load() is None
    assert "of other code, data, parameters or versions" in capsys.readouterr().err


def test_a_file_of_another_stage_version_or_format_is_not_used(monkeypatch):
    content = save(1)
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
            assert done_after_loading() == 0
    packed = io.BytesIO()
    np.savez(packed, about=np.frombuffer(b'{"key": "of an older version"}', np.uint8))
    NEWEST.write_bytes(checkpoints._sum(packed.getvalue()) + packed.getvalue())
    assert done_after_loading() == 0


# Modules whose edit makes the checkpoints of train_meta useless, and others.
USED = ["core/network.py", "files/formats.py", "meta/source.py", "stages/train_meta.py"]
NOT_USED = ["commands/studies.py", "params/sections.py", "paths.py", "probes/knowledge.py"]
NOT_USED += ["report/words.py", "runtime/checkpoints.py", "stages/report.py"]
PRINT_EDITS_THAT_MATTER = """
import sys
from pathlib import Path
from pipeline.commands import forget
from pipeline.runtime import checkpoints
from pipeline.stages import train_meta
before = checkpoints._key(())
for name in sys.argv[1:]:
    path = Path("pipeline", name)
    content = path.read_bytes()
    path.write_bytes(content + b"#")
    if checkpoints._key(()) != before:
        print(name)
    path.write_bytes(content)
"""


def test_the_key_covers_the_code_that_the_stage_has_loaded():
    shutil.copytree(ROOT / "pipeline", "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", PRINT_EDITS_THAT_MATTER, *USED, *NOT_USED]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == USED
