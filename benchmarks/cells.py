"""A whole cell, from prepared rows to the scores in all its languages: the workflow's jobs beside two other ways.

XNLI (training on MNLI) and XQuAD (training on SQuAD) with one small encoder and one recipe: batch, passes, learning
rate, AdamW, ten evaluations on English dev examples that choose the checkpoint. `ours` makes the workflow's own jobs
(featurise, train, predict, score) with their specs, hashes and manifests, in one process; `scripts`, `trainer` and
`xtreme` stand in `benchmarks.cell_peers`. The items are the same on all sides, and one scorer scores them.

    python -m benchmarks.cells --mirror DIR --encoder FOLDER --layers 4
"""

import argparse
import os
import shutil
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import ceilings
from benchmarks.figure import Setting, make_figure, options
from benchmarks.material import origin
from benchmarks.tables import machine_lines, ranged
from benchmarks.timing import Contest, Counts, Prepare, contest, spread
from xstilts.artifacts import Manifest, produce, read_manifest
from xstilts.files import read_json, read_jsonl, write_jsonl, write_text

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "resources/encoders/demo"  # has read the generated languages
MODEL, SEED = "m", 1
RECIPE = {"batch_size": 32, "epochs": 1, "learning_rate": 1e-4, "evaluations": 10}
REAL = {"classification": 128, "span_qa": 384, "doc_stride": 128, "max_query": 64}  # xtreme's
SMALL = {"classification": 96, "span_qa": 160, "doc_stride": 64, "max_query": 32}  # as config/runs/demo.yaml
MADE_BEFORE = ("prepare", "fetch_model", "fetch_whole", "trim")  # what every side starts from
TIMED = ("featurise", "train_target", "predict", "score")


@dataclass(frozen=True)
class Cell:
    """A task, the training set that it is the target of, and how much of both."""

    task: str
    target: str
    train: int  # rows
    dev: int  # rows that choose the checkpoint
    each: int  # rows of a language and split


CELLS = (Cell("xnli", "mnli", 640, 60, 50), Cell("xquad", "squad", 160, 30, 20))
LEAST = (Cell("xnli", "mnli", 40, 6, 6), Cell("xquad", "squad", 16, 4, 4))


def measure(setting: Setting, encoder: Path, layers: int | None, share: float) -> dict[str, Any]:
    """Measure both cells; every score stands beside its side, by language and split."""
    rows = []
    for whole in LEAST if setting.smallest else CELLS:
        sizes = {name: max(1, round(getattr(whole, name) * share)) for name in ("train", "dev", "each")}
        cell = replace(whole, **sizes)
        settings = made_ready(setting, cell, encoder, layers)
        sides = {"ours": "benchmarks.cells:ours"}
        sides |= {name: f"benchmarks.cell_peers:{name}" for name in ("scripts", "trainer", "xtreme")}
        rows.append(contest(setting.on, Contest(cell.task, "cells", sides, settings)) | {"size": asdict(cell)})
    return {"rows": rows, "recipe": RECIPE, "encoder": encoder.name, "layers": layers}


def configuration(setting: Setting, cell: Cell, encoder: Path, layers: int | None) -> dict[str, Any]:
    """Return the configuration of the cell's run: the paper's, with the benchmark's recipe and sizes."""
    from xstilts.config.layers import merged, read_layers

    changes: dict[str, Any] = {
        "run": "cell",
        "models": [MODEL],
        "encoders": {MODEL: {"weights": str(encoder.resolve()), "layers": layers}},
        "sources": ["none"],
        "seeds": [SEED],
        "tasks": [cell.task],
        "languages": "all" if setting.mirror else ["en", "qaa"],
        "data": {"origin": "mirror"},
        "mirror": str(origin(setting)),
        "evaluation": {"limit": cell.each},
        "selection": {"examples": cell.dev, "report": cell.dev},
        "training": {"limit": cell.train},
        "lengths": REAL if setting.mirror else SMALL,
        "optimisation": {"micro_tokens": 3072, "evaluations": RECIPE["evaluations"]},
        "target": {
            "learning_rate": RECIPE["learning_rate"],
            "sets": {cell.target: {"batch_size": RECIPE["batch_size"], "epochs": RECIPE["epochs"]}},
        },
    }
    return merged(read_layers(ROOT, []), changes)


def made_ready(setting: Setting, cell: Cell, encoder: Path, layers: int | None) -> dict[str, Any]:
    """Prepare the rows and the encoder that all sides start from; return what a side is told."""
    from xstilts.data.rows.subset import first

    raw = configuration(setting, cell, encoder, layers)
    folder = setting.scratch / cell.task
    jobs = opened(raw, folder / "results")
    for rule, *wildcards in jobs.every():
        if rule in MADE_BEFORE:
            make(jobs, raw["mirror"], rule, *wildcards)
    rows: dict[str, Any] = {}
    english = jobs.data(cell.target, "en").parent
    chosen = {"train": first(read_jsonl(english / "train.jsonl"), cell.train)}
    chosen["dev"] = read_jsonl(english / "dev.jsonl")[: cell.dev]
    for name, part in chosen.items():
        rows[name] = str(folder / f"{name}.jsonl")
        write_jsonl(Path(rows[name]), part)
    rows["evaluated"] = {}
    for path in jobs.data_of_task(cell.task):
        found, language = read_manifest(path), path.parts[-2]
        for split in found.results["evaluate"]:
            here = folder / f"{split}-{language}.jsonl"
            write_jsonl(here, first(read_jsonl(found.folder / f"{split}.jsonl"), cell.each))
            rows["evaluated"].setdefault(language, {})[split] = str(here)
    return {
        "cell": asdict(cell),
        "configuration": raw,
        "folder": str(folder),
        "encoder": str(jobs.pretrained(MODEL).parent),
        "rows": rows,
        "recipe": RECIPE,
        "lengths": raw["lengths"],
        "optimisation": raw["optimisation"],
        "precision": ceilings.precision(),
        "seed": SEED,
    }


