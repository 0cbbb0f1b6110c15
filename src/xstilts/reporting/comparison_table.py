"""The comparison with the published numbers as files: what is compared, and what is not and why."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts.files import write_text
from xstilts.reporting.comparison import COLUMNS
from xstilts.reporting.render import column_title, markdown_table, number
from xstilts.reporting.scores import csv_text

Rows = Sequence[Mapping[str, Any]]
REFUSAL = (
    "This run is on generated languages: its numbers are about those languages alone, and to compare them with "
    "published numbers would mean nothing."
)
NOTES = (
    "Differences are ours minus published, in points. agrees: the published value lies within the 95 % prediction "
    "interval over our seeds (mean ± t s √(1 + 1/n)); empty under two seeds, where the difference alone stands.",
    "certainty: read (in the primary source), quoted (in a source that quotes it), derived (arithmetic on these), "
    "report (said about the paper, not seen in it).",
)


def _cell(row: Mapping[str, Any]) -> list[str]:
    """Source, task, metric, split, our number and the published one."""
    metric = {"exact_match": "EM", "f1": "F1"}.get(row["metric"], row["metric"])
    signed = row["kind"] != "absolute"
    numbers = [number(row["ours"], signed), number(row["published"], signed)]
    return [row["source"], column_title(row["task"])[0], metric, row["split"], *numbers]


def _protocols(rows: Rows) -> str:
    named = {f"{row['version']} ({row['table']})" if row["table"] else row["version"]: row["protocol"] for row in rows}
    return "Protocols: " + "; ".join(f"{name}: {protocol}" for name, protocol in named.items()) + "."


def comparison_markdown(rows: Rows, absent: Sequence[str] = ()) -> str:
    """Return the comparison as Markdown: a sentence that sums it up, the compared numbers, the others with the reason.

    Args:
        rows: rows of ``compare``.
        absent: sources with published numbers that are no row of the run.
    """
    compared = [row for row in rows if row["difference"] is not None]
    others = [row for row in rows if row["difference"] is None]
    judged = [row for row in compared if row["agreement"]]
    parts = []
    if compared:
        size = fmean(abs(row["difference"]) for row in compared)
        agreeing = sum(row["agreement"] == "yes" for row in judged)
        parts.append(
            f"{len(compared)} published numbers are compared. The mean size of the differences is {size:.1f} points"
            + (f"; {agreeing} of {len(judged)} agree.\n" if judged else ".\n")
        )
        head = ["source", "task", "metric", "split", "ours", "published", "difference", "agrees", "version"]
        lines = [
            [
                *_cell(row),
                number(row["difference"], True),
                row["agreement"],
                row["version"],
                row["certainty"],
                row["reason"],
            ]
            for row in compared
        ]
        parts.append(markdown_table([*head, "certainty", "note"], lines))
    for reason in dict.fromkeys(row["reason"] for row in others):
        head = ["source", "task", "metric", "split", "ours", "published", "our split", "version", "certainty"]
        lines = [
            [*_cell(row), row["our_split"], row["version"], row["certainty"]]
            for row in others
            if row["reason"] == reason
        ]
        parts.append(f"**Not compared: {reason}**\n\n{markdown_table(head, lines)}")
    if not parts:
        parts.append("No source of this run has a published number.\n")
    notes = [*NOTES, _protocols(rows)] if rows else []
    if absent:
        notes.append(f"Published rows that this run has not: {', '.join(absent)}.")
    return "\n".join([*parts, *(f"{note}\n" for note in notes)])


def write_comparison(
    rows: Rows, folder: Path | str, stem: str, generated: bool = False, absent: Sequence[str] = ()
) -> None:
    """Write ``STEM.{csv,md}``; on generated languages the table holds the sentence that refuses the comparison."""
    body = f"{REFUSAL}\n" if generated else comparison_markdown(rows, absent)
    rows = [{"comparable": "no", "reason": REFUSAL}] if generated else rows
    write_text(Path(folder) / f"{stem}.csv", csv_text(rows, COLUMNS))
    write_text(Path(folder) / f"{stem}.md", f"**This run beside the published numbers**\n\n{body}")
