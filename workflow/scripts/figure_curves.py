"""Draw the training curves."""

from xstilts.reporting.rules.figures import figure_curves
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(figure_curves, __doc__)
