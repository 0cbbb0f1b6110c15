"""A study's arms as jobs beside a run's: what is equal is one job, what differs is refused, the run stays as it was."""

import re
from pathlib import Path
from typing import Any

import pytest

from xstilts.config.layers import merged, read_layers
from xstilts.config.methods import Method
from xstilts.config.run import load
from xstilts.config.sources import parse
from xstilts.config.study import read_study, run_of_study
from xstilts.costs.work import Workload
from xstilts.errors import ConfigError, UserError
from xstilts.graph.arms import manifests_of
from xstilts.graph.inputs import inputs_of, read_by
from xstilts.graph.jobs import REPORTING, Jobs
from xstilts.graph.settings import settings_of
from xstilts.graph.specs import write_specs
from xstilts.planning.dryrun import output_of
from xstilts.planning.speeds import COMPUTING
from xstilts.studies.comparison import Comparison
from xstilts.studies.predicted import predicted_costs
from xstilts.tasks import task
from xstilts.tasks.benchmark import benchmark

ROOT = Path(__file__).parents[3]
STUDIES = sorted(path.stem for path in (ROOT / "config/studies").glob("*.yaml"))
MODEL = "demo-encoder"


def planned(folder: Path, study: str | None, **changes: Any) -> Jobs:
    return Jobs(load(merged(read_layers(ROOT, ["demo"], {"study": study}), changes)), ROOT, folder)


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("generated", [True, False])
def test_each_study_is_whole_at_both_sizes(name: str, generated: bool) -> None:
    study = read_study(ROOT, name, generated)
    if study.serving is None:  # whose answer is of speed alone, from repeats
        assert len(study.seeds) >= (3 if generated else 5) and study.least_seeds <= len(study.seeds)
    run = load(read_layers(ROOT, ["demo"] if generated else [], {"study": name}))
    assert Jobs(run, ROOT).study is not None


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_changes_no_job_of_its_run(tmp_path: Path, name: str) -> None:
    alone, beside = planned(tmp_path, None), planned(tmp_path, name)
    jobs = list(beside.every())
    assert len(set(jobs)) == len(jobs), "what the study shares with the run stands there once"
    of_run = [job for job in alone.every() if job[0] not in REPORTING]
    assert set(of_run) <= set(jobs)
    for job in of_run:
        assert beside.owner(*job) is beside and settings_of(alone, *job) == settings_of(beside, *job)
        assert inputs_of(alone, *map(str, job)) == inputs_of(beside, *map(str, job))
    for rule in set(REPORTING) - {"report"}:
        assert settings_of(alone, rule) == settings_of(beside, rule), "arms stand in no table of the run"
    further = [job for job in jobs if beside.owner(*job) is beside.study]
    assert further and {job[0] for job in jobs} - {job[0] for job in alone.every()} >= {"predict_study", "study"}


def test_an_arm_that_is_a_row_of_the_run_is_that_row(tmp_path: Path) -> None:
    jobs = planned(tmp_path, "order", seeds=[11])
    assert jobs.study is not None
    assert jobs.owner("train_intermediate", MODEL, "mnli", 11) is jobs
    assert jobs.owner("train_intermediate", MODEL, "mnli", 12) is jobs.study, "a further seed is the study's"
    assert jobs.owner("train_intermediate", MODEL, "mnli-many", 11) is jobs.study
    read = read_by(jobs, "study", "order")
    assert jobs.score(MODEL, "mnli", "udpos", 11, "udpos", "qaa") in read
    assert jobs.score(MODEL, "mnli-many-then-mnli", "udpos", 13, "udpos", "qaa") in read
    way = read_by(jobs, "train_intermediate", MODEL, "mnli-many-then-mnli", "12")
    assert jobs.encoder(MODEL, "mnli-many", 12) in way
    users = jobs.users(MODEL, "mnli", "none", 11)
    assert jobs.encoder(MODEL, "mnli-then-mnli", 11) in users, "weights stay until the study has used them"


