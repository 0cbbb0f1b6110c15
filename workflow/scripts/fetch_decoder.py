"""Bring the decoder that answers from its context into the run, from a folder or the Hub."""

from xstilts.prediction.decoder import fetch_decoder
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(fetch_decoder, __doc__, offline=False)
