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

    def python(self, name: str, version: str, *traits: str) -> Path:
        """A Python of that name on PATH, or at that path."""
        return self.executable(
            self.bin / name, PYTHON.format(version=version, traits=traits)
        )

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

    def installed(self) -> str:
        """The name of the Python that .venv was made of."""
        stamp = (self.project / ".venv" / ".installed").read_text()
        return stamp.partition("|")[0].removeprefix(f"{self.bin}/")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


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
def test_the_first_suitable_python_is_found(machine, pythons, taken):
    for name, kind in pythons.items():
        machine.python(name, *kind.split(maxsplit=1))
    done = machine.install()
    assert done.returncode == 0, done.stderr
    assert Path(machine.bin, machine.installed()).samefile(machine.bin / taken)
    (line,) = done.stderr.splitlines()
    version = pythons[taken].split()[0]
    assert re.fullmatch(
        rf"Installing packages into .venv for Python {version}: about \d+ MB to "
        "download, once",
        line,
    )


def test_a_python_of_uv_is_found(machine):
    machine.uv()
    machine.python("python3", "3.14.0")
    found = machine.python("../uv's/python3.12", "3.12.1")
    assert machine.install(UV_FINDS=str(found)).returncode == 0
    assert Path(machine.installed()).samefile(found)


def test_uv_needs_no_module_venv(machine):
    machine.uv()
    machine.python("python3", "3.13.5", "bare")
    assert machine.install().returncode == 0
    assert machine.installed() == "python3"


@pytest.mark.parametrize(
    ("pythons", "command", "advice"),
    [
        ({"python3": "3.14.0"}, None, "python3 is 3.14.0: install Python 3.13, or uv and"),
        ({}, None, "there is no python3: install Python 3.13, or uv and then `uv python"),
        ({"python3": "3.9.1"}, "pyenv", "is 3.9.1: run `pyenv install 3.13`, and run the"),
        ({"python3": "3.15.0"}, "brew", "is 3.15.0: run `brew install python@3.13`, and"),
        ({"python3": "3.14.0"}, "uv", "is 3.14.0: run `uv python install 3.13`, and run"),
        ({"python3": "3.13.5 bare"}, None, "apt install python3.13-venv) or uv, and run"),
        ({"python3": "3.13.0 free-threaded"}, None, "is 3.13.0 (free-threaded): install"),
        ({"python3": "3.13.0 32-bits"}, None, "python3 is 3.13.0 (32 bits): install"),
        ({"python3": "3.12.0 pypy"}, None, "python3 is 3.12.0 (pypy): install Python 3.13"),
    ],
)
def test_no_suitable_python_is_one_line_before_anything_is_done(
    machine, pythons, command, advice
):
    for name, kind in pythons.items():
        machine.python(name, *kind.split(maxsplit=1))
    if command:
        machine.executable(machine.bin / command, UV)
    done = machine.install()
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert advice in line
    assert machine.calls() == []
    assert not (machine.project / ".venv").exists()


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
def test_a_python_that_was_asked_for_and_will_not_do(machine, named, message):
    machine.python("python3", "3.11.4")
    machine.python("old", "3.8.2")
    machine.python("bare", "3.13.1", "bare")
    done = machine.install(PYTHON=named)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {message}")


def test_a_python_that_was_asked_for_replaces_the_other(machine):
    machine.python("python3", "3.11.4")
    machine.python(PYENV, "3.12.7")
    assert machine.install().returncode == 0
    assert machine.install(PYTHON="python3.12").returncode == 0
    assert machine.installed().endswith("versions/3.12.7/bin/python3")
    # And stays, until another is asked for.
    assert machine.install().returncode == 0
    assert machine.calls() == []
    assert machine.install(PYTHON=str(machine.bin / "python3")).returncode == 0
    assert machine.installed() == "python3"


def packages(machine: Machine) -> set[str]:
    text = (machine.project / ".venv" / "packages.txt").read_text()
    return {line.split("==")[0] for line in text.splitlines() if "==" in line}


SYNC = "uv pip sync --python .venv/bin/python --require-hashes --quiet .venv/packages.txt"


def megabytes(done: subprocess.CompletedProcess) -> int:
    return int(re.findall(r"about (\d+) MB", done.stderr)[0])


def test_each_part_is_installed_once(machine):
    machine.python("python3", "3.11.4")
    machine.uv()
    first = machine.install("demo")
    assert first.returncode == 0
    few = packages(machine)
    assert {"numpy", "dvc", "keras"} < few
    assert not few & {"pytest", "tensorflow-datasets", "uv"}
    assert machine.install("demo").stderr == ""
    assert machine.calls() == []

    second = machine.install("all")
    assert machine.calls() == [SYNC]
    assert packages(machine) > few | {"pytest", "tensorflow-datasets"}
    # Only what is new.
    assert 0 < megabytes(second) < megabytes(first) / 2
    for part in ("demo", "all"):
        assert machine.install(part).stderr == ""
        assert machine.calls() == []


def test_an_unknown_part_is_refused(machine):
    machine.python("python3", "3.11.4")
    done = machine.install("demoo")
    assert (done.returncode, machine.calls()) == (1, [])
    assert done.stderr == "error: usage: sh tools/install.sh demo, or all\n"


