"""Exactly the settings that each job uses: a change of any other reruns nothing of it. No place, no machine."""

from collections.abc import Callable
from typing import Any

from xstilts import tasks
from xstilts.families.facts import facts
from xstilts.graph import data_settings
from xstilts.graph.arms import manifests_of
from xstilts.graph.hyperparameters import (
    division_of,
    featurised,
    lengths_of_task,
    method_of,
    source_training,
    target_training,
)
from xstilts.graph.jobs import REPORTING, Jobs
from xstilts.graph.reporting_settings import reporting

Settings = dict[str, Any]
NAME_THE_RECIPE = (
    "collect_scores",
    "table_main",
    "table_best",
    "table_claims",
    "table_comparison",
    "table_card",
    "report",
)


def settings_of(jobs: Jobs, rule: str, *wildcards: Any) -> Settings:
    """Return exactly the settings that a job uses."""
    if rule in BY_RULE:
        return BY_RULE[rule](jobs, *wildcards)
    if rule in REPORTING:
        return reporting(jobs) | (_recipe(jobs) if rule in NAME_THE_RECIPE else {})
    raise ValueError(f"no settings for rule {rule!r}")


def featurise(jobs: Jobs, model: str, start: str, use: str, name: str) -> Settings:
    """Return what the features of a training set or a task depend on."""
    return featurised(jobs.run, use, name)


def train_intermediate(jobs: Jobs, model: str, source: str, seed: int) -> Settings:
    """Return the settings of a training on a source."""
    own = method_of(jobs.run, model, source, "intermediate") | division_of(jobs.run, model)
    return source_training(jobs.run, source, seed) | own


def train_target(jobs: Jobs, model: str, source: str, target: str, seed: int) -> Settings:
    """Return the settings of a training on a target."""
    settings = target_training(jobs.run, source, target, seed)
    own = method_of(jobs.run, model, source, "target")
    if "before" in settings and "learning_rate" in own:  # of a chain: each of its trainings
        settings["before"] = [link | {"learning_rate": own["learning_rate"]} for link in settings["before"]]
    return settings | own | division_of(jobs.run, model)


def choose_rate(jobs: Jobs, model: str, source: str, target: str, seed: int) -> Settings:
    """Return the learning rates to choose among, by the source whose training used them."""
    return {"candidates": jobs.run.candidates(model, source, target)}


def predict(jobs: Jobs, model: str, source: str, target: str, seed: int, name: str) -> Settings:
    """Return what is predicted, and what decoding needs.

    Retrieval embeds in float32 always: rounding to bfloat16 moves near neighbours, up to half a point of Tatoeba in a
    language.
    """
    run, task = jobs.run, tasks.task(name)
    retrieves = facts(task.family).paired or facts(task.family).contrasted
    known = None if task.target == "none" else tasks.training_set(task.target)
    return {
        "task": task.name,
        "family": task.family,
        "splits": task.splits,
        "languages": run.languages_of(task.name),
        "limit": run.evaluation.limit,
        "lengths": lengths_of_task(run, name),
        "micro_tokens": run.optimisation.micro_tokens,
        "precision": "float32" if retrieves else run.optimisation.precision,
        "deterministic": run.optimisation.deterministic,
        "labels": known.labels if known else (),
        **({"no_answer": True} if known and known.no_answer else {}),
    } | ({"mined": task.scoring[0] == "bucc", "retrieval": _vectors(jobs)} if facts(task.family).paired else {})


def few_shot(jobs: Jobs, model: str, source: str, target: str, seed: int, name: str) -> Settings:
    """Return what is predicted, and how examples of each language are trained on before."""
    few, known = jobs.run.few_shot, jobs.run.source(source)
    assert few is not None
    like = train_target(jobs, model, known.base or "none", target, seed)
    own = {"examples": known.shots, "head": target, "learning_rate": few.learning_rate or like["learning_rate"]}
    training = few.model_dump(exclude={"learning_rate"}) | own | {"optimisation": like["optimisation"]}
    at = {} if known.base or "sentence" not in like else {"sentence": like["sentence"]}  # else the head says it
    return predict(jobs, model, source, target, seed, name) | {
        "predictor": "training.few_shot",
        "seed": int(seed),
        "few_shot": training | at,
    }


