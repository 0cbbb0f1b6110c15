"""Build the table of the sources' own dev scores."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.intermediate import table_intermediate

if __name__ == "__main__":
    run_table_job(table_intermediate, __doc__)
