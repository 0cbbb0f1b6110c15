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

from xstilts.cli import main
from xstilts.config.layers import read_layers
from xstilts.config.outside import NAME, OF_MODULES, check_files
from xstilts.config.run import Run, load
from xstilts.costs.work import Workload
from xstilts.data.prepare import prepare
from xstilts.data.registry import dataset
from xstilts.errors import ConfigError, DataError
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.studies.predicted import predict_study
from xstilts.tasks import outside, task
from xstilts.uncertainty.best import best_intervals
from xstilts.uncertainty.intervals import draw_tables, intervals

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
CAUSES = {
    "family": "multiple_choice",
    "reader": "jsonl",
    "files": {"train": "train.jsonl", "dev": "dev-{language}.jsonl"},
    "fields": {"prompt": "premise", "choices": ["first", "second"], "label": "right"},
    "languages": ["en", "qu"],
    "training": {"batch_size": 16, "epochs": 3},
}
PLACES = {
    "family": "span_qa",
    "reader": "squad",
    "files": {"test": "places-{language}.json"},
    "languages": ["qu"],
    "target": "squad",
}


@pytest.fixture(autouse=True)
def _no_files() -> Iterator[None]:
    """Whatever a test names is forgotten after it."""
    yield
    outside.name_files(())


def loaded(folder: Path, entries: dict[str, Any], **changes: Any) -> Run:
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(entries))
    return load(BASE | {"tasks": ["xnli", str(path)], "sources": ["none", "mnli"]} | changes)


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


def rows(folder: Path, name: str, language: str = "en") -> list[dict[str, Any]]:
    own = dataset(name).folder
    assert own is not None
    prepare(name, language, Path(own), folder / "made")
    return [json.loads(line) for line in (folder / "made/dev.jsonl").read_text().splitlines()]


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


def test_choices_may_be_any_number_in_a_list_or_in_columns(tmp_path: Path) -> None:
    entry = CAUSES | {"files": {"dev": "dev.jsonl"}, "languages": ["en"], "target": "csqa"}
    entry = entry | {"fields": {"prompt": "q.stem", "choices": "q.options", "label": "key", "id": "id"}}
    entry = entry | {"label_names": {"A": 0, "B": 1, "C": 2}}
    lines = ['{"id": 7, "q": {"stem": "s", "options": ["x", "y"]}, "key": "B"}\n']
    lines += ['{"id": 8, "q": {"stem": "s", "options": ["x", "y", "z"]}, "key": ""}\n']
    (tmp_path / "dev.jsonl").write_text("".join(lines))
    sets = BASE["target"]["sets"] | {"csqa": {"batch_size": 4, "epochs": 1}}
    loaded(tmp_path, {"causes": entry}, target=BASE["target"] | {"sets": sets})
    found = rows(tmp_path, "causes")
    assert [(row["id"], row["choices"], row["label"]) for row in found] == [
        ("7", ["x", "y"], 1),
        ("8", ["x", "y", "z"], None),
    ]
    (tmp_path / "dev.jsonl").write_text(lines[0].replace('["x", "y"]', '"x or y"'))
    with pytest.raises(
        DataError, match=r"dev.jsonl:1: found str under 'q.options'; expected a list, or several columns"
    ):
        rows(tmp_path, "causes")
    (tmp_path / "dev.jsonl").write_text(lines[0].replace('"B"', '"C"'))
    with pytest.raises(DataError, match=r"dev.jsonl:1: found the label '2'; expected one of 0 1"):
        rows(tmp_path, "causes")


def test_rows_of_a_label_that_is_dropped_are_left_out(tmp_path: Path) -> None:
    changes = {"files": {"dev": "dev.jsonl"}, "languages": ["en"], "target": "csqa", "drop": ["-"]}
    sets = BASE["target"]["sets"] | {"csqa": {"batch_size": 4, "epochs": 1}}
    loaded(tmp_path, {"causes": CAUSES | changes}, target=BASE["target"] | {"sets": sets})
    lines = [{"premise": f"p{n}", "first": "a", "second": "b", "right": right} for n, right in enumerate([1, "-", 0])]
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [(row["prompt"], row["label"]) for row in rows(tmp_path, "causes")] == [("p0", 1), ("p2", 0)]


