"""What the 2018 write-up said in words, and whether it is so here.

The words in quotation marks, or close to them, are the write-up's. Where networks decide, the
verdict counts trainings: a claim holds if it does in all of them.
"""

import pandas as pd

from pipeline.tables import claims_meta, claims_pixels
from pipeline.tables.evidence import AbsentError, Claim
from pipeline.tables.rows import Tables


def claims(tables: Tables) -> pd.DataFrame:
    """Every claim that these tables can judge."""
    rows = []
    for judge in (*claims_pixels.JUDGES, *claims_meta.JUDGES):
        try:
            rows.append(judge(tables))
        except AbsentError:
            continue
    return pd.DataFrame(rows, columns=Claim._fields)
