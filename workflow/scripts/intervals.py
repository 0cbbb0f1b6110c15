"""Compute the intervals of a run's main tables."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.intervals import intervals

if __name__ == "__main__":
    run_table_job(intervals, __doc__)
