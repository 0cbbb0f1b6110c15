"""What a model card says of an encoder: its scores by task and by language, the published XLM-R rows beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.files import write_text
from xstilts.reporting.aggregate import expected_languages
from xstilts.reporting.encoder_check import read_expected
from xstilts.reporting.main.gains import limited
from xstilts.reporting.main.marks import blocks_remarks, recipe_sentence, vectors_remarks
from xstilts.reporting.main.notes import split_note
from xstilts.reporting.main.results import Results, read_results
from xstilts.reporting.main.rows import Score
from xstilts.reporting.main.table import MainTable, build_main_table
from xstilts.reporting.published import ENCODER, FOLDER, read_published
from xstilts.reporting.render import FAILED, MISSING, PARTIAL, TITLES, column_title, markdown_table, number
from xstilts.reporting.run import RunFolder
from xstilts.uncertainty.seeds import summarise

BY_LANGUAGE = FOLDER / "by_language" / "xlmr_large_retrieval.csv"
PROTOCOL = "benchmark's authors"  # whose row of the published ones the card shows, in the words of its protocol
Published = Mapping[tuple[str, str, str], Mapping[str, float]]  # task, metric, split -> language -> percent


def table_card(run: RunFolder) -> None:
    """Write ``card.md``, one a model: a piece of Markdown to paste into the encoder's model card."""
    rows, by_language = read_published(), _by_language(BY_LANGUAGE)
    for model in run.settings["models"]:
        text = card(run.settings, read_results(run, model), rows, by_language)
        write_text(run.tables / f"{run.stem('card', model)}.md", text)


def card(
    settings: Mapping[str, Any], results: Results, published: Sequence[Mapping[str, Any]], by_language: Published
) -> str:
    """Return the card of a model: its row ``none``, or the run's first where there is no such.

    A published number stands beside ours where both are on the same split, in the same languages, of all examples and,
    for retrieval, of sentence vectors made alike; elsewhere there is a dash.

    Args:
        settings: of the reporting jobs.
        results: of the model.
        published: rows of ``read_published``.
        by_language: published scores of single languages.
    """
    source = "none" if "none" in results.sources else results.sources[0]
    table = build_main_table(results, "test")
    vectors = settings["retrieval"]
    compared = not results.generated and not settings["limit"]
    alike = compared and (vectors is None or vectors["paper"])
    parts = [
        f"## {results.benchmark.title}: {results.model}\n",
        _how(settings, results, table, source),
        _overview(results, table, source, published if compared else [], alike),
        "### By language\n",
        *_languages(results, table, source, by_language if alike else {}),
        _beside(results, alike, settings["limit"]),
    ]
    return "\n".join(parts)


def _beside(results: Results, alike: bool, limit: int | None) -> str:
    if results.generated:
        return f"{ENCODER}: its published numbers are not of generated languages.\n"
    if limit:
        return f"{ENCODER}: its published numbers are of all examples; {limited(limit)}.\n"
    but = "" if alike else "; not for retrieval, whose sentence vectors are made otherwise"
    whose = f"tasks as {results.benchmark.title}'s authors trained it"
    return (
        f"{ENCODER}: published, where it can be compared (same split and languages{but}); {whose}, single languages of "
        "BUCC and Tatoeba as the authors of X-STILTs scored it untrained.\n"
    )


def _how(settings: Mapping[str, Any], results: Results, table: MainTable, source: str) -> str:
    seeds = ", ".join(map(str, table.seeds)) or "none yet"
    untrained = [TITLES.get(name, name) for name, entry in results.tasks.items() if entry["target"] == "none"]
    trained = "Zero-shot transfer: trained on the English data of each task, scored in every language as it is"
    trained += f" ({', '.join(untrained)}: without training)" if untrained else ""
    if len(untrained) == len(results.tasks):
        trained = "Scored as it is, without training on any task"
    sentences = [
        f"{trained}{'' if source == 'none' else f', after training on {source}'}. In percent; scored with xstilts.",
        *(one for one in blocks_remarks(settings) if one.startswith(f"{results.model} ")),
        split_note(table.splits, results.tasks, "test"),
        f"{results.statistic.capitalize()} over seeds {seeds}." if len(table.seeds) > 1 else f"One seed ({seeds}).",
        recipe_sentence(settings),
        "BUCC's threshold is tuned on dev in each language, as the benchmark does."
        if "bucc2018" in table.splits
        else "",
        *vectors_remarks(settings),
    ]
    limited = settings["limit"]
    if limited:
        sentences.append(f"Evaluated on the first {limited} examples of each language alone.")
    if results.generated:
        sentences.append("Generated languages: no number here says anything about a real one.")
    return " ".join(one for one in sentences if one) + "\n"


