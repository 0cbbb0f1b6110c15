"""Build the table of task sizes."""

from xstilts.reporting.rules.tables import table_tasks
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_tasks, __doc__)
