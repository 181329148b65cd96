"""tools/install.sh with Pythons and a uv that only pretend: nothing is downloaded."""

import fcntl
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What the script may use of the system; everything else on its PATH is made here.
TOOLS = "cksum env find grep ls mkdir mv paste rm rmdir sed sh tr"
# The pretended uv needs it.
TOOLS += " ln"

# Answers as another Python would, makes environments, and writes down what pip is to do.
PYTHON = f"""#!{sys.executable}
import os, sys, sysconfig, types
VERSION, TRAITS = {{version!r}}, {{traits!r}}
arguments = sys.argv[1:]
if arguments == ["--version"]:
    print("Python " + VERSION)
elif arguments[0] == "-c":
    sys.argv = ["-c", *arguments[2:]]
    sys.version_info = tuple(map(int, VERSION.split(".")))
    sys.executable = os.path.abspath(__file__)
    if "talks" in TRAITS:
        print("hello")
    if "pypy" in TRAITS:
        sys.implementation = types.SimpleNamespace(name="pypy")
    if "free-threaded" in TRAITS:
        sysconfig.get_config_var = {{{{"Py_GIL_DISABLED": 1}}}}.get
    if "32-bits" in TRAITS:
        sys.maxsize = 2**31 - 1
    if "bare" in TRAITS:
        sys.modules["ensurepip"] = None
    exec(arguments[1])
else:
    with open(os.environ["CALLS"], "a") as calls:
        print(os.path.basename(__file__), *arguments, file=calls)
    if arguments[:2] == ["-m", "venv"]:
        os.makedirs(".venv/bin")
        os.symlink(os.path.abspath(__file__), ".venv/bin/python")
    if arguments[-1] == ".venv/uv.txt" and "no network" not in TRAITS:
        os.symlink(os.environ["UV"], ".venv/bin/uv")
    sys.exit("no network" in TRAITS and arguments[1] == "pip")
"""
UV = """#!/bin/sh
echo "uv $@" >> "$CALLS"
case "$1 $2" in
    --version*) [ -z "${UV_BROKEN:-}" ] ;;
    "python find") [ -n "${UV_FINDS:-}" ] && echo "$UV_FINDS" ;;
    "venv --quiet") mkdir -p .venv/bin .venv/lib && ln -s "$5" .venv/bin/python ;;
    "pip sync")
        [ "${UV_FAILS:-}" != "half way" ] || echo > .venv/lib/half
        [ -z "${UV_FAILS:-}" ]
        ;;
esac
"""


