"""One study of a run: from scores and manifests to its tables, figures and answer."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from xstilts.artifacts import read_manifest
from xstilts.config.study import BEST
from xstilts.files import dump_json, write_text
from xstilts.reporting.render import write_cells
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import csv_text
from xstilts.reporting.tables.scores import collect_scores
from xstilts.studies.beside import beside
from xstilts.studies.comparison import UNKNOWN, Design
from xstilts.studies.costs import COLUMNS as COSTS
from xstilts.studies.costs import arm_costs, equal_steps, null_test, price, read_predicted
from xstilts.studies.covered import lacking_languages
from xstilts.studies.decide import decide, decide_speed, rule, rule_of_speed, what_would_change
from xstilts.studies.figures import forest, pareto
from xstilts.studies.folds import Folds, k_fold, section
from xstilts.studies.measure import Arms, Finding, average, compare, corrected, read_arms
from xstilts.studies.page import page, values_of
from xstilts.studies.speed import FILE as STEPS
from xstilts.studies.speeds import COLUMNS as SPEEDS
from xstilts.studies.speeds import compare_speed, read_steps, shares_to_dev, speeds
from xstilts.uncertainty.estimates import over_seeds

HOLDING = "A null test that holds, on a quieter machine or over more seeds."
CONTRASTS = (
    *("contrast", "kind", "plus", "minus", "tasks", "language", "without", "estimate", "lower", "upper"),
    *("p", "p_holm", "seeds", "reason"),
)


def run_study(run: RunFolder) -> None:
    """Write the study's scores, arms, contrasts, costs, verdict and figures into its folder, ``run.tables``.

    The module of a study that compares no scores of arms has an ``answer`` of its own, not a ``DESIGN``.
    """
    rows = collect_scores(run)
    study, name = run.settings["study"], run.settings["name"]
    study["arms"] = {arm: study["arms"][arm] for arm in run.settings["order"]}
    module = importlib.import_module(f"xstilts.studies.{name.replace('-', '_')}")
    if hasattr(module, "answer"):
        module.answer(run, rows)
        return
    design: Design = module.DESIGN
    model = run.settings["models"][0]
    arms = read_arms(run, model)
    steps, speed = _speed(run, study)
    fast = design.primary.of != "score"
    primary = compare_speed(steps, design.primary) if fast else compare(arms, design.primary)
    parts = list(primary.tasks) if study["apart"] == "task" else list(arms.apart)
    without = [compare(arms, design.primary, part) for part in parts if len(parts) > 1]
    among = design.among(study["arms"])
    others = [compare_speed(steps, one) for one in among if one.of != "score"]
    others += corrected([compare(arms, one) for one in among if one.of == "score"])
    averages = {arm: average(arms, arm) for arm in study["arms"]}
    costs = arm_costs(study, run.settings["made"], read_predicted(run.tables / "predicted.csv"))
    verdict, reason = decide_speed(study, primary) if fast else decide(study, primary, without)
    few = lacking_languages({task: run.tasks[task] for task in primary.tasks}, arms.splits, arms.languages)
    if few and verdict != UNKNOWN:
        reason = f"{reason}; not in all languages: {few}"
    would_change = what_would_change(verdict, primary, study, without)
    null = null_test(run.settings["made"], *design.null) if design.null else None
    if null and not null.holds:
        would_change = HOLDING + f" {would_change}" * (verdict == UNKNOWN)
        verdict, reason = UNKNOWN, f"the null test of the harness {null.found}: {null.words}"
    found = {
        "name": name,
        "question": study["question"],
        "verdict": verdict,
        "means": design.means[verdict],
        "reason": reason,
        "rule": (rule_of_speed if fast else rule)(study, design.primary.name),
        "equal_steps": equal_steps(run.settings["made"], *design.equal_steps) if design.equal_steps else "",
        "null_test": null.words if null else "",
        "price": price(design.primary, primary.estimate, costs) if not fast else "",
        "would_change": would_change,
    }
    folds = k_fold(run, arms, averages, rows)
    _write_arms(run, model, arms, averages, folds)
    _write_contrasts(run, model, arms, primary, without, others)
    write_text(run.tables / "costs.csv", csv_text(costs, COSTS))
    write_cells(run.tables, "costs", model, run.settings["statistic"], jobs=run.settings["made"])
    write_text(run.tables / "verdict.json", dump_json(found))
    further = [*section(folds, averages), *beside(run, design, averages, costs)]
    findings = [primary, *without, *others]
    write_text(run.tables / "verdict.md", page(run, found, arms, averages, findings, costs, speed, further))
    forest(run.tables, primary, without, others, study["smallest"])
    pareto(run.tables, averages, costs)


def _speed(run: RunFolder, study: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the measured steps and the speeds of the arms, which are written; none where a study measures none."""
    if not study["speed"]:
        return [], []
    manifest = read_manifest(run.tables / "speed" / "manifest.json")
    if manifest.reason:
        return [], []
    steps = read_steps(manifest)
    to_dev = shares_to_dev(run, {arm: study["arms"][arm] for arm in study["speed"]["arms"]}, study["speed"]["arms"][0])
    found = speeds(steps, manifest, to_dev)
    write_text(run.tables / "speed.csv", csv_text(found, SPEEDS))
    model, statistic = run.settings["models"][0], run.settings["statistic"]
    write_cells(run.tables, "speed", model, statistic, stepped=str(manifest.folder / "manifest.json"))
    return steps, found


