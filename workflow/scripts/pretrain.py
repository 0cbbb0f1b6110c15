"""Pretrain a small encoder of the workflow's own by masked language modelling."""

from xstilts.script import run_artifact_job
from xstilts.training.language_modelling import pretrain

if __name__ == "__main__":
    run_artifact_job(pretrain, __doc__, gpu=True)
