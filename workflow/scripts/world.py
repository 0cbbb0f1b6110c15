"""Generate the small world and its languages, in the layout of the upstream downloads."""

from xstilts.script import run_artifact_job
from xstilts.world.job import make_world

if __name__ == "__main__":
    run_artifact_job(make_world, __doc__)
