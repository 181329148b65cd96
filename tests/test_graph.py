"""dvc.yaml against the code, and the arrows between the modules; both read by `ast`."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import files, params, studies
from pipeline import stages as package

ROOT = Path(__file__).parents[1]
# The operands of a stage as dvc.yaml and studies/dvc.yaml write them.
KEY = "${item}"
PLACEHOLDERS = {
    "name": "${item.model}",
    "recipe": "${item.recipe}",
    "repetition": "${item.repetition}",
    "prior": "${item.prior}",
    "reset_every": "${item.reset_every}",
}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {dotted(path): path for path in sorted((ROOT / "pipeline").rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in SOURCES.items()}
PACKAGE = TREES.pop("pipeline")

GRAPH = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")
MAIN = {name: stage.get("do", stage) for name, stage in GRAPH["stages"].items()}
STUDIES = YAML(typ="safe", pure=True).load(ROOT / "studies" / "dvc.yaml")["stages"]
STAGES = MAIN | STUDIES
PARAMS = params.load(ROOT / params.FILE)
META_MODELS = list(PARAMS.meta.models)
PATHS = {name: path for name, path in vars(files).items() if isinstance(path, Path)}

each_stage = pytest.mark.parametrize("stage", STAGES)


def imports(module: str) -> set[str]:
    """Everything that a module imports anywhere; of `from a import b` both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{module} imports relatively, which is not followed here"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_imports(module: str) -> set[str]:
    """The modules of the package that are executed when one of them is imported."""
    found = imports(module) & TREES.keys()
    return found | {"pipeline.stages"} if module.startswith("pipeline.stages.") else found


def closure(module: str) -> set[str]:
    """A module and all of the package that it imports, also by way of others."""
    found: set[str] = set()
    left = {module}
    while left:
        found |= left
        left = {needed for name in left for needed in own_imports(name)} - found
    return found


def outputs(stage: str) -> set[str]:
    entries = [
        entry for kind in ("outs", "metrics") for entry in STAGES[stage].get(kind, [])
    ]
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def dependencies(stage: str, *, code: bool) -> set[str]:
    paths = STAGES[stage]["deps"]
    return {path for path in paths if path.startswith("pipeline/") == code}


def for_each_model(paths: set[str]) -> set[str]:
    """Paths of the foreach stage for every model, others as they are."""
    return {path.replace(KEY, name) for path in paths for name in META_MODELS}


def operands(stage: str) -> dict[str, str]:
    """What a stage takes from the command line, and how its graph writes that."""
    taken = [arg.arg for arg in run_of(stage).args.args if arg.arg in package.OPERANDS]
    return {name: PLACEHOLDERS[name] if stage in STUDIES else KEY for name in taken}


ALL_OUTPUTS = {path for stage in STAGES for path in for_each_model(outputs(stage))}


def run_of(stage: str) -> ast.FunctionDef:
    (run,) = (
        node
        for node in TREES[f"pipeline.stages.{stage}"].body
        if isinstance(node, ast.FunctionDef) and node.name == "run"
    )
    return run


def used(stage: str, verb: str) -> Iterator[Path]:
    """The paths that a stage reads or writes ("read", "write") by functions of files."""
    yield from used_in(f"pipeline.stages.{stage}", verb, operands(stage))


def used_in(module: str, verb: str, given: dict[str, str]) -> Iterator[Path]:
    for node in ast.walk(TREES[module]):
        match node:
            case ast.Attribute(ast.Name("files"), "write_figure") if verb == "write":
                yield files.FIGURES
            case ast.Call(
                ast.Attribute(ast.Name("files" | "model_file"), name), [path, *_]
            ) if name.startswith(verb) and name != "write_figure":
                match path:
                    case ast.Attribute(ast.Name("files"), constant):
                        yield PATHS[constant]
                    case ast.Subscript(ast.Attribute(ast.Name("files"), table)):
                        yield from getattr(files, table).values()
                    case ast.Call(ast.Attribute(ast.Name("files"), "pixel_model")):
                        # Which snapshots there are is a parameter: the folder is declared.
                        yield files.PIXEL_MODELS
                    case ast.Call(ast.Attribute(ast.Name("files"), function), arguments):
                        names = [ast.unparse(argument) for argument in arguments]
                        if given.keys() >= set(names):
                            yield getattr(files, function)(*map(given.get, names))
                        else:  # a loop over all models
                            yield from map(getattr(files, function), META_MODELS)
                    case _:
                        pytest.fail(f"cannot tell the path of {ast.unparse(node)}")


def test_every_stage_is_a_module_and_every_module_a_stage():
    modules = {name for name in TREES if name.startswith("pipeline.stages.")}
    assert modules == {f"pipeline.stages.{stage}" for stage in STAGES}


