import shutil
from pathlib import Path

import pytest

from pipeline import paths
from pipeline.commands import demo
from pipeline.params import loading
from pipeline.runtime import transaction
from tests.tiny import ROOT

CONFIG = Path(".dvc/config")


def contents(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_merge_overwrites_values_of_sections_that_exist():
    settings = {"a": 1, "b": {"c": [1, 2], "d": {"e": 3, "f": 4}}}
    demo.merge(settings, {"b": {"d": {"f": 5}, "c": [6]}})
    assert settings == {"a": 1, "b": {"c": [6], "d": {"e": 3, "f": 5}}}
    with pytest.raises(KeyError, match="pixel"):
        demo.merge({"pixels": {"epochs": 1}}, {"pixel": {"epochs": 2}})


def test_the_demo_is_a_project_of_its_own(folder):
    shutil.copytree(ROOT / "pipeline", "pipeline")
    given = (*demo.COPIED, demo.CHANGES, loading.FILE)
    results = (paths.COMPARISON, paths.study_memory("biased", 5))  # they stay behind
    transaction.place({path: (ROOT / path).read_bytes() for path in (*given, *results)})
    before = contents(folder)
    demo.main()
    after = contents(folder)
    assert {path: after.get(path) for path in before} == before
    assert {path.parts[0] for path in after.keys() - before.keys()} == {"demo"}

    made = contents(demo.FOLDER)
    code = {path for path in before if path.suffix in (".py", ".jinja")}
    assert made.keys() == code | {loading.FILE, *demo.COPIED}
    assert all(made[path] == before[path] for path in made.keys() - {loading.FILE, CONFIG})
    # DVC there must neither ask git, which ignores the folder, nor report to anybody.
    assert made[CONFIG] == before[CONFIG] + b"    no_scm = true\n"
    full, small = loading.load(), loading.load(demo.FOLDER / loading.FILE)
    assert small.data.source == "digits"
    assert small.pixels.epochs < full.pixels.epochs
    assert small.meta.models == full.meta.models

    # A demo that exists gets new code, and keeps its results.
    (demo.FOLDER / "pipeline/removed.py").touch()
    (demo.FOLDER / paths.COMPARISON).write_text("results")
    paths.MEMORY.write_text("new studies")
    demo.main()
    changed = {path for path, _ in made.items() ^ contents(demo.FOLDER).items()}
    assert changed == {paths.COMPARISON, paths.MEMORY}
