import math
from types import SimpleNamespace

import jinja2
import pytest

from pipeline.report import words

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (1.23456, ".3f", "1.235"),
        (-0.5, ".1f", "-0.5"),
        (0.5, "+.2f", "+0.50"),
        (12345, ",", "12,345"),
        (NAN, ".3f", "-"),
    ],
)
def test_number(value, form, expected):
    assert words.number(value, form) == expected


@pytest.mark.parametrize(
    ("mean", "error", "digits", "expected"),
    [
        (1.23456, 0.0456, 2, "1.23 ± 0.05"),
        (1.23456, 0.0004, 2, "1.23 ± 0.00"),
        # A single value, and where nothing varies.
        (1.23456, NAN, 2, "1.23"),
        (1.0, 0.0, 1, "1.0"),
        (NAN, NAN, 3, "-"),
    ],
)
def test_mean_and_standard_error(mean, error, digits, expected):
    assert words.pm(mean, error, digits) == expected


def test_percent():
    assert words.percent(0.12345) == "12.35"
    assert words.percent(0.5, 0.0123, 1) == "50.0 ± 1.2"
    assert words.percent(NAN) == "-"


def test_vector():
    assert words.vector([10.0, 1.3, 0]) == "(10, 1.3, 0)"
    assert words.vector([1 / 3, 2 / 3], ".2g") == "(0.33, 0.67)"


@pytest.mark.parametrize(
    ("units", "kind", "expected"),
    [
        ((32,), "GRU", "one GRU layer of 32 units"),
        ((64, 64), "fully connected", "two fully connected layers of 64 units"),
        ((64, 32), "GRU", "two GRU layers of 64 and 32 units"),
        ((1, 2, 3), "GRU", "three GRU layers of 1, 2 and 3 units"),
        ((8,) * 9, "GRU", "9 GRU layers of 8 units"),
    ],
)
def test_layers(units, kind, expected):
    assert words.layers(units, kind) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_a_list_as_in_a_sentence(parts, expected):
    assert words.join_words(part for part in parts) == expected


def test_keys_become_words():
    assert words.words("training_majority") == "training majority"
    assert words.words("patch_2x2") == "2 x 2 patch"


def test_rows_in_a_format():
    rows = [SimpleNamespace(gap=0.5, model="M1"), SimpleNamespace(gap=-1, model="M2")]
    assert words.format_each(rows, "{0.gap:+.1f} ({0.model})") == ["+0.5 (M1)", "-1.0 (M2)"]


@pytest.mark.parametrize(("other", "expected"), [(0.5, "more"), (2, "less")])
def test_versus_names_the_certain_difference(other, expected):
    one, two = (SimpleNamespace(nats=nats, nats_se=0.1) for nats in (1.0, other))
    assert words.versus(one, two, "nats") == f"{expected} than"
    assert words.versus(one, one, "nats") == "indistinguishable from"


def test_a_caption_is_printed_once():
    text = words.figure("a", "Few words", "A whole sentence.", "x.csv", "y.csv")
    assert text == (
        "![Few words](figures/a.png)\n\n*A whole sentence.* Data: [x.csv](x.csv), [y.csv](y.csv)."
    )


def test_parameters_are_flattened():
    values = {"a": 1, "b": {"c": [1.5, 2], "d": {"e": []}}}
    assert words.flatten(values) == {"a": "1", "b.c": "1.5, 2", "b.d.e": "none"}


def test_a_name_that_is_not_given_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="params"):
        words.render("inpainting.md.jinja")
