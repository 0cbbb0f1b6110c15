"""The check of a finished run: every file is what its manifest says, every cell has a value or a reason.

Weights that were dropped to make room are no longer there to be checked; their manifests say so.
"""

import sys

from xstilts.config.sources import starts_pretrained
from xstilts.drop import check_kept
from xstilts.errors import DataError, UserError
from xstilts.files import write_json
from xstilts.reporting.failures import (
    COLLAPSED,
    NOT_LEARNED,
    failed_trainings,
    meant_not_to_learn,
    not_learned_of_mixtures,
    unclear_trainings,
)
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import leftover_files


def verify(run: RunFolder) -> None:
    """Write ``verification.json``; a file that differs from its manifest or an unexplained gap raises UserError."""
    cells = list(run.cells())
    places: set[tuple[str, ...]] = {("models", cell.model) for cell in cells}
    for cell in cells:
        chain = (cell.model, cell.source, cell.target, str(cell.seed))
        places.add(("predictions", *chain, cell.task))
        if cell.target != "none":
            places.add(("models", *chain))
        if not starts_pretrained(cell.source):
            places.add(("models", cell.model, cell.source, "none", str(cell.seed)))
    problems, files = [], 0
    for place in sorted(places):
        try:
            manifest = check_kept(run.folder.joinpath(*place, "manifest.json"))
            files += len(manifest.content["files"])
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise UserError("; ".join(problems))
    rows = run.frame.to_dict("records")
    unexplained = [row for row in rows if row["status"] == "missing" and not row["reason"]]
    if unexplained:
        first = unexplained[0]
        raise UserError(f"{len(unexplained)} cells are missing without a reason, first: {first}")
    counts = {
        status: sum(row["status"] == status for row in rows) for status in ("ok", COLLAPSED, NOT_LEARNED, "missing")
    }
    failed = [
        {"training": "/".join(map(str, chain)), "status": status, "reason": reason}
        | ({"expected": "a control: its labels are permuted"} if meant_not_to_learn(*chain[1:3]) else {})
        for chain, (status, reason) in failed_trainings(run.trainings).items()
    ]
    for one in failed:
        expected = f" ({one['expected']})" if "expected" in one else ""
        print(f"{one['training']} {one['status']}{expected}: {one['reason']}", file=sys.stderr)
    partly = not_learned_of_mixtures(one for one in run.trainings if one["target"] == "none")
    unclear = unclear_trainings(run.trainings)
    for line in (*partly, *unclear):
        print(line, file=sys.stderr)
    stray = [str(path.relative_to(run.folder)) for path in leftover_files(run.folder / "scores", cells)]
    found = {
        "files": files,
        "cells": counts,
        "failed_trainings": failed,
        "partly_learned": partly,
        "unclear_trainings": unclear,
        "left_from_earlier_runs": stray,
    }
    write_json(run.tables / "verification.json", found)
