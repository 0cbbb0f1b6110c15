"""Check a finished run: hashes of all files, a value or a reason in every cell."""

from xstilts.reporting.job import run_table_job
from xstilts.reporting.tables.verify import verify

if __name__ == "__main__":
    run_table_job(verify, __doc__)
