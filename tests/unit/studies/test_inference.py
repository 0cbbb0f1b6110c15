"""The study of inference: planted speeds give the planted answer, and a run's own models go through its measurement."""

import csv
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoder_jobs import ROOT, Made, pairs
from planted_studies import plant

from xstilts.artifacts import produce
from xstilts.config.run import load
from xstilts.errors import UserError
from xstilts.featurising.job import featurise
from xstilts.files import write_json
from xstilts.graph.jobs import Jobs
from xstilts.modeling.fetch import fetch_model
from xstilts.planning.numbers import find_number
from xstilts.planning.tables import open_run
from xstilts.planning.trace import trace
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import write_scores
from xstilts.serving import twin
from xstilts.serving.names import Scenario
from xstilts.serving.scenarios import Load, Measured, shortened
from xstilts.studies.inference import NO, UNKNOWN, YES, compare, write_contrasts
from xstilts.studies.job import run_study
from xstilts.studies.paired import QUERIES, Pair, measure_pairs, pairs_of, ratio
from xstilts.studies.serve import measure_serving
from xstilts.studies.served import speeds, write_speeds
from xstilts.studies.turns import measure_all
from xstilts.training.phase import train_target

MODELS = [  # name, arm, kind, merged
    *((f"{method} after {arm}", f"{method} after {arm}", kind, False) for arm in ("none", "squad") for method, kind in (
        ("full", "full"), ("lora", "lora"), ("houlsby", "bottleneck"))),
    *((f"lora after {arm} (merged)", f"lora after {arm}", "lora", True) for arm in ("none", "squad")),
]  # fmt: skip
ROUNDS = 12  # that the planted study asks for
LOADS: dict[Scenario, Load] = {
    "SingleStream": shortened("SingleStream", 0.2),
    "Server": Load("Server", 0.99, 0.0, 459, rate=1.0, limit=0.130),
    "Offline": shortened("Offline", 0.0, 200),
}
KNOWN = {"load_seconds": 0.5, "bytes": 10**6, "weights": 10**7, "gpu_memory": None}


class World:
    """A machine on which time passes by work, which takes a little more or less each time, and by what others do."""

    def __init__(self, others: float = 0.0, seed: int = 0) -> None:
        self.now, self.processor, self.others = 50.0, 0.0, others
        self.rng = np.random.default_rng(seed)
        self.asked: list[str] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def system(self, name: str, slower: float, noise: float = 0.02):
        def answer(asked: list[int]) -> None:
            took = slower * (0.001 + 0.002 * len(asked)) * (1 + noise * self.rng.random())
            self.processor += took
            self.now += took * (1 + self.others * self.rng.random() ** 4)
            self.asked += [name] if self.asked[-1:] != [name] else []

        return answer, 100

    def measure(self, system, there: int, load: Load) -> Measured:
        return twin.measure(system, there, load, 8, self.clock, self.sleep)


def served(
    lora: float, merged: float, rounds: int = ROUNDS, noise: float = 0.02, others: float = 0.0, on_gpu: bool = False
) -> dict[str, Any]:
    """What a measurement of planted systems writes: LoRA takes so many times as long, and so many when merged."""
    world = World(others)
    slower = {False: {"full": 1.0, "lora": lora, "bottleneck": 1.1}, True: {"lora": merged}}
    systems = {name: world.system(name, slower[is_merged][kind], noise) for name, _, kind, is_merged in MODELS}
    everywhere = [name for name, arm, _, _ in MODELS if arm.endswith("squad")]
    found = measure_all(systems, LOADS, world.measure, 4, everywhere, processor=lambda: world.processor)
    measured = {
        name: {
            scenario: [asdict(one.measured) | {"processor": one.processor} for one in taken]
            for scenario, taken in by.items()
        }
        for name, by in found.items()
    }
    models = [
        {
            "name": name,
            "arm": arm,
            "source": arm.split()[-1].replace("squad", "squad2"),
            "kind": kind,
            "merged": is_merged,
        }
        | {"everywhere": name in everywhere, "swap_seconds": None if kind == "full" or is_merged else 0.01, **KNOWN}
        for name, arm, kind, is_merged in MODELS
    ]
    pairs = measure_pairs(
        systems, pairs_of(models, "squad"), rounds, processor=lambda: world.processor, clock=world.clock
    )
    where = {"on_gpu": on_gpu, "device": "a planted machine", "load_average": [1.0, 2.0]}
    return {"tasks": ["xquad"], "measured": {"xquad": measured}, "models": models, "pairs": pairs, **where}


