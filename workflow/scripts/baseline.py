"""Score a task without an encoder."""

from xstilts.reporting.baselines.job import baseline
from xstilts.reporting.job import run_table_job

if __name__ == "__main__":
    run_table_job(baseline, __doc__)
