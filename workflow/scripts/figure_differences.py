"""Draw the differences between sources."""

from xstilts.reporting.rules.figures import figure_differences
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(figure_differences, __doc__)
