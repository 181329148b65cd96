"""dvc.yaml and studies/dvc.yaml against the code: what a stage reads, imports and writes.

Layers and arrows between modules are import-linter's (pyproject.toml).
"""

import ast
import re
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import get_args

import grimp
import pytest
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.commands import demo, studies
from pipeline.files import fingerprint, formats
from pipeline.params import loading, sections
from pipeline.runtime import transaction
from pipeline.runtime.checkpoints import TOOLS
from tests import tiny
from tests.tiny import ROOT

PARAMS = loading.load(ROOT / loading.FILE)
GRAPH = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")
STUDIES = YAML(typ="safe", pure=True).load(ROOT / "studies" / "dvc.yaml")["stages"]
# A stage that is repeated over a list has its content under `do`.
MAIN = {name: stage.get("do", stage) for name, stage in GRAPH["stages"].items()}
STAGES = MAIN | {name: stage.get("do", stage) for name, stage in STUDIES.items()}
IMPORTS = grimp.build_graph("pipeline", cache_dir=None)
MODULES = {stage: import_module(f"pipeline.stages.{stage}") for stage in STAGES}

each_stage = pytest.mark.parametrize("stage", STAGES)


def keys(stage: str) -> dict[str, str]:
    """How dvc.yaml writes each key of a stage, in the order in which DVC gives them."""
    written = ["${key}"] * (stage == "train_meta")
    entries = STUDIES.get(stage, {}).get("foreach", {"": STAGES[stage].get("matrix", ())})
    written += [f"${{item.{name}}}" for name in next(iter(entries.values()))]
    return dict(zip(getattr(MODULES[stage], "KEYS", {}), written, strict=True))


def outputs(stage: str) -> set[str]:
    entries = chain(*(STAGES[stage].get(kind, ()) for kind in ("outs", "plots", "metrics")))
    # An entry is a path, or a mapping of it to its options.
    return {path for entry in entries for path in ([entry] if isinstance(entry, str) else entry)}


def test_every_stage_is_a_module_and_every_module_a_stage():
    assert {file.stem for file in ROOT.glob("pipeline/stages/[a-z]*.py")} == STAGES.keys()


@pytest.mark.parametrize(("file", "stages"), [("dvc.lock", MAIN), ("studies/dvc.lock", STUDIES)])
def test_the_lock_has_every_stage_and_no_other(file, stages):
    """DVC leaves a stage in its lock file that was renamed or removed."""
    locked = YAML(typ="safe", pure=True).load(ROOT / file)["stages"]
    assert {name.partition("@")[0] for name in locked} == set(stages)


def test_stages_are_repeated_over_what_the_parameters_list():
    assert GRAPH["stages"]["train_meta"]["foreach"] == "${meta.models}"
    assert STUDIES["study_training"]["matrix"] == {
        "model": "${meta.models}",
        "recipe": list(sections.MetaOptimiser.model_fields),
        "repetition": "${studies.repetitions}",
    }
    assert STUDIES["study_probes"]["matrix"] == {
        **STUDIES["study_training"]["matrix"],
        "recipe": list(studies.PROBED),
    }
    assert STUDIES["study_memory"]["matrix"] == {
        "prior": "${studies.memory.priors}",
        "reset_every": "${studies.memory.reset_every}",
    }
    runs = STUDIES["study_pixels"]["foreach"]
    assert [f"{run['settings']}-{run['repetition']}" for run in runs.values()] == list(runs)
    assert {run["settings"] for run in runs.values()} == PARAMS.studies.pixels.keys()
    assert STUDIES["study_length"]["matrix"] == {
        "model": "${meta.models}",
        "cell": list(get_args(sections.Cell)),
        "length": "${studies.length.trained}",
        "repetition": "${studies.length.repetitions}",
    }
    assert STUDIES["study_alpha"]["matrix"] == {
        "model": "${studies.alpha.trained_on}",
        "repetition": "${studies.alpha.repetitions}",
    }
    assert {STAGES[stage]["wdir"] for stage in STUDIES} == {".."}


@each_stage
def test_the_command_runs_the_stage_which_reads_the_parameters(stage):
    assert STAGES[stage]["cmd"] == f"exec python -m pipeline {stage}"  # no name for a shell
    reads = [path.format(**keys(stage)) for path in MODULES[stage].READS]
    assert STAGES[stage]["params"] == ([{loading.FILE.name: None}] if reads == ["*"] else reads)


