"""Measure how fast the trained models of a study's arms answer, in one process."""

from xstilts.script import run_artifact_job
from xstilts.studies.latency import measure_latency, role_of

if __name__ == "__main__":
    single, optional = ("features",), ("below", "decoder", "shots")
    run_artifact_job(measure_latency, __doc__, single=single, optional=optional, gpu=True, named=role_of)
