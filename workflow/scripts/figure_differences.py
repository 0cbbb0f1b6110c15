"""Draw the differences between sources."""

from xstilts.reporting.figures.differences import figure_differences
from xstilts.reporting.job import run_table_job

if __name__ == "__main__":
    run_table_job(figure_differences, __doc__)
