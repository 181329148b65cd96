"""What `dvc exp run -S` leaves of params.yaml: comments and blank lines hang on keys alone."""

import re
import shutil

import pytest
from dvc.utils.hydra import apply_overrides

from pipeline.params import loading
from tests.params.wrong_values import COMMITTED, FIELDS, PLACES


def read_remarks(text: str) -> list[str]:
    """Comments and blank lines, in their order."""
    return re.findall(r"#.*|\n\n", text)


@pytest.mark.parametrize("place", FIELDS)
def test_every_comment_is_still_there_after_a_change(tmp_path, place):
    file = tmp_path / loading.FILE
    value = PLACES[place]
    # A list may get longer, shorter and empty.
    changed = [[*value, 9], value[:1], []] if isinstance(value, list) else [7]
    for other in changed:
        shutil.copy(COMMITTED, file)
        apply_overrides(file, [f"{place}={other}".replace(" ", "")])
        assert read_remarks(file.read_text()) == read_remarks(COMMITTED.read_text())
