"""Build the table of training settings."""

from xstilts.reporting.rules.tables import table_hyperparameters
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_hyperparameters, __doc__)