class Machine:
    """A project's folder, and a PATH on which there is what a test puts there."""

    def __init__(self, folder: Path):
        self.project, self.bin = folder / "project", folder / "bin"
        self.environment = {
            "PATH": f"{self.project / '.venv' / 'bin'}:{self.bin}",
            "HOME": str(folder / "home"),
            "CALLS": str(folder / "calls"),
            "UV": str(self.executable(folder / "hidden" / "uv", UV)),
        }
        self.bin.mkdir()
        for tool in TOOLS.split():
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        (self.project / "tools").mkdir(parents=True)
        for name in ("tools/install.sh", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / name, self.project / name)

    def executable(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def python(self, name: str, version: str) -> Path:
        """A Python of that name on PATH, or at that path; traits may follow the version."""
        version, *traits = version.split(maxsplit=1)
        text = PYTHON.format(version=version, traits=traits)
        return self.executable(self.bin / name, text)

    def uv(self) -> None:
        (self.bin / "uv").symlink_to(self.environment["UV"])

    def install(self, part: str = "demo", **more: str) -> subprocess.CompletedProcess:
        Path(self.environment["CALLS"]).write_text("")
        return subprocess.run(
            [str(shutil.which("sh")), "tools/install.sh", part],
            cwd=more.get("PWD", self.project),
            env=self.environment | more,
            capture_output=True,
            text=True,
        )

    def calls(self) -> list[str]:
        """What uv and the Pythons were asked to do, but for the search for a Python."""
        lines = Path(self.environment["CALLS"]).read_text().splitlines()
        return [line for line in lines if not line.startswith(("uv python find", "uv --v"))]

    def installed(self) -> Path:
        """The Python that .venv was made of."""
        stamp = (self.project / ".venv" / ".installed").read_text()
        return (self.bin / stamp.partition("|")[0]).resolve()

    def packages(self) -> set[str]:
        text = (self.project / ".venv" / "packages.txt").read_text()
        return set(re.findall(r"^([\w-]+)==", text, re.MULTILINE))


def says(done: subprocess.CompletedProcess) -> str:
    """The only line of a command that refuses."""
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def megabytes(done: subprocess.CompletedProcess) -> int:
    assert done.returncode == 0
    return int(re.findall(r"about (\d+) MB", done.stderr)[0])


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """A machine with neither Python nor uv."""
    return Machine(tmp_path)


@pytest.fixture
def usual(bare: Machine) -> Machine:
    """A machine with one Python and uv."""
    bare.python("python3", "3.11.4")
    bare.uv()
    return bare


PYENV = "../home/.pyenv/versions/3.12.7/bin/python3"


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3": "3.11.0"}, "python3"),
        ({"python3": "3.12.4", "python3.13": "3.13.1"}, "python3"),
        ({"python3": "3.14.0", "python3.11": "3.11.2"}, "python3.11"),
        ({"python3.11": "3.11.2", "python3.12": "3.12.9"}, "python3.12"),
        ({"python3": "3.10.3", PYENV: "3.12.7"}, PYENV),
        ({PYENV: "3.12.7"}, PYENV),
        ({"python3": "2.7.18", "python3.13": "3.13.0"}, "python3.13"),
        ({"python3": "3.13.0 free-threaded", "python3.13": "3.13.0"}, "python3.13"),
        ({"python3": "3.13.0 32-bits", "python3.12": "3.12.0"}, "python3.12"),
        ({"python3": "3.11.0 pypy", "python3.11": "3.11.0"}, "python3.11"),
        ({"python3.11": "3.11.0", PYENV: "3.12.7"}, "python3.11"),
        ({"python3": "3.12.0 talks"}, "python3"),
        ({"python3": "3.13.5 bare", "python3.12": "3.12.0"}, "python3.12"),
    ],
)
def test_the_first_suitable_python_is_found(bare, pythons, taken):
    for name, version in pythons.items():
        bare.python(name, version)
    done = bare.install()
    assert done.returncode == 0, done.stderr
    assert bare.installed() == (bare.bin / taken).resolve()
    version = pythons[taken].split()[0]
    line = rf"Installing packages into .venv for Python {version}: about \d+ MB to .*once\n"
    assert re.fullmatch(line, done.stderr)


def test_a_python_of_uv_is_found(bare):
    bare.uv()
    bare.python("python3", "3.14.0")
    found = bare.python("../uv's/python3.12", "3.12.1")
    assert bare.install(UV_FINDS=str(found)).returncode == 0
    assert bare.installed() == found.resolve()


def test_uv_needs_no_module_venv(bare):
    bare.uv()
    python = bare.python("python3", "3.13.5 bare")
    assert bare.install().returncode == 0
    assert bare.installed() == python


