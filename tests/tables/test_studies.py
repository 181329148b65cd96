import pandas as pd
import pytest

from pipeline.params.sections import MetaModel
from pipeline.tables import studies


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
