"""Files with tasks of the user's own: a mistake is a line with file and key, before anything is planned."""

import json
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from own_tasks import BASE, CAUSES, PLACES, ROOT, loaded

from xstilts.cli import main
from xstilts.config.layers import read_layers
from xstilts.config.outside import NAME, OF_MODULES, check_files
from xstilts.config.run import load
from xstilts.costs.work import Workload
from xstilts.errors import ConfigError
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.studies.predicted import predict_study
from xstilts.tasks import outside, task
from xstilts.uncertainty.best import best_intervals
from xstilts.uncertainty.intervals import draw_tables, intervals


@pytest.fixture(autouse=True)
def _no_files() -> Iterator[None]:
    """Whatever a test names is forgotten after it."""
    yield
    outside.name_files(())


def test_the_names_of_a_file_stand_where_it_was_named(tmp_path: Path) -> None:
    run = loaded(tmp_path, {"causes": CAUSES, "places": PLACES}, sources=["none", "causes"])
    assert run.tasks == ["xnli", "causes", "places"] and run.targets == ["mnli", "causes", "squad"]
    assert run.languages_of("causes") == ["en", "qu"]
    assert run.target.sets["causes"].batch_size == run.intermediate.sets["causes"].batch_size == 16
    assert task("places").scoring == ("answers", "squad") and task("places").metrics == ("f1", "exact_match")
    again = load(run.model_dump(mode="json"))
    assert again == run, "as a plan reads it that was written down"


