"""Decide a study: its arms' scores, comparisons, costs, and the answer."""

from xstilts.reporting.job import run_table_job
from xstilts.studies.job import run_study

if __name__ == "__main__":
    run_table_job(run_study, __doc__, lambda settings: f"studies/{settings['name']}")