@each_stage
def test_the_command_runs_the_stage_and_hands_no_parameter_to_a_shell(stage):
    assert STAGES[stage]["cmd"] == f"exec python -m pipeline.stages.{stage}"


def test_stages_are_repeated_over_what_the_parameters_list():
    for stage in MAIN:
        foreach = GRAPH["stages"][stage].get("foreach")
        assert foreach == (META_MODELS if operands(stage) else None)
    recipes = list(params.MetaOptimiser.__dataclass_fields__)
    assert STUDIES["study_training"]["matrix"] == {
        "model": META_MODELS,
        "recipe": recipes,
        "repetition": "${studies.repetitions}",
    }
    assert STUDIES["study_memory"]["matrix"] == {
        "prior": list(PARAMS.studies.memory.priors),
        "reset_every": "${studies.memory.reset_every}",
    }
    for stage in STUDIES.values():
        assert stage["wdir"] == ".."


@each_stage
def test_code_dependencies_are_all_modules_that_are_imported(stage):
    modules = closure(f"pipeline.stages.{stage}")
    expected = {SOURCES[name].relative_to(ROOT).as_posix() for name in modules}
    assert dependencies(stage, code=True) == expected


@each_stage
def test_parameters_are_the_sections_that_run_receives_and_uses(stage):
    run = run_of(stage)
    arguments = {argument.arg for argument in run.args.args}
    body = {node.id for node in ast.walk(run) if isinstance(node, ast.Name)}
    assert arguments <= body
    given = operands(stage)
    sections = set()
    for argument in arguments - given.keys():
        if argument in package.ENTRIES:
            section, operand = package.ENTRIES[argument]
            sections.add(f"{section}.{given[operand]}")
        else:
            sections.add(argument.replace("_", "."))
    assert set(STAGES[stage]["params"]) == sections


def test_the_report_prints_every_section():
    assert set(STAGES["report"]["params"]) == set(params.Params.__dataclass_fields__)


@each_stage
def test_data_dependencies_and_outputs_are_what_is_read_and_written(stage):
    written = {path.as_posix() for path in used(stage, "write")}
    read = {path.as_posix() for path in used(stage, "read")}
    assert outputs(stage) == written
    # A stage may read again what it has just written.
    assert dependencies(stage, code=False) == read - written


@each_stage
def test_data_dependencies_are_outputs_of_stages_before(stage):
    before = list(MAIN)[: list(STAGES).index(stage)]
    made = {path for other in before for path in for_each_model(outputs(other))}
    assert dependencies(stage, code=False) <= made | STUDY_TABLES


def needed(stage: str) -> set[str]:
    """A stage and all that have to run before it."""
    read = for_each_model(dependencies(stage, code=False))
    before = [other for other in MAIN if for_each_model(outputs(other)) & read]
    return {stage}.union(*map(needed, before))


def test_the_branches_that_make_runs_side_by_side_share_no_stage():
    """Else two DVCs would run it at once."""
    text = (ROOT / "Makefile").read_text()
    pixels, meta = (
        set.union(*map(needed, stages.split()))
        for stages in re.findall(r"dvc --wait-for-lock repro (.+)", text)
    )
    assert not pixels & meta
    assert pixels | meta == MAIN.keys() - {"report"}


STUDY_TABLES = {
    path.as_posix() for path in used_in("pipeline.studies", "write", operands("report"))
}


def test_the_studies_are_no_part_of_the_graph_that_dvc_repro_runs():
    """A dependency on one of their outputs, or a table that is one, would join the two."""
    assert len(STUDY_TABLES) == 4
    assert not STUDY_TABLES & ALL_OUTPUTS
    for stage in MAIN:
        assert not any(path.startswith("studies/") for path in MAIN[stage]["deps"])


