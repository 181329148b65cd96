"""What DVC itself would run again after an edit, in a copy in which all is up to date."""

import compileall
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from itertools import chain, product
from pathlib import Path

import networkx as nx
import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.commands import check, demo
from pipeline.params import loading
from pipeline.runtime import transaction
from tests.tiny import ROOT

PIXELS = {"binarise", "context", "rollout", "inpaint"}
BAYES = {"compare_bayes", "probe_knowledge", "probe_shifted", "free_run", "alpha", "study_probes"}
STUDIES = {"study_training", "study_memory", "study_length", "study_lstm", "study_alpha"}
TRAINED_ON_SEQUENCES = {"train_meta"} | STUDIES
WRITTEN = {"scorecard", "draw", "report"}
ALL = {"train_pixels", "study_pixels"} | WRITTEN | PIXELS | BAYES | TRAINED_ON_SEQUENCES

PROJECT = ("dvc.yaml", "studies/dvc.yaml", ".dvcignore", "numerics.lock", "params.yaml")
# Of each study.
FEW = {"repetitions": [1], "memory": {"reset_every": [2]}, "alpha": {"repetitions": [1]}}
FEW |= {"length": {"repetitions": [1], "trained": [1]}}
# Files that change no byte of a result.
TOOLS = ("__main__", "paths", "commands/demo", "runtime/process")
# What an edit of a file concerns, by the dependency that has it.
EDITS = {
    "pipeline/core": ("core/scores.py", ALL - {"draw", "alpha"}),
    "pipeline/params": ("params/sections.py", {"check"}),
    "pipeline/pixels": ("pixels/masks.py", PIXELS | {"study_pixels", "draw", "report"}),
    "pipeline/meta": ("meta/source.py", TRAINED_ON_SEQUENCES | BAYES | {"report"}),
    "pipeline/probes": ("probes/bounds.py", BAYES | {"report"}),
    "pipeline/figures": ("figures/style.py", {"draw", "report"}),
    "pipeline/tables": ("tables/rows.py", WRITTEN),
    "pipeline/report": ("report/templates/meta.md.jinja", {"report"}),
    "pipeline/stages/rollout.py": ("stages/rollout.py", {"rollout"}),
    "pipeline/stages": ("stages/rollout.py", {"report"}),
    "pipeline/files": ("files/formats.py", ALL | {"check"}),
    "numerics.lock": ("../numerics.lock", ALL | {"check"}),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Both graphs and their code, with a dummy for every output, and fewer studies."""
    folder = tmp_path_factory.mktemp("project")
    transaction.place({folder / name: (ROOT / name).read_bytes() for name in PROJECT})
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", folder / "pipeline", ignore=compiled)
    change_params(folder, {"studies": FEW})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.chdir(folder)
        Repo.init(no_scm=True).close()
        with Repo() as repo:
            for out in repo.index.outs:
                path = Path(out.fs_path)
                transaction.place({path if path.suffix else path / "file": b"{}"})
            repo.commit(force=True)
        yield folder


def change_params(folder: Path, changes: dict) -> None:
    settings = YAML().load(folder / loading.FILE)
    demo.merge(settings, changes)
    YAML().dump(settings, folder / loading.FILE)


def contents(folder: Path) -> dict[Path, bytes]:
    tops = ("data", "models", "reports", "studies")
    files = chain(*((folder / top).rglob("*.*") for top in tops))
    return {path: path.read_bytes() for path in files if path.is_file()}


# A name that DVC would make the path of another file of, and a training that its snapshots forbid.
WRONG = {"../../reports/meta/bias": ("meta", "models"), "epochs": ("pixels",)}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_parameter_ends_the_run_before_anything_is_deleted(project, name):
    before, text = contents(project), (project / loading.FILE).read_bytes()
    settings = section = YAML().load(text)
    for key in WRONG[name]:
        section = section[key]
    section[name] = section["M1"] if "meta" in WRONG[name] else 1
    YAML().dump(settings, project / loading.FILE)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    dvc = [sys.executable, "-m", "dvc", "repro", "report", "studies/dvc.yaml"]
    ended = subprocess.run(dvc, capture_output=True, text=True, env=os.environ | {"PATH": path})
    (project / loading.FILE).write_bytes(text)
    assert ended.returncode
    assert "error: params.yaml: " in ended.stderr
    assert contents(project) | {project / paths.CHECKED: b"{}"} == before
    (project / paths.CHECKED).write_bytes(b"{}")


def test_the_command_check_names_all_that_would_run(project):
    text = (project / loading.FILE).read_bytes()
    assert check.plan() == "every result is up to date"
    change_params(project, {"inpainting": {"few": 10}})
    said = check.plan()
    (project / loading.FILE).write_bytes(text)
    assert said == "would run inpaint, scorecard, draw, report"


def test_another_model_is_one_edit(project):
    text = (project / loading.FILE).read_bytes()
    with Repo() as repo:
        before = {stage.addressing for stage in repo.index.stages}
    settings = YAML().load(text)
    settings["meta"]["models"]["M5"] = settings["meta"]["models"]["M1"]
    YAML().dump(settings, project / loading.FILE)
    with Repo() as repo:
        more = {stage.addressing for stage in repo.index.stages} - before
        needed = {stage.addressing for stage in repo.stage.collect("compare_bayes", with_deps=True)}
    (project / loading.FILE).write_bytes(text)
    studied = {name.partition("@")[0].rpartition("/dvc.yaml:")[2] for name in more}
    assert studied == {"train_meta", "study_training", "study_probes", "study_length", "study_lstm"}
    assert "train_meta@M5" in needed


def edit(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"# edited\n")


def stale() -> dict[str, set[str]]:
    """For each changed dependency, the stages that DVC would run again because of it."""
    found = defaultdict(set)
    with Repo() as repo:
        for stage, reasons in repo.status().items():
            (reason,) = reasons  # no output is missing, and no command has changed
            for dependency in reason["changed deps"]:
                found[dependency].add(stage.rpartition(":")[2])
    return found


def test_tools_and_what_they_leave_behind_concern_no_stage(project):
    for name in TOOLS:
        edit(project / "pipeline" / f"{name}.py")
    assert compileall.compile_dir(project / "pipeline", quiet=1)
    (project / "models" / "pixels" / ".unfinished-final.keras").touch()
    assert stale() == {}


@pytest.fixture(scope="module")
def changed(project):
    """What is stale after an edit in every folder, and another meta-task model M1."""
    for name in {name for name, _ in EDITS.values()}:
        edit(project / "pipeline" / name)
    change_params(project, {"meta": {"models": {"M1": {"reset_every": 7}}}})
    return stale()


@pytest.mark.parametrize("dependency", EDITS)
def test_an_edit_concerns_what_it_can_change_and_nothing_else(dependency, changed):
    _, concerned = EDITS[dependency]
    assert {stage.partition("@")[0] for stage in changed[dependency]} == concerned


def test_a_changed_model_is_trained_alone(changed):
    recipes = ("plain", "tuned", "converged")
    studies = {f"study_training@M1-{recipe}-1" for recipe in recipes}
    studies |= {"study_length@M1-gru-1-1", "study_length@M1-lstm-1-1", "study_alpha@M1-1"}
    studies |= {"study_lstm@M1-tuned-1"}
    # Every network meets the sequences of every model.
    probed = product(("M1", "M2", "M3", "M4"), ("plain", "converged"))
    studies |= {f"study_probes@{model}-{recipe}-1" for model, recipe in probed}
    main = BAYES - {"study_probes"}
    assert changed["params.yaml"] == {"check", "train_meta@M1"} | WRITTEN | main | studies
    assert changed.keys() == EDITS.keys() | {"params.yaml"}


def test_the_branches_that_make_runs_side_by_side_share_no_stage(project):
    """Two DVCs would run it at once. The studies belong to neither."""
    makefile = (ROOT / "Makefile").read_text()
    with Repo() as repo:

        def needed(targets: str) -> set[str]:
            """The stages, and all that have to run before them."""
            return {
                stage.name.partition("@")[0]
                for target in targets.split()
                for stage in repo.stage.collect(target, with_deps=True)
            }

        lines = re.findall(r"^branch.*\n\t@\$\(REPRO\) -s (.+)", makefile, re.M)
        pixels, *side_by_side, meta = (set(line.split()) for line in lines)
        before = {"check"}
        for branch in (pixels, *side_by_side):  # none is missing, and what it needs has run
            assert needed(" ".join(branch)) <= before | branch
            before |= pixels
        assert needed(" ".join(meta)) == {"check"} | meta
        assert sum(map(len, side_by_side)) == len(set().union(*side_by_side))
        together = pixels.union(*side_by_side)
        assert not together & meta
        assert {"check"} | together | meta | WRITTEN == needed("report")
        assert ALL - needed("report") == STUDIES | {"study_pixels", "study_probes"}


def test_the_readme_shows_the_graph(project):
    """Without `check`, and without arrows that follow from others."""
    with Repo() as repo:
        arrows = {
            (dependency.name.partition("@")[0], stage.name.partition("@")[0])
            for stage, dependency in repo.index.graph.edges
            if not stage.addressing.startswith("studies")
        }
    graph = nx.DiGraph(arrow for arrow in arrows if "check" not in arrow)
    shown = re.findall(r"^    (\w+) --> (\w+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(set(shown)) == len(shown)
    assert set(shown) == set(nx.transitive_reduction(graph).edges)
