import pandas as pd
import pytest

from pipeline.tables import rows

CELLS = {"p_0": 0.0, "p_1": 0.1, "p_2": 0.2, "exact_p_1": 0.3, "p_10": 0.4}
MODELS = {"model": ["M1", "M1", "M2", "M1"], "units": [2, 4, 2, 8], "count": [5, 6, 7, 8]}
TABLE = pd.DataFrame(MODELS | CELLS)


def test_rows_are_selected_by_all_columns():
    assert rows.select(TABLE, model="M1", units=2).index.tolist() == [0]
    assert len(rows.select(TABLE)) == 4
    # A cell, not the method of a tuple.
    assert [row.count for row in rows.records(TABLE, model="M1")] == [5, 6, 8]


def test_a_record_is_the_only_one():
    assert rows.record(TABLE, model="M2").count == 7
    for where in ({"model": "M1"}, {"model": "M9"}):
        with pytest.raises(ValueError, match="unpack"):
            rows.record(TABLE, **where)


def test_groups_keep_the_order_of_the_table():
    groups = rows.group(TABLE.iloc[::-1], "model")
    assert [[row.units for row in some] for some in groups] == [[8, 4, 2], [2]]
    assert len(rows.group(TABLE, "model", "units")) == 4


def test_numbered_columns_leave_the_reset_and_others_out():
    assert rows.numbered_columns(TABLE.columns, "p") == ["p_1", "p_2", "p_10"]
    assert rows.cells(rows.records(TABLE)[0], "p") == [0.1, 0.2, 0.4]