def in_context(jobs: Jobs, model: str, source: str, target: str, seed: int, name: str) -> Settings:
    """Return what is predicted, and how many English examples, which the seed draws, a decoder reads before each."""
    shots = jobs.run.source(source).shots
    own = {"predictor": "prediction.in_context", "shots": shots} | ({"seed": int(seed)} if shots else {})
    return predict(jobs, model, source, target, seed, name) | own


def index(jobs: Jobs, model: str, source: str, target: str, seed: int, name: str) -> Settings:
    """Return which candidates are embedded, and how."""
    told = ("task", "family", "lengths", "micro_tokens", "precision", "deterministic")
    settings = predict(jobs, model, source, target, seed, name)
    searched = {"splits": ("test",), "languages": jobs.run.candidate_languages(name), "limit": None}
    return {key: settings[key] for key in told} | searched


def score(jobs: Jobs, model: str, source: str, target: str, seed: int, name: str, language: str) -> Settings:
    """Return what is scored."""
    return {
        "task": name,
        "language": language,
        "splits": tasks.task(name).splits,
        "limit": jobs.run.evaluation.limit,
    } | ({"retrieval": jobs.run.retrieval.model_dump()} if facts(tasks.task(name).family).paired else {})


def _vectors(jobs: Jobs) -> Settings:
    """Return how sentence vectors are made of states; what stands before a sentence is in its features."""
    return jobs.run.retrieval.model_dump(exclude={"prefix"})


def baseline(jobs: Jobs, task: str) -> Settings:
    """Return what the scores of a task without an encoder need to know."""
    searched = {"searched": list(map(str, jobs.candidates_of_task(task)))} if task in jobs.indexed else {}
    return reporting(jobs) | {"languages": {task: jobs.run.languages_of(task)}} | searched


def table_hyperparameters(jobs: Jobs) -> Settings:
    """Return the whole configuration but for the machine's part."""
    machine: Any = {
        "mirror": True,
        "keep": True,
        "study": True,  # its arms are no part of the run's tables
        "task_files": True,
        "optimisation": {"checkpoint_minutes", "activation_checkpointing"},
    }
    return reporting(jobs) | _recipe(jobs) | {"configuration": jobs.run.model_dump(exclude=machine)}


def predict_study(jobs: Jobs, name: str) -> Settings:
    """Return the whole configuration of a study's arms: what they cost is predicted from it, memory too."""
    assert jobs.study is not None
    machine: Any = {"mirror": True, "keep": True, "task_files": True, "optimisation": {"checkpoint_minutes"}}
    return {"study": jobs.study.settings.model_dump(), "configuration": jobs.study.run.model_dump(exclude=machine)}


def measure_speed(jobs: Jobs, name: str) -> Settings:
    """Return whose steps are measured, how often, and how each arm is trained."""
    assert jobs.study is not None and jobs.study.settings.speed is not None
    study, speed, model = jobs.study.settings, jobs.study.settings.speed, jobs.study.run.models[0]
    arms = {arm: train_intermediate(jobs.study, model, study.arms[arm], study.seeds[0]) for arm in speed.arms}
    return {"speed": speed.model_dump(), "training": arms}


def measure_serving(jobs: Jobs, name: str) -> Settings:
    """Return which trained models answer what, under which load."""
    assert jobs.study is not None and jobs.study.settings.serving is not None
    run = jobs.study.run
    told = run.optimisation.model_dump(include={"micro_tokens", "precision", "deterministic"})
    return {"serving": jobs.study.settings.serving.model_dump(), "models": jobs.study.served} | told


