"""Build the table of the sources' own dev scores."""

from xstilts.reporting.rules.tables import table_intermediate
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_intermediate, __doc__)