def test_the_studies_tables_are_made_of_the_committed_runs(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    monkeypatch.chdir(tmp_path)
    studies.collect(PARAMS)
    for table in STUDY_TABLES:
        assert (tmp_path / table).read_bytes() == (ROOT / table).read_bytes()


def test_every_path_is_an_output_once():
    stated = [path for stage in STAGES for path in for_each_model(outputs(stage))]
    assert len(stated) == len(set(stated))
    inputs = {files.RAW_DATA, files.TFDS_CACHE, files.CHECKPOINTS, files.LOCKS, files.DEMO}
    # Of these folders the single files are outputs, because each model makes its own.
    folders = {files.META_MODELS, files.META_REPORTS}
    folders |= {files.STUDY_TRAINING, files.STUDY_MEMORY}
    paths = {*PATHS.values(), *files.INPAINTING_TASKS.values()} - inputs - folders
    for name in META_MODELS:
        paths |= {files.meta_model(name), files.meta_curves(name)}
    run: list[Any] = [PLACEHOLDERS[name] for name in ("name", "recipe", "repetition")]
    paths |= {files.study_curve(*run), files.study_regret(*run)}
    sweep: list[Any] = [PLACEHOLDERS[name] for name in ("prior", "reset_every")]
    paths |= {files.study_memory(*sweep)}
    assert {path.as_posix() for path in paths} - STUDY_TABLES == set(stated)


def test_every_model_is_compared_and_reported():
    compared = {files.meta_model(name).as_posix() for name in META_MODELS}
    assert compared <= set(STAGES["compare_bayes"]["deps"])
    assert compared <= set(STAGES["probe_knowledge"]["deps"])
    assert compared <= set(STAGES["probe_offprior"]["deps"])
    curves = {files.meta_curves(name).as_posix() for name in META_MODELS}
    assert curves <= set(STAGES["report"]["deps"])
    assert curves <= {path for plot in plots() for path in plot}


def plots() -> Iterator[list[str]]:
    """The data files, or the image, of every plot that DVC shows."""
    for plot in GRAPH["plots"]:
        if isinstance(plot, str):
            yield [plot]
        else:
            (settings,) = plot.values()
            yield list(settings["y"])


def test_every_plot_shows_an_output():
    for plot in plots():
        for path in plot:
            assert {path, Path(path).parent.as_posix()} & ALL_OUTPUTS


def test_dvc_does_not_see_what_python_compiles():
    """Else every import would change a folder that something depends on."""
    ignored = (ROOT / ".dvcignore").read_text().splitlines()
    assert {"__pycache__/", "*.pyc"} <= set(ignored)


def test_the_package_itself_holds_no_code():
    assert ast.get_docstring(PACKAGE)
    assert len(PACKAGE.body) == 1


def groups() -> dict[str, set[str]]:
    """The map in the package's docstring: what is said of each group, and its modules."""
    found = {}
    for block in (ast.get_docstring(PACKAGE) or "").split("\n\n"):
        names = set(re.findall(r"^    (\w+)  +\S", block, re.MULTILINE))
        if names:
            said = re.search(r"\((.+)\)$", block)
            found[said[1] if said else " ".join(sorted(names))] = names
    return found


MAP = groups()
MATHEMATICS = MAP["NumPy in, NumPy out"]
PRESENTATION = MAP["records in, text or figures out; no files, no Keras"]
FILES = MAP["imported by stages and commands only"]
*_, COMMANDS = MAP.values()


def test_the_map_has_every_module():
    modules = {name.split(".")[1] for name in TREES}
    assert set.union(*MAP.values()) == modules
    assert sum(map(len, MAP.values())) == len(modules)


def test_a_module_imports_from_its_own_group_and_those_above():
    allowed: set[str] = set()
    for names in MAP.values():
        allowed |= {f"pipeline.{name}" for name in names}
        for name in names:
            assert own_imports(f"pipeline.{name}") <= allowed, name


def test_mathematics_needs_nothing_but_numpy_and_scipy():
    known = sys.stdlib_module_names | {"numpy", "scipy", "jaxtyping", "pipeline"}
    for name in MATHEMATICS:
        module = f"pipeline.{name}"
        assert {imported.split(".")[0] for imported in imports(module)} <= known
        assert own_imports(module) <= {f"pipeline.{other}" for other in MATHEMATICS}


def test_presentation_touches_neither_keras_nor_files():
    for name in PRESENTATION:
        for module in closure(f"pipeline.{name}"):
            assert module != "pipeline.files"
            outer = {imported.split(".")[0] for imported in imports(module)}
            assert not outer & {"keras", "tensorflow"}


def test_only_stages_and_commands_know_files():
    for module in TREES:
        if module.split(".")[1] not in COMMANDS | FILES:
            assert not own_imports(module) & {f"pipeline.{name}" for name in FILES}


def test_nobody_but_stages_knows_stages():
    for module in TREES:
        if not module.startswith("pipeline.stages"):
            assert not any(name.startswith("pipeline.stages") for name in imports(module))


@pytest.mark.parametrize(
    "module", ["pipeline.stages.report", "pipeline.demo", "pipeline.studies"]
)
def test_what_needs_no_network_does_not_wait_for_tensorflow(module):
    code = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = run.stdout.split()
    assert module in loaded
    assert not {"tensorflow", "keras"} & set(loaded)


def test_the_shift_stands_in_one_place():
    shifted = {
        module
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and re.search(r"\[:, (:-1|1:)[],]", ast.unparse(node))
    }
    assert shifted == {"pipeline.network"}
