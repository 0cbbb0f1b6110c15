"""Build the tables over seeds."""

from xstilts.reporting.rules.seeds import table_seeds
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_seeds, __doc__)
