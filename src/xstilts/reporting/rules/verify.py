"""The check of a finished run: every file is what its manifest says, every cell has a value or a reason."""

from xstilts.artifacts import read_manifest
from xstilts.errors import DataError, UserError
from xstilts.files import write_json
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import leftover_files


def verify(run: RunFolder) -> None:
    """Write ``verification.json``; a file that differs from its manifest or an unexplained gap raises UserError."""
    cells = list(run.cells())
    wanted = {(cell.model, cell.source, cell.target, cell.seed, cell.task) for cell in cells}
    places = [run.folder / "predictions" / "/".join(map(str, place)) / "manifest.json" for place in sorted(wanted)]
    problems, files = [], 0
    for path in [*sorted((run.folder / "models").rglob("manifest.json")), *places]:
        try:
            manifest = read_manifest(path)
            manifest.check()
            files += len(manifest.content["files"])
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise UserError("; ".join(problems))
    rows = run.scores().to_dict("records")
    unexplained = [row for row in rows if row["status"] == "missing" and not row["reason"]]
    if unexplained:
        first = unexplained[0]
        raise UserError(f"{len(unexplained)} cells are missing without a reason, first: {first}")
    counts = {status: sum(row["status"] == status for row in rows) for status in ("ok", "collapsed", "missing")}
    stray = [str(path.relative_to(run.folder)) for path in leftover_files(run.folder / "scores", cells)]
    write_json(run.tables / "verification.json", {"files": files, "cells": counts, "left_from_earlier_runs": stray})
