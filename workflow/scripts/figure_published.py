"""Draw the run against the published numbers."""

from xstilts.reporting.figures.published import figure_published
from xstilts.reporting.job import run_table_job

if __name__ == "__main__":
    run_table_job(figure_published, __doc__)
