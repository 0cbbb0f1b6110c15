"""Predict one task in all its languages."""

from xstilts.prediction.languages import predict_task
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(predict_task, __doc__, single=("model", "features"), optional=("below", "index", "like"), gpu=True)
