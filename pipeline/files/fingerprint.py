"""One hash of everything that decides the results: code, parameters, versions.

Anyone can compute it. It is SHA-256 of a list of lines, sorted by name, each

    SHA-256 of a file in hexadecimal digits, two spaces, its name, a line feed

as `sha256sum` prints them for the Python modules and templates of CODE and for
numerics.lock. The values of params.yaml are in it as canonical JSON under the name
params.json, so that a comment in params.yaml changes nothing.
"""

import hashlib
import json
from pathlib import Path

from pipeline.params import sections
from pipeline.runtime import versions

TOP = Path(__file__).parents[2]
# The folders that decide bytes: the dependencies on code of the stage `report` in dvc.yaml.
CODE = ("core", "figures", "files", "meta", "pixels", "probes", "report", "stages", "tables")
DIGITS = 16


def fingerprint(params: sections.Params) -> str:
    """The first DIGITS hexadecimal digits of the hash."""
    contents = {
        path.relative_to(TOP).as_posix(): path.read_bytes()
        for folder in CODE
        for path in (TOP / "pipeline" / folder).rglob("*")
        if path.suffix in (".jinja", ".py")
    }
    values = json.dumps(params.model_dump(), sort_keys=True, separators=(",", ":"))
    contents["params.json"] = values.encode()
    contents[versions.PINNED.name] = (TOP / versions.PINNED).read_bytes()
    lines = [f"{_digits(contents[name])}  {name}\n" for name in sorted(contents)]
    return _digits("".join(lines).encode())[:DIGITS]


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
