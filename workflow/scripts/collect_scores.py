"""Collect the scores of a run into one long table."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.scores import collect_scores

if __name__ == "__main__":
    run_table_job(collect_scores, __doc__)
