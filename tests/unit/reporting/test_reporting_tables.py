"""The tables beside the main one count what is there and name what is not."""

import csv
import json

import pytest
import yaml
from reporting_examples import REGISTRY, ROOT, frame, main_table, one_language, score_rows

from xstilts.errors import DataError
from xstilts.files import write_text
from xstilts.reporting.aggregate import index_scores
from xstilts.reporting.failures import failed_trainings, not_learned_of_mixtures
from xstilts.reporting.main.marks import standard_marks, standard_remarks
from xstilts.reporting.main.write import main_markdown
from xstilts.reporting.run import RunFolder, read_counts, read_numbers, read_trainings
from xstilts.reporting.tables.baselines import baselines_table
from xstilts.reporting.tables.hyperparameters import hyperparameters_table
from xstilts.reporting.tables.intermediate import intermediate_table
from xstilts.reporting.tables.languages import (
    averages,
    language_values,
    languages_table,
    table_languages,
    task_language_table,
)
from xstilts.reporting.tables.tasks import sizes_table, tasks_table

TRAINING = yaml.safe_load((ROOT / "src/xstilts/tasks/registry.yaml").read_text(encoding="utf-8"))["training"]


def read(path):
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def data(folder, name, language, rows, labelled=None, reason=None):
    results = {"rows": rows, "labelled": rows if labelled is None else labelled}
    return put(folder / "data" / name / language / "manifest.json", {"results": results, "reason": reason})


@pytest.fixture
def counts(tmp_path):
    return read_counts(
        [
            data(tmp_path, "mnli", "en", {"train": 300, "dev": 50}),
            data(tmp_path, "snli", "en", {"train": 200, "dev": 40}),
            data(tmp_path, "anli", "en", {"train": 100, "dev": 30}),
            data(tmp_path, "qqp", "en", {}, reason="not redistributed"),
            data(tmp_path, "xnli", "en", {"dev": 20, "test": 40}),
            data(tmp_path, "xnli", "de", {"dev": 20, "test": 41}),
            data(tmp_path, "xnli", "ur", {"dev": 18, "test": 39}, {"dev": 18, "test": 0}),
            data(tmp_path, "tatoeba", "de", {"test": 20}, {"test": 10}),
        ]
    )


def test_sizes_are_counted(tmp_path, counts):
    tasks = {name: REGISTRY[name] for name in ("xnli", "tatoeba")}
    rows = tasks_table(counts, tasks, TRAINING, ["none", "anli", "qqp", "multi"], tmp_path, "tasks", ["All of it."])
    found = {row["task"]: row for row in rows}
    assert list(found) == ["anli", "qqp", "xnli", "tatoeba"]
    assert (found["anli"]["train"], found["anli"]["dev"]) == (600, 120)
    assert (found["qqp"]["train"], found["qqp"]["note"]) == (None, "not redistributed")
    assert (found["xnli"]["train"], found["xnli"]["dev"], found["xnli"]["languages"]) == (300, 20, 3)
    assert (found["xnli"]["test_min"], found["xnli"]["test_max"]) == (0, 41)
    assert (found["tatoeba"]["test_max"], found["tatoeba"]["languages"]) == (10, 1)
    assert read(tmp_path / "tasks.csv")[0]["train"] == "600"
    assert "All of it." in (tmp_path / "tasks.md").read_text(encoding="utf-8")


