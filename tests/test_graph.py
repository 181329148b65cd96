"""dvc.yaml and studies/dvc.yaml against the code: what a stage reads, imports and writes.

Layers and arrows between modules are import-linter's (pyproject.toml).
"""

import ast
import re
from importlib import import_module
from pathlib import Path

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

ROOT = Path(__file__).parents[1]
PARAMS = loading.load(ROOT / loading.FILE)
GRAPH = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")
STUDIES = YAML(typ="safe", pure=True).load(ROOT / "studies" / "dvc.yaml")["stages"]
# A stage that is repeated over a list has its content under `do`.
MAIN = {name: stage.get("do", stage) for name, stage in GRAPH["stages"].items()}
STAGES = MAIN | STUDIES
IMPORTS = grimp.build_graph("pipeline")
MODULES = {stage: import_module(f"pipeline.stages.{stage}") for stage in STAGES}

each_stage = pytest.mark.parametrize("stage", STAGES)


def keys(stage: str) -> dict[str, str]:
    """How dvc.yaml writes each key of a stage, in the order in which DVC gives them."""
    written = ["${item}"] * (stage == "train_meta")
    written += [f"${{item.{name}}}" for name in STAGES[stage].get("matrix", ())]
    return dict(zip(getattr(MODULES[stage], "KEYS", {}), written, strict=True))


def outputs(stage: str) -> set[str]:
    kinds = [STAGES[stage].get(kind, ()) for kind in ("outs", "plots", "metrics")]
    # An entry is a path, or a mapping of it to its options.
    return {
        path
        for entries in kinds
        for entry in entries
        for path in (entry if isinstance(entry, dict) else [entry])
    }


def test_every_stage_is_a_module_and_every_module_a_stage():
    assert {file.stem for file in ROOT.glob("pipeline/stages/[a-z]*.py")} == STAGES.keys()


@each_stage
def test_the_command_runs_the_stage_and_hands_no_parameter_to_a_shell(stage):
    assert STAGES[stage]["cmd"] == f"exec python -m pipeline {stage}"


def test_stages_are_repeated_over_what_the_parameters_list():
    assert GRAPH["stages"]["train_meta"]["foreach"] == list(PARAMS.meta.models)
    assert STUDIES["study_training"]["matrix"] == {
        "model": "${stages.train_meta.foreach}",
        "recipe": list(sections.MetaOptimiser.__dataclass_fields__),
        "repetition": "${studies.repetitions}",
    }
    assert STUDIES["study_memory"]["matrix"] == {
        "prior": list(PARAMS.studies.memory.priors),
        "reset_every": "${studies.memory.reset_every}",
    }
    assert {stage["wdir"] for stage in STUDIES.values()} == {".."}


@each_stage
def test_parameters_are_what_the_stage_reads(stage):
    reads = [path.format(**keys(stage)) for path in MODULES[stage].READS]
    everything = list(sections.Params.__dataclass_fields__)
    assert STAGES[stage]["params"] == (everything if reads == ["*"] else reads)


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
        assert code == imported | {"pipeline/files", f"pipeline/stages/{stage}.py"}
    assert "numerics.lock" in STAGES[stage]["deps"]


# One of each stage, in an order in which they can run.
RUNS = [
    *tiny.PIXELS,
    *tiny.META,
    "study_training M1 published 1",
    "study_memory biased 2",
    "report",
]


@pytest.fixture(scope="module")
def study_tables():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        tables = studies.collect(PARAMS)
    return {path: formats.encode(path, tables[path]) for path in tables}


@pytest.fixture(scope="module")
def traces(tmp_path_factory, threads, study_tables):
    """The files that each stage reads and writes, on tiny images."""
    folder = tmp_path_factory.mktemp("traces")
    transaction.place({folder / path: content for path, content in study_tables.items()})
    read, written, found = set[Path](), set[Path](), {}
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
            tiny.run(folder, run)
            found[run] = read.copy(), written.copy()
            read.clear()
            written.clear()
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
    declared = [data - {"numerics.lock"}, outputs(stage)]
    for written, key in zip(keys(stage).values(), given):
        declared = [{path.replace(written, key) for path in paths} for paths in declared]
    read, written = traces[run]
    own = {file for file in written if paths.CHECKPOINTS not in file.parents}
    assert differences(declared[0], read) == (set(), set())
    assert differences(declared[1], own) == (set(), set())


def test_the_studies_tables_are_made_of_the_committed_runs(study_tables):
    assert {path: (ROOT / path).read_bytes() for path in demo.STUDIES} == study_tables


def test_every_plot_shows_an_output():
    made = {path for stage in MAIN for path in outputs(stage)}
    for plot in GRAPH["plots"]:
        shown = [plot] if isinstance(plot, str) else next(iter(plot.values()))["y"]
        for path in shown:
            assert {path, Path(path).parent.as_posix()} & made


def test_the_shift_is_in_one_place():
    shifted = {
        file.relative_to(ROOT).as_posix()
        for file in ROOT.glob("pipeline/**/*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Subscript) and re.search(r"\[:, (:-1|1:)[],]", ast.unparse(node))
    }
    assert shifted == {"pipeline/core/network.py"}
