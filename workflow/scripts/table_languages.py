"""Build the tables by language."""

from xstilts.reporting.rules.tables import table_languages
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(table_languages, __doc__)
