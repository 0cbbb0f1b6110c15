"""Drop the weights of a model that nothing in the run needs any more."""

import argparse
from pathlib import Path

from xstilts.files import write_json
from xstilts.keep import drop
from xstilts.script import one_line_errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the model's manifest")
    parser.add_argument("--users", type=Path, nargs="+", required=True, help="manifests of what was made from it")
    parser.add_argument("--output", type=Path, required=True, help="the marker to write")
    options = parser.parse_args()
    with one_line_errors():
        write_json(options.output, {"bytes": drop(options.model, options.users)})


if __name__ == "__main__":
    main()
