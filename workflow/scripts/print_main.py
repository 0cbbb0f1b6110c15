"""Print a run's main table; with --partial, build it first from whatever is finished."""

import argparse
from pathlib import Path

from xstilts.console import console
from xstilts.files import read_json
from xstilts.reporting.main.terminal import format_terminal
from xstilts.reporting.tables.main import partial_tables
from xstilts.script import one_line_errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the run's results folder")
    parser.add_argument("--partial", action="store_true", help="build the tables from what is finished")
    options = parser.parse_args()
    with console(), one_line_errors():
        settings = read_json(options.run / "specs" / "table_main" / "table_main.json")["settings"]
        tables = partial_tables(settings, options.run) if options.partial else options.run / "tables"
        data = "generated languages: not the paper's numbers" if settings["generated"] else "real data"
        for path in sorted(tables.glob("main*.csv")):
            if not path.stem.startswith("main_test"):
                print(
                    format_terminal(path, settings["run"], data, options.run / "report.html", options.run / "figures")
                )


if __name__ == "__main__":
    main()
