"""Run a command that makes the .venv, one at a time in a folder: `python envs/turn.py COMMAND ...`.

Of two that begin at once the second waits for the first, and then looks anew what is left to be done.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

LOCK = Path(".snakemake/installing")

if __name__ == "__main__":
    LOCK.parent.mkdir(exist_ok=True)
    with open(LOCK, "a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waits for another make, which is installing here", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            pass  # a disk without locks: two at once are the user's own care
        sys.exit(subprocess.call(sys.argv[1:], env={**os.environ, "INSTALLING": "1"}))
