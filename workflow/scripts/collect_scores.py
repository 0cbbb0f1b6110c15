"""Collect the scores of a run into one long table."""

from xstilts.reporting.rules.scores import collect_scores
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(collect_scores, __doc__)
