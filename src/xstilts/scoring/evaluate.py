"""Scores predictions against normalised rows: one language of one task.

The scorer of a task is opened by name, as the registry says, so that its code belongs only to the jobs that run it.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts.scoring.common import Found, Rows
from xstilts.tasks import task


def score_language(
    task_name: str, language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]
) -> dict[str, Any]:
    """Score one language of one task: return the content of its scores file.

    Args:
        task_name: a task of the registry.
        language: the language's code.
        predictions: a file a split in the submission format; for BUCC `candidates-SPLIT-LANGUAGE.tsv` lies beside it.
        gold: the normalised rows of each split.

    Returns:
        task, language, splits {split: scores as `xstilts.scoring.common` describes them} and reason: why a split is
        not scored (null when all are).

    Raises:
        DataError: a file is not what its format promises, or does not fit the rows.
    """
    entry = task(task_name)
    scorer = importlib.import_module(f"xstilts.scoring.{entry.scoring[0]}")
    found: Found = scorer.score_splits(entry, language, predictions, gold)
    splits, reasons = found
    return {"task": task_name, "language": language, "splits": splits, "reason": "; ".join(reasons) or None}