def test_a_chain_of_training_sets_counts_the_rows_of_all(tmp_path):
    found = [data(tmp_path, "siqa", "en", {"train": 33410, "dev": 1954})]
    found += [data(tmp_path, "copa", "en", {"train": 400, "dev": 100})]
    found += [data(tmp_path, "xcopa", "et", {"dev": 100, "test": 500})]
    tasks = {name: REGISTRY[name] for name in ("xcopa", "xcopa_copa")}
    chain, alone = tasks_table(read_counts(found), tasks, TRAINING, ["none"], tmp_path, "tasks")
    assert (chain["train"], chain["note"]) == (33810, "train: siqa, then copa")
    assert (alone["train"], alone["note"]) == (400, "")


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("no licence is stated (panx/{0}/dev is not there)", "no licence is stated (panx/de/dev is not there)"),
        ("no labels in targets/xnli/{0}.tsv", "no labels in targets/xnli/de.tsv"),
        ("no labelled test rows for {0}", "no labelled test rows for de"),
    ],
)
def test_a_reason_that_every_language_has_is_told_once(tmp_path, why, said):
    absent = read_counts([data(tmp_path, "panx", code, {}, reason=why.format(code)) for code in ("de", "fr", "sw")])
    (row,) = tasks_table(absent, {"panx": REGISTRY["panx"]}, TRAINING, ["none"], tmp_path, "tasks")
    assert row["note"] == f"{said}, and so on for 2 more"


def test_rows_without_a_label_are_said_where_others_have_one(tmp_path):
    found = [data(tmp_path, "xnli", "de", {"dev": 30, "test": 40}, {"dev": 20, "test": 0})]
    found.append(data(tmp_path, "tatoeba", "de", {"test": 20}, {"test": 10}))
    tasks = {name: REGISTRY[name] for name in ("xnli", "tatoeba")}
    tasks_table(read_counts(found), tasks, TRAINING, ["none"], tmp_path, "tasks")
    said = (tmp_path / "tasks.md").read_text(encoding="utf-8")
    assert "xnli: 20 of 30 dev rows in de have a label; the others are predicted and count in no score." in said
    assert said.count("have a label") == 1, "a test file without any has a reason, and a pair is two rows"


def test_evaluated_questions_that_were_left_out_are_said(tmp_path):
    lost = {"mlqa": {"test": ["a", "b"]}, "squad": {"train": ["c"]}}
    found = []
    for name, language, rows in (("squad", "en", {"train": 9}), ("mlqa", "de", {"test": 30}), ("mlqa", "zh", {})):
        results = {"rows": rows, "labelled": rows, "left_out": lost[name] if rows else {}}
        found.append(put(tmp_path / "data" / name / language / "manifest.json", {"results": results, "reason": None}))
    tasks_table(read_counts(found), {"mlqa": REGISTRY["mlqa"]}, TRAINING, ["none"], tmp_path, "tasks")
    said = (tmp_path / "tasks.md").read_text(encoding="utf-8")
    assert (
        "mlqa: test questions on passages with an answer that does not stand at its offset are left out (2 in de)"
        in said
    )
    assert said.count("left out") == 1


def test_every_split_has_a_row(tmp_path, counts):
    sizes_table(counts, tmp_path, "sizes")
    rows = read(tmp_path / "sizes.csv")
    assert len(rows) == 3 * 2 + 1 + 3 * 2 + 1
    assert next(row for row in rows if row["dataset"] == "qqp")["reason"] == "not redistributed"


def test_settings_stand_by_training_set(tmp_path):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["target"]["sets"]["mnli"] |= {"batch_size": None, "batch_tokens": 16384}
    config["optimisation"]["averaged"] = 3
    used = {"intermediate": ["anli", "multi"], "target": ["mnli", "squad"]}
    rows = hyperparameters_table("mine", config, used, tmp_path, "hyperparameters")
    columns = ("learning_rate", "batch", "unit", "epochs", "recipe")
    found = {(row["phase"], row["set"]): tuple(row[name] for name in columns) for row in rows}
    assert found["intermediate", "anli"] == ("1e-05", 24, "examples", "2", "mine")
    assert found["target", "mnli"] == ("3e-06", 16384, "tokens", "2", "mine")
    assert found["intermediate", "multi"] == ("1e-05", None, "of each set", "3", "mine")
    assert not [row["own"] for row in rows if row["own"]]
    assert "with +mlm" not in (tmp_path / "hyperparameters.md").read_text(encoding="utf-8")
    config["target"]["sets"]["squad"] |= {"warmup": 500, "weight_decay": 0.0}
    again = hyperparameters_table("mine", config, used, tmp_path, "again")
    own = {row["set"]: (row["warmup"], row["weight_decay"]) for row in again}
    assert own == {"anli": ("0.1", "0.01"), "multi": ("0.1", "0.01"), "mnli": ("0.1", "0.01"), "squad": ("500", "0")}
    method = {"kind": "lora", "phases": ["target"], "learning_rate": 3e-4, "rank": 8, "alpha": None}
    config["encoders"]["xlm-roberta-large"]["method"] = method
    hyperparameters_table("mine", config, used, tmp_path, "adapters")
    said = (tmp_path / "adapters.md").read_text(encoding="utf-8")
    assert "kind lora, phases target, rank 8; learning rate 0.0003 there instead of the table's." in said
    assert "adapters train" not in (tmp_path / "again.md").read_text(encoding="utf-8")
    assert "optimisation: warmup 0.1, " in (tmp_path / "hyperparameters.md").read_text(encoding="utf-8")
    assert "averaged" not in said, "of none-averaged alone, which is no row here"
    hyperparameters_table("mine", config | {"sources": ["none", "none-averaged"]}, used, tmp_path, "averaged")
    assert "averaged 3" in (tmp_path / "averaged.md").read_text(encoding="utf-8")


