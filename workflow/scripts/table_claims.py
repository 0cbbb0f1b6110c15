"""Decide the claims about the paper."""

from xstilts.reporting.rules.claims import table_claims
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_claims, __doc__)
