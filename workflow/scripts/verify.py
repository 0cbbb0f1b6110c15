"""Check a finished run: hashes of all files, a value or a reason in every cell."""

from xstilts.reporting.rules.verify import verify
from xstilts.table_script import run_table_job

if __name__ == "__main__":
    run_table_job(verify, __doc__)
