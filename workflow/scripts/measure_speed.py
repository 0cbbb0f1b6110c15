"""Measure steps of the trainings of a study's arms, in one process."""

from xstilts.script import run_artifact_job
from xstilts.studies.speed import measure_speed

if __name__ == "__main__":
    run_artifact_job(measure_speed, __doc__, single=("encoder",), gpu=True)
