"""`--logger xstilts`, as make calls it: one line that stays on a terminal, plain lines in a pipe, what failed."""

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(120)  # a job that nothing stops waits for its file for ever
COMMAND = [sys.executable, "-m", "snakemake", "-c1", "--keep-going", "--logger", "xstilts"]
# Without the trap bash goes on with its loop where Ctrl-C comes just as its `sleep` has ended by itself.
SNAKEFILE = """
rule all:
    input: expand("{name}.txt", name=["one", "bad", "two"])

rule work:
    output: "{name}.txt"
    log: "logs/{name}.log"
    shell:
        "trap 'exit 130' INT; exec 2> {log}; echo 'step 300/400  loss 1  2,500 tokens/s  0:07 left' >&2; "
        "while [ -e wait ]; do sleep 0.1; done; "
        "if [ -e broken-{wildcards.name} ]; then echo 'error: no such column' >&2; exit 1; fi; touch {output}"
"""
CHATTER = ("Building DAG", "Job stats", "Select jobs", "Provided cores", "Finished jobid")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def piped(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=place, capture_output=True, text=True, check=False)


def on_a_terminal(place: Path, react: Callable[[str, int], None] = lambda seen, process: None) -> tuple[str, int]:
    """Run on a pseudo-terminal; ``react`` gets what it has shown so far, and the terminal to type into."""
    process, terminal = pty.fork()
    if not process:
        os.chdir(place)
        os.execvpe(COMMAND[0], COMMAND, {**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    shown = ""
    while True:
        try:
            read = os.read(terminal, 4096).decode()
        except OSError:  # the last process that wrote has ended
            break
        shown += read
        react(shown, terminal)
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def screen(shown: str) -> list[str]:
    """Return the lines that are left on the terminal: of one that was drawn anew the last picture."""
    return [line.rpartition("\r\x1b[K")[2] for line in shown.replace("\r\n", "\n").split("\n")]


def test_a_pipe_gets_plain_lines_and_the_log_snakemakes_own(place: Path) -> None:
    done = piped(place)
    assert done.returncode == 0 and not done.stdout
    assert "\x1b" not in done.stderr and "\r" not in done.stderr
    assert re.fullmatch(r"4 of 4 jobs, in \d:\d\d:\d\d", done.stderr.splitlines()[-1])
    assert not any(words in done.stderr for words in CHATTER)
    (log,) = (place / ".snakemake/log").iterdir()
    assert all(words in log.read_text() for words in CHATTER)
    again = piped(place)
    assert again.returncode == 0 and again.stderr.startswith("Nothing to be done")


def test_a_failed_job_is_shown_with_the_end_of_its_log(place: Path) -> None:
    (place / "broken-bad").touch()
    done = piped(place)
    assert done.returncode == 1
    *_, last = lines = done.stderr.splitlines()
    assert "error: work bad failed" in lines and "    error: no such column" in lines
    assert "  the end of logs/bad.log:" in lines and done.stderr.count("no such column") == 1
    assert last.startswith("2 of 4 jobs, 1 failed, in 0:") and (place / last.rpartition(": ")[2]).is_file()


def test_the_words_of_slurm_are_shown_before_those_of_snakemake_behind_them(place: Path) -> None:
    """As in the log of a job that was killed for its memory before it wrote a line of its own."""
    (place / "Snakefile").write_text(
        "rule killed:\n    output: 'one.txt'\n    log: 'own.log', f'{Path.cwd()}/slurm.log'\n"
        "    shell: 'cp said slurm.log; exit 1'\n"
    )
    slurm = ["slurmstepd-n1: error: Exceeded job memory limit", "srun: error: n1: task 0: Killed"]
    behind = ["Error in rule killed:", *(f"    line {i}" for i in range(20)), "WorkflowError:"]
    (place / "said").write_text("\n".join(["Building DAG of jobs...", slurm[0], *slurm, *behind]))
    (place / "own.log").touch()
    done = piped(place)
    lines = done.stderr.splitlines()
    start = lines.index("error: killed failed")
    told = ["  nothing in own.log", "  what SLURM says in slurm.log:", *(f"    {line}" for line in slurm)]
    assert done.returncode == 1 and lines[start + 1 : start + 5] == told and not any("line 3" in line for line in lines)


def test_a_mistake_in_the_workflow_is_shown(place: Path) -> None:
    (place / "Snakefile").write_text("rule all:\n    input: 'nowhere'\n")
    done = piped(place)
    assert done.returncode == 1 and "MissingInputException" in done.stderr and "nowhere" in done.stderr


def test_a_refusal_of_the_settings_is_one_line(place: Path) -> None:
    refuse = (
        "from snakemake.exceptions import WorkflowError\nraise WorkflowError(\"sources: unknown source 'nonee'\")\n"
    )
    (place / "Snakefile").write_text(refuse)
    done = piped(place)
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == "error: sources: unknown source 'nonee'"
    assert "WorkflowError" not in done.stderr and "File " not in done.stderr


def test_a_warning_is_shown_once(place: Path) -> None:
    """As those of the plugin for SLURM, which come with every job."""
    twice = "for _ in range(2):\n    logger.warning('no account was given')\n"
    (place / "Snakefile").write_text(f"from snakemake.logging import logger\n{twice}{SNAKEFILE}")
    done = piped(place)
    assert done.returncode == 0 and done.stderr.count("no account was given") == 1


def test_a_dry_run_shows_its_plan(place: Path) -> None:
    done = piped(place, "-n")
    assert done.returncode == 0 and "output: one.txt" in done.stderr and "Job stats" in done.stderr


def test_a_terminal_keeps_one_line_that_says_what_runs(place: Path) -> None:
    (place / "wait").touch()

    def go_on(shown: str, terminal: int) -> None:
        if "(75 %)" in shown:
            (place / "wait").unlink(missing_ok=True)

    shown, status = on_a_terminal(place, go_on)
    assert status == 0
    assert re.search(r"\r\x1b\[K0 of 4 jobs, 2,500 tokens/s: work \w+ \(75 %\)", shown)
    assert all(len(picture) < 100 for picture in re.split(r"[\r\n]+", shown))
    left = [line for line in screen(shown) if line]
    assert len(left) == 1 and left[0].startswith("4 of 4 jobs, in 0:")


def test_errors_stand_above_the_line_of_a_terminal(place: Path) -> None:
    (place / "broken-bad").touch()
    shown, status = on_a_terminal(place)
    left = [line for line in screen(shown) if line]
    assert status == 1 and left[0] == "error: work bad failed" and left[-1].startswith("2 of 4 jobs, 1 failed")


def test_ctrl_c_stops_the_jobs_and_blames_none(place: Path) -> None:
    (place / "wait").touch()
    typed = [float("-inf")]

    def interrupt(shown: str, terminal: int) -> None:
        # The job has begun. Python loses an interrupt that meets a destructor: typed again then, as a user would.
        if "(75 %)" in shown and time.monotonic() - typed[-1] > 30:
            typed.append(time.monotonic())
            os.write(terminal, b"\x03")

    shown, status = on_a_terminal(place, interrupt)
    (place / "wait").unlink()
    assert status == 1 and "failed" not in shown
    assert screen(shown)[-2].startswith("stopped: 0 of 4 jobs, in 0:")
    assert piped(place).returncode == 0, "the same command goes on"


def test_the_run_goes_on_where_nobody_reads_its_output_any_more(place: Path) -> None:
    (place / "broken-bad").touch()
    run = subprocess.Popen(COMMAND, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert run.stderr is not None
    run.stderr.close()
    assert run.wait() == 1 and (place / "one.txt").exists() and (place / "two.txt").exists()
