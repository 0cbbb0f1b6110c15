"""Count evaluated texts in the training data of a run."""

from xstilts.reporting.rules.overlaps import overlap_counts
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(overlap_counts, __doc__)
