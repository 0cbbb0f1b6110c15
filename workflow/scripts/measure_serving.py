"""Measure how fast the trained models of a study answer, in one process."""

from xstilts.script import run_artifact_job
from xstilts.studies.serve import measure_serving

if __name__ == "__main__":
    run_artifact_job(measure_serving, __doc__, gpu=True, named=str)
