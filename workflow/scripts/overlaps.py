"""Count evaluated texts in the training data of a run."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.overlaps import overlap_counts

if __name__ == "__main__":
    run_table_job(overlap_counts, __doc__)