def test_the_methods_of_a_study_train_the_encoder_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = read_study(ROOT, "order", generated=True)
    other = study.model_copy(update={"methods": {"lora": Method(kind="lora", learning_rate=1e-3)}})
    monkeypatch.setattr("xstilts.graph.jobs.read_study", lambda *_: other)
    jobs = planned(tmp_path, "order", models=[MODEL, "second"], encoders={"second": {"weights": "owner/second"}})
    assert jobs.study is not None
    assert jobs.study.run.models == [MODEL, f"{MODEL}-lora"], "of the run's first encoder"
    assert jobs.study.arms["full after E"] == (MODEL, "mnli")
    assert jobs.study.arms["lora after E"] == (f"{MODEL}-lora", "mnli")
    training = ("train_intermediate", f"{MODEL}-lora", "mnli", "1")
    assert jobs.owner(*training) is jobs.study and jobs.owner(*training[:1], MODEL, "mnli", 1) is jobs
    assert settings_of(jobs.study, *training)["method"]["kind"] == "lora"
    reads = read_by(jobs, *training)
    assert reads == read_by(jobs, "train_intermediate", MODEL, "mnli", "1"), "encoder and features are there once"
    assert not {job[0] for job in jobs.every() if f"{MODEL}-lora" in job} & {"fetch_model", "featurise"}
    made = settings_of(jobs, "study", "order")["made"]
    assert str(jobs.study.trained(f"{MODEL}-lora", "mnli", "udpos", 11)) in made["lora after E"]
    assert not set(made["lora after E"]) & set(made["full after E"])
    arm = {row["arm"]: row for row in predicted_costs(jobs.study)}
    assert arm["lora after E"]["bytes"] < 0.2 * arm["full after E"]["bytes"]


def test_the_models_that_answer_keep_their_weights_until_they_have(tmp_path: Path) -> None:
    jobs = planned(tmp_path, "inference", keep="pretrained")
    assert jobs.study is not None
    read = read_by(jobs, "measure_serving", "inference")
    (measured,) = jobs.of_study("serving/manifest.json")
    for model, source, target in ((MODEL, "squad2", "squad"), (f"{MODEL}-houlsby", "none", "squad")):
        assert jobs.trained(model, source, target, 1) in read
        assert measured in jobs.users(model, source, target, 1)
    assert jobs.pretrained(MODEL) in read, "below adapters"
    whole = load(read_layers(ROOT, [], {"study": "inference", "data": {"origin": "public"}, "mirror": None}))
    served = {(one["arm"], one["task"]) for one in Jobs(whole, ROOT).study.served}  # type: ignore[union-attr]
    assert {("lora after none", "xquad"), ("lora after mnli", "xquad"), ("lora after mnli", "panx")} <= served
    assert ("lora after none", "panx") not in served, "other tasks: after one arm alone"
    assert measured in read_by(jobs, "study", "inference")


@pytest.mark.parametrize("name", STUDIES)
def test_no_weights_go_before_everything_that_reads_them_is_made(tmp_path: Path, name: str) -> None:
    jobs = planned(tmp_path, name, keep="pretrained")
    assert jobs.study is not None
    models = {one.trained(*model): model for one in jobs.all for model in one.dropped()}
    makes = {job: output_of(jobs, *job) for job in jobs.every() if job[0] in COMPUTING}
    for measured in ("speed", "serving", "latency"):
        if (f"measure_{measured}", name) in jobs.every():
            (makes[f"measure_{measured}", name],) = jobs.of_study(f"{measured}/manifest.json")
    early = [
        (job, models[path])
        for job, made in makes.items()
        for path in read_by(jobs, *job)
        if path in models and made not in jobs.users(*models[path])
    ]
    assert makes and not early


