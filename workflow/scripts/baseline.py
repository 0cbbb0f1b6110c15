"""Score a task without an encoder."""

from xstilts.reporting.rules.baselines import baseline
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(baseline, __doc__)
