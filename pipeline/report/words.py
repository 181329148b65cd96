"""The words of the report: Jinja2 templates, and the formats of what they print."""

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.report import facts
from pipeline.tables import published
from pipeline.tables.rows import cells, group, record, records

# What the tables call by a name that is not plain English.
DISPLAY = {
    "one_pixel": "one pixel",
    "patch_2x2": "2 x 2 patch",
    "exact": "exact Bayes",
    "known_p": "p known",
    "prior_only": "counts ignored",
    "gru": "GRU",
    "lstm": "LSTM",
}
# No network has more layers.
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")

NEGATIVE_ZERO = re.compile(r"(?<![\w.])-(0\.0+)(?![\d.e])")


def render(template: str, **context: Any) -> str:
    """A template filled in.

    Raises:
        jinja2.UndefinedError: if it names something that it is not given.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Markdown; `page.html` shows markup as text
    )
    filters: list[Any] = [cells, format_each, join_words, layers, number, percent, pm]
    filters += [several_trainings, sign, span, spread, vector, versus, words]
    environment.filters |= {function.__name__: function for function in filters}
    environment.globals |= {"group": group, "record": record, "records": records}
    environment.globals |= {"facts": facts, "figure": figure, "published": published}
    # A small number below zero may round to it.
    return NEGATIVE_ZERO.sub(r"\1", environment.get_template(template).render(context))


def figure(name: str, alt: str, caption: str, *data: str) -> str:
    """A figure with its caption and links to its data; `alt` is for who does not see it."""
    links = ", ".join(f"[{path}]({path})" for path in data)
    return f"![{alt}](figures/{name}.png)\n\n*{caption}* Data: {links}."


def number(value: float, form: str = ".3f") -> str:
    """A number in one of Python's formats, such as ".3f", "+.4f" or ","; a dash for NaN."""
    return "-" if math.isnan(value) else format(value, form)


def pm(mean: float, standard_error: float, digits: int = 3, plus: str = "") -> str:
    """Mean ± standard error; the mean alone if nothing varies or there is one value.

    With `plus` "+" a positive mean has its sign, as a difference should.
    """
    text = number(mean, f"{plus}.{digits}f")
    return f"{text} ± {standard_error:.{digits}f}" if standard_error > 0 else text


def span(mean: float, low: float, high: float, form: str, factor: float = 1) -> str:
    """Mean and its interval, or a range; the mean alone if there is none or nothing varies."""
    ends = f" ({number(factor * low, form)} to {number(factor * high, form)})"
    return number(factor * mean, form) + ends * (low < high)


def spread(
    table: pd.DataFrame,
    form: str,
    factor: float = 1,
    low: str = "low",
    high: str = "high",
    **where: Any,
) -> str:
    """The `span` of the row that has these values; a dash if there is none."""
    found = records(table, **where)
    if not found:
        return "-"
    (row,) = found
    return span(row.mean, getattr(row, low), getattr(row, high), form, factor)


def percent(share: float, standard_error: float = math.nan, digits: int = 2, plus: str = "") -> str:
    """A share as percentage, without its symbol, and its standard error if there is one."""
    return pm(100 * share, 100 * standard_error, digits, plus)


def several_trainings(row: Any, quantity: str, digits: int) -> str:
    """Mean and range over trainings, such as "0.157 (0.147 to 0.173)"; a dash without any.

    One training has no range. A share is in per cent.
    """
    scale = 100 if quantity == "accuracy" else 1
    mean, low, high = (
        number(scale * getattr(row, f"{quantity}_{end}"), f".{digits}f")
        for end in ("mean", "low", "high")
    )
    return f"{mean} ({low} to {high})" if row.trainings > 1 else mean


def sign(row: Any, quantity: str) -> str:
    """What a difference with its standard error says: more than, less than, or neither."""
    verdicts = {1: "more than", -1: "less than", 0: "indistinguishable from"}
    return verdicts[facts.sign(row, quantity)]


def vector(values: Iterable[float], form: str = "g") -> str:
    """Numbers in round brackets."""
    return f"({', '.join(number(value, form) for value in values)})"


def format_each(rows: Iterable[Any], form: str) -> list[str]:
    """Each row in a format with its cells, such as "{0.excess:.5f} ({0.model})"."""
    return [form.format(row) for row in rows]


def join_words(parts: Iterable[str]) -> str:
    """A list as in a sentence: commas, and "and" before the last."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def words(name: str) -> str:
    """What a table calls by this name, in plain words."""
    return DISPLAY.get(name, name.replace("_", " "))


def layers(units: Sequence[int], kind: str) -> str:
    """Layers of a network, such as "two fully connected layers of 64 units"."""
    sizes = map(str, units[:1] if len(set(units)) == 1 else units)
    plural = "s" if len(units) > 1 else ""
    return f"{COUNTS[len(units)]} {kind} layer{plural} of {join_words(sizes)} units"


def versus(
    one: Any, other: Any, quantity: str, more: str = "more than", less: str = "less than"
) -> str:
    """How one mean compares with another: more, less, or no certain difference."""
    verdicts = {1: more, -1: less, 0: "indistinguishable from"}
    return verdicts[facts.compare(one, other, quantity)]


def flatten(values: dict[str, Any]) -> dict[str, str]:
    """Nested values by dotted names, as text; lists with commas."""
    return {
        name: (", ".join(map(str, value)) or "none") if np.ndim(value) else str(value)
        for name, value in pd.json_normalize(values).iloc[0].items()
    }
