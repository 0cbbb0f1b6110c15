"""Decide the claims about the paper."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.claims import table_claims

if __name__ == "__main__":
    run_table_job(table_claims, __doc__)