def test_files_may_lie_in_folders_whose_names_have_any_signs_and_jobs_find_them(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("at 10:30", "a 'b' \"c\" {d}, $e")]
    for place, entries in zip(places, ({"causes": CAUSES}, {"places": PLACES}), strict=True):
        place.mkdir()
        (place / "own.yaml").write_text(yaml.safe_dump(entries))
    files = [str(place / "own.yaml") for place in places]
    run = load(BASE | {"tasks": files[:1], "task_files": files[1:], "sources": ["none"]})
    assert run.tasks == ["causes"] and sorted(run.task_files) == sorted(files)
    code = "from xstilts.data.registry import dataset; print(dataset('causes').folder); print(dataset('places').folder)"
    told = {outside.VARIABLE: outside.in_variable(run.task_files), "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == list(map(str, places))


def test_an_average_is_over_the_nine_tasks_in_tables_and_their_intervals_alike(tmp_path: Path) -> None:
    loaded(tmp_path, {"causes": CAUSES})
    rights = {("none", "xnli"): 10, ("mnli", "xnli"): 12, ("none", "causes"): 0, ("mnli", "causes"): 20}
    scores: dict[Any, Any] = {}
    for (source, name), right in rights.items():
        items = {"unit": [*map(str, range(20))], "correct": [1] * right + [0] * (20 - right), "total": [1] * 20}
        content = {"metrics": {"accuracy": 5.0 * right}, "examples": 20, "items": items}
        scores[source, 1, name, "en"] = {"splits": {"dev": content}}
    tables = {"main": {"xnli": "dev", "causes": "dev"}}
    drawn = draw_tables(scores, tables, 50)
    best = best_intervals(drawn, tables, "best-en", {"xnli": "mnli", "causes": "mnli"}, {}, ["mnli"], [1])
    for rows, source in ((intervals(scores, tables, resamples=50), "mnli"), (best, "best-en")):
        found = {row.task: row for row in rows if row.source == source}
        assert found["causes"].value == 100
        average, alone = found["avg_available"], found["xnli"]
        assert (average.value, average.examples) == (60, 20)
        assert (average.diff_lower, average.diff_upper) == (alone.diff_lower, alone.diff_upper)
    own = {"main": {"causes": "dev"}}
    assert [row.task for row in intervals(scores, own, resamples=50)] == ["causes", "causes"]


def test_what_a_configuration_says_of_a_training_set_counts_more_than_its_file(tmp_path: Path) -> None:
    sets = BASE["target"]["sets"] | {"causes": {"batch_size": 4, "epochs": 1}}
    run = loaded(tmp_path, {"causes": CAUSES}, target=BASE["target"] | {"sets": sets})
    assert run.target.sets["causes"].batch_size == 4 and run.intermediate.sets["causes"].batch_size == 16


def test_no_spec_says_where_the_files_lie_and_each_says_what_its_job_uses(tmp_path: Path) -> None:
    specs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("train.jsonl", "dev-en.jsonl"):
            (folder / file).write_text("{}\n")
        jobs = Jobs(loaded(folder, {"causes": CAUSES}), ROOT)
        specs.append({job: settings_of(jobs, *job) for job in jobs.every()})
    assert specs[0] == specs[1]
    (key,) = [job for job in specs[0] if job[:3] == ("prepare", "causes", "en")]
    content = sha256(b"{}\n").hexdigest()
    assert specs[0][key]["files"] == {"train.jsonl": content, "dev-en.jsonl": content}
    changed = loaded(tmp_path, {"causes": CAUSES | {"fields": CAUSES["fields"] | {"prompt": "said"}}})
    jobs = Jobs(changed, ROOT)
    other = {job: settings_of(jobs, *job) for job in jobs.every()}
    differing = {job[0] for job in other if job[0] != "prepare" and other[job] != specs[1][job]}
    assert not differing - {"prepare"}, "fields decide how rows are read, and nothing else"
    assert {job[1] for job in other if job[0] == "prepare" and other[job] != specs[1][job]} == {"causes"}


def test_a_prediction_of_what_a_study_costs_does_not_say_where_they_lie_either(tmp_path: Path) -> None:
    run = loaded(tmp_path, {"causes": CAUSES}, study="robustness")
    settings = settings_of(Jobs(run, ROOT, tmp_path / "results"), "predict_study", "robustness")
    assert str(tmp_path) not in json.dumps(settings)
    folder = tmp_path / "results/paper/studies/robustness"
    predict_study(settings, folder, ROOT)
    assert (folder / "predicted.csv").is_file(), "the job knows the files by its environment"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": "multiple_choise"}, "causes.family: found 'multiple_choise'; expected one of classification"),
        ({"reader": "json"}, "causes: reader: found 'json'; expected one of jsonl delimited"),
        ({"scoring": "labels"}, "causes: scoring: found 'labels'; expected one of choices"),
        ({"metrics": []}, "causes.metrics: found \\[\\]; list should have at least 1 item"),
        ({"metrics": ["f1"]}, "causes: metrics: found 'f1'; expected some of accuracy"),
        ({"languages": []}, "causes.languages: found \\[\\]"),
        ({"languages": ["qu"]}, "causes.languages: found no en"),
        ({"lenguages": ["en"]}, "causes.lenguages: unknown key; did you mean 'languages'"),
        ({"fields": {"prompt": "a", "choice": "b"}}, "fields: found no choices label; expected prompt choices label"),
        ({"files": {"validation": "x"}}, "files: found validation; expected some of train dev test"),
        ({"files": None}, "found neither of files and hub"),
        ({"labels": ["a"]}, "causes.labels: found \\['a'\\]; expected two or more, each once, none of them empty"),
        ({"labels": ["a", "b", "a"]}, "causes.labels: .*each once"),
        ({"labels": [True, False]}, "causes.labels.0: found True; expected a text: YAML reads some words otherwise"),
        ({"fields": {"context": "c", "question": "q", "answer": "a"}, "family": "span_qa"}, "found answer alone"),
        ({"target": "mnli"}, "causes.target: found 'mnli', which is classification; expected multiple_choice"),
        (
            {"files": {"dev": "x-{language}"}},
            "causes.target: found none, and no train in files; expected a training set",
        ),
        ({"training": {"batch_size": 16}}, "causes.training.epochs: is missing"),
        (
            {"family": "tagging", "reader": "conllu", "fields": {}, "drop": ["X"]},
            "causes: drop: found X; expected none",
        ),
        ({"languages": ["en", "qu", "qu"]}, "causes: languages: found qu more than once; expected each once"),
        (
            {"files": {"train": "t", "dev": "d.jsonl"}},
            "causes: files.dev: found 'd.jsonl' for 2 languages; expected a file for each, with {language}",
        ),
        (
            {"files": {"train": "t", "dev": "d-{lang}"}},
            "files.dev: found {lang} in 'd-{lang}'; expected of en {language}",
        ),
        ({"files": {"train": "t", "dev": "d-{}"}}, "files.dev: found {} in 'd-{}'; expected of en {language}"),
        ({"files": {"train": "t", "dev": "d-{"}}, "files.dev: found 'd-{' .*; expected braces as in {language}"),
        (
            {"files": None, "reader": None, "hub": {"repository": "o/n", "splits": {"train": ["a-*", "b-*"]}}},
            "causes: hub.splits.train: found a-\\* b-\\*; expected one pattern, which several files may match",
        ),
    ],
)
def test_a_mistake_is_a_line_with_file_and_key(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        loaded(tmp_path, {"causes": {**CAUSES, **changes}})
    assert "own.yaml" in str(raised.value) and "\n" not in str(raised.value)


def test_other_mistakes_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"own.yaml: found the name 'xnli', which is taken"):
        loaded(tmp_path, {"xnli": CAUSES})
    with pytest.raises(ConfigError, match=r"own.yaml: moods.labels: is missing; expected the label set"):
        fields = {"text_a": "said", "label": "mood"}
        loaded(tmp_path, {"moods": CAUSES | {"family": "classification", "fields": fields}})
    with pytest.raises(
        ConfigError, match=r"own.yaml: moods.labels: found yes no, which mnli does not know; expected some of"
    ):
        moods = {"family": "classification", "fields": fields, "target": "mnli", "labels": ["yes", "no"]}
        loaded(tmp_path, {"moods": CAUSES | moods})
    with pytest.raises(ConfigError, match=r"tasks: found no file none.yaml"):
        load(BASE | {"tasks": ["none.yaml"]})
    (tmp_path / "own.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"own.yaml: found no YAML"):
        load(BASE | {"tasks": [str(tmp_path / "own.yaml")]})
    with pytest.raises(ConfigError, match=r"target.sets: no settings for causes"):
        loaded(tmp_path, {"causes": {key: value for key, value in CAUSES.items() if key != "training"}})


def test_a_key_that_stands_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("causes:\n  languages: [en, qu]\n  languages: [en]\n")
    with pytest.raises(ConfigError, match=r"own.yaml: found no YAML \(found the key 'languages' twice .* line 3"):
        check_files([str(tmp_path / "own.yaml")])


def test_the_command_reads_the_data_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.csv").write_text("said,mood\nfine,good\nawful,bad\n")
    (tmp_path / "dev-en.csv").write_text("said,mood\nfine,good\nwell,\n")
    entry = {"family": "classification", "reader": "delimited", "languages": ["en", "qu"], "labels": ["good", "bad"]}
    entry |= {
        "files": {"train": "train.csv", "dev": "dev-{language}.csv"},
        "fields": {"text_a": "said", "label": "mood"},
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"moods": entry}))
    assert main(["tasks", str(tmp_path / "own.yaml")]) == 0
    said = capsys.readouterr().out
    assert "moods  en  train 2, dev 2 (1 with labels)" in said and "moods  qu  no dev or test file" in said
    (tmp_path / "dev-qu.csv").write_text("said,mod\nfine,good\n")
    assert main(["tasks", str(tmp_path / "own.yaml")]) == 2
    assert "dev-qu.csv:1: found a header without mood" in capsys.readouterr().err


