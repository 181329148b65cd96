"""tools/install.sh with Pythons and a uv that only pretend: nothing is downloaded."""

import fcntl
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What the script may use of the system; everything else on its PATH is made here. The
# pretended uv needs `ln`.
TOOLS = "cksum env find grep ls mkdir mv paste rm rmdir sed sh tr ln"

# Answers as another Python would, makes environments, and writes down what pip is to do.
PYTHON = """#!{executable}
import os, sys, sysconfig, types
arguments, network = sys.argv[1:], True
if arguments == ["--version"]:
    print("Python {version}")
elif arguments[0] == "-c":
    sys.argv = ["-c", *arguments[2:]]
    sys.version_info = tuple(map(int, "{version}".split(".")))
    sys.executable = os.path.abspath(__file__)
    {trait}
    exec(arguments[1])
else:
    {trait}
    with open(os.environ["CALLS"], "a") as calls:
        print(os.path.basename(__file__), *arguments, file=calls)
    if arguments[:2] == ["-m", "venv"]:
        os.makedirs(".venv/bin")
        os.symlink(os.path.abspath(__file__), ".venv/bin/python")
    if arguments[-1] == ".venv/uv.txt" and network:
        os.symlink(os.environ["UV"], ".venv/bin/uv")
    sys.exit(arguments[1] == "pip" and not network)
"""
TRAITS = {
    "32-bits": "sys.maxsize = 2**31 - 1",
    "bare": "sys.modules['ensurepip'] = None",
    "free-threaded": "sysconfig.get_config_var = {'Py_GIL_DISABLED': 1}.get",
    "offline": "network = False",
    "pypy": "sys.implementation = types.SimpleNamespace(name='pypy')",
    "talks": "print('hello')",
}
UV = """#!/bin/sh
echo "uv $@" >> "$CALLS"
case "$1 $2" in
    --version*) [ -z "${UV_BROKEN:-}" ] ;;
    "python find") echo "$UV_FINDS" ;;
    "venv --quiet") mkdir -p .venv/bin .venv/lib && ln -s "$5" .venv/bin/python ;;
    "pip sync")
        [ "${UV_FAILS:-}" != "half way" ] || echo > .venv/lib/half
        [ -z "${UV_FAILS:-}" ]
        ;;
esac
"""
PYENVS, UVS = "../home/.pyenv/versions/3.12.7/bin/python3", "../uv's/python3.12"


class Machine:
    """A project's folder, and a PATH on which there is what a test puts there."""

    def __init__(self, folder: Path):
        self.project, self.bin = folder / "project", folder / "bin"
        self.said = folder / "calls"
        self.bin.mkdir(parents=True)
        path, uv = f"{self.project}/.venv/bin:{self.bin}", self.put("../hidden/uv", UV)
        self.environment = {"HOME": f"{folder}/home", "CALLS": str(self.said), "PATH": path}
        self.environment |= {"UV": str(uv), "UV_FINDS": str(self.bin / UVS)}
        for tool in TOOLS.split():
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        (self.project / "tools").mkdir(parents=True)
        for name in ("tools/install.sh", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / name, self.project / name)

    def put(self, name: str, text: str) -> Path:
        """A program on PATH, or at that path: a script; or a Python of a version, and a trait."""
        path = self.bin / name
        if not text.startswith("#!"):
            version, _, trait = text.partition(" ")
            trait = TRAITS.get(trait, "pass")
            text = PYTHON.format(executable=sys.executable, version=version, trait=trait)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def run(self, part: str = "demo", **more: str) -> subprocess.CompletedProcess:
        self.said.write_text("")
        return subprocess.run(
            [str(shutil.which("sh")), "tools/install.sh", part],
            cwd=more.get("PWD", self.project),
            env=self.environment | more,
            capture_output=True,
            text=True,
        )

    def install(self, part: str = "demo", **more: str) -> str:
        """What a command says that succeeds; nothing if all is there already."""
        done = self.run(part, **more)
        assert done.returncode == 0, done.stderr
        assert done.stderr or not self.calls()
        return done.stderr

    def refuse(self, part: str = "demo", **more: str) -> str:
        """The only line of a command that refuses, and does nothing."""
        done = self.run(part, **more)
        assert (done.returncode, self.calls()) == (1, [])
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    def calls(self) -> list[str]:
        """What uv and the Pythons were asked to do, but for the search for a Python."""
        lines = self.said.read_text().splitlines()
        return [line for line in lines if not line.startswith(("uv python find", "uv --v"))]

    def installed(self) -> Path:
        """The Python that .venv was made of."""
        return Path((self.project / ".venv/.installed").read_text().partition("|")[0])

    def packages(self, file: str = "packages.txt") -> set[str]:
        text = (self.project / ".venv" / file).read_text()
        return set(re.findall(r"^([\w-]+)==", text, re.MULTILINE))


