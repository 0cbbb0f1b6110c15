"""Score one task in one language."""

import argparse
from pathlib import Path

from xstilts.files import read_json
from xstilts.own_code import as_planned
from xstilts.scoring.job import score_job
from xstilts.script import one_line_errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path, required=True, help="the job's spec")
    parser.add_argument("--predictions", type=Path, required=True, help="manifest of the task's predictions")
    parser.add_argument("--data", type=Path, required=True, help="manifest of the language's data")
    parser.add_argument("--output", type=Path, required=True, help="the scores to write")
    options = parser.parse_args()
    with one_line_errors(), as_planned(read_json(options.spec)):
        score_job(options.spec, options.predictions, options.data, options.output)


if __name__ == "__main__":
    main()