def decided(folder: Path, content: dict[str, Any], **effects: float) -> tuple[dict[str, Any], Path]:
    run = plant(folder, "inference", effects, served=content)
    run.settings["study"]["serving"]["rounds"] = ROUNDS
    write_json(run.folder / "specs/study/inference.json", {"settings": json.loads(json.dumps(run.settings))})
    run_study(run)
    return json.loads((run.tables / "verdict.json").read_text(encoding="utf-8")), run.tables


@pytest.mark.parametrize(
    ("lora", "merged", "verdict"), [(1.3, 1.0, YES), (0.8, 1.0, YES), (1.01, 1.0, NO), (1.05, 1.0, UNKNOWN)]
)
def test_a_planted_speed_gives_the_planted_answer(tmp_path: Path, lora: float, merged: float, verdict: str) -> None:
    found, _ = decided(tmp_path, served(lora, merged))
    assert found["verdict"] == verdict, found["reason"]
    assert f"lora after squad takes {lora:.2f}" in found["reason"] and "lora after squad (merged)" in found["null_test"]


def test_a_null_test_that_fails_or_shows_nothing_replaces_the_answer(tmp_path: Path) -> None:
    """Equal systems on a machine that wavers pass no null test by the width of their interval."""
    found, tables = decided(tmp_path / "failed", served(1.3, 1.2))
    assert found["verdict"] == UNKNOWN and found["reason"].startswith("the null test of the harness failed: lora after")
    assert "**Answer: not identified.**" in (tables / "verdict.md").read_text(encoding="utf-8")
    found, _ = decided(tmp_path / "coarse", served(1.3, 1.0, rounds=4, noise=3.0))
    assert found["reason"] == "4 rounds, and the rule needs 12"
    content = served(1.3, 1.0)
    for one in content["pairs"]:
        one["processor"]["plus"] = [
            took * (1.5 if number % 2 else 1 / 1.5) for number, took in enumerate(one["processor"]["plus"])
        ]
    found, _ = decided(tmp_path / "noisy", content)
    assert found["verdict"] == UNKNOWN and "the null test of the harness is too coarse" in found["reason"]


def test_of_a_cpu_the_processors_time_decides_of_a_gpu_the_latency(tmp_path: Path) -> None:
    """Others on the machine lengthen latencies, and hardly the processor's time."""
    found, tables = decided(tmp_path / "cpu", served(1.3, 1.0, others=30.0))
    assert found["verdict"] == YES, found["reason"]
    with open(tables / "contrasts.csv", encoding="utf-8", newline="") as handle:
        first = {row["of"]: row for row in csv.DictReader(handle) if row["kind"] == "primary"}
    widths = {name: float(row["upper"]) - float(row["lower"]) for name, row in first.items()}
    assert widths["latency"] > 5 * widths["processor"] and first["processor"]["decides"] == "True"
    found, _ = decided(tmp_path / "gpu", served(1.3, 1.0, on_gpu=True))
    assert found["verdict"] == YES and "What decides is a query's latency" in found["rule"]


def test_all_take_their_turns_forwards_and_backwards() -> None:
    world = World()
    systems = {name: world.system(name, 1.0) for name in "abc"}
    found = measure_all(systems, LOADS, world.measure, 4, ["a"], processor=lambda: world.processor)
    assert "".join(world.asked).startswith("abc" + "abc" + "cba".removeprefix("c") + "bc" + "ba")
    assert {name: {scenario: len(one) for scenario, one in by.items()} for name, by in found.items()} == {
        "a": {"SingleStream": 4, "Server": 1, "Offline": 4}, "b": {"SingleStream": 4}, "c": {"SingleStream": 4}
    }  # fmt: skip


