"""Compute the intervals of a run's main tables."""

from xstilts.reporting.rules.intervals import intervals
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(intervals, __doc__)