def test_a_study_that_changes_a_row_of_the_run_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(ROOT, "order", generated=True)
    other = study.model_copy(update={"settings": merged(study.settings, {"optimisation": {"clip": 0.5}})})
    monkeypatch.setattr("xstilts.graph.jobs.read_study", lambda *_: other)
    with pytest.raises(
        UserError, match=r"study order: changes .*optimisation of train_intermediate/.*, which is a row of r"
    ):
        write_specs(planned(tmp_path, "order", seeds=[11]))
    assert not list(tmp_path.glob("**/train_target"))


def test_what_is_no_study_and_what_a_trimmed_encoder_cannot_read_is_said() -> None:
    with pytest.raises(
        ConfigError, match="study: found 'ordr'; expected one of inference order robustness size throughput xcopa-cost"
    ):
        _ = planned(Path("results"), "ordr").study
    encoders = {"multilingual-e5-small": {"vocabulary": "run"}}
    laptop = load(read_layers(ROOT, ["laptop"], {"study": "order", "encoders": encoders}))
    with pytest.raises(ConfigError, match=r"vocabulary: run: study order reads .*; expected vocabulary: whole"):
        _ = Jobs(laptop, ROOT).study


def test_examples_of_a_language_follow_a_target_that_is_trained_once(tmp_path: Path) -> None:
    jobs = planned(tmp_path, "xcopa-cost").study
    assert jobs is not None
    trained = {cell[1] for cell in jobs.target_trainings()}
    assert trained == {"none", "siqa", "none+lora", "siqa+lora"}, "an arm with examples trains no target of its own"
    follows, alone = ("siqa+50shots", "copa", "2", "xcopa_copa"), ("50shots", "copa", "2", "xcopa_copa")
    assert inputs_of(jobs, "few_shot", MODEL, *follows)["model"] == jobs.trained(MODEL, "siqa", "copa", 2)
    assert inputs_of(jobs, "few_shot", MODEL, *alone)["model"] == jobs.pretrained(MODEL)
    assert jobs.prediction(MODEL, *follows) in jobs.users(MODEL, "siqa", "copa", 2), (
        "weights stay until it has used them"
    )
    few = [settings_of(jobs, "few_shot", MODEL, source, *follows[1:]) for source in ("siqa+50shots", "none+50shots")]
    assert few[0] == few[1], "arms differ in what they go on from alone"
    assert few[0]["few_shot"]["examples"] == 50 and few[0]["seed"] == 2
    encoders = {MODEL: {**read_layers(ROOT, ["demo"], {})["encoders"][MODEL], "sentence": "mean"}}
    pooled = planned(tmp_path, "xcopa-cost", encoders=encoders).study
    assert pooled is not None
    at = [settings_of(pooled, "few_shot", MODEL, *one)["few_shot"].get("sentence") for one in (alone, follows)]
    assert at == ["mean", None], "a fresh head reads the vector that the encoder's others do; a trained one says which"
    paths = {path for arm in jobs.arms for path in manifests_of(jobs, arm)}
    assert (
        jobs.encoder(MODEL, "siqa", 2) in manifests_of(jobs, "SIQA->COPA +5")
        and jobs.prediction(MODEL, *follows) in paths
    )


def test_an_arm_with_adapters_differs_by_them_alone(tmp_path: Path) -> None:
    jobs = planned(tmp_path, "xcopa-cost").study
    assert jobs is not None
    for rule, words in (("train_target", ("copa", 1)), ("train_intermediate", (1,))):
        sources = ("siqa", "siqa+lora")
        whole, lora = (settings_of(jobs, rule, MODEL, source, *words) for source in sources)
        assert lora.pop("method")["kind"] == "lora" and lora.pop("learning_rate") == 3e-3
        assert lora == {key: value for key, value in whole.items() if key != "learning_rate"}
    assert inputs_of(jobs, "train_target", MODEL, "siqa+lora", "copa", "1")["below"] == [jobs.pretrained(MODEL)]
    predicted = inputs_of(jobs, "predict", MODEL, "none+lora", "copa", "1", "xcopa_copa")
    assert predicted["below"] == [jobs.pretrained(MODEL)]


