"""The lock files against pyproject.toml and the code, and how they are made."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name

from tools import lock

ROOT = Path(__file__).parents[1]
LOCKED = (ROOT / lock.REQUIREMENTS).read_text()
PROJECT = tomllib.loads((ROOT / lock.PROJECT).read_text())
PARTS = dict(re.findall(r"^# part (\w+):.*\n((?:[ a-z].*\n)+)", LOCKED, re.MULTILINE))

# What the package imports that decides no byte of a stage that computes.
OTHERS = {
    "jaxtyping",  # shapes, executed by the tests alone
    "jinja2",
    "latex2mathml",
    "markdown-it-py",
    "matplotlib",
    "mdit-py-plugins",
    "pydantic",
    "ruamel-yaml",
    "tqdm",
    "zc-lockfile",
}


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def pinned(*parts: str) -> list[str]:
    text = "".join(PARTS[part] for part in parts)
    return re.findall(r"^([\w-]+)==", text, re.MULTILINE)


def test_numerics_are_those_of_the_requirements():
    assert (ROOT / lock.NUMERICS).read_text() == lock.numerics(LOCKED)
    with pytest.raises(KeyError, match="h5py"):
        lock.numerics("numpy==1 \\\n")


def test_every_package_has_one_version_and_hashes():
    everything = pinned(*PARTS)
    assert len(everything) == len(set(everything)) > 100
    blocks = lock.blocks(LOCKED)
    assert len(blocks) == len(everything)
    # Nothing is in the file that is no block: no address, no option.
    rest = LOCKED.removeprefix(lock.REQUIREMENTS_HEAD)
    for block in blocks.values():
        rest = rest.replace(block, "", 1)
    assert set(re.sub(r"^# part .*$", "", rest, flags=re.MULTILINE)) == {"\n"}


def test_each_part_has_what_pyproject_asks_for():
    groups = PROJECT["dependency-groups"]
    assert names(PROJECT["project"]["dependencies"]) <= set(pinned("demo"))
    assert names(groups["mnist"] + groups["test"]) <= set(pinned("demo", "more"))
    assert names(groups["install"]) == set(pinned("uv"))


def test_of_everything_that_is_imported_it_is_known_whether_it_decides_bytes():
    """So that nobody adds a library that computes without a thought of numerics.lock."""
    modules = grimp.build_graph("pipeline", include_external_packages=True).modules
    roots = {module.partition(".")[0] for module in modules}
    foreign = roots - sys.stdlib_module_names - {"pipeline"}
    found = packages_distributions()
    imported = {canonicalize_name(name) for root in foreign for name in found[root]}
    assert imported - set(lock.DECIDE_BYTES) == OTHERS


A1 = "a==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n"
B1 = "b==1 ; python_full_version < '3.12' \\\n    --hash=sha256:b1\n"
B2 = "b==2 ; python_full_version >= '3.12' \\\n    --hash=sha256:b2\n"


def test_what_has_a_version_for_each_python_is_resolved_again():
    assert lock.to_keep(f"# part demo:\n{A1}{B1}\n# part all:\n{B2}") == A1


def test_a_part_leaves_out_what_an_earlier_one_has():
    parts = {"demo": A1, "more": A1 + B1, "uv": A1 + B1 + B2}
    text = lock.requirements(
        {part: lock.blocks(content) for part, content in parts.items()},
        {"a": 11_000_000, "b": 30_000_000},
    )
    demo, more, uv = re.split(r"\n# part \w+: about ", text)[1:]
    assert re.fullmatch(r"20 MB to download \(.+\)\n", demo.removesuffix(A1))
    assert re.fullmatch(r"30 MB to download \(.+\)\n", more.removesuffix(B1))
    assert re.fullmatch(r"30 MB to download \(.+\)\n", uv.removesuffix(B2))


def test_the_file_that_is_counted_is_the_one_for_this_machine():
    ours, *_, theirs = (str(tag) for tag in sys_tags())
    pylock = f"""
[[packages]]
name = "both"
wheels = [
    {{ url = "x/both-1-{theirs}.whl", size = 1 }},
    {{ url = "x/both-1-{ours}.whl", size = 2 }},
]
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
    demo, more = re.findall(r"^# part (?:demo|more): about (\d+ MB)", LOCKED, re.M)
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