def _write_arms(
    run: RunFolder, model: str, arms: Arms, averages: Mapping[str, Finding], folds: Mapping[str, Folds]
) -> None:
    statistic, tasks = run.settings["statistic"], list(run.tasks)
    rows, numbers = [], {}
    for arm, whole in averages.items():
        row: dict[str, Any] = {"arm": arm, "source": run.settings["study"]["arms"][arm], "avg": whole.estimate}
        row |= {"lower": whole.lower, "upper": whole.upper, "seeds": " ".join(map(str, whole.seeds))}
        made = {"avg": _made_of(arms, run, arm, whole.tasks, whole.seeds, 1.0)} if whole.estimate is not None else {}
        for task in tasks:
            cell = arms.runs.get(task, {}).get(arm, {})
            if cell:
                row[task] = over_seeds(values_of(cell), statistic)
                made[task] = _made_of(arms, run, arm, [task], list(cell), 1.0)
        if arm in folds and folds[arm].score is not None:
            row["k_fold"], made["k_fold"] = folds[arm].score, list(folds[arm].parts)
        rows.append(row)
        numbers[arm] = made
    head = ("arm", "source", "avg", "lower", "upper", "seeds", *(["k_fold"] if folds else []), *tasks)
    write_text(run.tables / "arms.csv", csv_text(rows, head))
    write_cells(run.tables, "arms", model, statistic, parts=numbers)


def _made_of(
    arms: Arms,
    run: RunFolder,
    arm: str,
    tasks: Sequence[str],
    seeds: Sequence[int],
    sign: float,
    language: str | None = None,
    without: str = "",
) -> list[dict[str, Any]]:
    """Say what a number is the sum of: by task, the scores of which source a seed, and their weight.

    ``without`` is a language that is left out, or a task that is not in ``tasks`` any more.
    """
    source = run.settings["study"]["arms"][arm]
    return [
        {
            "task": task,
            "split": arms.splits[task],
            "metrics": list(run.tasks[task]["metrics"]),
            "languages": [language] if language else [code for code in arms.languages[task] if code != without],
            "by_seed": {str(seed): arms.chosen[task][seed] if source == BEST else source for seed in seeds},
            "weight": sign / len(tasks),
        }
        for task in tasks
    ]


def _write_contrasts(
    run: RunFolder,
    model: str,
    arms: Arms,
    primary: Finding,
    without: Sequence[Finding],
    others: Sequence[Finding],
) -> None:
    kinds = [("primary", primary), *(("without", one) for one in without), *(("secondary", one) for one in others)]
    rows, numbers, timed = [], {}, {}
    for kind, one in kinds:
        name = one.comparison.name + (f" (without {one.without})" if one.without else "")
        rows.append(
            {
                "contrast": name,
                "kind": kind,
                "plus": one.comparison.plus,
                "minus": one.comparison.minus,
                "tasks": " ".join(one.tasks),
                "language": one.comparison.language or "",
                "seeds": " ".join(map(str, one.seeds)),
                "reason": one.why,
            }
            | {key: getattr(one, key) for key in ("without", "estimate", "lower", "upper", "p", "p_holm")}
        )
        if one.estimate is not None and one.comparison.of == "score":
            over = (one.tasks, one.seeds)
            part = (one.comparison.language, one.without)
            plus = _made_of(arms, run, one.comparison.plus, *over, 1.0, *part)
            numbers[name] = {"estimate": plus + _made_of(arms, run, one.comparison.minus, *over, -1.0, *part)}
        elif one.estimate is not None:
            timed[name] = str(run.tables / "speed" / STEPS)
    write_text(run.tables / "contrasts.csv", csv_text(rows, CONTRASTS))
    write_cells(run.tables, "contrasts", model, run.settings["statistic"], parts=numbers, timed=timed)