def _overview(
    results: Results, table: MainTable, source: str, published: Sequence[Mapping[str, Any]], alike: bool
) -> str:
    row, reasons = table.row(source), dict[str, str]()
    lines = []
    whole = row.average.absolute is not None
    averages = {"avg": row.average} if whole else {"avg_available": row.available}
    for column, score in [*((name, row.columns[name]) for name in table.column_tasks), *averages.items()]:
        task = table.column_tasks.get(column, column)
        metric = {"f1": "f1", "em": "exact_match"}.get(column.rpartition("_")[2], "")
        theirs = _theirs(published, results, task, metric, score.split or "test")
        retrieval = task == "avg" or (task in results.tasks and results.tasks[task]["family"] == "retrieval")
        fits = score.complete and score.absolute is not None and (alike or not retrieval)
        title = " ".join(part for part in column_title(column) if part)
        if column == "avg_available":
            title = f"Avg. of {len(row.over)} task{'s' * (len(row.over) != 1)}, as far as they are there"
        lines.append([title, _shown(score), number(theirs if fits else None)])
        if score.absolute is None and score.reason:
            reasons.setdefault(score.reason, title)
    notes = []
    if any(PARTIAL in line[1] for line in lines):
        notes.append(f"{PARTIAL} not in all of the task's languages.\n")
    if any(FAILED in line[1] for line in lines):
        notes.append(f"{FAILED} with a training that collapsed or learned nothing.\n")
    notes += [f"{MISSING} {title}: {reason}.\n" for reason, title in reasons.items()]
    return "\n".join([markdown_table(["task", results.model, ENCODER], lines), *notes])


def _shown(score: Score) -> str:
    if score.absolute is None:
        return MISSING
    return number(score.absolute) + PARTIAL * (not score.complete) + FAILED * bool(score.failed)


def _theirs(
    published: Sequence[Mapping[str, Any]], results: Results, task: str, metric: str, split: str
) -> float | None:
    """Return the published number of XLM-R Large on a task, None where there is none on this split."""
    wanted = (results.benchmark.name, ENCODER, "none", task, "absolute", split, "yes")
    keys = ("benchmark", "system", "source", "task", "kind", "split", "comparable")
    found = (row for row in published if tuple(row[key] for key in keys) == wanted and PROTOCOL in row["protocol"])
    return next((float(row["value"]) for row in found if metric in ("", row["metric"])), None)


def _languages(results: Results, table: MainTable, source: str, by_language: Published) -> list[str]:
    parts = []
    for task, entry in results.tasks.items():
        theirs = {split: found for (name, _, split), found in by_language.items() if name == task}
        split = next((one for one in theirs if _grids(results, source, task, one, entry)[0]), table.splits[task])
        ours = _grids(results, source, task, split, entry)
        names = [name for name in expected_languages(entry, split) if any(name in values for values in ours)]
        if not names:
            continue
        head = ["language", *(_metric(results.model, metric, entry) for metric in entry["metrics"])]
        known = theirs.get(split, {})
        lines = [
            [name, *(number(values.get(name)) for values in ours), *([number(known.get(name))] if known else [])]
            for name in names
        ]
        title = f"{TITLES.get(task, task)}, {split}"
        body = markdown_table([*head, *([ENCODER] if known else [])], lines)
        parts.append(f"<details><summary>{title}</summary>\n\n{body}\n</details>\n")
    return parts


def _metric(model: str, metric: str, entry: Mapping[str, Any]) -> str:
    if len(entry["metrics"]) == 1:
        return f"{model} ({metric.replace('_', ' ')})"
    return f"{model} ({'EM' if metric == 'exact_match' else metric.upper()})"


def _grids(results: Results, source: str, task: str, split: str, entry: Mapping[str, Any]) -> list[dict[str, float]]:
    """Return the values by language of each metric of a task, over seeds as the tables sum them up."""
    found = []
    for metric in entry["metrics"]:
        grid = results.scores.grid(source, task, split, metric)
        names = {name for values in grid.values() for name in values}
        found.append(
            {name: summarise([row[name] for row in grid.values() if name in row], results.statistic) for name in names}
        )
    return found


def _by_language(path: Path) -> Published:
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for one in read_expected(path):
        found.setdefault((one.task, one.metric, one.split), {})[one.language] = one.value
    return found