def megabytes(said: str) -> int:
    return int(re.findall(r"about (\d+) MB", said)[0])


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """A machine with neither Python nor uv."""
    return Machine(tmp_path)


@pytest.fixture
def usual(bare: Machine) -> Machine:
    bare.put("python3", "3.11.4")
    bare.put("uv", UV)
    return bare


@pytest.mark.parametrize(
    ("here", "taken"),
    [
        ({"python3": "3.12.4", "python3.13": "3.13.1"}, "python3"),
        ({"python3": "3.14.0", "python3.11": "3.11.2", "python3.12": "3.12.9"}, "python3.12"),
        ({"python3": "3.13.5 bare", "python3.11": "3.11.0", PYENVS: "3.12.7"}, "python3.11"),
        ({"python3": "3.10.3", PYENVS: "3.12.7"}, PYENVS),
        ({"python3": "3.12.0 talks"}, "python3"),
        # uv has Pythons of its own, and needs no module venv.
        ({"python3": "3.14.0", "uv": UV, UVS: "3.12.1"}, UVS),
        ({"python3": "3.13.5 bare", "uv": UV}, "python3"),
    ],
)
def test_the_first_suitable_python_is_found(bare, here, taken):
    for name, text in here.items():
        bare.put(name, text)
    version = here[taken].split()[0]
    line = rf"Installing packages into .venv for Python {version}: about \d+ MB to .*once\n"
    assert re.fullmatch(line, bare.install())
    assert bare.installed() == (bare.bin / taken).resolve()


THREE = {"python3": "3.11.4", "old": "3.8.2", "bare": "3.13.1 bare"}


@pytest.mark.parametrize(
    ("here", "named", "message"),
    [
        ({}, "", "there is no python3: install Python 3.13, or uv and then `uv python"),
        ({"python3": "2.7.18", "pyenv": UV}, "", "is 2.7.18: run `pyenv install 3.13`, and run"),
        ({"python3": "3.15.0", "brew": UV}, "", "is 3.15.0: run `brew install python@3.13`, and"),
        ({"python3": "3.14.0", "uv": UV}, "", "is 3.14.0: run `uv python install 3.13`, and run"),
        ({"python3": "3.13.5 bare"}, "", "apt install python3.13-venv) or uv, and run"),
        ({"python3": "3.13.0 free-threaded"}, "", "is 3.13.0 (free-threaded): install"),
        ({"python3": "3.13.0 32-bits"}, "", "python3 is 3.13.0 (32 bits): install"),
        ({"python3": "3.12.0 pypy"}, "", "python3 is 3.12.0 (pypy): install Python 3.13"),
        (THREE, "python3.14", "PYTHON=python3.14: TensorFlow has no packages for it; allowed: p"),
        (THREE, "python3.12", "PYTHON=python3.12 is not here: install Python 3.12, or uv and"),
        (THREE, "3.12", "PYTHON=3.12 does not run; allowed: python3.11 to python3.13, or the path"),
        (THREE, "old", "PYTHON=old is Python 3.8.2; allowed: python3.11 to python3.13, or"),
        (THREE, "bare", "python3.13 cannot make environments: install its module venv"),
    ],
)
def test_no_suitable_python_is_one_line_before_anything_is_done(bare, here, named, message):
    for name, text in here.items():
        bare.put(name, text)
    assert message in bare.refuse(PYTHON=named)
    assert not (bare.project / ".venv").exists()


def test_a_python_that_was_asked_for_replaces_the_other_and_stays(usual, tmp_path):
    other, python3 = usual.put(PYENVS, "3.12.7").resolve(), usual.bin / "python3"
    for named, taken in (("", python3), ("python3.12", other), (str(python3), python3)):
        assert usual.install(PYTHON=named) != ""
        assert usual.installed() == taken
        assert usual.install() == ""
    # Other names of the same Python and folder are the same.
    (usual.bin / "link").symlink_to(python3)
    (tmp_path / "link").symlink_to(usual.project)
    assert usual.install(PYTHON=str(usual.bin / "link"), PWD=str(tmp_path / "link")) == ""


SYNC = "uv pip sync --python .venv/bin/python --require-hashes --quiet .venv/packages.txt"
PIP = "python -m pip install --disable-pip-version-check --require-hashes --no-deps"