@pytest.mark.parametrize(
    ("python", "command", "advice"),
    [
        ("3.14.0", None, "python3 is 3.14.0: install Python 3.13, or uv and"),
        ("", None, "there is no python3: install Python 3.13, or uv and then `uv python"),
        ("3.9.1", "pyenv", "is 3.9.1: run `pyenv install 3.13`, and run the"),
        ("3.15.0", "brew", "is 3.15.0: run `brew install python@3.13`, and"),
        ("3.14.0", "uv", "is 3.14.0: run `uv python install 3.13`, and run"),
        ("3.13.5 bare", None, "apt install python3.13-venv) or uv, and run"),
        ("3.13.0 free-threaded", None, "is 3.13.0 (free-threaded): install"),
        ("3.13.0 32-bits", None, "python3 is 3.13.0 (32 bits): install"),
        ("3.12.0 pypy", None, "python3 is 3.12.0 (pypy): install Python 3.13"),
    ],
)
def test_no_suitable_python_is_one_line_before_anything_is_done(bare, python, command, advice):
    if python:
        bare.python("python3", python)
    if command:
        bare.executable(bare.bin / command, UV)
    assert advice in says(bare.install())
    assert bare.calls() == []
    assert not (bare.project / ".venv").exists()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("python3.14", "PYTHON=python3.14: TensorFlow has no packages for it; allowed: p"),
        ("python3.12", "PYTHON=python3.12 is not here: install Python 3.12, or uv and"),
        (
            "3.12",
            "PYTHON=3.12 does not run; allowed: python3.11 to python3.13, or the path",
        ),
        ("old", "PYTHON=old is Python 3.8.2; allowed: python3.11 to python3.13, or"),
        ("bare", "python3.13 cannot make environments: install its module venv"),
        ("/nowhere/python3", "PYTHON=/nowhere/python3 does not run; allowed: python3"),
    ],
)
def test_a_python_that_was_asked_for_and_cannot_be_used(bare, named, message):
    bare.python("python3", "3.11.4")
    bare.python("old", "3.8.2")
    bare.python("bare", "3.13.1 bare")
    assert says(bare.install(PYTHON=named)).startswith(message)


def test_a_python_that_was_asked_for_replaces_the_other_and_stays(usual):
    other = usual.python(PYENV, "3.12.7")
    assert usual.install().returncode == 0
    assert usual.install(PYTHON="python3.12").returncode == 0
    assert usual.installed() == other.resolve()
    assert usual.install().returncode == 0
    assert usual.calls() == []
    assert usual.install(PYTHON=str(usual.bin / "python3")).returncode == 0
    assert usual.installed() == usual.bin / "python3"


SYNC = "uv pip sync --python .venv/bin/python --require-hashes --quiet .venv/packages.txt"
PIP = "python -m pip install --disable-pip-version-check --require-hashes --no-deps"


def test_each_part_is_installed_once(usual):
    size = megabytes(usual.install("demo"))
    few = usual.packages()
    assert {"numpy", "dvc", "keras"} < few
    assert not few & {"pytest", "tensorflow-datasets", "uv"}
    assert usual.install("demo").stderr == ""
    assert usual.calls() == []
    # Only what is new.
    assert 0 < megabytes(usual.install("all")) < size / 2
    assert usual.calls() == [SYNC]
    assert usual.packages() > few | {"pytest", "tensorflow-datasets"}
    for part in ("demo", "all"):
        assert usual.install(part).stderr == ""
        assert usual.calls() == []


def test_an_unknown_part_is_refused(usual):
    assert says(usual.install("demoo")) == "usage: sh tools/install.sh demo, or all"
    assert usual.calls() == []


