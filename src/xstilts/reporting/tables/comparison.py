"""A run's numbers beside the published ones: what may be compared is compared, all else says why not."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from xstilts.reporting.aggregate import metric_column
from xstilts.reporting.main.best import RULES
from xstilts.reporting.main.gains import limited
from xstilts.reporting.main.marks import recipe_sentence, vectors_in_words
from xstilts.reporting.main.results import read_results
from xstilts.reporting.main.rows import Score
from xstilts.reporting.main.table import MainTable, build_main_table
from xstilts.reporting.published import ENCODER, read_published, system_name
from xstilts.reporting.render import column_title, markdown_table, number, write_both
from xstilts.reporting.run import POLICIES, RunFolder
from xstilts.tasks import task
from xstilts.tasks.benchmark import benchmark
from xstilts.uncertainty.quantiles import student_quantile
from xstilts.uncertainty.seeds import Statistic, median_variance

Rows = Sequence[Mapping[str, Any]]
COLUMNS = (
    "source",
    "task",
    "metric",
    "kind",
    "split",
    "our_split",
    "ours",
    "published",
    "difference",
    "agreement",
    "reach",
    "seeds",
    "comparable",
    "reason",
    "protocol",
    "table",
    "version",
    "certainty",
)
REFUSAL = (
    "This run is on generated languages: its numbers are about those languages alone, and to compare them with "
    "published numbers would mean nothing."
)
NOTES = (
    "Differences are ours minus published, in points. agrees: the published value lies within the 95 % prediction "
    "interval over our seeds (mean ± t s √(1 + 1/n); around the median where the table shows it); empty under "
    "three seeds, where the difference alone stands.",
    "certainty: read (in the primary source), quoted (in a source that quotes it), derived (arithmetic on these), "
    "report (said about the paper, not seen in it).",
)


def table_comparison(run: RunFolder) -> None:
    """Write ``comparison.*``: each cell beside the published one; generated languages are never compared."""
    published = {row["source"] for row in read_published() if row["system"] == ENCODER and row["source"]}
    absent = sorted(published - set(run.settings["sources"]) - set(RULES))
    for model in run.settings["models"]:
        stem, recipe = run.stem("comparison", model), recipe_sentence(run.settings)
        write_comparison(comparison_of(run, model), run.tables, stem, run.generated, absent, recipe, run.only(model))


def comparison_of(run: RunFolder, model: str) -> list[dict[str, Any]]:
    """Return the cells of one of the run's models beside the published ones."""
    results = read_results(run, model)
    tables = [build_main_table(results, policy) for policy in POLICIES.values()]
    vectors = other_vectors(run.settings["retrieval"])
    return compare(
        tables, read_published(), run.tasks, system_name(model), run.generated, vectors, run.settings["limit"]
    )


def other_vectors(vectors: Mapping[str, Any] | None) -> str:
    """Say why retrieval is not compared: a run has made its sentence vectors otherwise; "" where it has not."""
    if vectors is None or vectors["paper"]:
        return ""
    return f"other sentence vectors than the paper's: {vectors_in_words(vectors)}"


def prediction_reach(values: Sequence[float], statistic: Statistic = "mean") -> float | None:
    """Return t s sqrt(1 + v/n) over n seeds: half the 95 % interval for one further run; None under three seeds.

    ``v / n`` is the variance of the mean or median of n normal values, in their own variances.
    """
    count = len(values)
    if count < 3:
        return None
    middle = 1 / count if statistic == "mean" else median_variance(count)
    return student_quantile(0.975, count - 1) * stdev(values) * math.sqrt(1 + middle)


def agrees(ours: float, reach: float | None, published: float, rounding: float = 0.05) -> str:
    """Say whether a published value lies within the prediction interval around what the table shows.

    Empty without a reach, that is under three seeds. ``rounding`` is half the last printed digit.
    """
    return "" if reach is None else "yes" if abs(ours - published) <= reach + rounding else "no"


def _ours(table: MainTable, row: Mapping[str, Any], tasks: Mapping[str, Any]) -> Score | None:
    found = next((one for one in table.rows if one.source == row["source"]), None)
    if found is None or (row["task"] != "avg" and row["task"] not in tasks):
        return None
    if row["task"] == "avg":
        return found.average
    column = metric_column(row["task"], tasks[row["task"]]["metrics"], row["metric"])
    return found.columns.get(column)


def _why_not(
    row: Mapping[str, Any], score: Score, table: MainTable, encoder: str, vectors: str, limit: int | None
) -> str:
    split = score.split or table.policy
    theirs = benchmark(row["benchmark"])
    if theirs is not table.benchmark:
        if row["task"] == "avg":
            return f"{theirs.title}'s average, ours is {table.benchmark.title}'s"
        if theirs.languages_of(task(row["task"])) != table.benchmark.languages_of(task(row["task"])):
            return f"a mean over the languages of {theirs.title}, ours is over those of {table.benchmark.title}"
    if row["comparable"] == "no":
        return str(row["note"])
    if row["kind"] not in ("absolute", "difference"):
        return f"a {row['kind']}, not a number of this table"
    if row["certainty"] == "report":
        return "not read in a paper: for the claims only"
    if split != row["split"]:
        return f"ours is on {split}, the published number on {row['split']}"
    if not score.complete:
        return "ours lacks languages of the benchmark" if row["task"] != "avg" else "ours lacks tasks or languages"
    if limit:
        return limited(limit)
    if encoder != ENCODER:
        return f"another encoder: {encoder}"
    return vectors if row["task"] in ("bucc2018", "tatoeba", "tatoeba_squad", "avg") else ""


