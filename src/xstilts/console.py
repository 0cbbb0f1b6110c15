"""What a terminal can show: progress, output in its encoding, no traceback at an end that a person or a disk causes."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130  # as a shell reports SIGINT
REFUSED = 2  # as for any other mistake that comes from outside
CLOSED = 141  # as a shell reports SIGPIPE
PLAIN = {"†": "#", "‡": "$", "§": "&", "¶": "%", "‖": "=", "°": "o", "–": "-", "—": "-", "−": "-", "×": "x", "…": "."}


def _plainer(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign, "?") for sign in text), error.end


def say(line: str) -> None:
    """Write a line of progress to stderr, and at once: it is a person's terminal, or the log of a job."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def console() -> Iterator[None]:
    """Write signs that the terminal's encoding lacks as plainer ones; end with one line for what comes from outside.

    Ctrl-C and a reader that went away have their own exit codes; an output that takes no more (a full disk) has 2.
    """
    codecs.register_error("plainer", _plainer)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as `>&-` does
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plainer")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _say_no_more()
        raise SystemExit(CLOSED) from None
    except OSError as error:
        if error.filename is not None:
            raise
        _say_no_more()
        print(f"error: the output cannot be written: {error.strerror or error}", file=sys.stderr)
        raise SystemExit(REFUSED) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None


def _say_no_more() -> None:
    """Send what is not written yet nowhere: else Python complains once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
