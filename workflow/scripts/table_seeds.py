"""Build the tables over seeds."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.seeds import table_seeds

if __name__ == "__main__":
    run_table_job(table_seeds, __doc__)