def test_a_task_of_single_texts_has_no_second_text(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text('{"said": "hello", "mood": "neutral"}\n')
    entry = {"family": "classification", "reader": "jsonl", "target": "mnli", "languages": ["en"]}
    entry |= {"files": {"dev": "dev.jsonl"}, "fields": {"text_a": "said", "label": "mood"}}
    loaded(tmp_path, {"moods": entry})
    (row,) = rows(tmp_path, "moods")
    assert (row["text_a"], row["text_b"], row["label"]) == ("hello", None, "neutral")


def test_words_and_tags_come_from_conllu_and_from_records(tmp_path: Path) -> None:
    lines = ["1-2 del _ _ _", "1 de _ ADP X", "2 el _ DET Y", "2.1 no _ NOUN Z"]  # a fused word, its parts, a node
    cells = ["\t".join([*line.split(), *"_____"]) for line in lines]
    (tmp_path / "dev.conllu").write_text("\n".join(["# text = del", *cells]) + "\n\n")
    (tmp_path / "dev.tsv").write_text("words\ttags\nde el\t0 1\n")
    (tmp_path / "dev.txt").write_text("de\tIN\nel\tDT\n")
    spelt = {"IN": "ADP", "DT": "DET"}
    base = {"family": "tagging", "languages": ["en"], "target": "udpos"}
    trees = {"reader": "conllu", "files": {"dev": "dev.conllu"}}
    records = {"fields": {"tokens": "words", "tags": "tags"}, "label_names": {0: "ADP", 1: "DET"}}
    loaded(
        tmp_path,
        {
            "trees": base | trees,
            "fine": base
            | {"reader": "conllu", "files": {"dev": "dev.conllu"}, "fields": {"tags": "xpos"}, "labels": ["X", "Y"]},
            "words": base | {"reader": "delimited", "files": {"dev": "dev.tsv"}} | records,
            "lines": base | {"reader": "word_tags", "files": {"dev": "dev.txt"}, "label_names": spelt},
        },
    )
    for name, tags in (
        ("trees", ["ADP", "DET"]),
        ("fine", ["X", "Y"]),
        ("words", ["ADP", "DET"]),
        ("lines", ["ADP", "DET"]),
    ):
        (row,) = rows(tmp_path, name)
        assert (row["tokens"], row["tags"]) == (["de", "el"], tags)


def test_a_test_file_may_lack_its_labels_and_a_dev_file_may_not(tmp_path: Path) -> None:
    for split in ("dev", "test"):
        (tmp_path / f"{split}.csv").write_text("said\nhello\n")
    entry = {"family": "classification", "reader": "delimited", "target": "mnli", "languages": ["en"]}
    entry |= {"files": {"test": "test.csv"}, "fields": {"text_a": "said", "label": "mood"}}
    loaded(tmp_path, {"moods": entry})
    made = prepare("moods", "en", tmp_path, tmp_path / "made")
    assert made["labelled"] == {"test": 0} and made["evaluate"] == []
    loaded(tmp_path, {"moods": entry | {"files": {"dev": "dev.csv"}}})
    with pytest.raises(DataError, match=r"dev.csv:1: found a header without mood"):
        prepare("moods", "en", tmp_path, tmp_path / "made")
    (tmp_path / "dev.csv").write_text("said,mood,mood\nhello,neutral,entailment\n")
    with pytest.raises(DataError, match=r"dev.csv:1: found a header with mood more than once"):
        prepare("moods", "en", tmp_path, tmp_path / "made")
    (tmp_path / "dev.csv").write_text('said,mood\nhello,neutral\n"well,neutral\nso,neutral\n')
    with pytest.raises(DataError, match=r"dev.csv:3: found a broken table"):
        prepare("moods", "en", tmp_path, tmp_path / "made")


def test_labels_inside_another_key_and_a_test_file_without_any_beside_rows_to_drop(tmp_path: Path) -> None:
    for split in ("dev", "test"):
        (tmp_path / f"{split}.jsonl").write_text('{"said": "hello", "meta": {"mood": "1"}}\n')
    entry = {"family": "classification", "reader": "jsonl", "target": "mnli", "languages": ["en"]}
    entry |= {"label_names": {"0": "neutral", "1": "entailment"}}
    fields = {"text_a": "said", "label": "meta.mood"}
    loaded(tmp_path, {"moods": entry | {"files": {"dev": "dev.jsonl", "test": "test.jsonl"}, "fields": fields}})
    assert prepare("moods", "en", tmp_path, tmp_path / "made")["labelled"] == {"dev": 1, "test": 1}
    (tmp_path / "test.jsonl").write_text('{"said": "hello"}\n')
    loaded(tmp_path, {"moods": entry | {"files": {"test": "test.jsonl"}, "fields": fields, "drop": ["0"]}})
    assert prepare("moods", "en", tmp_path, tmp_path / "made")["labelled"] == {"test": 0}


def test_a_quote_in_a_plain_table_of_tabs_is_text(tmp_path: Path) -> None:
    entry = {"family": "classification", "reader": "delimited", "target": "mnli", "languages": ["en"]}
    entry |= {"label_names": {"0": "neutral", "1": "entailment"}}
    loaded(tmp_path, {"moods": entry | {"files": {"dev": "dev.tsv"}, "fields": {"text_a": "said", "label": "mood"}}})
    for table, texts in (
        ('said\tmood\n"yes\t0\nok"\t1\n', ['"yes', 'ok"']),
        ('said\tmood\n"x" said\t1\n', ['"x" said']),
        ('said\tmood\n"a\tb"\t1\n', ["a\tb"]),
        ('said\tmood\n"a ""b"""\t1\n', ['a "b"']),
    ):
        (tmp_path / "dev.tsv").write_text(table)
        assert [row["text_a"] for row in rows(tmp_path, "moods")] == texts


def test_questions_may_have_no_answer_or_one_that_does_not_stand_there(tmp_path: Path) -> None:
    fields = {"context": "c", "question": "q", "answer": "a", "answer_start": "s", "impossible": "no"}
    entry = PLACES | {"reader": "delimited", "files": {"dev": "dev.csv"}, "fields": fields, "languages": ["en"]}
    (tmp_path / "dev.csv").write_text("c,q,a,s,no\nThe dog runs.,Who?,dog,4,false\nThe dog runs.,Where?,,,true\n")
    loaded(tmp_path, {"places": entry})
    found = rows(tmp_path, "places")
    assert [(row["answers"], row["impossible"]) for row in found] == [
        ([{"text": "dog", "start": 4}], False),
        ([], True),
    ]
    (tmp_path / "dev.csv").write_text("c,q,a,s,no\nThe dog runs.,Who?,dog,5,false\n")
    with pytest.raises(DataError, match=r"the answer 'dog' of question 0 at offset 5"):
        rows(tmp_path, "places")
    (tmp_path / "dev.csv").write_text("c,q,a,s,no\nThe dog runs.,Who?,dog,four,false\n")
    with pytest.raises(DataError, match=r"dev.csv:2: found the place 'four' of an answer"):
        rows(tmp_path, "places")


def test_own_files_are_planned_beside_a_mirror_that_does_not_have_them(tmp_path: Path) -> None:
    """Before: a run on a mirror planned the training on one's own examples as no work."""
    (tmp_path / "train.jsonl").write_text("{}\n")
    (tmp_path / "mirror").mkdir()
    run = loaded(tmp_path, {"causes": CAUSES}, mirror=str(tmp_path / "mirror"), data={"origin": "mirror"})
    workload = Workload(Jobs(run, ROOT, results=tmp_path / "results"))
    assert workload.rows("causes", "en", "train")[0] > 0, "assumed: nobody has counted them"
    assert workload.rows("causes", "en", "dev") == (0, "expected"), "the file is not there"
