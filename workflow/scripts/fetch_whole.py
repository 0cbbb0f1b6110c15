"""Bring an encoder from a folder or the Hub into the run, to be trimmed there."""

from xstilts.modeling.fetch import fetch_model
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(fetch_model, __doc__, offline=False)
