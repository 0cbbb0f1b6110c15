"""What reruns when: change one thing in a finished run, and exactly the jobs that it concerns are planned."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from checkout import Checkout

from xstilts.data.fetching import lock
from xstilts.data.fetching.lock import LOCK, Pin

pytestmark = pytest.mark.slow

PIPELINE = {"world", "prepare", "pretrain", "featurise", "train_intermediate", "train_target", "predict", "score"}
TASKS = {"mnli": ["xnli"], "udpos": ["udpos"], "squad": ["xquad", "mlqa"], "none": ["tatoeba"]}
SOURCES = ("none", "mnli")
TINY, LOOP, MLQA = "tests/tiny.yaml", "src/xstilts/training/loop.py", "src/xstilts/scoring/mlqa.py"


def scores(source: str, target: str, task: str, languages: Iterable[str] = ("en", "qaa"), seed: int = 1) -> set[str]:
    spoken = [code for code in languages if task != "tatoeba" or code != "en"]
    return {f"score/tiny/{source}/{target}/{seed}/{task}/{code}" for code in spoken}


def evaluations(source: str, target: str, languages: Iterable[str] = ("en", "qaa"), seed: int = 1) -> set[str]:
    """The predictions and scores of one model."""
    jobs = set()
    for task in TASKS[target]:
        jobs |= {f"predict/tiny/{source}/{target}/{seed}/{task}"} | scores(source, target, task, languages, seed)
    return jobs


def target(source: str, name: str, seed: int = 1) -> set[str]:
    """A target training and what follows from it."""
    return {f"train_target/tiny/{source}/{name}/{seed}"} | evaluations(source, name, seed=seed)


def source(name: str, seed: int = 1) -> set[str]:
    """What follows from a source, its own training left out."""
    return evaluations(name, "none", seed=seed).union(*(target(name, t, seed) for t in ("mnli", "udpos", "squad")))


def features(*names: str) -> set[str]:
    return {f"featurise/tiny/pretrained/{name}" for name in names}


TRAINED = ("intermediate/mnli", "target/mnli", "target/udpos", "target/squad")
EVALUATED = features(*(f"task/{task}" for tasks in TASKS.values() for task in tasks))
FEATURES = EVALUATED | features(*TRAINED)
INTERMEDIATE = {"train_intermediate/tiny/mnli/1"}
TRAININGS = INTERMEDIATE | source("mnli") | (source("none") - evaluations("none", "none"))  # retrieval has none
EVERYTHING_LEARNT = {"pretrain/tiny"} | FEATURES | TRAININGS | source("none")
FORWARD = {name for s in SOURCES for t in TASKS for name in evaluations(s, t)}

# name -> (file, replacements, the pipeline's jobs); tables follow from scores
CASES = {
    "the learning rate of a target": (
        TINY,
        [("udpos: {batch_size: 16,", "udpos: {learning_rate: 1.0e-4, batch_size: 16,")],
        target("none", "udpos") | target("mnli", "udpos"),
    ),
    "the learning rate of the intermediate phase": (
        TINY,
        [
            (
                "mnli: {batch_size: 16, epochs: 1}\n    hella",
                "mnli: {learning_rate: 1e-4, batch_size: 16, epochs: 1}\n    hella",
            )
        ],
        INTERMEDIATE | source("mnli"),
    ),
    "two targets' batch sizes swapped": (
        TINY,
        [("udpos: {batch_size: 16,", "udpos: {batch_size: 8,"), ("squad: {batch_size: 8,", "squad: {batch_size: 16,")],
        set().union(*(target(s, t) for s in SOURCES for t in ("udpos", "squad"))),
    ),
    "a target's batch size and epochs swapped": (
        TINY,
        [("udpos: {batch_size: 16, epochs: 2}", "udpos: {batch_size: 2, epochs: 16}")],
        target("none", "udpos") | target("mnli", "udpos"),
    ),
    "a target's batches counted in tokens": (
        TINY,
        [("udpos: {batch_size: 16,", "udpos: {batch_size: null, batch_tokens: 200,")],
        target("none", "udpos") | target("mnli", "udpos"),
    ),
    "the name of the recipe": (TINY, [("recipe: tiny", "recipe: mine")], set()),
    "a seed more": (
        TINY,
        [("seeds: [1]", "seeds: [1, 2]")],
        {"train_intermediate/tiny/mnli/2"} | source("none", 2) | source("mnli", 2),
    ),
    "a language more": (
        TINY,
        [("languages: [en, qaa]\npre", "languages: [en, qaa, qab]\npre")],
        EVALUATED.union(
            {f"prepare/{task}/qab" for tasks in TASKS.values() for task in tasks},
            *(evaluations(s, t, ("en", "qaa", "qab")) for s in SOURCES for t in TASKS),
        ),
    ),
    "a source more": (
        TINY,
        [("sources: [none, mnli]", "sources: [none, mnli, hellaswag]")],
        {"prepare/hellaswag/en", "train_intermediate/tiny/hellaswag/1"}
        | features("intermediate/hellaswag")
        | source("hellaswag"),
    ),
    "how many examples are scored": (TINY, [("limit: 20", "limit: 19")], EVALUATED | FORWARD),
    "the pretraining": (TINY, [("alpha: 0.5,", "alpha: 0.6,")], EVERYTHING_LEARNT),
    "a function of the training loop": (LOOP, [("remaining = int(", "remaining = 0 + int(")], EVERYTHING_LEARNT),
    "a function of both phases": (
        "src/xstilts/training/parts.py",
        [("statistics.fmean(labelled or", "0.0 + statistics.fmean(labelled or")],
        TRAININGS,
    ),
    "a function of one family's featuriser": (
        "src/xstilts/families/tagging.py",
        [("def featurise(", "def unused() -> None:\n    pass\n\n\ndef featurise(")],
        features("target/udpos", "task/udpos") | target("none", "udpos") | target("mnli", "udpos"),
    ),
    "how a training set is divided": (
        "src/xstilts/featurising/training_set.py",
        [("def divide(", "def unused() -> None:\n    pass\n\n\ndef divide(")],
        features(*TRAINED) | TRAININGS,
    ),
    "the length of one family": (
        TINY,
        [("seeds: [1]", "seeds: [1]\nlengths: {tagging: 64}")],
        features("target/udpos", "task/udpos") | target("none", "udpos") | target("mnli", "udpos"),
    ),
    "how many examples choose a checkpoint": (
        TINY,
        [("selection: {examples: 20,", "selection: {examples: 19,")],
        features(*TRAINED) | TRAININGS,
    ),
    "the featuriser of retrieval": (
        "src/xstilts/families/retrieval.py",
        [("def featurise(", "def unused() -> None:\n    pass\n\n\ndef featurise(")],
        features("task/tatoeba") | evaluations("none", "none") | evaluations("mnli", "none"),
    ),
    "the reader of one format": (
        "src/xstilts/data/readers/retrieval.py",
        [("def tatoeba(", "def unused() -> None:\n    pass\n\n\ndef tatoeba(")],
        {"prepare/tatoeba/qaa"} | features("task/tatoeba") | evaluations("none", "none") | evaluations("mnli", "none"),
    ),
    "a function of one metric": (
        MLQA,
        [("    articles = ARTICLES.get(language)\n", "    articles = ARTICLES.get(language, None)\n")],
        scores("none", "squad", "mlqa") | scores("mnli", "squad", "mlqa"),
    ),
    "a metric that also chooses checkpoints": (
        "src/xstilts/scoring/squad.py",
        [('ARTICLES.sub(" ", ', 'ARTICLES.sub(" " * 1, ')],
        set().union(*(target(s, "squad") for s in SOURCES)),
    ),
    "the reading of prediction files": (
        "src/xstilts/scoring/reading.py",
        [("    labels = read_lines(path)\n", "    labels = list(read_lines(path))\n")],
        set().union(*(scores(s, t, task) for s in SOURCES for t, tasks in TASKS.items() for task in tasks)),
    ),
    "how predictions are made": (
        "src/xstilts/prediction/labelled.py",
        [("    def predict(", "    unused = None\n\n    def predict(")],
        set().union(*(evaluations(s, t) for s in SOURCES for t in TASKS if t != "none")),
    ),
}

BUILT = "    optimiser = ranks.optimiser(model, recipe.weight_decay, recipe.epsilon)\n"
REBUILT = "    optimiser = ranks.optimiser(\n        model,\n\n        recipe.weight_decay, recipe.epsilon,\n    )\n"
WORDS = "def _words(*words: str) -> re.Pattern[str]:\n"

# name -> (file, replacements)
NOTHING = {
    "a comment": (LOOP, [("import numpy as np\n", "import numpy as np  # arrays\n")]),
    "a docstring": (LOOP, [('    """Put back what ``weights`` returned."""', '    """Put it back."""')]),
    "a first docstring": (MLQA, [(WORDS, f'{WORDS}    """Join."""\n')]),
    "formatting": (LOOP, [(BUILT, REBUILT)]),
    "numbers written in another way": (TINY, [("0.5, learning_rate: 1.0e-3", "5e-1, learning_rate: 1e-3")]),
    "a comment in the configuration": (TINY, [("seeds: [1]", "# one\nseeds: [1]")]),
    "how often a checkpoint is written": (TINY, [("seeds: [1]", "seeds: [1]\noptimisation: {checkpoint_minutes: 7}")]),
    "what a backward pass computes anew": (
        TINY,
        [("seeds: [1]", "seeds: [1]\noptimisation: {activation_checkpointing: true}")],
    ),
    "a comment in the registry": ("src/xstilts/tasks/registry.yaml", [("tasks:  ", "# more\ntasks:  ")]),
    "a licence": ("src/xstilts/data/datasets.yaml", [("licence: Quora's terms of service", "licence: unknown")]),
    "the machinery of a job": ("src/xstilts/script.py", [("STOPPED = 75 ", "STOPPED = 76 ")]),
}


def divide(plan: set[str]) -> tuple[set[str], set[str]]:
    """Return (jobs of the pipeline, jobs of tables, figures and checks)."""
    pipeline = {job for job in plan if job.split("/")[0] in PIPELINE}
    return pipeline, plan - pipeline


def test_a_finished_run_has_nothing_to_do_and_rewrites_no_spec(run: Checkout) -> None:
    run.plan()  # after whatever another test changed and took back
    dates = {path: path.stat().st_mtime_ns for path in run.folder.glob("results/*/specs/**/*.json")}
    assert run.plan() == set()
    assert dates == {path: path.stat().st_mtime_ns for path in dates}


@pytest.mark.parametrize("name", CASES)
def test_a_change_reruns_exactly_what_it_concerns(run: Checkout, name: str) -> None:
    path, changes, expected = CASES[name]
    with run.edited(path, *changes):
        pipeline, reporting = divide(run.plan())
        assert pipeline == expected
        assert {"collect_scores", "intervals", "table_claims", "figure_languages"} <= reporting, (
            "who opens score files is made anew with the table of them"
        )


@pytest.mark.parametrize("name", NOTHING)
def test_what_changes_no_result_reruns_nothing(run: Checkout, name: str) -> None:
    path, changes = NOTHING[name]
    with run.edited(path, *changes):
        assert run.plan() == set()


MOVES = {
    "a module": ("training/loop.py", "modeling/training_loop.py"),  # others import its functions
    "a module that is imported whole": ("training/checkpoint.py", "states.py"),
    "a room whose modules are opened by name": ("families", "kinds"),
    "a module that a family's record names": ("training/labelled.py", "training/with_labels.py"),
}


@contextmanager
def moved(run: Checkout, old: str, new: str) -> Iterator[None]:
    """Move a file or room of the library and adapt and sort the imports, as a person would; then put all back."""
    library = run.folder / "src/xstilts"
    kept = run.folder / "kept"
    shutil.copytree(library, kept)
    before, after = (path.removesuffix(".py").replace("/", ".") for path in (old, new))
    try:
        (library / old).rename(library / new)
        for path in library.rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            path.write_text(adapted(text, f"xstilts.{before}", f"xstilts.{after}"), encoding="utf-8")
        ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "--isolated", "--select", "I", "--fix", str(library)]
        subprocess.run(ruff, check=True)
        yield
    finally:
        shutil.rmtree(library)
        kept.rename(library)


def adapted(text: str, old: str, new: str) -> str:
    """Return code with a module called by its new name."""
    (room, name), (new_room, new_name) = old.rsplit(".", 1), new.rsplit(".", 1)
    whole = f"from {room} import {name}\n"
    if whole in text:
        text = re.sub(rf"\b{name}\.", f"{new_name}.", text.replace(whole, f"from {new_room} import {new_name}\n"))
    text = re.sub(rf"((?:from|import) |\"){re.escape(old)}\b", rf"\g<1>{new}", text)  # not in what a message says
    inside = (name.removeprefix("xstilts.") for name in (old, new))  # as records name modules
    return text.replace(*(f'"{name}"' for name in inside)) if "." in new.removeprefix("xstilts.") else text


@pytest.mark.parametrize("what", MOVES)
def test_what_is_moved_and_renamed_reruns_nothing(run: Checkout, what: str) -> None:
    old, new = MOVES[what]
    with moved(run, old, new):
        assert not (run.folder / "src/xstilts" / old).exists()
        assert run.plan() == set()


def test_a_change_in_a_moved_module_reruns_what_it_did_before(run: Checkout) -> None:
    _, changes, expected = CASES["a function of the training loop"]
    old, new = MOVES["a module"]
    with moved(run, old, new), run.edited(f"src/xstilts/{new}", *changes):
        assert divide(run.plan())[0] == expected
        assert "code changed: xstilts.modeling.training_loop\n" in run.xstilts(
            "plan", "--", "--configfile", *run.configuration
        )


def test_a_pinned_revision_that_the_run_does_not_read_reruns_nothing(run: Checkout) -> None:
    """What a moved pin reruns where it is read: test_pins.py."""
    lock.write({"facebook/xnli": Pin("facebook/xnli", "a" * 40, {"en/test-0.parquet": "b" * 64})}, run.folder / LOCK)
    try:
        assert run.plan() == set()
    finally:
        (run.folder / LOCK).unlink()


def test_the_table_builder_reruns_tables_only(run: Checkout) -> None:
    builder = "src/xstilts/reporting/main/table.py"
    text = (run.folder / builder).read_text(encoding="utf-8")
    with run.edited(builder, (text, f"{text}\nCHANGED = True\n")):
        pipeline, reporting = divide(run.plan())
        assert pipeline == set() and "table_main" in reporting
        assert not reporting & {"collect_scores", "baseline", "overlaps"}, "what the tables are made of"


def test_another_name_of_the_recipe_reruns_what_is_made_of_the_scores_only(run: Checkout) -> None:
    with run.edited(TINY, ("recipe: tiny", "recipe: mine")):
        reporting = divide(run.plan())[1]
        assert {"collect_scores", "table_main", "table_hyperparameters"} <= reporting
        assert not {job for job in reporting if job.startswith(("baseline", "overlaps", "table_tasks"))}


def test_another_metric_of_a_task_in_the_registry_reruns_tables_only(run: Checkout) -> None:
    old = "xquad:     {family: span_qa, dataset: xquad, target: squad, metrics: [f1, exact_match],"
    with run.edited("src/xstilts/tasks/registry.yaml", (old, old.replace("f1, exact_match", "exact_match, f1"))):
        pipeline, reporting = divide(run.plan())
        assert pipeline == set() and {"table_main", "table_tasks", "figure_languages"} <= reporting


def test_a_colour_reruns_figures_and_the_page_that_shows_them_only(run: Checkout) -> None:
    with run.edited("src/xstilts/reporting/figures/style.py", ('"#0072B2"', '"#0072B3"')):
        pipeline, reporting = divide(run.plan())
        assert pipeline == set() and "figure_differences" in reporting
        assert {job for job in reporting if not job.startswith("figure")} == {"report"}


@pytest.mark.parametrize("name", ["the learning rate of a target", "a function of the training loop", "a seed more"])
def test_an_edit_taken_back_reruns_nothing(run: Checkout, name: str) -> None:
    path, changes, expected = CASES[name]
    with run.edited(path, *changes):
        assert divide(run.plan())[0] == expected
    assert run.plan() == set()
