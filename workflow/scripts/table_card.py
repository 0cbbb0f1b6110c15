"""Write what a model card says of each encoder of the run."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.card import table_card

if __name__ == "__main__":
    run_table_job(table_card, __doc__)