def test_arms_of_studies_stand_in_no_run_and_need_their_settings() -> None:
    layers = read_layers(ROOT, ["demo"], {})
    for source in ("none+lora", "mnli+5shots", "5shots", "in-context-4"):
        with pytest.raises(ConfigError, match=f"found {re.escape(source)}; expected it as an arm of a study alone"):
            load(layers | {"sources": ["none", source]})
    own = layers | {"tasks": ["xcopa_copa"], "benchmark": "xtreme_r"}
    with pytest.raises(ConfigError, match="few_shot: is missing; source 5shots needs it"):
        load(own | {"sources": ["5shots"]}, of_study=True)
    with pytest.raises(ConfigError, match="decoder: is missing; source in-context-4 needs it"):
        load(own | {"sources": ["in-context-4"]}, of_study=True)
    few = {"few_shot": {"batch_size": 8, "epochs": 1, "folds": 2}}
    with pytest.raises(ConfigError, match="found tatoeba beside source 5shots"):
        load(layers | few | {"sources": ["5shots"], "tasks": ["tatoeba"]}, of_study=True)


@pytest.mark.parametrize("name", STUDIES)
def test_the_work_of_every_arm_is_estimated(tmp_path: Path, name: str) -> None:
    jobs = planned(tmp_path, name)
    workload = Workload(jobs)
    computing = [(job[0], *map(str, job[1:])) for job in jobs.every() if job[0] in COMPUTING[1:]]
    assert any(jobs.owner(*job) is jobs.study for job in computing)
    for rule, *words in computing:
        work = workload.of(rule, *words).work(rule, *words)
        if rule == "predict" and jobs.owner(rule, *words).like(*words):
            assert work.forward == 0, "one of the same weights answers"
        else:
            assert work.steps > 0 if rule.startswith("train") else work.forward > 0, (rule, words)


def test_as_many_real_tokens_as_in_english_are_counted_from_the_english_features(tmp_path: Path) -> None:
    jobs = planned(tmp_path, "order").study
    assert jobs is not None
    settings = settings_of(jobs, "train_intermediate", MODEL, "mnli-many-matched", 11)
    assert settings["tokens_of"] == "intermediate/mnli" and settings["parts"][0]["spread"], (
        "M's examples, fewer of them"
    )
    like, own = (jobs.features(MODEL, "pretrained", "intermediate", name) for name in ("mnli", "mnli-many"))
    assert {like, own} <= set(read_by(jobs, "train_intermediate", MODEL, "mnli-many-matched", "11"))
    chain = read_by(jobs, "train_intermediate", MODEL, "mnli-many-matched-then-mnli", "11")
    assert jobs.encoder(MODEL, "mnli-many-matched", 11) in chain
    assert "tokens_of" not in settings_of(jobs, "train_intermediate", MODEL, "mnli-many-matched-then-mnli", 11)


def test_a_checkpoint_that_retrieval_takes_in_the_run_need_be_no_arm(tmp_path: Path) -> None:
    own = {"sources": ["none", {"mine": {"encoder": str(tmp_path)}}], "evaluation": {"retrieval_source": "mine"}}
    jobs = planned(tmp_path, "size", **own)
    assert jobs.run.evaluation.retrieval_source == "mine" and jobs.study is not None
    assert "mine" not in jobs.study.run.source_names


