"""The verdicts on the claims as files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.files import write_text
from xstilts.reporting.claims import Verdict
from xstilts.reporting.notes import MISSING
from xstilts.reporting.render import markdown_table, number
from xstilts.reporting.scores import csv_text

COLUMNS = (
    *("statement", "reported", "certainty", "estimate", "lower", "upper", "verdict", "reported_in_interval", "reason"),
    *("cells", "shown", "split", "seeds", "method"),
)
GENERATED = (
    "**These are not the paper's languages.** This run is on languages that a program generated, with a small encoder: "
    "a claim that holds or fails here says nothing about the paper, it shows how a claim is decided."
)


def with_reported(verdict: Verdict, row: Mapping[str, Any] | None, comparable: bool) -> Verdict:
    """Add the reported number, and where the encoder and data are the paper's whether it lies in the interval."""
    if row is None:
        return verdict
    value, inside = float(row["value"]), ""
    if comparable and verdict.get("lower") is not None:
        inside = "yes" if verdict["lower"] <= value <= verdict["upper"] else "no"
    return verdict | {"reported": value, "certainty": row["certainty"], "reported_in_interval": inside}


def claims_markdown(rows: Sequence[Verdict], title: str, generated: bool, encoder: str = "") -> str:
    """Return the verdicts as Markdown; ``encoder`` names one that is not the paper's."""
    head = ["claim", "reported", "this run (95 % interval)", "verdict", "cells"]
    lines = []
    for row in rows:
        measured = MISSING
        if row.get("estimate") is not None:
            bounds = f"{number(row['lower'], True)} to {number(row['upper'], True)}"
            measured = f"{number(row['estimate'], True)} ({bounds})"
        cells = row["cells"] + (f"; shown: {row['shown']}" if row.get("shown") else "")
        verdict = f"**{row['verdict']}**" + (f": {row['reason']}" if row["reason"] else "")
        lines.append([row["statement"], number(row.get("reported"), True), measured, verdict, cells])
    notes = [
        "A claim holds when the 95 % interval of its contrast lies on its side of 0, and fails when it lies on the "
        "other; else, or where a row is missing, it is not identified. A claim of several contrasts holds when every "
        "one does and fails when one does (corrected for their number); the one furthest from holding is shown. "
        "Development sets as in the main table, means over seeds; the gains of the best sources are on test.",
        "reported: in points, from reports about the paper's final version and not read in it (certainty: report).",
    ]
    if any(row.get("method") == "item sampling only" for row in rows):
        notes.append("Under three seeds an interval covers the sampling of examples only, not another training.")
    if encoder and not generated:
        notes.append(f"The encoder is {encoder}, not the paper's XLM-R Large: the reported sizes need not come out.")
    above = f"{GENERATED}\n\n" if generated else ""
    return f"**{title}**\n\n{above}{markdown_table(head, lines)}" + "".join(f"\n{note}\n" for note in notes)


def write_claims(rows: Sequence[Verdict], text: str, folder: Path | str, stem: str) -> None:
    """Write ``STEM.{csv,md}``."""
    write_text(Path(folder) / f"{stem}.csv", csv_text(rows, COLUMNS))
    write_text(Path(folder) / f"{stem}.md", text)
