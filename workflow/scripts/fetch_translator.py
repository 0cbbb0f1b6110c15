"""Bring the translation model into the store, from a folder or the Hub."""

from xstilts.script import run_artifact_job
from xstilts.translation.fetch import fetch_translator

if __name__ == "__main__":
    run_artifact_job(fetch_translator, __doc__, offline=False)
