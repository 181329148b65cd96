import shutil

import pytest

from pipeline import paths
from pipeline.commands import check
from pipeline.params import loading
from tests.tiny import ROOT


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ({}, "would run train_meta@M1, report"),
        ({"train_meta-M1": "80", "report": "4"}, "would run train_meta@M1, report: about 84 seco"),
        ({"train_meta-M1": "640", "report": "20"}, "would run train_meta@M1, report: about 11 min"),
        (
            {"train_meta-M1": "8", "report": ""},
            "would run train_meta@M1, report: about 8 seconds here, and report, which never ran",
        ),
    ],
)
def test_the_plan_has_the_seconds_of_the_last_runs(folder, seconds, said):
    paths.SECONDS.mkdir(parents=True)
    for name, text in seconds.items():
        (paths.SECONDS / name).write_text(text)
    assert check.describe(["train_meta@M1", "report"]).startswith(said)
    assert check.describe([]) == "every result is up to date"


def test_without_dvc_the_parameters_are_checked(folder, capsys):
    shutil.copy(ROOT / loading.FILE, folder)
    check.main()
    assert capsys.readouterr().out == "params.yaml is right; there is no .dvc\n"