def test_arms_whose_rates_are_chosen_share_one_encoder_a_source(tmp_path: Path) -> None:
    study, rates = read_study(ROOT, "order", generated=True), [1.5e-4, 3.0e-4]
    settings = merged(study.settings, {"target": {"rates": rates}})
    study = study.model_copy(update={"tuned": True, "settings": settings})
    jobs = Jobs(run_of_study(planned(tmp_path, "order").run, study), ROOT, tmp_path)
    assert set(jobs.run.source_names) == {f"{source}-tuned" for source in study.arms.values()}
    trained = {source for _, source, _ in jobs.intermediate()}
    way = {"mnli-many", "mnli-many-matched"}
    assert trained == (set(study.arms.values()) | way) - {"none"}, "the encoder of each source once"
    name = "mnli-many-then-mnli"
    (choice,) = [cell for cell in jobs.choices() if cell[1:] == (f"{name}-tuned", "udpos", 11)]
    tried = settings_of(jobs, "choose_rate", *choice)["candidates"]
    assert tried == {f"{name}@0.00015": rates[0], name: rates[1]}, "the usual rate is the source's own training"
    encoder = jobs.encoder(MODEL, name, 11)
    for source, rate in tried.items():
        assert encoder in read_by(jobs, "train_target", MODEL, source, "udpos", "11")
        assert settings_of(jobs, "train_target", MODEL, source, "udpos", 11)["learning_rate"] == rate
        assert jobs.trained(MODEL, source, "udpos", 11) in read_by(jobs, "choose_rate", *map(str, choice))
        assert jobs.trained(MODEL, source, "udpos", 11) in jobs.users(MODEL, name, "none", 11), "weights stay for it"
    assert encoder in read_by(jobs, "predict", MODEL, f"{name}-tuned", "none", "11", "tatoeba")
    assert jobs.prediction(MODEL, f"{name}-tuned", "none", 11, "tatoeba") in jobs.users(MODEL, name, "none", 11)
    users = jobs.users(MODEL, f"{name}@0.00015", "udpos", 11)
    assert users == [jobs.trained(MODEL, f"{name}-tuned", "udpos", 11)]


def test_rates_are_chosen_in_studies_alone_and_of_trainings_alone() -> None:
    with pytest.raises(ConfigError, match="mnli-tuned has other rates on targets; expected it in a study alone"):
        load(merged(read_layers(ROOT, ["demo"], {}), {"sources": ["none", "mnli-tuned"]}))
    for name in ("mnli-shuffled-tuned", "mnli-tuned-tuned", "mnli-tuned-then-squad", "mnli@2", "mnli@0.1-tuned"):
        assert parse(name) is None, name


def test_on_another_benchmark_a_study_takes_its_tasks(tmp_path: Path) -> None:
    study = read_study(ROOT, "order", False, "xtreme_r")
    assert set(study.tasks) == set(benchmark("xtreme_r").tasks) and study.left_out == ["xnli"]
    assert read_study(ROOT, "order", False).tasks != study.tasks
    jobs = Jobs(load(read_layers(ROOT, ["xtreme_r"], {"study": "order"})), ROOT, tmp_path)
    assert jobs.study is not None and jobs.study.run.tasks == study.tasks
    known = {name: {"family": task(name).family} for name in study.tasks}
    apart = [Comparison("M->E", "E->E", over).tasks(known) for over in ("retrieval", "all but retrieval")]
    assert apart[0] == ["tatoeba_squad", "mewslix", "lareqa"] and sorted([*apart[0], *apart[1]]) == sorted(study.tasks)


@pytest.mark.parametrize("name", ["order", "robustness", "throughput", "xcopa-cost"])
def test_beside_a_small_encoder_a_study_has_one_seed_and_identifies_nothing(tmp_path: Path, name: str) -> None:
    run = load(
        read_layers(ROOT, ["laptop-studies"], {"study": name, "data": {"origin": "mirror"}, "mirror": str(tmp_path)})
    )
    jobs = Jobs(run, ROOT, tmp_path)
    assert jobs.study is not None and jobs.study.run.seeds == [1]
    assert jobs.study.settings.least_seeds == 5, "the rule is that of the paper's scale"
    assert len(list(jobs.study.every())) < 300
    assert jobs.study.settings.question == read_study(ROOT, name, False).question
