"""Runs at the start of every Python process of a place: a job of the workflow walks into the trap that waits for it.

A trap is a file ``NUMBER-RULE.json`` in the folder ``TRAPS``; the job that takes it renames it to ``.taken``. It
springs at the ``count``-th audit event or call of a function that fits, ``delay`` seconds later, and then kills the
process with SIGKILL, takes its memory, sets its clock back, or holds it until a file ``go`` is there. Nothing of the
library knows of it: Python itself reports the events.
"""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import sys
import threading
import time
from typing import Any


def take(folder: pathlib.Path) -> pathlib.Path | None:
    rule = pathlib.Path(sys.argv[0]).stem
    for waiting in sorted(folder.glob(f"*-{rule}.json")):
        try:
            return waiting.rename(waiting.with_suffix(".taken"))
        except FileNotFoundError:
            continue  # another job was faster
    return None


def arm(path: pathlib.Path) -> None:
    trap = json.loads(path.read_text())
    left = trap.get("count", 1)

    def spring() -> None:
        time.sleep(trap.get("delay", 0))
        log = pathlib.Path("/proc/self/fd/2").readlink()
        if log.is_file():
            shutil.copyfile(log, path.with_suffix(".log"))
        path.rename(path.with_suffix(".sprung"))
        if trap["do"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif trap["do"] == "memory":
            used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
            sys.modules["torch"].zeros(2**32)  # in the job's own process, at that point of its work
        elif trap["do"] == "clock":
            right = time.time
            time.time = lambda: right() - 86400.0
        elif trap["do"] == "wait":
            while not path.with_name("go").exists():
                time.sleep(0.1)

    def hit() -> None:
        nonlocal left
        left -= 1
        if left == 0 and trap.get("delay"):
            threading.Thread(target=spring, daemon=True).start()
        elif left == 0:
            spring()

    def watch_calls(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_name == trap["call"]:
            hit()

    def watch_events(event: str, arguments: tuple[Any, ...]) -> None:
        if event == trap.get("event") and re.search(trap["match"], " ".join(map(str, arguments))):
            hit()
        elif event == "import" and "call" in trap and arguments[0].startswith("xstilts.") and left > 0:
            sys.setprofile(watch_calls)  # not earlier: it slows the import of large libraries down

    sys.addaudithook(watch_events)


if "--spec" in sys.argv and "TRAPS" in os.environ:
    taken = take(pathlib.Path(os.environ["TRAPS"]))
    if taken is not None:
        arm(taken)
