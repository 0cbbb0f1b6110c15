"""Drop the weights of a model that nothing in the run needs any more, and the vectors that it gave candidates."""

import argparse
from pathlib import Path

from xstilts.drop import drop
from xstilts.files import write_json
from xstilts.script import one_line_errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the model's manifest")
    parser.add_argument("--users", type=Path, nargs="+", required=True, help="manifests of what was made from it")
    parser.add_argument("--indexes", type=Path, nargs="*", default=[], help="manifests of candidates that it embedded")
    parser.add_argument("--output", type=Path, required=True, help="the marker to write")
    options = parser.parse_args()
    with one_line_errors():
        freed = drop(options.model, options.users)
        for index in options.indexes:  # its user is the prediction of the same task
            freed += drop(index, [path for path in options.users if is_of(path, index)])
        write_json(options.output, {"bytes": freed})


def is_of(prediction: Path, index: Path) -> bool:
    return prediction != index and prediction.parts[-6:] == index.parts[-6:]


if __name__ == "__main__":
    main()
