"""Bring one public data set from the Hugging Face Hub, or from its upstream archives."""

from xstilts.data.fetching.public import download_dataset
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(download_dataset, __doc__, offline=False)
