"""Build the main table."""

from xstilts.reporting.rules.main import table_main
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_main, __doc__)
