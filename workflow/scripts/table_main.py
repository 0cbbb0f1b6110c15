"""Build the main table."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.main import table_main

if __name__ == "__main__":
    run_table_job(table_main, __doc__)