def test_what_is_installed_follows_the_lock_file(usual):
    usual.install("all")
    with (usual.project / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    # The demo's packages alone would take away what another command has installed.
    assert "what changed to download" in usual.install("demo").stderr
    assert usual.calls() == [SYNC]
    assert "pytest" in usual.packages()


@pytest.mark.parametrize(
    "what", ["moved", "python gone", "python changed", "python too old", "stopped"]
)
def test_an_environment_that_cannot_be_used_is_made_again(usual, what):
    usual.install()
    # Not used either: it is in what is made again.
    left = usual.executable(usual.project / ".venv/bin/uv", "#!/bin/sh\nexit 1\n")
    stamp, python = (usual.project / ".venv" / name for name in (".installed", "bin/python"))
    if what == "moved":
        stamp.write_text(stamp.read_text().replace("/project|", "/elsewhere|"))
    elif what == "python too old":
        usual.python("python3", "3.10.0")
        usual.python("python3.12", "3.12.0")
    elif what == "stopped":
        stamp.write_text("")
    else:
        python.unlink()
    if what == "python changed":
        python.symlink_to(usual.python("python3.13", "3.13.0"))
    assert usual.install().returncode == 0
    assert not left.exists()
    assert usual.install().stderr == ""


def test_a_second_installation_waits_for_its_turn(usual):
    with (usual.project / "pyproject.toml").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = usual.install()
    assert says(done).startswith("another make installs packages into .venv; wait")
    assert usual.calls() == []
    assert usual.install().returncode == 0


def test_a_uv_that_does_not_run_is_not_used(usual):
    assert usual.install(UV_BROKEN="1").returncode == 0
    assert usual.calls()[0] == "python3 -m venv .venv"


def test_other_names_of_the_same_python_and_folder_are_the_same(usual, tmp_path):
    usual.install()
    (usual.bin / "python3.11").symlink_to(usual.bin / "python3")
    assert usual.install(PYTHON=str(usual.bin / "python3.11")).stderr == ""
    (tmp_path / "link").symlink_to(usual.project)
    assert usual.install(PWD=str(tmp_path / "link")).stderr == ""
    assert usual.calls() == []


def test_a_folder_that_path_cannot_hold_is_refused(tmp_path):
    done = Machine(tmp_path / "a:b").install()
    assert says(done).startswith("the name of this folder has a colon")


@pytest.mark.parametrize("what", ["made by hand", "a link"])
def test_an_environment_of_the_user_is_left_alone(usual, tmp_path, what):
    environment = usual.project / ".venv"
    if what == "a link":
        environment.symlink_to(tmp_path / "not mounted")
    else:
        usual.executable(environment / "bin" / "python", "")
    assert says(usual.install()).startswith(".venv ")
    assert usual.calls() == []
    assert environment.is_symlink() or (environment / "bin" / "python").exists()


def test_pip_fetches_uv_where_it_is_missing(bare):
    bare.python("python3", "3.11.4")
    with_pip = megabytes(bare.install())
    assert bare.calls() == [
        "python3 -m venv .venv",
        f"{PIP} --no-compile --quiet -r .venv/uv.txt",
        SYNC,
    ]
    uv = (bare.project / ".venv" / "uv.txt").read_text()
    assert re.findall("^[a-z].*==", uv, re.MULTILINE) == ["uv=="]
    shutil.rmtree(bare.project / ".venv")
    bare.uv()
    assert megabytes(bare.install()) < with_pip


def test_pip_takes_over_where_uv_fails(usual):
    done = usual.install(UV_FAILS="1")
    assert done.returncode == 0
    assert done.stderr.splitlines()[1:] == ["uv could not install them; trying pip"]
    assert usual.calls()[-2:] == [
        "python -m ensurepip",
        f"{PIP} --no-compile --quiet -r .venv/packages.txt",
    ]
    assert usual.install().stderr == ""


def test_modules_are_compiled_at_once_where_they_cannot_be_later(usual):
    usual.install(UV_FAILS="1", PYTHONDONTWRITEBYTECODE="1")
    assert usual.calls()[-1] == f"{PIP} --quiet -r .venv/packages.txt"


def test_a_failed_installation_says_so_and_is_tried_again(bare):
    bare.python("python3", "3.11.4 no network")
    for _ in range(2):
        done = bare.install()
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("error: the packages could not be")
        assert bare.calls()[0] == "python3 -m venv .venv"


@pytest.mark.parametrize("how", ["before", "half way"])
def test_a_failed_update_costs_nothing_that_was_whole(bare, how):
    bare.python("python3", "3.11.4 no network")
    bare.uv()
    assert bare.install().returncode == 0
    lock = bare.project / "requirements.lock"
    before = lock.read_text()
    lock.write_text(before + "# changed\n")
    assert bare.install(UV_FAILS=how).returncode == 1
    # pip would take for whole what uv left half done.
    assert any("pip install" in call for call in bare.calls()) == (how == "before")
    lock.write_text(before)
    assert bare.install().returncode == 0
    made = f"uv venv --quiet --allow-existing --python {bare.bin}/python3 .venv"
    assert bare.calls()[:1] == ([] if how == "before" else [made])