def test_a_pair_answers_the_same_queries_by_turns_whatever_the_machine_does_meanwhile() -> None:
    """A machine that becomes three times as slow for a while, and slower in the middle of a round, changes no ratio."""
    world, asked = World(), []

    def system(name: str, slower: float):
        def answer(samples: list[int]) -> None:
            asked.append((name, samples[0]))
            wavers = 1 + 2 * (len(asked) // 50 % 2)
            world.processor += 0.01 * slower * wavers
            world.now += 0.01 * slower * wavers

        return answer, 100

    systems = {"a": system("a", 1.0), "b": system("b", 1.25), "c": system("c", 1.0)}
    pairs = [Pair("b", "a", "primary"), Pair("c", "a", "null")]
    found = measure_pairs(systems, pairs, 4, processor=lambda: world.processor, clock=world.clock)
    first = asked[: 2 * QUERIES]
    assert [name for name, _ in first[:4]] == ["b", "a", "a", "b"]
    queries = [[sample for name, sample in first if name == one] for one in "ab"]
    assert queries[0] == queries[1] and len(set(queries[0])) > 30
    assert [name for name, _ in asked[2 * QUERIES * 2 :][:4]] == ["a", "c", "c", "a"], "the second round is in reverse"
    for one, expected in zip(found, (1.25, 1.0), strict=True):
        for measure in ("processor", "latency"):
            known = ratio(one[measure]["plus"], one[measure]["minus"])
            assert known is not None and known.rounds == 4 and known.value == pytest.approx(expected, rel=0.02)


def test_the_page_has_every_model_the_gates_and_the_way_back(tmp_path: Path) -> None:
    found, tables = decided(tmp_path, served(1.3, 1.0), squad2=4.0)
    text = (tables / "verdict.md").read_text(encoding="utf-8")
    assert "in the manner of MLPerf's Open division, unverified" in text and "**Shortened**" in text
    assert found["question"] in text and "load average of the machine 1 to 2" in text and "Energy: not measured" in text
    for name, *_ in MODELS:
        assert f"| {name} |" in text
    gates = [line for line in text.splitlines() if line.startswith("| lora after squad |") and "%" in line]
    assert len(gates) == 1 and ("99 %)" in gates[0] or "99.9 %)" in gates[0] or "under 99 %)" in gates[0])
    assert {path.name for path in tables.glob("*.svg")} == {"forest.svg", "pareto.svg"}
    run = open_run(tables / "speeds.csv")
    speed = find_number(run, tables / "speeds.csv", "lora after squad on xquad in SingleStream", "processor_ms")
    assert len(speed.words) == 5 and "serving/manifest.json" in speed.words[0]
    score = find_number(run, tables / "arms.csv", "lora after squad", "xquad")
    assert score.cells and {cell.model for cell in score.cells} == {"demo-encoder-lora"}
    cost = find_number(run, tables / "costs.csv", "lora after squad", "training_seconds")
    assert any("models/demo-encoder-lora/squad2/none/1" in word for word in cost.words)


def test_the_page_says_of_how_many_languages_scores_are(tmp_path: Path) -> None:
    run = plant(tmp_path, "inference", {}, served=served(1.3, 1.0))
    for path in run.folder.glob("scores/*/none/squad/*/xquad/qab.json"):
        path.unlink()
    run_study(run)
    text = (run.tables / "verdict.md").read_text(encoding="utf-8")
    assert "the languages of its test split (XQuAD 2 of 3 languages)." in text


def test_speeds_and_contrasts_are_followed_to_repeats_and_trainings(tmp_path: Path) -> None:
    content = served(1.3, 1.0)
    content["measured"]["xquad"]["houlsby after none"]["SingleStream"][3]["estimate"] = None
    next(one for one in content["pairs"] if one["plus"] == "houlsby after none")["latency"]["plus"][3] = None
    _, tables = decided(tmp_path, content)
    run = open_run(tables / "speeds.csv")
    for table, first in (("speeds", "p50_ms"), ("contrasts", "value")):
        with open(tables / f"{table}.csv", encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
        columns = [*rows[0]][[*rows[0]].index(first) :]
        for row in rows:
            for column in columns:
                if column not in ("tool", "shortened", "reasons") and (row[column] or table == "contrasts"):
                    number = find_number(run, tables / f"{table}.csv", next(iter(row.values())), column)
                    assert number.value == (pytest.approx(float(row[column])) if row[column] else None)
        assert rows
    name = "houlsby after none over full after none in latency"
    lacking = find_number(run, tables / "contrasts.csv", name, "value")
    assert lacking.value is None and "no number" in lacking.words[4]

    models = tables.parents[1] / "models"
    text, problems = trace(
        tables / "contrasts.csv", "lora after squad (merged) over full after squad in latency", "upper"
    )
    assert problems == []
    assert text.count(" s over ") == 12 and "a bound of Student's 95 % interval of the geometric mean" in text
    assert f"measurement  {tables}/serving\n" in text
    for model in ("demo-encoder", "demo-encoder-lora"):
        assert f"checkpoint  {models}/{model}/squad2/squad/1\n" in text
        assert f"encoder  {models}/{model}/squad2/none/1\n" in text
    assert "houlsby" not in text and "  dev-en.safetensors  7 bytes" in text
    (tables / "serving/measured.json").write_text("{}", encoding="utf-8")
    _, problems = trace(tables / "speeds.csv", "full after none on xquad in SingleStream", "p50_ms")
    assert len(problems) == 1 and "measured.json: found SHA-256" in problems[0]
    with pytest.raises(UserError, match=r"column 'kind' is no number; known: value lower upper rounds"):
        trace(tables / "contrasts.csv", name, "kind")


def test_so_few_rounds_say_as_little_as_they_do() -> None:
    """Student's interval of five ratios holds 1 in 95 of 100 pairs of equal systems on a machine that wavers."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        found = ratio(*(list(np.exp(rng.normal(0, 0.3, 5))) for _ in range(2)))
        assert found is not None
        held += found.lower <= 1 <= found.upper
    assert 360 <= held <= 396
    alone = ratio([1.0], [1.0])
    assert alone is not None and (alone.lower, alone.upper) == (0.0, float("inf"))
    assert ratio([1.0, None], [1.0, 1.0]) is None


@pytest.mark.slow
def test_trained_models_are_opened_and_measured(tmp_path: Path) -> None:
    """Real trainings of a whole encoder and of LoRA in it, real features, LoadGen itself."""
    made = Made(tmp_path, ROOT / "resources/encoders/demo", ("none",))
    raw = made.jobs.run.model_dump(mode="json") | {"run": "few", "models": ["m", "l"], "tasks": ["xnli"]}
    encoder = {"weights": str(ROOT / "resources/encoders/demo")}
    raw["encoders"] = {"m": encoder, "l": encoder | {"method": {"kind": "lora", "learning_rate": 1e-2}}}
    jobs = made.jobs = Jobs(load(raw), ROOT, tmp_path / "results")

    def place(path: Path) -> str:
        return str(path.parent.relative_to(tmp_path))

    mnli = made.data("mnli", train=pairs(32, "en"), dev=pairs(9, "en"))
    english = made.data("xnli", dev=pairs(20, "en"))
    for model in ("m", "l"):
        start = made.make(fetch_model, place(jobs.pretrained(model)), "fetch_model", model)
        job = partial(featurise, encoder=start, store=tmp_path / "store")
        for use, name, data in (("target", "mnli", {"mnli/en": mnli}), ("task", "xnli", {"xnli/en": english})):
            path = jobs.features_of_task(model, "none", "xnli")
            if use == "target":
                (path,) = jobs.features_of_target(model, "none", "mnli")
            made.make(job, place(path), "featurise", model, "none", use, name, **data)
        trained = {"encoder": start.path, "target/mnli": jobs.features_of_target(model, "none", "mnli")[0]}
        where = place(jobs.trained(model, "none", "mnli", 1))
        made.make(train_target, where, "train_target", model, "none", "mnli", 1, **trained)
    served = [
        {"arm": f"{method} after none", "source": "none", "kind": kind, "task": "xnli", "family": "classification",
         "everywhere": True, "model": str(jobs.trained(model, "none", "mnli", 1)),
         "below": [str(path) for path in jobs.below(model, "none", "mnli", 1)],
         "features": str(jobs.features_of_task(model, "none", "xnli"))}
        for model, method, kind in (("m", "full", "full"), ("l", "lora", "lora"))
    ]  # fmt: skip
    both = ["SingleStream", "Offline"]
    settings = {
        "serving": {
            "scenarios": both,
            "source": "none",
            "beside": [],
            "rounds": 2,
            "repeats": 2,
            "seconds": 0.05,
            "samples": 40,
        },
        **{"models": served, "micro_tokens": 3072, "precision": "float32", "deterministic": False},
    }
    spec = tmp_path / "serving.json"
    write_json(spec, {"rule": "measure_serving", "wildcards": [], "settings": settings, "code": ""})
    read = {path: Path(path) for one in served for path in (one["model"], *one["below"], one["features"])}
    found = produce(tmp_path / "serving/manifest.json", spec, read, measure_serving)
    content = json.loads((found.folder / "measured.json").read_text(encoding="utf-8"))
    known = {one["name"]: one for one in content["models"]}
    assert [*known] == ["full after none", "lora after none", "lora after none (merged)"]
    assert known["lora after none"]["bytes"] < 0.2 * known["full after none"]["bytes"]
    assert known["lora after none"]["weights"] > known["full after none"]["weights"] == known[[*known][2]]["weights"]
    assert [one["swap_seconds"] is None for one in known.values()] == [True, False, True]
    for by in content["measured"]["xnli"].values():
        assert {name: len(taken) for name, taken in by.items()} == dict.fromkeys(both, 2)
        assert all(one["processor"] > 0 and "LoadGen" in one["tool"] for taken in by.values() for one in taken)
    asked = {one["queries"] for by in content["measured"]["xnli"].values() for one in by["SingleStream"]}
    assert asked == {64}, "all models answer the same queries, where the count ends a measurement"

    run = RunFolder({"statistic": "mean"}, tmp_path / "results/few", tmp_path / "results/few/studies/inference")
    write_json(run.folder / "specs/study/inference.json", {"settings": run.settings})
    write_scores(run.tables / "scores.csv", [], "few")
    write_speeds(run, speeds(content), str(found.path))
    write_contrasts(run, compare(content), "processor", content, str(found.path))
    contrast = ("contrasts.csv", "lora after none over full after none in processor", "value")
    for table, row, column in (contrast, ("speeds.csv", "lora after none (merged) on xnli in SingleStream", "p50_ms")):
        text, problems = trace(run.tables / table, row, column)
        assert problems == [] and f"measurement  {found.folder}\n" in text and "measured.json" in text
        assert f"checkpoint  {jobs.trained('l', 'none', 'mnli', 1).parent}\n" in text
        assert "\n  adapter_model.safetensors  " in text and "NOT AS IT WAS MADE" not in text
        assert (f"checkpoint  {jobs.trained('m', 'none', 'mnli', 1).parent}\n" in text) == (table == contrast[0])
        assert f"encoder  {jobs.pretrained('l').parent}\n" in text
        for end in ("/task/xnli", "/target/mnli", f"data  {mnli.parent}", f"data  {english.parent}"):
            assert f"{end}\n" in text
