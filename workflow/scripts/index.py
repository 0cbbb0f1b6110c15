"""Embed the candidates of one task, for all its languages."""

from xstilts.prediction.index import build_index
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(build_index, __doc__, single=("model", "features"), optional=("below",), gpu=True)
