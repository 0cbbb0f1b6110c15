"""The command line `xstilts`: each subcommand is a module of xstilts.commands, imported only when it is called."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from xstilts.console import console
from xstilts.errors import UserError

COMMANDS = {
    "plan": "say what will run and why, and what it takes",
    "tasks": "list tasks, training sets, families and languages, your own beside the package's",
    "watch": "show what a run does now, and whether anything moves",
    "trace": "follow a number of a table back to its data, settings and machine",
    "score": "score predictions in the submission layout of XTREME or XTREME-R",
    "compare": "compare two systems' predictions, with paired p values",
    "size": "say how gains depend on the size of the model, and whether they diminish beyond 30 B",
    "submission": "pack a run's predictions as a submission to its benchmark",
    "doctor": "say what is installed, what a run needs, and whether it can start",
    "restore": "have models trained again whose weights were dropped",
    "untrim": "put a model with a trimmed vocabulary back into the whole one",
    "merge": "make a model that adapters trained a plain folder with all its weights",
    "verify-baseline": "compare the untrained encoder's retrieval scores with the authors' numbers",
    "verify-small": "compare a small encoder's zero-shot scores with its authors' numbers",
    "ccgbank": "make a licensee's CCGbank readable: its supertags as files of a mirror",
    "lock": "pin what is read from the Hugging Face Hub: a commit a repository, a hash a file",
    "convert": "make an encoder with pickled weights a folder with safetensors",
    "mirror": "fill a folder with the data sets, from their upstream archives",
}


def _module(command: str) -> ModuleType:
    return import_module(f"xstilts.commands.{command.replace('-', '_')}")


def _not_installed(command: str, error: ModuleNotFoundError) -> int:
    """Say what to install for a command of the workflow; ``pip install .`` alone brings what scoring needs."""
    package = str(error.name).partition(".")[0]
    if package == "xstilts":
        raise error
    return _refuse(command, f"needs {package}; install the workflow: pip install '.[workflow]'")


def _use_the_library_of_this_folder() -> None:
    """Start again with the library of the checkout that this is called in, where the environment has another one."""
    own, source = Path("src/xstilts").resolve(), Path("src").resolve()
    if not (Path("Snakefile").is_file() and own.is_dir()) or own == Path(__file__).resolve().parent:
        return
    if os.environ.get("PYTHONPATH") == str(source):
        sys.exit(f"xstilts: {Path(__file__).parent} is imported, and not the library of this checkout, {own}")
    os.environ["PYTHONPATH"] = str(source)
    os.execv(sys.executable, [sys.executable, "-m", "xstilts.cli", *sys.argv[1:]])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; a mistake of the user's is one line on stderr and the exit status 2."""
    with console():
        if argv is None:
            _use_the_library_of_this_folder()
        return _run(list(sys.argv[1:] if argv is None else argv))


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="xstilts")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = next(iter(arguments), "")
    try:
        for name, summary in COMMANDS.items():
            subparser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
            if name == command:
                _module(name).add_arguments(subparser)
        options = parser.parse_args(arguments)
        status: int = _module(options.command).run(options)
        return status
    except (BrokenPipeError, InterruptedError):
        raise
    except UserError as error:
        return _refuse(command, str(error))
    except ModuleNotFoundError as error:
        return _not_installed(command, error)
    except MemoryError as error:
        return _refuse(command, f"out of memory {error}".rstrip())
    except RecursionError:
        return _refuse(command, "a file is nested too deeply")
    except OSError as error:  # a full disk, a folder that may not be written, a file where a folder should be
        if error.filename is None:
            raise  # the terminal's, not a file's
        return _refuse(command, f"{error.filename}: {error.strerror}")


def _refuse(command: str, why: str) -> int:
    print(f"xstilts {command}: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
