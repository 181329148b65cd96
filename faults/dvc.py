"""Faults that DVC meets: it is killed, its cache is damaged, results are changed."""

import contextlib
import functools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

from faults import damage, harness
from faults.harness import ROOT
from pipeline import paths
from pipeline.commands import demo
from pipeline.params import loading
from tests import tiny

yaml = YAML(typ="safe", pure=True)


def new_project(scratch: Path, **pixels: int) -> Path:
    """A small project with this one's code and graph."""
    place = Path(tempfile.mkdtemp(dir=scratch))
    with contextlib.chdir(ROOT):
        demo.prepare(place, tiny.CHANGES, {"pixels": pixels})
    return place


@functools.cache
def finished_project(scratch: Path) -> Path:
    """A small project in which the first stages have run; to be copied."""
    place = new_project(scratch)
    end(start(place, "repro", "binarise", "train_meta@M1"))
    return place


def start(place: Path, *arguments: str, module: str = "dvc") -> subprocess.Popen:
    """Start DVC, or another module, in a project."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command, said = [sys.executable, "-m", module, *arguments], subprocess.PIPE
    inside: dict[str, Any] = {"cwd": place, "env": os.environ | {"PATH": path}, "text": True}
    return subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, **inside)


def end(process: subprocess.Popen, fails: bool = False) -> str:
    """Wait for the end of what was started, and return what it said."""
    said, _ = process.communicate()
    assert bool(process.returncode) == fails, said
    return said


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait for a condition, at most a minute, and return its value."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def wait_for_death(process: psutil.Process) -> None:
    """Wait for the end of a process, even if nobody asks for its status."""
    with contextlib.suppress(psutil.NoSuchProcess):
        wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE)


def writers(scratch: Path) -> harness.Faults:
    """No trainer outlives its DVC, and no second one starts beside it."""
    # Long enough to be caught at it.
    long = {"epochs": 1000, "batch_size": 4}

    def train(place: Path) -> tuple[subprocess.Popen, psutil.Process]:
        dvc = start(place, "repro", "train_pixels")
        lock = place / paths.LOCKS / "train_pixels.lock"
        trainer = wait_for(lambda: lock.exists() and lock.read_text().strip())
        return dvc, psutil.Process(int(trainer))

    def killed() -> None:
        place = new_project(scratch, **long)
        dvc, trainer = train(place)
        assert trainer in psutil.Process(dvc.pid).children(recursive=True)
        dvc.kill()
        dvc.communicate()
        wait_for_death(trainer)
        # The next one is not held up by what the dead one held.
        dvc, trainer = train(place)
        dvc.terminate()
        wait_for_death(trainer)

    def twice() -> None:
        place = new_project(scratch, **long)
        dvc, trainer = train(place)
        said = end(start(place, "repro", "train_pixels"), fails=True)
        assert re.search(rf"\b({dvc.pid}|{trainer.pid})\b", said), said
        said = end(start(place, "train_pixels", module="pipeline"), fails=True)
        assert f"process {trainer.pid} runs the same stage here" in said, said
        dvc.kill()
        wait_for_death(trainer)

    def side_by_side() -> None:
        """The branches of `make reproduce`: the first two stopped, and all run again."""
        makefile = (ROOT / "Makefile").read_text()
        targets = re.findall(r"^branch.*\n\t@\$\(REPRO\) (.+)", makefile, re.M)
        pixels, *after, meta = (f"--wait-for-lock repro {one}".split() for one in targets)
        place = new_project(scratch)
        end(start(place, "repro", "check"))
        stopped = [start(place, *branch) for branch in (pixels, meta)]
        wait_for(lambda: any((place / paths.CHECKPOINTS).glob("train_*")))
        for dvc in stopped:
            dvc.terminate()
            dvc.communicate()
        for together in ((pixels, meta), after):
            for dvc in [start(place, *branch) for branch in together]:
                end(dvc)
        # None has overwritten what another wrote into dvc.lock.
        made = set(yaml.load(place / "dvc.lock")["stages"])
        assert made == set(yaml.load(ROOT / "dvc.lock")["stages"]) - {*tiny.WRITTEN}

    yield "two branches, stopped and run again", side_by_side
    yield "DVC alone is killed", killed
    yield "DVC is started twice", twice


def damaged_cache(scratch: Path) -> harness.Faults:
    """A file in DVC's cache is damaged, but still read-only, so that DVC trusts it."""

    def attempt(damaged: damage.Damage, checked_out: bool) -> None:
        place = harness.copy(finished_project(scratch))
        result, cache = place / paths.BINARISED, place / ".dvc/cache"
        whole = damage.spoil(result, None)
        files = (path for path in cache.rglob("*") if path.is_file())
        (cached,) = (path for path in files if path.read_bytes() == whole)
        damage.spoil(cached, damaged)
        cached.chmod(0o444)
        if checked_out:
            end(start(place, "checkout", str(paths.BINARISED)))
            assert result.read_bytes() != whole
            said = end(start(place, "repro", "train_pixels"), fails=True)
            line = (
                f"error: {paths.BINARISED}: not a whole .npz file .*; "
                "delete it, and run `dvc (.*)` with the name of its stage"
            )
            advice = re.search(line, said)
            assert advice, said
            assert not (place / paths.PIXEL_HISTORY).exists()
            result.unlink()
            end(start(place, *advice[1].split(), "binarise"))
        else:  # the stage runs, because its result is missing
            end(start(place, "repro", "binarise"))
        # The stage has made the right file, and DVC has put no other one in its place.
        assert result.read_bytes() == cached.read_bytes() == whole

    for name in ("empty", "truncated", "a bit flipped"):
        for checked_out in (False, True):
            where = "checked out" if checked_out else "in the cache"
            yield f"{name}, {where}", attempt, damage.OF_ANY_FILE[name], checked_out


