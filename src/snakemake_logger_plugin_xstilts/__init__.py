"""Snakemake's `--logger xstilts`: one line of progress that stays, warnings, and the end of a failed job's log.

All else that Snakemake says stands in its own log below .snakemake/log. Where the output is no terminal, the line is
printed twice a minute. The library is imported with the first job: until then Snakemake has not said which one it is.
"""

import os
import re
import shutil
import sys
import threading
import time
from logging import WARNING, LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

EVERY = 1.0  # seconds between two pictures of the line on a terminal
SELDOM = 30.0  # between two lines elsewhere
SAID = ("Will exit after", "Trying to restart", "Nothing to be done")  # that is no warning
STOPPED = "Terminating processes on user request"
KNOWN = (
    "Exiting because a job execution failed",
    "WorkflowError:\nAt least one job did not complete",
    "RuleException:",
)
HINT = "Complete log(s): "
# Where in the rules a refusal of settings stands, before and behind it: of no use to whoever wrote the settings.
PLACE = re.compile(r'\AWorkflowError in file ".*", line \d+:\n(.*?)(\n  File ".*", line \d+, in \S+)*\Z', re.S)
CLEAR = "\r\x1b[K"


class LogHandler(LogHandlerBase):
    """Shows what happens to the jobs of a run."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Begin to show the line where it is a terminal's."""
        self.stream = sys.stderr
        self.terminal = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.progress: Any = None  # xstilts.planning.progress.Progress, from the first job on
        self.shown = self.log = ""
        self.warned: set[str] = set()
        self.stopped = False  # by the user: jobs that end now have not failed
        self.errors: list[tuple[float, str, dict[str, Any]]] = []  # held back for a second: Ctrl-C ends jobs first
        self.next = 0.0
        self.ended = threading.Event()
        self.drawing = threading.RLock()
        threading.Thread(target=self._tick, daemon=True).start()

    def emit(self, record: LogRecord) -> None:
        """Take what Snakemake says."""
        try:
            with self.drawing:
                self._take(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Say how the run ended; the line goes away."""
        if self.ended.is_set():
            return
        self.ended.set()
        with self.drawing:
            if self.shown:
                self._write(CLEAR)
            self.shown = ""
            self._show_errors(0)
            if self.progress is not None and (self.progress.done or self.progress.failed or self.stopped):
                log = f"; Snakemake's log: {self.log}" if self.log and self.progress.failed else ""
                self._print(("stopped: " if self.stopped else "") + self.progress.last() + log)
        super().close()

    def _take(self, record: LogRecord) -> None:
        event, told = getattr(record, "event", None), record.__dict__
        said = str(record.msg)
        if self.common_settings.dryrun:
            if event not in (LogEvent.SHELLCMD, LogEvent.DEBUG_DAG):
                self._print(self.format(record))
        elif "planned" in told:
            self._open().plan(told["planned"], told["workload"], sys.argv[1:], told["named"])
        elif event == LogEvent.RUN_INFO:
            self._open().total = told["stats"]["total"]
        elif event == LogEvent.JOB_INFO:
            key = told["rule_name"], tuple((told["wildcards"] or {}).values())
            self._open().begin(told["jobid"], key, next(iter(told["log"]), None), record.created)
            if not (self.terminal or self.next):
                self._draw()
        elif event == LogEvent.JOB_FINISHED and self.progress:
            self.progress.finish(told["job_id"])
        elif event == LogEvent.PROGRESS:
            self._open().done, self.progress.total = told["done"], told["total"]
        elif event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR):
            if not self.stopped:
                self.errors.append((time.monotonic(), "" if "rule_name" in told else self.format(record), told))
        elif said.startswith(STOPPED):
            self.stopped, self.errors = True, []
            self._print("stopping: the jobs that run are asked to end")
        elif said.startswith(HINT):
            self.log = os.path.relpath(said.removeprefix(HINT))
        elif said.startswith(SAID):
            self._print(self.format(record))
        elif record.levelno >= WARNING and not said.startswith(KNOWN) and said not in self.warned:
            self.warned.add(said)  # the plugin for SLURM repeats itself with every job
            self._print(PLACE.sub(r"error: \1", self.format(record).rstrip()))

    def _open(self) -> Any:
        if self.progress is None:
            from xstilts.planning.progress import Progress

            self.progress = Progress()
        return self.progress

    def _show_errors(self, older: float) -> None:
        from xstilts.planning.progress import failure

        while self.errors and time.monotonic() - self.errors[0][0] >= older:
            _, text, told = self.errors.pop(0)
            if text:
                self._print(text)
            elif self._open().fail(told["jobid"], told["rule_name"]):
                self._print(failure(self.progress.failed[told["jobid"]], told["rule_msg"], told["log"]))

    def _print(self, text: str) -> None:
        """Print lines for good, and the line of progress below them again."""
        self._write((CLEAR if self.shown else "") + text.rstrip("\n") + "\n" + self.shown)

    def _tick(self) -> None:
        while not self.ended.wait(EVERY):
            with self.drawing:
                if not self.ended.is_set():
                    self._show_errors(EVERY)
                    self._draw()

    def _draw(self) -> None:
        line = self.progress.line() if self.progress else "planning"
        if self.terminal:
            width = shutil.get_terminal_size().columns
            self.shown = line if len(line) < width else line[: max(width - 4, 0)] + "..."
            self._write(CLEAR + self.shown)
        elif self.progress and (self.progress.running or self.progress.done) and time.monotonic() >= self.next:
            self.next = time.monotonic() + SELDOM
            self._write(f"{time.strftime('%H:%M:%S')}  {line}\n")

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):  # the terminal or the pipe went away: the run goes on
            self.ended.set()