def test_what_a_set_has_instead_of_the_runs_settings_stands_beside_it(tmp_path):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["target"]["sets"]["mnli"] |= {"evaluate_every": 100, "chosen_on": "xnli"}
    used = {"intermediate": ["mnli", "+mlm"], "target": ["mnli", "siqa", "mewslix"]}
    rows = hyperparameters_table("mine", config, used, tmp_path, "hyperparameters")
    assert [row["own"] for row in rows] == [
        *("", ""),
        "evaluate_every 100, chosen_on xnli",
        "multiple_choice 128",
        "dual_encoder 64, dual_query 64, in_batch 8",
    ]
    said = (tmp_path / "hyperparameters.md").read_text(encoding="utf-8")
    assert "A source with +mlm trains on its labelled sets too with the rate 5e-06." in said


def training(folder, source, target, seed, results=None, reason=None, history=True):
    place = folder / "models" / "m" / source / target / str(seed)
    files = {"history.json": {}} if history else {}
    if history:
        put(place / "history.json", {"best_step": 20, "evaluations": [{"step": 20, "loss": 1.0, "score": 60.0}]})
    return put(place / "manifest.json", {"results": results or {}, "reason": reason, "files": files})


@pytest.fixture
def trainings(tmp_path):
    def dev(score, collapsed=False, learned="yes"):
        entry = {"score": score, "metric": "accuracy", "examples": 50, "collapsed": collapsed, "learned": learned}
        entry |= {"loss": 1.099, "entropy": 1.0986, "majority": 35.0, "chance": 33.0, "bound": 40.0}
        failed = ["mnli"] if collapsed else []
        return {"dev": {"mnli": entry}, "steps": 40, "collapsed": failed, "learned": learned}

    multi = dev(50.0) | {"left_out": {"qqp": "not redistributed"}}
    return read_trainings(
        [
            training(tmp_path, "mnli", "none", 1, dev(60.0)),
            training(tmp_path, "mnli", "none", 2, dev(64.0, True, "no")),
            training(tmp_path, "multi", "none", 1, multi),
            training(tmp_path, "qqp", "none", 1, reason="not redistributed", history=False),
            training(tmp_path, "mnli-shuffled", "none", 1, dev(33.0, learned="no")),
            training(tmp_path, "none", "mnli", 1, dev(33.0, True)),
        ]
    )


def test_the_sources_own_scores(tmp_path, trainings):
    rows = intermediate_table(trainings, "mean", tmp_path, "intermediate")
    assert [(row["source"], row.get("set"), row.get("dev"), row.get("reason")) for row in rows] == [
        ("mnli", "mnli", 62.0, None),
        ("multi", "mnli", 50.0, None),
        ("multi", "qqp", None, "left out: not redistributed"),
        ("qqp", None, None, "not redistributed"),
        ("mnli-shuffled", "mnli", 33.0, None),
    ]
    assert (rows[0]["seeds"], rows[0]["collapsed"], rows[0]["learned"]) == (2, 1, "yes: 1, no: 1")
    assert (rows[4]["learned"], rows[4]["loss"], rows[4]["bound"]) == ("no", "1.099", 40.0)
    page = (tmp_path / "intermediate.md").read_text(encoding="utf-8")
    assert "mnli-shuffled: a control with permuted labels, which is not to learn" in page
    assert "over the last tenth of steps (loss) or before the chosen checkpoint (not shown" in page


