"""What a study's page says of memory, answers and when a stage has paid for itself."""

from pathlib import Path
from typing import Any

from planted_studies import plant

from xstilts.artifacts import entries, remember
from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.costs.cards import card_bytes
from xstilts.costs.disk import bytes_of_training
from xstilts.costs.gpu_memory import WORKSPACE, training_bytes, training_parts
from xstilts.costs.size import LARGE
from xstilts.costs.trained import trained_parameters
from xstilts.costs.work import Workload
from xstilts.files import write_text
from xstilts.graph.jobs import Jobs
from xstilts.reporting.scores import csv_text
from xstilts.studies.beside import break_even, from_on
from xstilts.studies.comparison import Comparison
from xstilts.studies.job import run_study
from xstilts.studies.latency import COLUMNS, FILE
from xstilts.studies.measure import Finding

ROOT = Path(__file__).parents[3]


def test_memory_is_what_holds_it_and_together_what_a_training_needs() -> None:
    run = load(read_layers(ROOT, [], {}))
    optimisation, lora = run.optimisation, run.methods.get("lora")
    parts = training_parts(LARGE, optimisation)
    assert sum(parts.values()) + WORKSPACE == training_bytes(LARGE, optimisation)
    assert parts["gradients"] == 4 * trained_parameters(LARGE) and parts["moments"] == 2 * parts["gradients"]
    fewer = training_parts(LARGE, optimisation, tokens=1000)
    assert fewer["activations"] == parts["activations"] * 1000 / optimisation.micro_tokens and lora is None
    assert training_parts(LARGE, optimisation, tokens=1e9) == parts, "no forward pass is larger than the limit"
    graphed = training_parts(LARGE, optimisation.model_copy(update={"graphed": True}))
    assert 1.9e9 < graphed["activations"] - parts["activations"] < 3.2e9, "captured blocks have memory of their own"
    saving = optimisation.model_copy(update={"activation_checkpointing": True})
    assert training_parts(LARGE, saving.model_copy(update={"graphed": True})) == training_parts(LARGE, saving)


def test_trainings_one_after_the_other_and_of_few_examples_hold_all_rows() -> None:
    """What no count of pieces spares them: 210,000 rows, 3.4 GB of XLM-R Large's weights, gradients and moments."""
    alone, chain = (
        Jobs(load(read_layers(ROOT, [], {"benchmark": "xtreme_r", "sources": ["none"], "tasks": [task]})), ROOT)
        for task in ("xnli", "xcopa")
    )
    model = chain.run.models[0]
    spared = 16 * (250_002 - 40_000) * 1024
    assert card_bytes(chain, model) - card_bytes(alone, model) == spared
    assert bytes_of_training(chain) - bytes_of_training(alone) == 3 * spared
    target = next(name for name in chain.run.targets if name != "none")
    assert Workload(chain).work("train_target", model, "none", target, "1").all_rows
    assert not Workload(alone).work("train_target", model, "none", "mnli", "1").all_rows


def test_a_stage_has_paid_for_itself_where_the_rest_costs_more() -> None:
    assert (from_on(100, 30, "language"), from_on(5, 30, "language")) == ("4 languages", "1 language")
    assert from_on(100, 0, "language") == from_on(100, -1, "question") == "never"
    costs: list[dict[str, Any]] = [
        {"arm": arm, "training_seconds": seconds, "finished": 2, "jobs": 2}
        for arm, seconds in (("COPA", 30.0), ("SIQA->COPA", 330.0), ("COPA +5", 60.0), ("SIQA->COPA +5", 360.0))
    ]
    scores = {
        arm: Finding(Comparison(arm, ""), estimate=value) for arm, value in (("SIQA->COPA", 60.0), ("COPA +5", 58.5))
    }
    answers = {"SIQA->COPA": {"rate": 100.0}, "in context, 4 shots": {"rate": 10.0}}
    few = {"COPA +5": (5, 4.0), "SIQA->COPA +5": (5, 4.0)}
    lines = break_even("SIQA->COPA", "COPA", scores, costs, few, answers, seeds=3)
    assert lines[0] == ["COPA +5", "5", "4.00 a language", "25 languages", "-1.5"], "(110 - 10) / 4 seconds, a seed"
    assert lines[1][:4] == ["in context, 4 shots", "–", "+0.0900 a question", "1,112 questions"] and len(lines) == 2
    costs[1]["finished"] = 1
    assert break_even("SIQA->COPA", "COPA", scores, costs, few, answers, seeds=3) == [], "not of an arm half done"


def test_the_page_names_what_was_not_computed_and_has_memory_answers_and_the_break_even(tmp_path: Path) -> None:
    run = plant(tmp_path, "xcopa-cost", {"siqa": 4.0})
    for path in run.folder.glob("scores/*/50shots/**/*.json"):
        path.unlink()
    run_study(run)
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "* in context, 4 shots: no decoder is configured" in page
    assert "* 50 alone: no scores" in page
    assert "Not measured: its job has not run." in page and "| COPA, LoRA |" in page.partition("## Memory")[2]
    folder = run.tables / "latency"
    rows = [
        {"arm": arm, "scenario": scenario, "repeat": repeat, "questions": 10, "seconds": 1.0, "rate": rate,
         "p50": 0.004, "p90": 0.005, "p99": 0.006}
        for arm, rate in (("COPA", 200.0), ("SIQA->COPA", 201.0)) for scenario in ("SingleStream", "Offline")
        for repeat in range(3)
    ]  # fmt: skip
    write_text(folder / FILE, csv_text(rows, COLUMNS))
    facts = {"tokens_a_question": 44.0, "load_seconds": 1.0, "gpu_bytes": None}
    content = {"rule": "measure_latency", "key": "planted", "files": entries(folder, [FILE]), "reason": None}
    remember(folder / "manifest.json", content | {"results": {"arms": {"COPA": facts, "SIQA->COPA": facts}}})
    run_study(run)
    page = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "| SIQA->COPA | 4.00 | 5.00 | 6.00 | 201 | 44 | not measured |" in page
    # A stage of 20 seconds a seed; a language's examples took a third of a second of the planted one.
    assert "| COPA +5 | 5 | 0.33 a language | 60 languages |" in page


def test_an_arm_in_context_is_computed_where_there_is_a_decoder(tmp_path: Path) -> None:
    layers = read_layers(ROOT, ["demo"], {"study": "xcopa-cost"})
    without = Jobs(load(layers), ROOT, tmp_path).study
    assert without is not None and {*without.settings.lacking} == {"in context, 0 shots", "in context, 4 shots"}
    found = Jobs(load(layers | {"decoder": {"weights": "some/decoder"}}), ROOT, tmp_path).study
    assert found is not None and not found.settings.lacking
    assert ("fetch_decoder",) in {*found.every()}
    answered = [found.prediction(*job[1:]) for job in found.every() if job[0] == "in_context"]
    assert found.prediction("demo-encoder", "in-context-4", "copa", 1, "xcopa_copa") in answered
    assert "in context, 4 shots" in found.arms and "in context, 4 shots" not in without.arms
