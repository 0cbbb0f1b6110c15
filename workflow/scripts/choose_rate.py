"""Choose the learning rate of a target on English dev, among finished trainings."""

from pathlib import Path

from xstilts.script import run_artifact_job
from xstilts.training.rates import choose_rate


def source(manifest: Path) -> str:
    """Name a training by its source: ``.../SOURCE/TARGET/SEED/manifest.json``."""
    return manifest.parts[-4]


if __name__ == "__main__":
    run_artifact_job(choose_rate, __doc__, named=source)