def test_failed_trainings_are_found(trainings):
    assert failed_trainings(trainings) == {
        ("m", "mnli", "none", 2): ("collapsed", "one class on English dev: mnli"),
        ("m", "mnli-shuffled", "none", 1): (
            "not learned",
            "mnli: loss 1.099 (without reading 1.099), dev 33.0 (to exceed: 40.0)",
        ),
        ("m", "none", "mnli", 1): ("collapsed", "one class on English dev: mnli"),
    }


def test_what_a_mixture_did_not_learn_of_its_sets_is_said(tmp_path):
    def results(**learned):
        return {"learned": "yes", "dev": {name: {"learned": one} for name, one in learned.items()}, "collapsed": []}

    found = read_trainings(
        [
            training(tmp_path, "multi", "none", 1, results(squad="yes", mnli="no", qqp="unclear")),
            training(tmp_path, "multi", "none", 2, results(squad="yes", mnli="yes", qqp="yes")),
            training(tmp_path, "squad", "none", 1, results(squad="yes")),
        ]
    )
    assert not failed_trainings(found)
    assert not_learned_of_mixtures(found) == ["multi did not learn mnli (1 of 2 seeds)."]


def test_histories_belong_to_their_panel(trainings):
    assert [(one["set"], one["best_step"], len(one["evaluations"])) for one in trainings] == [
        ("mnli", 20, 1),
        ("mnli", 20, 1),
        ("multi", 20, 1),
        ("qqp", None, 0),
        ("mnli-shuffled", 20, 1),
        ("mnli", 20, 1),
    ]


def test_averages_and_the_transfer_gap():
    row = {"en": 90.0, "de": 80.0, "sw": 40.0}
    assert averages(row, ["en", "de"]) == {
        "mean": 70.0,
        "mean_without_english": 60.0,
        "english": 90.0,
        "gap": 30.0,
        "headline": 80.0,
        "other": 40.0,
    }
    assert set(averages({"de": 50.0}).values()) == {50.0, None}
    assert set(averages({}).values()) == {None}


def test_language_tables(tmp_path):
    rows = []
    for seed in (1, 2):
        for language, value in (("en", 90.0), ("de", 80.0), ("qaa", 10.0)):
            rows += score_rows({("none", "xnli", "accuracy"): value + seed}, seed=seed, language=language)
    rows += score_rows({("mnli", "xnli", "accuracy"): 95.0})
    sources = ["none", "mnli", "qqp"]
    indexed = index_scores(frame(rows), "m")
    values, languages, split = language_values(indexed, "xnli", REGISTRY["xnli"], "accuracy", sources)
    assert (languages, split) == (["en", "de", "qaa"], "dev")
    assert values == {"none": {"de": 81.5, "en": 91.5, "qaa": 11.5}, "mnli": {"en": 95.0}, "qqp": {}}
    task_language_table(values, languages, "XNLI", tmp_path, "languages_xnli")
    found = {row["language"]: row for row in read(tmp_path / "languages_xnli.csv")}
    assert list(found) == ["en", "de", "qaa", "mean", "mean_without_english", "gap"]
    assert (found["gap"]["none"], found["de"]["mnli"], found["mean"]["qqp"]) == ("45.0", "", "")
    languages_table(indexed, "m", {"xnli": REGISTRY["xnli"]}, sources, tmp_path, "languages")
    row = read(tmp_path / "languages.csv")[0]
    assert (row["source"], row["column"], row["split"], row["languages"], row["gap"]) == (
        "none",
        "xnli",
        "dev",
        "3",
        "45.0",
    )
    text = (tmp_path / "languages.md").read_text(encoding="utf-8")
    assert "Transfer gap" in text
    assert "a source has a score; the main table does not count qaa (xnli).\n" in text
    assert "Over fewer languages than others: mnli on xnli (1 of 3).\n" in text
    assert "medians" not in text, "of two seeds median and mean are one"
    indexed = index_scores(frame([*rows, *score_rows({("none", "xnli", "accuracy"): 99.0}, seed=3)]), "m")
    languages_table(indexed, "m", {"xnli": REGISTRY["xnli"]}, sources, tmp_path, "languages", "median")
    assert "the main table has the median of the seeds' means.\n" in (tmp_path / "languages.md").read_text("utf-8")


