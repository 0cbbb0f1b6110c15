"""Tokenise a training set, or the evaluation data of a task, for all jobs that will use it."""

import argparse
import os
from functools import partial
from pathlib import Path

from xstilts.artifacts import produce, read_manifest
from xstilts.featurising.job import featurise, tokenizer_files
from xstilts.script import one_line_errors, role, use_threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path, required=True, help="the job's spec")
    parser.add_argument("--encoder", type=Path, required=True, help="manifest of the encoder whose tokenizer it is")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="manifests of the data")
    parser.add_argument("--store", type=Path, required=True, help="folder of the features that all runs share")
    parser.add_argument("--output", type=Path, required=True, help="the manifest to write")
    parser.add_argument("--threads", type=int, default=1, help="threads of this job")
    options = parser.parse_args()
    use_threads(options.threads, tokenising=True)
    os.environ["HF_HUB_OFFLINE"] = "1"
    with one_line_errors():
        encoder = read_manifest(options.encoder)
        make = partial(featurise, encoder=encoder, store=options.store)
        data = {role(path): path for path in options.data}
        produce(options.output, options.spec, data, make, tokenizer_files(encoder))


if __name__ == "__main__":
    main()
