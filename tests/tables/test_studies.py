import pandas as pd
import pytest

from faults.damage import flip
from pipeline import paths
from pipeline.params import loading
from pipeline.params.sections import MetaModel
from pipeline.runtime import transaction
from pipeline.tables import studies
from tests.tiny import ROOT


@pytest.mark.parametrize(
    ("reset_every", "alpha", "expected"),
    [
        (5, (10.0, 1.0, 1.0), True),
        (5, (10.0, 1.0, 1.0000001), True),  # tables have six digits
        (5, (10.0, 1.0, 1.001), False),
        (5, (1.0, 10.0, 1.0), False),
        (6, (10.0, 1.0, 1.0), False),
        (5, (10.0, 1.0), False),
        (5, (10.0, 1.0, 1.0, 1.0), False),
    ],
)
def test_studies_cover_a_model_with_the_same_source(reset_every, alpha, expected):
    made_with = {"reset_every": 5, "alpha_1": 10.0, "alpha_2": 1, "alpha_3": 1}
    recipes = pd.DataFrame({"model": ["M1", "M1"]} | made_with)
    model = MetaModel(reset_every=reset_every, alpha=alpha)
    models = {"M1": model, "M2": model}
    assert studies.covered(recipes, models) == ["M1"] * expected


def test_a_table_is_read_if_it_is_the_one_that_was_written(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    models = {name: task for name, task in loading.load().meta.models.items() if name == "M1"}
    whole = {path: path.read_bytes() for path in (*studies.FILES, paths.STUDY_SUMS)}
    monkeypatch.chdir(tmp_path)
    transaction.place(whole)
    assert set(studies.read(models)["recipes"].model) == {"M1"}
    for path in studies.FILES:
        # Another last digit: a whole table, so that nothing else can tell.
        transaction.place({path: flip(whole[path], -2)})
        with pytest.raises(ValueError, match=f"^{path}: not the table that .*studies.sha256 has"):
            studies.read(models)
        transaction.place({path: whole[path]})
    paths.STUDY_SUMS.unlink()
    with pytest.raises(FileNotFoundError, match=f"^{paths.STUDY_SUMS}: not found"):
        studies.read(models)