def test_beside_a_generated_world_a_task_of_ones_own_has_its_own_languages(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"causes": CAUSES}))
    picked = {"tasks": ["xnli", str(tmp_path / "own.yaml")], "sources": ["none"], "languages": ["en", "qaa", "qu"]}
    run = load(read_layers(ROOT, ["demo"], picked))
    assert run.languages_of("causes") == ["en", "qu"] and run.languages_of("xnli") == ["en", "qaa"]
    with pytest.raises(ConfigError, match="languages: found 'yo'; the generated languages are"):
        load(read_layers(ROOT, ["demo"], picked | {"languages": ["en", "yo"]}))


def test_a_name_that_no_head_can_have_is_refused(tmp_path: Path) -> None:
    """Every training with such a task would end where its head is put on the encoder."""
    from torch import nn

    names = {name for name in dir(nn.ModuleDict()) if NAME.fullmatch(name)}
    assert names == OF_MODULES, "the constant is that of the installed PyTorch"
    with pytest.raises(KeyError):
        nn.ModuleDict({"type": nn.Identity()})
    for name in ("type", "values", "train"):
        with pytest.raises(
            ConfigError, match=rf"own\.yaml: found the name '{name}', which no head .*; expected another$"
        ):
            loaded(tmp_path, {name: CAUSES})
    for name in ("avg", "avgother", "source", "encoder"):
        with pytest.raises(
            ConfigError, match=rf"found the name '{name}', which is a column of the tables; expected an"
        ):
            loaded(tmp_path, {name: CAUSES})
    with pytest.raises(ConfigError, match=r"found the name 'all', which is taken"):
        loaded(tmp_path, {"all": CAUSES})
    nn.ModuleDict({"types": nn.Identity()})
    assert loaded(tmp_path, {"types": CAUSES}).targets == ["mnli", "types"]


def test_own_files_are_planned_beside_a_mirror_that_does_not_have_them(tmp_path: Path) -> None:
    """Before: a run on a mirror planned the training on one's own examples as no work."""
    (tmp_path / "train.jsonl").write_text("{}\n")
    (tmp_path / "mirror").mkdir()
    run = loaded(tmp_path, {"causes": CAUSES}, mirror=str(tmp_path / "mirror"), data={"origin": "mirror"})
    workload = Workload(Jobs(run, ROOT, results=tmp_path / "results"))
    assert workload.rows("causes", "en", "train")[0] > 0, "assumed: nobody has counted them"
    assert workload.rows("causes", "en", "dev") == (0, "expected"), "the file is not there"
