"""Build the tables by language."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.languages import table_languages

if __name__ == "__main__":
    run_table_job(table_languages, __doc__)
