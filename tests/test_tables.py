import math

import pytest
from markdown_it import MarkdownIt

from pipeline import tables

NAN = math.nan


def test_markdown_by_hand():
    table = tables.markdown(["name", "a", "b"], [["x", "1", "2"], ["y", "3", "4"]])
    assert table == (
        "| name | a | b |\n| --- | ---: | ---: |\n| x | 1 | 2 |\n| y | 3 | 4 |"
    )


def test_a_cell_cannot_break_its_table():
    table = tables.markdown(["h", "p(a|b)"], [["one\ntwo", "|"], ["x", "y"]])
    html = MarkdownIt("commonmark").enable("table").render(table)
    assert html.count("<tr>") == 3
    for cell in ("p(a|b)</th>", "<td>one two</td>", ">|</td>", ">y</td>"):
        assert cell in html
    assert html.count("<td") == 4


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [(1.23456, 3, "1.235"), (-0.5, 1, "-0.5"), (2, 0, "2"), (NAN, 3, "-")],
)
def test_number(value, digits, expected):
    assert tables.number(value, digits) == expected


@pytest.mark.parametrize(
    ("mean", "error", "digits", "expected"),
    [
        (1.23456, 0.0456, 2, "1.23 ± 0.05"),
        (1.23456, NAN, 2, "1.23"),
        (1.23456, 0.0, 1, "1.2 ± 0.0"),
        (NAN, NAN, 3, "-"),
    ],
)
def test_estimate(mean, error, digits, expected):
    assert tables.estimate(mean, error, digits) == expected


@pytest.mark.parametrize(
    ("share", "digits", "expected"),
    [(0.12345, 2, "12.35"), (1, 1, "100.0"), (0, 0, "0"), (NAN, 2, "-")],
)
def test_percent(share, digits, expected):
    assert tables.percent(share, digits) == expected