def test_what_is_there_follows_the_lock_file(machine):
    machine.python("python3", "3.11.4")
    machine.uv()
    machine.install("all")
    with (machine.project / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    # Only the demo's would take away what another command has installed.
    done = machine.install("demo")
    assert "what changed to download" in done.stderr
    assert machine.calls() == [SYNC]
    assert "pytest" in packages(machine)


@pytest.mark.parametrize(
    "what", ["moved", "python gone", "python changed", "python too old", "stopped"]
)
def test_an_environment_that_cannot_be_used_is_made_again(machine, what):
    machine.python("python3", "3.11.4")
    machine.uv()
    machine.install()
    left = machine.project / ".venv" / "bin" / "uv"
    machine.executable(left, "#!/bin/sh\nexit 1\n")
    stamp = machine.project / ".venv" / ".installed"
    python = machine.project / ".venv" / "bin" / "python"
    if what == "moved":
        stamp.write_text(stamp.read_text().replace("/project|", "/elsewhere|"))
    elif what == "python gone":
        python.unlink()
    elif what == "python changed":
        python.unlink()
        python.symlink_to(machine.python("python3.13", "3.13.0"))
    elif what == "python too old":
        machine.python("python3", "3.10.0")
        machine.python("python3.12", "3.12.0")
    else:
        stamp.write_text("")
    assert machine.install().returncode == 0
    # Also not used: it is in what is made again.
    assert not left.exists()
    assert machine.install().stderr == ""


def test_a_second_installation_waits_for_its_turn(machine):
    machine.python("python3", "3.11.4")
    machine.uv()
    with (machine.project / "pyproject.toml").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = machine.install()
    assert done.returncode == 1
    assert done.stderr.startswith("error: another make installs packages into .venv; wait")
    assert machine.calls() == []
    assert machine.install().returncode == 0


def test_a_uv_that_does_not_run_is_not_used(machine):
    machine.python("python3", "3.11.4")
    machine.uv()
    assert machine.install(UV_BROKEN="1").returncode == 0
    assert machine.calls()[0] == "python3 -m venv .venv"


def test_another_name_of_the_same_python_is_the_same(machine):
    python = machine.python("python3", "3.11.4")
    (machine.bin / "python3.11").symlink_to(python)
    machine.install()
    assert machine.install(PYTHON=str(machine.bin / "python3.11")).stderr == ""


def test_a_folder_that_path_cannot_hold_is_refused(tmp_path):
    machine = Machine(tmp_path / "a:b")
    done = machine.install()
    assert done.stderr.startswith("error: the name of this folder has a colon")


def test_a_link_to_the_folder_is_the_folder(machine, tmp_path):
    machine.python("python3", "3.11.4")
    machine.install()
    link = tmp_path / "link"
    link.symlink_to(machine.project)
    assert machine.install(PWD=str(link)).stderr == ""
    assert machine.calls() == []


@pytest.mark.parametrize("what", ["made by hand", "a link"])
def test_an_environment_of_the_user_is_left_alone(machine, tmp_path, what):
    machine.python("python3", "3.11.4")
    environment = machine.project / ".venv"
    if what == "a link":
        environment.symlink_to(tmp_path / "not mounted")
    else:
        machine.executable(environment / "bin" / "python", "")
    done = machine.install()
    assert done.returncode == 1
    assert done.stderr.startswith("error: .venv ")
    assert machine.calls() == []
    assert environment.is_symlink() or (environment / "bin" / "python").exists()


PIP = "python -m pip install --disable-pip-version-check --require-hashes --no-deps"


def test_pip_fetches_uv_where_it_is_missing(machine):
    machine.python("python3", "3.11.4")
    without_uv = machine.install()
    assert without_uv.returncode == 0
    assert machine.calls() == [
        "python3 -m venv .venv",
        f"{PIP} --no-compile --quiet -r .venv/uv.txt",
        SYNC,
    ]
    uv = (machine.project / ".venv" / "uv.txt").read_text()
    assert re.findall("^[a-z].*==", uv, re.MULTILINE) == ["uv=="]
    shutil.rmtree(machine.project / ".venv")
    machine.uv()
    assert megabytes(machine.install()) < megabytes(without_uv)


def test_pip_takes_over_where_uv_fails(machine):
    machine.python("python3", "3.11.4")
    machine.uv()
    done = machine.install(UV_FAILS="1")
    assert done.returncode == 0
    assert done.stderr.splitlines()[1:] == ["uv could not install them; trying pip"]
    assert machine.calls()[-2:] == [
        "python -m ensurepip",
        f"{PIP} --no-compile --quiet -r .venv/packages.txt",
    ]
    assert machine.install().stderr == ""


def test_modules_are_compiled_at_once_where_they_cannot_be_later(machine):
    machine.python("python3", "3.11.4")
    machine.uv()
    machine.install(UV_FAILS="1", PYTHONDONTWRITEBYTECODE="1")
    assert machine.calls()[-1] == f"{PIP} --quiet -r .venv/packages.txt"


def test_a_failed_installation_says_so_and_is_tried_again(machine):
    machine.python("python3", "3.11.4", "no network")
    for _ in range(2):
        done = machine.install(UV_FAILS="1")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("error: the packages could not be")
        assert machine.calls()[0] == "python3 -m venv .venv"


@pytest.mark.parametrize("how", ["before", "half way"])
def test_a_failed_update_costs_nothing_that_was_whole(machine, how):
    machine.python("python3", "3.11.4", "no network")
    machine.uv()
    assert machine.install().returncode == 0
    lock = machine.project / "requirements.lock"
    before = lock.read_text()
    lock.write_text(before + "# changed\n")
    assert machine.install(UV_FAILS=how).returncode == 1
    # pip would take for whole what uv left half done.
    assert any("pip install" in call for call in machine.calls()) == (how == "before")
    lock.write_text(before)
    again = machine.install()
    assert again.returncode == 0
    assert machine.calls()[:1] == ([] if how == "before" else [VENV.format(machine.bin)])


VENV = "uv venv --quiet --allow-existing --python {}/python3 .venv"
