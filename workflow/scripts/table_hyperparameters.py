"""Build the table of training settings."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.hyperparameters import table_hyperparameters

if __name__ == "__main__":
    run_table_job(table_hyperparameters, __doc__)
