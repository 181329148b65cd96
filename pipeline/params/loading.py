"""Reads params.yaml; reports everything wrong in it at once, one line for each problem."""

import json
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from ruamel.yaml import YAML

from pipeline.params import limits
from pipeline.params.sections import Params

FILE = Path("params.yaml")

# Fifty times what the file has. Aliases of aliases (*name) grow exponentially, and an alias
# inside of itself has no end.
MOST_VALUES = 10_000
# Ten times as many brackets, one in the other, as the file could have.
DEEPEST = 100


def load(path: Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        ValueError: if the file cannot be read, is not YAML 1.2 (the dialect that DVC
            reads), or breaks a rule; one line for each problem.
    """
    try:
        # DVC reads the file with the same library and dialect, so both get the same
        # numbers. The library refuses duplicate keys.
        text = path.read_text(encoding="utf-8")
        if _depth(text) > DEEPEST:  # it would search for seconds
            raise ValueError(f"more than {DEEPEST} brackets are open")
        raw = YAML(typ="safe", pure=True).load(text)
    except FileNotFoundError:
        problem = "not found; run from the top folder of the project"
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 at byte {error.start}; save it as UTF-8"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except Exception as error:
        # ruamel.yaml's own errors, and others that unusual tags and depths raise in it.
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        reason = getattr(error, "problem", None) or f"{type(error).__name__}: {error}"
        problem = f"{line}{reason.splitlines()[0]}; correct the YAML there"
    else:
        return check(raw, path)
    raise ValueError(f"{path}: {problem}")


def _depth(text: str) -> int:
    """How many brackets are open at once."""
    change = {"[": 1, "{": 1, "]": -1, "}": -1}
    return max(accumulate(change.get(character, 0) for character in text), default=0)


def check(raw: Any, path: Path = FILE) -> Params:
    """Check parameters as YAML gave them; `path` is named in the messages.

    Raises:
        ValueError: if a rule is broken; one line for each problem.
    """
    problems = _structure_problems(raw)
    if not problems:
        try:
            # As JSON, whose strict rules accept a list for a tuple, but not text for a number.
            params = Params.model_validate_json(json.dumps(raw, default=str))
        except ValidationError as error:
            items = error.errors()
            # pydantic also calls a list too short if its entries are wrong.
            wrong = {item["loc"][:-1] for item in items}
            for item in items:
                if item["type"] != "too_short" or item["loc"] not in wrong:
                    problems += _describe(item)
        else:
            problems += limits.problems(params)
            if not problems:
                return params
    raise ValueError("\n".join(f"{path}: {line}" for line in problems))


def _structure_problems(raw: Any) -> list[str]:
    """One line for each problem that JSON would hide, such as a key that is not text."""
    keys = list(islice(_keys(raw), MOST_VALUES + 1))
    if len(keys) > MOST_VALUES:
        return [f"more than {MOST_VALUES} values; write values instead of YAML's aliases"]
    if not isinstance(raw, dict):
        return [f"got {raw!r:.40}; allowed: a mapping of sections"]
    return [
        f"{_dotted((*place, key))}: got the key {key!r:.40}; allowed: text, in quotes"
        for place, key in keys
        if not isinstance(key, str)
    ]


def _keys(raw: Any) -> Iterator[tuple[tuple, Any]]:
    """Every key in a nested structure, after the keys that lead to it; "" in a list."""
    left: list[tuple[tuple, Any]] = [((), raw)]
    while left:
        place, value = left.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                yield place, key
                left.append(((*place, key), inner))
        elif isinstance(value, list):
            for inner in value:
                yield place, ""
                left.append((place, inner))


def _dotted(keys: Iterable) -> str:
    """The name of a place; a key may contain line breaks, but a problem has one line."""
    return ".".join(map(str, keys)).encode("unicode_escape").decode()


def _describe(item: Any) -> list[str]:
    """One line for each problem of an item of pydantic's list: where, got, allowed."""
    where = _dotted(key for key in item["loc"] if key != "[key]")
    if item["type"] == "value_error":
        # If a section finds a fault in one of its fields, the line begins with its name.
        lines = str(item["ctx"]["error"]).splitlines()
        return [f"{where}{'' if line.startswith('.') else ': '}{line}" for line in lines]
    if item["type"] == "missing":
        return [f"{where}: missing; add it"]
    if item["type"] == "extra_forbidden":
        return [f"{where}: unknown key; {_known_keys(item['loc'])}"]
    # Such as "Tuple should have at least 1 item after validation, not 0".
    allowed = re.sub(r"^\w+ should (be |have |match )?| after .*", "", item["msg"])
    return [f"{where}: got {item['input']!r:.60}; allowed: {allowed}"]


def _known_keys(location: tuple) -> str:
    """The keys that are known where an unknown one is, and the most similar one."""
    kind: Any = Params
    for key in location[:-1]:
        # Beside sections there are dictionaries of sections.
        is_section = hasattr(kind, "model_fields")
        kind = kind.model_fields[key].annotation if is_section else get_args(kind)[1]
    known = kind.model_fields
    similar = get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean {similar[0]}? " if similar else ""
    return f"{hint}allowed: {', '.join(known)}"
