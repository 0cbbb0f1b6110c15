"""Train a target's model on examples of each language in turn, and predict one task in it."""

from xstilts.script import run_artifact_job
from xstilts.training.few_shot import predict_after_examples

if __name__ == "__main__":
    run_artifact_job(predict_after_examples, __doc__, single=("model", "features"), optional=("below",), gpu=True)
