"""Weights that were dropped and are needed again: named all at once, before the first job."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from xstilts.artifacts import read_manifest
from xstilts.drop import MARKER
from xstilts.graph.inputs import read_by
from xstilts.graph.jobs import Jobs

SURELY = ("train_intermediate", "train_target", "few_shot", "measure_serving", "measure_latency")
PERHAPS = ("index", "predict")  # what is there in a language needs no forward pass anew


def needed_again(
    jobs: Jobs, planned: Iterable[tuple[str, Sequence[str]]], made: Collection[Path]
) -> tuple[list[Path], list[Path]]:
    """Return the models whose dropped weights planned jobs need, and those that they need where a language is new.

    Args:
        jobs: of the run.
        planned: (rule, wildcards) of the jobs that will run.
        made: what these jobs make; a model among it gets its weights anew.

    Returns:
        Two lists of folders, without duplicates.
    """
    found: dict[str, dict[Path, None]] = {"surely": {}, "perhaps": {}}
    for rule, wildcards in planned:
        if rule not in (*SURELY, *PERHAPS):
            continue
        for path in read_by(jobs, rule, *wildcards):
            if path not in made and (path.parent / MARKER).is_file() and read_manifest(path).dropped:
                found["surely" if rule in SURELY else "perhaps"][path.parent] = None
    return list(found["surely"]), [path for path in found["perhaps"] if path not in found["surely"]]


def restoring(folders: Sequence[Path]) -> str:
    """Return the command that brings models back."""
    return f"xstilts restore {' '.join(map(str, folders))}"