def test_each_part_is_installed_once(usual):
    size = megabytes(usual.install("demo"))
    few = usual.packages()
    assert {"numpy", "dvc", "keras"} < few
    assert not few & {"pytest", "tensorflow-datasets", "uv"}
    assert usual.install("demo") == ""
    # Only what is new.
    assert 0 < megabytes(usual.install("all")) < size / 2
    assert usual.calls() == [SYNC]
    assert usual.packages() > few | {"pytest", "tensorflow-datasets"}
    assert usual.install("demo") == usual.install("all") == ""
    # The demo's packages alone would take away what another command has installed.
    with (usual.project / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert "what changed to download" in usual.install("demo")
    assert usual.calls() == [SYNC]
    assert "pytest" in usual.packages()


@pytest.mark.parametrize(
    "change",
    [
        # Moved, Python gone, another one, too old a one, stopped.
        's=$(sed "s,/project|,/elsewhere|," .venv/.installed) && echo "$s" >.venv/.installed',
        "rm .venv/bin/python",
        "ln -sf ../../../bin/python3.13 .venv/bin/python",
        "mv ../bin/python3.10 ../bin/python3",
        ": >.venv/.installed",
    ],
)
def test_an_environment_that_cannot_be_used_is_made_again(usual, change):
    for minor in (10, 13):
        usual.put(f"python3.{minor}", f"3.{minor}.0")
    usual.install()
    # Not used either: it is in what is made again.
    left = usual.put("../project/.venv/bin/uv", "#!/bin/sh\nexit 1\n")
    subprocess.run(["sh", "-c", change], cwd=usual.project, check=True)
    assert usual.install() != ""
    assert not left.exists()
    assert usual.install() == ""


def test_what_would_do_harm_is_refused(usual, tmp_path):
    assert usual.refuse("demoo") == "usage: sh tools/install.sh demo, or all"
    refused = Machine(tmp_path / "a:b").refuse()
    assert refused == "the name of this folder has a colon, which PATH cannot hold"
    with (usual.project / "pyproject.toml").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert usual.refuse().startswith("another make installs packages into .venv; wait")
    environment = usual.project / ".venv"
    environment.symlink_to(tmp_path / "not mounted")
    assert usual.refuse() == ".venv is a link: remove it"
    environment.unlink()
    python = usual.put("../project/.venv/bin/python", "#!")
    assert usual.refuse() == ".venv was not made by make: move it elsewhere"
    assert python.exists()


def test_pip_fetches_uv_where_it_is_missing_or_does_not_run(bare):
    bare.put("python3", "3.11.4")
    with_pip = megabytes(bare.install())
    by_pip = ["python3 -m venv .venv", f"{PIP} --no-compile --quiet -r .venv/uv.txt", SYNC]
    assert bare.calls() == by_pip
    assert bare.packages("uv.txt") == {"uv"}
    bare.put("uv", UV)
    shutil.rmtree(bare.project / ".venv")
    assert megabytes(bare.install(UV_BROKEN="1")) == with_pip
    assert bare.calls() == by_pip
    shutil.rmtree(bare.project / ".venv")
    assert megabytes(bare.install()) < with_pip


def test_pip_takes_over_where_uv_fails(usual):
    said = usual.install(UV_FAILS="1")
    assert said.splitlines()[1:] == ["uv could not install them; trying pip"]
    by_pip = f"{PIP} --no-compile --quiet -r .venv/packages.txt"
    assert usual.calls()[-2:] == ["python -m ensurepip", by_pip]
    assert usual.install() == ""
    # Modules are compiled at once where they cannot be later.
    usual.install("all", UV_FAILS="1", PYTHONDONTWRITEBYTECODE="1")
    assert usual.calls()[-1] == by_pip.replace("--no-compile ", "")


def test_a_failed_installation_says_so_and_is_tried_again(bare):
    bare.put("python3", "3.11.4 offline")
    for _ in range(2):
        done = bare.run()
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("error: the packages could not be")
        assert bare.calls()[0] == "python3 -m venv .venv"


@pytest.mark.parametrize("how", ["before", "half way"])
def test_a_failed_update_costs_nothing_that_was_whole(usual, how):
    usual.put("python3", "3.11.4 offline")
    usual.install()
    lock = usual.project / "requirements.lock"
    before = lock.read_text()
    lock.write_text(before + "# changed\n")
    assert usual.run(UV_FAILS=how).returncode == 1
    # pip would take for whole what uv left half done.
    assert any("pip install" in call for call in usual.calls()) == (how == "before")
    lock.write_text(before)
    assert (usual.install() == "") == (how == "before")
    made = f"uv venv --quiet --allow-existing --python {usual.bin}/python3 .venv"
    assert usual.calls()[:1] == ([] if how == "before" else [made])
