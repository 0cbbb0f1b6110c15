"""Train the encoder and a fresh head on the English data of a target."""

from xstilts.script import run_artifact_job
from xstilts.training.phase import train_target

if __name__ == "__main__":
    run_artifact_job(train_target, __doc__, single=("encoder",), optional=("below",), gpu=True)
