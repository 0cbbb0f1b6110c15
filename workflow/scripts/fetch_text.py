"""Bring the raw text of one language from Wikipedia as the Hugging Face Hub has it."""

from xstilts.data.fetching.raw_text import fetch_text
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(fetch_text, __doc__, offline=False)
