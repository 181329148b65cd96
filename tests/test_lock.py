"""The lock files against pyproject.toml and the code, and how they are made."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name

from pipeline.runtime import versions
from tests.tiny import ROOT
from tools import lock

LOCKED = (ROOT / lock.REQUIREMENTS).read_text()
PROJECT = tomllib.loads((ROOT / lock.PROJECT).read_text())
PARTS = dict(re.findall(r"^# part (\w+):.*\n((?:[ a-z].*\n)+)", LOCKED, re.MULTILINE))

# What the package imports that decides no byte of a stage that computes. The shapes of
# jaxtyping are executed by the tests alone.
OTHERS = "dvc jaxtyping jinja2 latex2mathml markdown-it-py matplotlib mdit-py-plugins pydantic"
OTHERS += " ruamel-yaml tqdm zc-lockfile"


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def pinned(*parts: str) -> list[str]:
    return re.findall(r"^([\w-]+)==", "".join(map(PARTS.__getitem__, parts)), re.MULTILINE)


def test_numerics_are_those_of_the_requirements():
    assert (ROOT / lock.NUMERICS).read_text() == lock.numerics(LOCKED)
    with pytest.raises(KeyError, match="h5py"):
        lock.numerics("numpy==1 \\\n")


def test_every_package_has_one_version_and_hashes():
    everything, blocks = pinned(*PARTS), lock.blocks(LOCKED)
    assert len(everything) == len(set(everything)) == len(blocks) > 100
    # Nothing is in the file that is no block: no address, no option.
    rest = re.sub(r"^# part .*$", "", LOCKED, flags=re.MULTILINE)
    for text in (lock.REQUIREMENTS_HEAD, *blocks.values()):
        rest = rest.replace(text, "", 1)
    assert set(rest) == {"\n"}


def test_the_pinned_versions_are_those_of_the_tests(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert versions.warnings() == []
    # A machine has one of TensorFlow's two packages.
    assert {"keras", "numpy", "scipy", "h5py"} <= versions.installed().keys()
    assert {"tensorflow", "tensorflow-cpu"} & versions.installed().keys()


def test_each_part_has_what_pyproject_asks_for():
    groups = PROJECT["dependency-groups"]
    assert names(PROJECT["project"]["dependencies"]) <= set(pinned("demo"))
    assert names(groups["mnist"] + groups["test"]) <= set(pinned("demo", "more"))
    assert names(groups["install"]) == set(pinned("uv"))


def test_of_everything_that_is_imported_it_is_known_whether_it_decides_bytes():
    """So that nobody adds a library that computes without a thought of numerics.lock."""
    modules = grimp.build_graph("pipeline", include_external_packages=True, cache_dir=None).modules
    roots = {module.partition(".")[0] for module in modules}
    foreign = roots - sys.stdlib_module_names - {"pipeline"}
    found = packages_distributions()
    imported = {canonicalize_name(name) for root in foreign for name in found[root]}
    assert imported - set(lock.DECIDE_BYTES) == set(OTHERS.split())


A1 = "a==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n"
B1 = "b==1 ; python_full_version < '3.12' \\\n    --hash=sha256:b1\n"
B2 = "b==2 ; python_full_version >= '3.12' \\\n    --hash=sha256:b2\n"


def test_a_package_is_in_one_part_and_has_one_version():
    # What has a version for each Python is resolved again.
    assert lock.to_keep(f"# part demo:\n{A1}{B1}\n# part all:\n{B2}") == A1
    # A part leaves out what an earlier one has.
    parts = {"demo": A1, "more": A1 + B1, "uv": A1 + B1 + B2}
    blocks = {part: lock.blocks(content) for part, content in parts.items()}
    text = lock.requirements(blocks, {"a": 11_000_000, "b": 30_000_000})
    found = re.split(r"\n# part \w+: about (\d+) MB to download \(.+\)\n", text)[1:]
    assert found == ["20", A1, "30", B1, "30", B2]


def test_the_file_that_is_counted_is_the_one_for_this_machine():
    ours, *_, theirs = (str(tag) for tag in sys_tags())
    pylock = f"""
[[packages]]
name = "both"
wheels = [{{ url = "both-1-{theirs}.whl", size = 1 }}, {{ url = "both-1-{ours}.whl", size = 2 }}]
[[packages]]
name = "source"
wheels = [{{ url = "x/source-1-cp27-cp27m-win32.whl", size = 3 }}]
sdist = {{ size = 4 }}
[[packages]]
name = "elsewhere"
marker = "python_version < '3'"
sdist = {{ size = 5 }}
"""
    assert lock.download_sizes(pylock) == {"both": 2, "source": 4}


def test_the_readme_says_how_much_is_downloaded():
    demo, more, _ = re.findall(r"^# part \w+: about (\d+ MB)", LOCKED, re.MULTILINE)
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"about {demo} to download for `make demo`, {more} more for the other" in text


def test_a_lock_that_cannot_be_made_is_one_line(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["lock"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"^error: no uv; run `make setup`"):
        lock.main()
    (tmp_path / "uv").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "uv").chmod(0o755)
    with pytest.raises(SystemExit, match=r"^error: uv could not resolve pyproject"):
        lock.main()
    assert (ROOT / lock.REQUIREMENTS).read_text() == LOCKED
