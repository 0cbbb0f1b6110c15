"""Translate the English training split of a data set into another language."""

from xstilts.script import run_artifact_job
from xstilts.translation.job import translate_dataset

if __name__ == "__main__":
    run_artifact_job(translate_dataset, __doc__, single=("translator",), gpu=True)
