"""Records as Markdown tables, and numbers as a reader wants them."""

import math
from collections.abc import Iterable, Sequence


def markdown(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns after the first are aligned right."""
    lines = [headers, ["---"] + ["---:"] * (len(headers) - 1), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def number(value: float, digits: int = 3) -> str:
    """A number with so many decimals; a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def estimate(mean: float, standard_error: float, digits: int = 3) -> str:
    """Mean ± standard error; the mean alone where there is no standard error."""
    if math.isnan(standard_error):
        return number(mean, digits)
    return f"{number(mean, digits)} ± {standard_error:.{digits}f}"


def percent(share: float, digits: int = 2) -> str:
    """A share as percentage."""
    return number(100 * share, digits)


def _cell(text: str) -> str:
    # A vertical bar would end the cell, a line feed the row.
    return str(text).replace("|", r"\|").replace("\n", " ")


def vector(values: Iterable[float]) -> str:
    """Numbers in round brackets, a space between them."""
    return "(" + " ".join(f"{value:g}" for value in values) + ")"
