"""Predict one task in all its languages with a decoder that reads English examples before each question."""

from xstilts.prediction.languages import predict_task
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(predict_task, __doc__, single=("model", "features", "shots"), optional=("like",), gpu=True)
