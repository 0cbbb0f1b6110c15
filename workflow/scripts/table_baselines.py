"""Build the table of scores without an encoder."""

from xstilts.reporting.rules.tables import table_baselines
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_baselines, __doc__)
