"""Draw the scores by language."""

from xstilts.reporting.rules.figures import figure_languages
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(figure_languages, __doc__)
