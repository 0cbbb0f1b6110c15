"""Build the table of task sizes."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.tasks import table_tasks

if __name__ == "__main__":
    run_table_job(table_tasks, __doc__)