def changes(scratch: Path) -> harness.Faults:
    """A result is another one, but whole: DVC names it, and runs its stage again."""

    def attempt(path: Path, stage: str, changed: damage.Damage) -> None:
        place = harness.copy(finished_project(scratch))
        whole = damage.spoil(place / path, changed)
        said = end(start(place, "status", stage))
        assert re.search(rf"modified: +{path}", said), said
        end(start(place, "repro", stage))
        assert (place / path).read_bytes() == whole

    training, curves = "train_meta@M1", paths.meta_curves("M1")
    network = (ROOT / paths.meta_model("M3")).read_bytes()
    arrays = (ROOT / paths.EXAMPLES).read_bytes()
    for path, stage, name, changed in (
        (curves, training, "another digit", lambda whole: damage.flip(whole, -2)),
        (curves, training, "a line less", damage.in_table(list.pop)),
        (curves, training, "a column less", damage.in_table(lambda lines: [*map(list.pop, lines)])),
        (paths.meta_model("M1"), training, "another network", lambda _: network),
        (paths.BINARISED, "binarise", "other arrays", lambda _: arrays),
    ):
        yield f"{path}, {name}", attempt, path, stage, changed


def shells(scratch: Path) -> harness.Faults:
    """Names in params.yaml that a shell or a path would take for something else."""

    def attempt(name: str) -> None:
        place = new_project(scratch)
        settings = yaml.load(place / loading.FILE)
        settings["meta"]["models"][name] = settings["meta"]["models"]["M1"]
        yaml.dump(settings, place / loading.FILE)
        # What a path made of the name would lead to.
        victims = [place / "pwned.keras", place.parent / "pwned.keras"]
        for victim in victims:
            victim.write_text("here before")
        before = set(scratch.rglob("*"))
        assert "meta.models" in end(start(place, "repro", f"train_meta@{name}"), fails=True)
        assert "meta.models" in end(start(place, "repro"), fails=True)
        made = set(scratch.rglob("*")) - before
        assert not [path for path in made if place not in path.parents or "pwned" in path.name]
        assert all(victim.read_text() == "here before" for victim in victims)

    names = ["M1; touch pwned", "$(touch pwned)", "`touch pwned`", "M1 && touch pwned"]
    names += ["M1 | tee pwned", "M1\ntouch pwned", "../../../pwned", "'; touch pwned; '"]
    for name in names:
        yield repr(name), attempt, name
