"""Draw the scores by language."""

from xstilts.reporting.figures.languages import figure_languages
from xstilts.reporting.job import run_table_job

if __name__ == "__main__":
    run_table_job(figure_languages, __doc__)
