"""Weights that were dropped and are needed again: named all at once, before the first job."""

from collections.abc import Sequence
from pathlib import Path

from xstilts.artifacts import RECEIPT, read_manifest
from xstilts.drop import MARKER
from xstilts.errors import DataError
from xstilts.graph.inputs import read_by
from xstilts.graph.jobs import Jobs

TRAINING = ("train_intermediate", "train_target", "few_shot", "measure_serving", "measure_latency")
PREDICTING = ("index", "predict")  # what is there in a language needs no forward pass anew
CHOOSING = "choose_rate"  # takes the files of the best of several trainings, and has them already if it is the same
TOKENISING = "featurise"  # reads the tokenizer of a user's own source, finished features or not

Planned = tuple[str, Sequence[str], Sequence[Path]]  # rule, wildcards, what the job makes


def needed_again(jobs: Jobs, planned: Sequence[Planned]) -> tuple[list[Path], list[Path]]:
    """Return the models whose dropped weights planned jobs need, and those that they may need.

    A job that was done before is answered by its receipt where its inputs come out as they were, and needs no weights
    then; a prediction needs them where a language is new. A model that a planned job makes has its weights anew.

    Args:
        jobs: of the run.
        planned: the jobs that will run.

    Returns:
        Two lists of folders, without duplicates.
    """
    made = {path for _, _, outputs in planned for path in outputs}
    surely, perhaps = dict[Path, None](), dict[Path, None]()
    for rule, wildcards, outputs in planned:
        if rule not in (*TRAINING, *PREDICTING, CHOOSING, TOKENISING):
            continue
        anew = rule in TRAINING and not any((path.parent / RECEIPT).is_file() for path in outputs)
        sure = anew or rule == TOKENISING
        for path in read_by(jobs, rule, *wildcards):
            if path not in made and (path.parent / MARKER).is_file() and _is_dropped(path):
                (surely if sure else perhaps)[path.parent] = None
    return list(surely), [path for path in perhaps if path not in surely]


def _is_dropped(manifest: Path) -> bool:
    try:
        return bool(read_manifest(manifest).dropped)
    except DataError:
        return False  # a damaged one: the job that reads it says so


def restoring(folders: Sequence[Path]) -> str:
    """Return the command that brings models back."""
    return f"xstilts restore {' '.join(map(str, folders))}"
