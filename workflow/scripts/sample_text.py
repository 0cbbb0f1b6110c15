"""Draw the raw text for masked language modelling beside the sources, without what is evaluated."""

from xstilts.data.rows.text_sample import sample_text
from xstilts.script import run_artifact_job

if __name__ == "__main__":
    run_artifact_job(sample_text, __doc__)