def folders(module: str) -> set[str]:
    """The folders of the code that a module imports, directly or not; tools left out."""
    found, left = set[str](), {module}
    while left:
        found |= left
        imported = set().union(*map(IMPORTS.find_modules_directly_imported_by, left))
        left = {name for name in imported - found if name.split(".")[1] not in TOOLS}
    return {f"pipeline/{name.split('.')[1]}" for name in found - {module}}


@each_stage
def test_code_dependencies_are_the_stage_and_the_folders_that_it_imports(stage):
    code = {path for path in STAGES[stage]["deps"] if path.startswith("pipeline/")}
    imported = folders(f"pipeline.stages.{stage}")
    if stage == "report":  # it names all code that decides bytes, by its hash
        rooms = {file.parent.name for file in ROOT.glob("pipeline/*/__init__.py")}
        assert set(fingerprint.CODE) == rooms - set(TOOLS)
        assert code == {f"pipeline/{room}" for room in fingerprint.CODE} >= imported
    else:
        # The bytes of every output are made in pipeline/files, which the runner is given.
        own = {"pipeline/files", f"pipeline/stages/{stage}.py"}
        if stage == "check":
            own.add("pipeline/params")
        assert code == imported | own
    assert "numerics.lock" in STAGES[stage]["deps"]
    assert ("reports/checked.json" in STAGES[stage]["deps"]) == (stage != "check")


# One of each stage, in an order in which they can run.
STUDY_RUNS = ["study_training M1 plain 1", "study_probes M1 plain 1", "study_memory biased 2"]
STUDY_RUNS += ["study_pixels reference 1", "study_length M1 gru 3 1", "study_lstm M1 tuned 1"]
RUNS = ["check", *tiny.PIXELS, *tiny.META, *STUDY_RUNS, "study_alpha M1 1", *tiny.WRITTEN]


@pytest.fixture(scope="module")
def traces(tmp_path_factory, threads):
    """The files that each stage reads and writes, on tiny images."""
    folder = tmp_path_factory.mktemp("traces")
    transaction.place({folder / path: (ROOT / path).read_bytes() for path in demo.STUDIES})
    found: dict[str, tuple[set[Path], set[Path]]] = {}
    read_bytes, place = formats.read_bytes, transaction.place

    def reading(path):
        read.add(path)
        return read_bytes(path)

    def placing(contents):
        written.update(contents)
        place(contents)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "read_bytes", reading)
        patch.setattr(transaction, "place", placing)
        for run in RUNS:
            read, written = found[run] = set[Path](), set[Path]()
            tiny.run(folder, run)
    return found


def differences(declared: set[str], used: set[Path]) -> tuple[set[Path], set[str]]:
    """Files that no declared file or folder covers, and declarations without a file."""
    covering = {file: {path for path in declared if file.is_relative_to(path)} for file in used}
    undeclared = {file for file, found in covering.items() if not found}
    return undeclared, declared.difference(*covering.values())


@pytest.mark.parametrize("run", RUNS)
def test_data_dependencies_and_outputs_are_what_is_read_and_written(run, traces):
    stage, *given = run.split()
    data = {path for path in STAGES[stage]["deps"] if not path.startswith("pipeline/")}
    declared = [data - {"numerics.lock", "reports/checked.json"}, outputs(stage)]
    for written, key in zip(keys(stage).values(), given):
        declared = [{path.replace(written, key) for path in paths} for paths in declared]
    read, written = traces[run]
    own = {file for file in written if paths.CHECKPOINTS not in file.parents}
    assert differences(declared[0], read) == (set(), set())
    assert differences(declared[1], own) == (set(), set())


def test_the_studies_tables_are_made_of_the_committed_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    made = studies.contents(PARAMS)
    assert made == {path: path.read_bytes() for path in made}
    assert made.keys() >= set(demo.STUDIES)


def test_dvc_remembers_every_run_but_those_of_seconds_and_trainings():
    """It does not if an output that is in git is neither plot nor metric. Trainings remember."""
    in_git = {
        name for name in MAIN if any(isinstance(out, dict) for out in MAIN[name].get("outs", ()))
    }
    assert in_git == {"check", "binarise", "train_pixels", "train_meta", "report"}


def test_every_plot_shows_an_output():
    made = {path for stage in MAIN for path in outputs(stage)}
    for plot in GRAPH["plots"]:
        for path in [plot] if isinstance(plot, str) else next(iter(plot.values()))["y"]:
            assert {path, Path(path).parent.as_posix()} & made


def test_the_shift_is_in_one_place():
    shifted = {
        file.relative_to(ROOT).as_posix()
        for file in ROOT.glob("pipeline/**/*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Subscript) and re.search(r"\[:, (:-1|1:)[],]", ast.unparse(node))
    }
    assert shifted == {"pipeline/core/network.py"}
