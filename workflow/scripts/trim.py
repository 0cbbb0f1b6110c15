"""Make a smaller encoder: its first blocks, and only the pieces that the run's texts are cut into."""

from xstilts.featurising.trim import trim
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(trim, __doc__, single=("encoder",), tokenising=True)
