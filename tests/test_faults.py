"""The committed table of `make faults`, against the kinds of faults and the README."""

import re

import pandas as pd

from faults.__main__ import KINDS, README, TABLE

COUNTS = pd.read_csv(TABLE, index_col="kind")


def test_every_kind_was_tried_and_every_fault_survived():
    assert list(COUNTS.index) == list(KINDS)
    assert (COUNTS["tried"] > 0).all()
    assert (COUNTS["survived"] == COUNTS["tried"]).all()


def test_the_readme_has_the_numbers():
    rows = re.findall(r"^\| (.+?) \| .+ \| (\d+) \|$", README.read_text(), re.MULTILINE)
    tried = {kind: int(count) for kind, count in rows if kind in KINDS}
    assert tried == COUNTS["tried"].to_dict()
