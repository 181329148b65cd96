import math
from types import SimpleNamespace

import jinja2
import pytest

from pipeline.report import words

NAN = math.nan


ROWS = [SimpleNamespace(gap=0.5, model="M1"), SimpleNamespace(gap=-1, model="M2")]


def several(trainings: int, mean: float = 0.5) -> SimpleNamespace:
    """Scores of some trainings."""
    accuracy = {"accuracy_mean": 0.812, "accuracy_low": 0.8, "accuracy_high": 0.825}
    nats = {"nats_mean": mean, "nats_low": 0.4, "nats_high": 0.61}
    return SimpleNamespace(trainings=trainings, **accuracy, **nats)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (words.number(1.23456), "1.235"),
        (words.number(-0.5, ".1f"), "-0.5"),
        (words.number(0.5, "+.2f"), "+0.50"),
        (words.number(12345, ","), "12,345"),
        (words.number(NAN, ".3f"), "-"),
        (words.pm(1.23456, 0.0456, 2), "1.23 ± 0.05"),
        (words.pm(1.23456, 0.0004, 2), "1.23 ± 0.00"),
        # A single value, and where nothing varies.
        (words.pm(1.23456, NAN, 2), "1.23"),
        (words.pm(1.0, 0.0, 1), "1.0"),
        (words.pm(NAN, NAN), "-"),
        (words.percent(0.12345), "12.35"),
        (words.percent(0.5, 0.0123, 1), "50.0 ± 1.2"),
        (words.percent(NAN), "-"),
        (words.vector([10.0, 1.3, 0]), "(10, 1.3, 0)"),
        (words.vector([1 / 3, 2 / 3], ".2g"), "(0.33, 0.67)"),
        (words.layers((32,), "GRU"), "one GRU layer of 32 units"),
        (words.layers((64, 64), "fully connected"), "two fully connected layers of 64 units"),
        (words.layers((64, 32), "GRU"), "two GRU layers of 64 and 32 units"),
        (words.layers((1, 2, 3), "GRU"), "three GRU layers of 1, 2 and 3 units"),
        (words.layers((8,) * 8, "GRU"), "eight GRU layers of 8 units"),
        (words.join_words(iter(["a"])), "a"),
        (words.join_words(iter(["a", "b"])), "a and b"),
        (words.join_words(iter(["a", "b", "c"])), "a, b and c"),
        (words.words("training_majority"), "training majority"),
        (words.words("patch_2x2"), "2 x 2 patch"),
        (words.several_trainings(several(5), "accuracy", 1), "81.2 (80.0 to 82.5)"),
        (words.several_trainings(several(5), "nats", 2), "0.50 (0.40 to 0.61)"),
        (words.several_trainings(several(1), "nats", 2), "0.50"),
        (words.several_trainings(several(0, NAN), "nats", 2), "-"),
        (words.format_each(ROWS, "{0.gap:+.1f} ({0.model})"), ["+0.5 (M1)", "-1.0 (M2)"]),
        (
            words.figure("a", "Few words", "A sentence.", "x.csv", "y.csv"),
            "![Few words](figures/a.png)\n\n*A sentence.* Data: [x.csv](x.csv), [y.csv](y.csv).",
        ),
        (
            words.flatten({"a": 1, "b": {"c": [1.5, 2], "d": {"e": (), "f": "x"}}}),
            {"a": "1", "b.c": "1.5, 2", "b.d.e": "none", "b.d.f": "x"},
        ),
    ],
)
def test_formats(found, expected):
    assert found == expected


@pytest.mark.parametrize(("other", "expected"), [(0.5, "more"), (2, "less")])
def test_versus_names_the_certain_difference(other, expected):
    one, two = (SimpleNamespace(nats=nats, nats_se=0.1) for nats in (1.0, other))
    assert words.versus(one, two, "nats") == f"{expected} than"
    assert words.versus(one, one, "nats") == "indistinguishable from"


def test_a_name_that_is_not_given_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="params"):
        words.render("inpainting.md.jinja")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(-0.0000 to +0.0010)", "(0.0000 to +0.0010)"),
        ("-0.0 and -0.0001", "0.0 and -0.0001"),
        ("M1-0.0, -0.00.1, -0.0e1", "M1-0.0, -0.00.1, -0.0e1"),
    ],
)
def test_no_zero_has_a_minus(text, expected):
    assert words.NEGATIVE_ZERO.sub(r"\1", text) == expected
