"""Predict what the arms of a study cost, before any of them is measured."""

import argparse
from pathlib import Path

from xstilts.files import read_json
from xstilts.own_code import as_planned
from xstilts.script import one_line_errors
from xstilts.studies.predicted import predict_study

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path, required=True, help="the job's spec")
    parser.add_argument("--run", type=Path, required=True, help="the run's results folder")
    options = parser.parse_args()
    with one_line_errors():
        spec = read_json(options.spec)
        with as_planned(spec):
            folder = options.run / "studies" / spec["wildcards"][0]
            predict_study(spec["settings"], folder, Path(__file__).parents[2])
