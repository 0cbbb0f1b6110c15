"""Draw the training curves."""

from xstilts.reporting.figures.curves import figure_curves
from xstilts.reporting.job import run_table_job

if __name__ == "__main__":
    run_table_job(figure_curves, __doc__)
