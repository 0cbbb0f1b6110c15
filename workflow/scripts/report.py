"""Write the page of the run."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.page.job import report

if __name__ == "__main__":
    run_table_job(report, __doc__)