def opened(raw: dict[str, Any], results: Path) -> Any:
    """Return the jobs of a configuration, in a results tree of their own."""
    from xstilts.config.run import load
    from xstilts.graph.jobs import Jobs

    return Jobs(load(raw), ROOT, results)


def make(jobs: Any, mirror: str, rule: str, *wildcards: Any) -> None:
    """Make one job of the workflow as its script does, in this process."""
    from xstilts.data.job import prepare_dataset
    from xstilts.featurising.job import featurise, tokenizer_files
    from xstilts.featurising.trim import trim
    from xstilts.files import write_json
    from xstilts.graph.inputs import inputs_of
    from xstilts.graph.settings import settings_of
    from xstilts.modeling.fetch import fetch_model
    from xstilts.planning.dryrun import output_of
    from xstilts.prediction.languages import predict_task
    from xstilts.scoring.job import score_job
    from xstilts.script import role
    from xstilts.training.phase import train_target

    named = tuple(map(str, wildcards))
    inputs, output = inputs_of(jobs, rule, *named), output_of(jobs, rule, *named)
    spec: Any = inputs.pop("spec")
    settings = settings_of(jobs, rule, *wildcards)
    write_json(spec, {"rule": rule, "wildcards": list(named), "settings": settings, "code": ""})
    files: Any = inputs.pop("files", [])
    if rule == "score":
        score_job(spec, output=output, **inputs)  # type: ignore[arg-type]
        return
    data: Any = inputs.pop("data", [])
    ones = {name: path for name, path in inputs.items() if isinstance(path, Path)}
    roles = ones | {role(path): path for path in data}
    works: dict[str, Any] = {
        "prepare": partial(prepare_dataset, origin=Path(mirror)),
        "fetch_model": fetch_model,
        "fetch_whole": fetch_model,
        "trim": trim,
        "train_target": train_target,
        "predict": predict_task,
    }
    if rule == "featurise":
        encoder: Manifest = read_manifest(roles.pop("encoder"))
        works[rule] = partial(featurise, encoder=encoder, store=jobs.store / "features")
        files = tokenizer_files(encoder)
    produce(output, spec, roles, works[rule], files)


def ours(settings: dict[str, Any]) -> Prepare:
    """Make the cell by the workflow's own jobs, each repeat in a results tree in which nothing of it is made."""
    import torch  # noqa: F401  # imports are not part of the work, on any side

    numbers, folder = count(), Path(settings["folder"])

    def prepare() -> Any:
        results = folder / f"ours-{next(numbers)}"
        shutil.copytree(folder / "results", results, copy_function=os.link)
        return partial(_make_cell, settings, results)

    return prepare


def _make_cell(settings: dict[str, Any], results: Path) -> Counts:
    raw = settings["configuration"]
    jobs = opened(raw, results)
    found = {}
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        for rule, *wildcards in jobs.every():
            if rule not in TIMED:
                continue
            make(jobs, raw["mirror"], rule, *wildcards)
    for path in jobs.scores():
        content = read_json(path)
        found[content["language"]] = content["splits"]
    shutil.rmtree(results)
    return counted(found)


def counted(found: dict[str, dict[str, Any]]) -> Counts:
    """Return a cell as counts: scores (percent) and items by language and split, and the mean over languages.

    Args:
        found: language -> split -> what the scorer says of it: metrics and examples.
    """
    counts: Counts = {"cells": 1.0}
    for language, splits in sorted(found.items()):
        for split, scores in sorted(splits.items()):
            counts[f"items {split} {language}"] = float(scores["examples"])
            counts |= {f"{name} {split} {language}": float(value) for name, value in scores["metrics"].items()}
    for metric in sorted({name.split()[0] for name in counts if name.count(" ") == 2} - {"items"}):
        values = [value for name, value in counts.items() if name.startswith(f"{metric} test ")]
        counts[metric] = sum(values) / len(values)
    return counts


def table(found: dict[str, Any]) -> str:
    """Return the cells as a table: seconds, CPU seconds, memory, score on test, and ratios to ours."""
    head = ["cell", "way", "seconds", "times ours", "CPU seconds", "CPU, times ours", "peak MB", "score, test"]
    lines = [*machine_lines(found), "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in found["rows"]:
        for side, one in row["sides"].items():
            metric = "accuracy" if "accuracy" in one["counts"] else "f1"
            cpu = f"{row['cpu_ratio'][side]:.2f}" if side in row["cpu_ratio"] else "1"
            cells = [row["case"], side, ranged(spread(one["seconds"])), ranged(row["ratio"].get(side))]
            cells += [ranged(one["cpu_seconds"]), cpu, f"{one['peak_mb']:,.0f}"]
            lines.append("| " + " | ".join([*cells, f"{one['counts'][metric]:.1f} {metric}"]) + " |")
        lines += [f"{row['case']}: {side}: {why}" for side, why in row["absent"].items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write ``cells.json`` and ``cells.md``."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--encoder", type=Path, default=DEMO, help="folder of the encoder (default: the demo's)")
    parser.add_argument("--layers", type=int, help="keep its first N blocks")
    parser.add_argument("--share", type=float, default=1.0, help="of the rows of the benchmark, more or fewer")
    own, rest = parser.parse_known_args()
    given = options(rest)
    found = make_figure("cells", partial(measure, encoder=own.encoder, layers=own.layers, share=own.share), given)
    write_text(given.output / "cells.md", table(found))


if __name__ == "__main__":
    main()
