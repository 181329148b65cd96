import shutil
from pathlib import Path

import pytest

from pipeline import paths
from pipeline.commands import demo
from pipeline.params import loading

ROOT = Path(__file__).parents[2]


def contents(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_merge_overwrites_values_and_keeps_the_others():
    settings = {"a": 1, "b": {"c": [1, 2], "d": {"e": 3, "f": 4}}}
    demo.merge(settings, {"b": {"d": {"f": 5}, "c": [6]}})
    assert settings == {"a": 1, "b": {"c": [6], "d": {"e": 3, "f": 5}}}


def test_merge_refuses_a_section_that_does_not_exist():
    with pytest.raises(KeyError, match="pixel"):
        demo.merge({"pixels": {"epochs": 1}}, {"pixel": {"epochs": 2}})


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Copies of what the demo takes, and results that it must not take."""
    own = (paths.COMPARISON, paths.BINARISED, paths.study_memory("biased", 5))
    for path in (*demo.COPIED, demo.CHANGES, loading.FILE, Path(".dvc/config"), *own):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("of the project")
        if (ROOT / path).exists() and path not in own:
            shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_demo_is_a_project_of_its_own(project):
    before = contents(project)
    demo.main([])
    after = contents(project)
    assert {path: after.get(path) for path in before} == before
    assert {path.parts[0] for path in after.keys() - before.keys()} == {"demo"}

    made = contents(demo.FOLDER)
    code = {path for path in before if path.parts[0] == "pipeline" and path.suffix == ".py"}
    written = {loading.FILE, Path(".dvc/config")}
    templates = {path for path in before if path.suffix == ".jinja"}
    assert made.keys() == code | templates | written | set(demo.COPIED)
    assert all(made[path] == before[path] for path in made.keys() - written)
    # DVC there must neither ask git, which ignores the folder, nor report to anybody.
    config = made[Path(".dvc/config")]
    assert config == before[Path(".dvc/config")] + b"    no_scm = true\n"

    full, small = loading.load(), loading.load(demo.FOLDER / loading.FILE)
    assert small.data.source == "digits"
    assert small.pixels.epochs < full.pixels.epochs
    assert small.meta.models == full.meta.models


def test_a_demo_that_exists_gets_new_code_and_keeps_its_results(project):
    demo.main([])
    (demo.FOLDER / "pipeline" / "removed.py").touch()
    results = [demo.FOLDER / name for name in ("dvc.lock", paths.COMPARISON)]
    for path in results:
        path.write_text("results")
    paths.MEMORY.write_text("new studies")
    demo.main([])
    assert not (demo.FOLDER / "pipeline" / "removed.py").exists()
    assert [path.read_text() for path in results] == ["results", "results"]
    assert (demo.FOLDER / paths.MEMORY).read_text() == "new studies"