def _compare(
    row: Mapping[str, Any], score: Score, table: MainTable, encoder: str, vectors: str, limit: int | None
) -> dict[str, Any]:
    ours = score.absolute if row["kind"] == "absolute" else score.value if score.relative else None
    reason = (
        _why_not(row, score, table, encoder, vectors, limit)
        if ours is not None
        else score.reason or "ours is not a difference"
    )
    shared = {key: row[key] for key in ("source", "task", "metric", "kind", "split", "protocol", "table", "version")}
    same = not reason and ours is not None
    differs = row["kind"] == "difference"
    reach = prediction_reach(score.by_seed if same and differs == score.relative else (), table.statistic)
    return {
        **shared,
        "certainty": row["certainty"],
        "our_split": score.split or table.policy,
        "ours": None if ours is None else round(ours, 6),
        "published": row["value"],
        "difference": round(ours - row["value"], 6) if same and ours is not None else None,
        "agreement": "" if ours is None else agrees(ours, reach, row["value"]),
        "reach": reach,
        "seeds": len(score.seeds),
        "comparable": "no" if reason else "yes",
        "reason": reason or row["note"],
    }


def compare(
    tables: Sequence[MainTable],
    published: Sequence[Mapping[str, Any]],
    tasks: Mapping[str, Mapping[str, Any]],
    encoder: str = ENCODER,
    generated: bool = False,
    vectors: str = "",
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Set the cells of a run beside the published numbers of the same source, task, metric and split.

    A number that is not comparable keeps its row, without a difference and with the reason. A published number that no
    table of the run has on its split stands beside the other split's cell, not compared.

    Args:
        tables: the main tables of one model (dev, test); rows come in the order of theirs.
        published: rows of ``read_published``.
        tasks: the registry's entries.
        encoder: what the run's encoder is, in the words of the published rows' ``system``.
        generated: the run is on generated languages: nothing is compared, and no row comes back.
        vectors: what ``other_vectors`` says: why retrieval is not compared.
        limit: the first examples of each language that were evaluated; None: all, else nothing is compared.
    """
    if generated:
        return []
    rows = []
    for row in published:
        if row["system"] != ENCODER or not row["source"]:
            continue
        cells = [(table, score) for table in tables if (score := _ours(table, row, tasks)) is not None]
        if not cells:
            continue
        cells.sort(key=lambda cell: (cell[1].split or cell[0].policy) != row["split"])  # stable: its own split first
        table, score = cells[0]
        rows.append(_compare(row, score, table, encoder, vectors, limit))
    order = [row.source for row in tables[0].rows]
    return sorted(rows, key=lambda row: order.index(row["source"]))  # stable: as published within a source


def _cell(row: Mapping[str, Any]) -> list[str]:
    """Source, task, metric, split, our number and the published one."""
    metric = {"exact_match": "EM", "f1": "F1"}.get(row["metric"], row["metric"])
    signed = row["kind"] != "absolute"
    numbers = [number(row["ours"], signed), number(row["published"], signed)]
    return [row["source"], " ".join(column_title(row["task"])).strip(), metric, row["split"], *numbers]


def _protocols(rows: Rows) -> str:
    named = {f"{row['version']} ({row['table']})" if row["table"] else row["version"]: row["protocol"] for row in rows}
    return "Protocols: " + "; ".join(f"{name}: {protocol}" for name, protocol in named.items()) + "."


def comparison_markdown(rows: Rows, absent: Sequence[str] = (), recipe: str = "") -> str:
    """Return the comparison as Markdown: a sentence that sums it up, the compared numbers, the others with the reason.

    Args:
        rows: rows of ``compare``.
        absent: sources with published numbers that are no row of the run.
        recipe: a sentence that names the run's.
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
    notes += [recipe] if recipe else []
    return "\n".join([*parts, *(f"{note}\n" for note in notes)])


def write_comparison(
    rows: Rows,
    folder: Path | str,
    stem: str,
    generated: bool = False,
    absent: Sequence[str] = (),
    recipe: str = "",
    whose: str = "",
) -> None:
    """Write ``STEM.{csv,md}``; on generated languages the table holds the sentence that refuses the comparison.

    ``whose`` is what stands behind the title where a run has several encoders.
    """
    body = f"{REFUSAL}\n" if generated else comparison_markdown(rows, absent, recipe)
    rows = [{"comparable": "no", "reason": REFUSAL}] if generated else rows
    write_both(folder, stem, COLUMNS, rows, f"**This run beside the published numbers{whose}**\n\n{body}")
