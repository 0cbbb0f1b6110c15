"""Train the encoder on a source of the intermediate phase."""

from xstilts.script import run_artifact_job
from xstilts.training.phase import train_source

if __name__ == "__main__":
    run_artifact_job(train_source, __doc__, single=("encoder",), optional=("below",), gpu=True)
