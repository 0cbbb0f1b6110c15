"""Build the table of scores without an encoder."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.baselines import table_baselines

if __name__ == "__main__":
    run_table_job(table_baselines, __doc__)