def measure_latency(jobs: Jobs, name: str) -> Settings:
    """Return whose models answer which questions; those with adapters as they are, and merged."""
    assert jobs.study is not None and jobs.study.settings.latency is not None
    study, task, measured = jobs.study, jobs.study.run.tasks[0], jobs.study.settings.latency
    target, seed = tasks.task(task).target, study.run.seeds[0]
    arms = {}
    for arm in measured.arms:
        model, source = study.arms[arm]
        below = "below" if study.below(model, source, target, seed) else None
        one = {"model": "/".join([model, source, target, str(seed)]), "below": below, "merged": False}
        arms[arm] = one
        if below and study.adapters(model, "target", source) in ("lora", "ia3"):
            arms[f"{arm}, merged"] = one | {"merged": True}
    shots = {arm: study.run.source(source).shots for arm, (_, source) in study.arms.items() if _answers(study, source)}
    told = {"latency": measured.model_dump(), "arms": arms, "in_context": shots, "seed": seed}
    first = next(iter(study.arms.values()))
    return predict(study, *first, target, seed, task) | told | {"dataset": tasks.task(task).dataset}


def _answers(jobs: Jobs, source: str) -> bool:
    """Say whether a decoder answers in the place of a source's model."""
    return jobs.predicting(source) == "in_context"


def study(jobs: Jobs, name: str) -> Settings:
    """Return what a study asks, and what its tables need to know of its arms."""
    assert jobs.study is not None
    own = jobs.study.settings.model_dump(exclude={"settings", "benchmarks", "recipes", "generated"})
    manifests = {arm: list(map(str, manifests_of(jobs.study, arm))) for arm in jobs.study.arms}
    own["rates"] = jobs.study.run.rates(jobs.study.run.models[0])
    own["arms"] = {arm: source for arm, (_, source) in jobs.study.arms.items()}
    order: Settings = {"order": list(jobs.study.arms)}  # a spec is sorted by its keys
    if jobs.study.settings.methods:
        order["encoders"] = {arm: model for arm, (model, _) in jobs.study.arms.items()}
    if jobs.study.settings.families:
        rates = {model: _rates(jobs.study, model) for model in jobs.study.run.models}
        order |= {"order_of_families": list(jobs.study.settings.families), "learning_rates": rates}
    return reporting(jobs.study) | _recipe(jobs) | order | {"name": name, "study": own, "made": manifests}


def _rates(jobs: Jobs, model: str) -> dict[str, float]:
    """Return the learning rate of each training of a model, by source, and by source and target."""
    first = jobs.run.seeds[0]
    sources = [cell for cell in jobs.intermediate() if (cell[0], cell[2]) == (model, first)]
    targets = [cell for cell in jobs.target_trainings() if (cell[0], cell[3]) == (model, first)]
    found = {cell[1]: train_intermediate(jobs, *cell) for cell in sources}
    found |= {f"{cell[1]}, {cell[2]}": train_target(jobs, *cell) for cell in targets}
    return {training: settings["learning_rate"] for training, settings in found.items()}


def _recipe(jobs: Jobs) -> Settings:
    """Return the recipe as results name it, and what the run changed of it."""
    return {"recipe": jobs.recipe, "changed": jobs.recipe_changes}


BY_RULE: dict[str, Callable[..., Settings]] = {
    function.__name__: function
    for function in (
        data_settings.world,
        data_settings.download,
        data_settings.fetch_text,
        data_settings.prepare,
        data_settings.pretrain,
        data_settings.fetch_model,
        data_settings.fetch_whole,
        data_settings.trim,
        data_settings.adopt_source,
        data_settings.fetch_translator,
        data_settings.translate,
        data_settings.sample_text,
        featurise,
        train_intermediate,
        train_target,
        choose_rate,
        index,
        predict,
        few_shot,
        in_context,
        data_settings.fetch_decoder,
        score,
        baseline,
        table_hyperparameters,
        predict_study,
        measure_speed,
        measure_serving,
        measure_latency,
        study,
    )
}
