"""What a job loads before its work: of a job that scores there are thousands."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
OTHERS = {"numpy", "random", "secrets", "shutil", "socket", "subprocess", "tempfile"}  # what other jobs work with
LOADED = """
import runpy, sys
runpy.run_path("workflow/scripts/score.py", run_name="loaded")
print(*sys.modules)
"""


def test_a_job_that_scores_loads_nothing_that_it_does_not_use() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{LOADED}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not OTHERS & set(done.stdout.split())
