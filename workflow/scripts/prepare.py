"""Read one upstream data set in one language, check it and write it in the one form that all stages read."""

import argparse
from functools import partial
from pathlib import Path

from xstilts.artifacts import produce
from xstilts.data.job import prepare_dataset
from xstilts.script import one_line_errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path, required=True, help="the job's spec")
    parser.add_argument("--origin", type=Path, required=True, help="folder of the upstream files")
    parser.add_argument(
        "--download", type=Path, nargs="*", default=[], help="the data set as it was fetched, read instead"
    )
    parser.add_argument(
        "--world", type=Path, nargs="*", default=[], help="manifest of the generated world it is part of"
    )
    parser.add_argument(
        "--files", type=Path, nargs="*", default=[], help="files of the user's own that it is read from"
    )
    parser.add_argument("--output", type=Path, required=True, help="the manifest to write")
    options = parser.parse_args()
    inputs = {role: path for role in ("world", "download") for path in getattr(options, role)}
    with one_line_errors():
        produce(options.output, options.spec, inputs, partial(prepare_dataset, origin=options.origin), options.files)


if __name__ == "__main__":
    main()