def test_the_means_of_a_task_name_languages_that_the_main_table_does_not_count(tmp_path):
    values = {("none", "xnli", "accuracy"): 60.0, ("none", "pawsx", "accuracy"): 60.0}
    rows = [row for language in ("en", "qaa", "qaf") for row in score_rows(values, language=language)]
    rows = [row for row in rows if (row[3], row[4]) != ("pawsx", "qaf")]
    write_text(tmp_path / "scores.csv", frame(rows).to_csv(index=False))
    settings = {
        **{"models": ["m"], "sources": ["none"], "seeds": [1, 2, 3], "statistic": "mean", "layers": {}},
        **{"headline": ["en", "qaa"], "retrieval": None, "benchmark": "xtreme", "generated": True},
        "languages": {task: ["en", "qaa", "qaf"] for task in ("xnli", "pawsx")},
    }
    table_languages(RunFolder(settings, tmp_path, tmp_path))
    said = "Means and gap count qaf too, which the main table does not.\n"
    assert (tmp_path / "languages/xnli.md").read_text(encoding="utf-8").endswith(f"\n\n{said}")
    assert "which the main table does not" not in (tmp_path / "languages/pawsx.md").read_text(encoding="utf-8")


def test_baselines_side_by_side(tmp_path):
    place = {"task": "xnli", "language": "en", "split": "dev", "metric": "accuracy"}
    rows = [place | {"baseline": name, "value": value} for name, value in (("majority", 35.0), ("random", 33.0))]
    baselines_table(rows, tmp_path, "baselines")
    assert read(tmp_path / "baselines.csv") == [place | {"majority": "35.0", "random": "33.0"}]


def test_numbers_read_back_or_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("name,value\nx,1.5\ny,\n", encoding="utf-8")
    assert [row["value"] for row in read_numbers(tmp_path / "a.csv", ["value"])] == [1.5, None]
    (tmp_path / "a.csv").write_text("name,value\nx,high\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.csv:2: found value 'high'; expected a number"):
        read_numbers(tmp_path / "a.csv", ["value"])


def test_exceptions_are_marked_in_the_table():
    sources = ["none", "mnli", "mnli+mlm-then-squad", "mnli-shuffled"]
    rows = score_rows({(source, "xnli", "accuracy"): 50.0 for source in sources})
    rows += score_rows({(source, "bucc2018", "f1"): 50.0 for source in sources})
    contaminated = {("mnli", "xnli"): "XNLI's own translations"}
    marks = standard_marks(sources, with_text=["mnli+mlm-then-squad"], contaminated=contaminated)
    remarks = standard_remarks({"multi": ["mnli", "squad"]}, {"multi": {"qqp": "no data"}}, 200, True)
    text = main_markdown(main_table(frame(rows), sources, one_language(), marks=marks, remarks=remarks))
    for words in (
        "threshold is tuned on dev in each language",
        "control: labels permuted",
        "raw text of the evaluated languages",
        "XNLI's own translations",
        "multi was trained on mnli, squad (without qqp: no data).",
        "first 200 examples",
        "these are not the paper's numbers",
    ):
        assert words in text
    assert "| mnli | +0.0‡ |" in text
    assert "| mnli-shuffled¶ | +0.0 |" in text
    assert "| BUCC† |" in text
