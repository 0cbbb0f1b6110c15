"""Bring a checkpoint of the user's own into the run, as a source."""

from xstilts.modeling.fetch import adopt_source
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(adopt_source, __doc__, single=("encoder",), offline=False)
