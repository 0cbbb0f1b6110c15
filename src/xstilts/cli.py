"""The command line `xstilts`: each subcommand is a module of xstilts.commands, imported only when it is called."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from xstilts.errors import UserError

COMMANDS = {
    "plan": "say what will run and why, and what it takes",
    "watch": "show what a run does now, and whether anything moves",
    "trace": "follow a number of a table back to its data, settings and machine",
    "score": "score predictions in the XTREME submission layout",
    "compare": "compare two systems' predictions, with paired p values",
    "submission": "pack a run's predictions as an XTREME submission",
    "doctor": "say what is installed, what a run needs, and whether it can start",
    "restore": "have models trained again whose weights were dropped",
    "verify-baseline": "compare the untrained encoder's retrieval scores with the authors' numbers",
    "ccgbank": "make a licensee's CCGbank readable: its supertags as files of a mirror",
    "lock": "pin what is read from the Hugging Face Hub: a commit a repository, a hash a file",
    "mirror": "fill a folder with the data sets, from their upstream archives",
}


def _module(command: str) -> ModuleType:
    return import_module(f"xstilts.commands.{command.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; a mistake of the user's is one line on stderr and the exit status 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="xstilts")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        if name in arguments[:1]:
            _module(name).add_arguments(subparser)
    options = parser.parse_args(arguments)
    try:
        status: int = _module(options.command).run(options)
    except UserError as error:
        print(f"xstilts {options.command}: {error}", file=sys.stderr)
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
