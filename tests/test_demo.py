import shutil
from pathlib import Path

import pytest

from pipeline import demo, files, params

ROOT = Path(__file__).parents[1]
PROJECT = (
    "params.yaml",
    "dvc.yaml",
    "demo.yaml",
    ".dvcignore",
    ".dvc/config",
    "numerics.lock",
)


# The studies take too long for a demo, which shows the project's; the rest it makes itself.
STUDIES = (files.RECIPES, files.EXCESS, files.REGRET, files.MEMORY)
OWN_RESULTS = (files.COMPARISON, files.BINARISED, files.study_memory("biased", 5))


def contents(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_merge_overwrites_values_and_keeps_the_others():
    settings = {"a": 1, "b": {"c": [1, 2], "d": {"e": 3, "f": 4}}}
    demo.merge(settings, {"b": {"d": {"f": 5}, "c": [6]}})
    assert settings == {"a": 1, "b": {"c": [6], "d": {"e": 3, "f": 5}}}


def test_merge_refuses_a_section_that_there_is_not():
    with pytest.raises(KeyError, match="pixel"):
        demo.merge({"pixels": {"epochs": 1}}, {"pixel": {"epochs": 2}})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the demo is made of, so that nothing else changes it meanwhile."""
    folder = tmp_path_factory.mktemp("project")
    (folder / ".dvc").mkdir()
    for name in PROJECT:
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "pipeline", folder / "pipeline")
    (folder / "pipeline" / "__pycache__").mkdir(exist_ok=True)
    (folder / "pipeline" / "__pycache__" / "compiled.pyc").touch()
    for path in (*STUDIES, *OWN_RESULTS):
        files.write_text(folder / path, f"{path} of the project")
    return folder


def test_the_demo_is_a_project_of_its_own(project, monkeypatch):
    monkeypatch.chdir(project)
    before = contents(project)
    demo.prepare(demo.FOLDER, demo.CHANGES)

    after = contents(project)
    assert {path: after.get(path) for path in before} == before
    assert {path.parts[0] for path in after.keys() - before.keys()} == {"demo"}

    made = contents(project / "demo")
    for path in map(Path, ("dvc.yaml", ".dvcignore", "numerics.lock")):
        assert made[path] == before[path]
    code = {path for path in before if path.parts[0] == "pipeline" and path.suffix == ".py"}
    assert code == {path for path in made if path.parts[0] == "pipeline"}
    assert all(made[path] == before[path] for path in code)
    # DVC there must neither ask git, which ignores the folder, nor report to anybody.
    config = made[Path(".dvc/config")]
    assert config.startswith(before[Path(".dvc/config")])
    assert b"no_scm = true" in config

    assert {
        path for path in made if path.parts[0] in ("reports", "data", "studies")
    } == set(STUDIES)
    assert all(made[path] == before[path] for path in STUDIES)

    full, small = params.load(), params.load(Path("demo/params.yaml"))
    assert small.data.source == "digits"
    assert small.pixels.epochs < full.pixels.epochs
    assert small.meta.models == full.meta.models


def test_a_demo_that_exists_gets_new_code_and_keeps_its_results(project, monkeypatch):
    monkeypatch.chdir(project)
    demo.prepare(demo.FOLDER, demo.CHANGES)
    (demo.FOLDER / "pipeline" / "removed.py").touch()
    (demo.FOLDER / "dvc.lock").write_text("results")
    config = (demo.FOLDER / ".dvc" / "config").read_bytes()
    files.write_text(files.MEMORY, "new studies")
    files.write_text(demo.FOLDER / files.COMPARISON, "results")
    demo.prepare(demo.FOLDER, demo.CHANGES)
    assert not (demo.FOLDER / "pipeline" / "removed.py").exists()
    assert (demo.FOLDER / "dvc.lock").read_text() == "results"
    assert (demo.FOLDER / files.COMPARISON).read_text() == "results"
    assert (demo.FOLDER / files.MEMORY).read_text() == "new studies"
    assert (demo.FOLDER / ".dvc" / "config").read_bytes() == config
