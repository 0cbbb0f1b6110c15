"""Which code a job's digest covers, and what changes it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts import tasks
from xstilts.data.readers import reader
from xstilts.data.registry import dataset, names
from xstilts.families import modules
from xstilts.families.facts import facts
from xstilts.graph import digest

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "workflow/scripts"
TARGETS = ("mnli", "pawsx", "udpos", "panx", "squad", "tydiqa")


def behind(rule: str, opened: tuple[str, ...] = ()) -> set[str]:
    """The modules behind a job, without the package's name."""
    return {name.removeprefix("xstilts.") for name in digest.modules_behind(SCRIPTS / f"{rule}.py", opened)}


def behind_target(name: str) -> set[str]:
    return behind("train_target", modules.of_training({tasks.training_set(name).family}))


def behind_score(name: str) -> set[str]:
    return behind("score", modules.of_scoring(tasks.task(name).scoring, tasks.task(name).family))


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_no_script_stands_on_modules_that_import_each_other(script: str) -> None:
    """Such a circle has no digest, and stops every plan in which the script has a job."""
    assert digest.code_digest(SCRIPTS / script)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of three modules and a script that imports the first, which imports the second."""
    library = tmp_path / "toy"
    library.mkdir()
    (library / "__init__.py").write_text("")
    (library / "first.py").write_text("from toy.second import number\n\n\ndef run():\n    return number + 1\n")
    (library / "second.py").write_text("number = 1\n")
    (library / "third.py").write_text("other = 1\n")
    (tmp_path / "script.py").write_text('"""Run."""\n\nfrom toy import first\n\nfirst.run()\n')
    monkeypatch.setattr(digest, "LIBRARY", library)
    monkeypatch.setattr(digest, "PACKAGE", "toy")
    return tmp_path


def of(package: Path, *opened: str) -> str:
    caches = (digest.code_digest, digest._content, digest._reach, digest._read)
    for function in caches:
        function.cache_clear()  # a job's process reads each file once
    try:
        return digest.code_digest(package / "script.py", opened)
    finally:
        for function in caches:
            function.cache_clear()


def test_machinery_does_not_count_but_what_it_imports_does(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "MACHINERY", frozenset({"toy", "toy.first"}))
    before = of(package)
    (package / "toy/first.py").write_text("from toy.second import number\n\n\ndef run():\n    return number + 2\n")
    assert of(package) == before
    (package / "toy/second.py").write_text("number = 2\n")
    assert of(package) != before


def test_a_digest_follows_imports(package: Path) -> None:
    before = of(package)
    (package / "toy/second.py").write_text("number = 2\n")
    assert of(package) != before
    (package / "toy/second.py").write_text("number = 1\n")
    assert of(package) == before, "taken back"
    (package / "toy/third.py").write_text("other = 2\n")
    assert of(package) == before, "nobody imports it"
    named = of(package, "toy.third")
    assert named != before
    (package / "toy/third.py").write_text("other = 3\n")
    assert of(package, "toy.third") != named


def test_the_script_and_the_packages_on_the_way_count(package: Path) -> None:
    before = of(package)
    (package / "toy/__init__.py").write_text("import os\n")
    changed = of(package)
    assert changed != before
    (package / "script.py").write_text("from toy import first\n\nfirst.run() or None\n")
    assert of(package) not in (before, changed)


@pytest.mark.parametrize(
    "text",
    [
        "from toy.second import number  # one\n\n\ndef run():\n    return number + 1\n",
        '"""First."""\nfrom toy.second import number\n\ndef run():\n    "Add one."\n    return (number\n        + 1)\n',
        "from toy.second import (\n    number,\n)\ndef run(): return number + 0x1\n",
    ],
)
def test_comments_docstrings_and_formatting_do_not_count(package: Path, text: str) -> None:
    before = of(package)
    (package / "toy/first.py").write_text(text)
    assert of(package) == before


def test_a_string_that_is_no_docstring_counts(package: Path) -> None:
    before = of(package)
    (package / "toy/first.py").write_text(
        "from toy.second import number\n\n\ndef run():\n    return number + 1 or 'a'\n"
    )
    assert of(package) != before


def test_imports_inside_functions_are_followed(package: Path) -> None:
    (package / "toy/first.py").write_text("def run():\n    import toy.third\n\n    return toy.third.other\n")
    before = of(package)
    (package / "toy/third.py").write_text("other = 2\n")
    assert of(package) != before


def test_a_module_moved_and_renamed_is_the_same_code(package: Path) -> None:
    before = of(package)
    (package / "toy/room").mkdir()
    (package / "toy/room/__init__.py").write_text('"""A room."""\n')
    (package / "toy/second.py").rename(package / "toy/room/numbers.py")
    (package / "toy/first.py").write_text(
        "from toy.room.numbers import number\n\n\ndef run():\n    return number + 1\n"
    )
    (package / "toy/first.py").rename(package / "toy/room/start.py")
    (package / "script.py").write_text("from toy.room import start\n\nstart.run()\n")
    assert of(package) == before
    (package / "toy/room/numbers.py").write_text("number = 2\n")
    assert of(package) != before
    (package / "toy/room/numbers.py").write_text("number = 1\n")
    (package / "toy/room/__init__.py").write_text("import os\n")
    assert of(package) != before, "code on the way to it"


def test_an_import_of_something_else_counts(package: Path) -> None:
    before = of(package)
    (package / "toy/third.py").write_text("number = 3\n")
    (package / "toy/first.py").write_text("from toy.third import number\n\n\ndef run():\n    return number + 1\n")
    assert of(package) != before
    (package / "toy/third.py").write_text("number = 1\n")
    assert of(package) == before, "the same content in another place"
    (package / "toy/third.py").write_text("number = 1\nother = 1\n")
    (package / "toy/first.py").write_text(
        "from toy.third import other as number\n\n\ndef run():\n    return number + 1\n"
    )
    other = of(package)
    (package / "toy/first.py").write_text("from toy.third import number\n\n\ndef run():\n    return number + 1\n")
    assert of(package) != other


def test_which_module_a_name_means_counts(package: Path) -> None:
    """Two modules swapped where they are used; and a name that is a variable elsewhere is no module there."""
    (package / "toy/third.py").write_text("number = 3\n")
    imports = "from toy import second, third\n\n\ndef run(x=0):\n    return "
    digests = []
    for code in ("second.number - third.number", "third.number - second.number", "second.number - second.number"):
        (package / "toy/first.py").write_text(imports + code + "\n")
        digests.append(of(package))
    (package / "toy/first.py").write_text(imports.replace("x=0", "second=0") + "second.number - third.number\n")
    digests.append(of(package))
    assert len(set(digests)) == len(digests)


def test_the_order_of_imports_does_not_count(package: Path) -> None:
    code = "\n\n\ndef run():\n    return number + other\n"
    (package / "toy/first.py").write_text(
        f"import os\nfrom toy.second import number\nfrom toy.third import other{code}"
    )
    before = of(package)
    (package / "toy/first.py").write_text(
        f"from toy.third import other\nimport os\nfrom toy.second import number{code}"
    )
    assert of(package) == before


def test_a_string_that_names_a_module_counts_by_what_it_opens(package: Path) -> None:
    code = 'import importlib\n\n\ndef run(name):\n    return importlib.import_module(f"toy.room.{name}")\n'
    (package / "toy/room").mkdir()
    (package / "toy/room/__init__.py").write_text("")
    (package / "toy/third.py").rename(package / "toy/room/third.py")
    (package / "toy/first.py").write_text(code)
    before = of(package, "toy.room.third")
    (package / "toy/room").rename(package / "toy/hall")
    (package / "toy/first.py").write_text(code.replace("room", "hall"))
    assert of(package, "toy.hall.third") == before
    (package / "toy/hall/third.py").write_text("other = 2\n")
    assert of(package, "toy.hall.third") != before
    assert of(package, "toy.hall.third", "toy.second") != of(package, "toy.second", "toy.hall.third"), "each its part"


def test_a_record_may_name_a_module_without_the_package(package: Path) -> None:
    (package / "toy/room").mkdir()
    (package / "toy/room/__init__.py").write_text("")
    (package / "toy/third.py").rename(package / "toy/room/third.py")
    (package / "toy/first.py").write_text('opened = "room.third"\n\n\ndef run():\n    return opened\n')
    before = of(package, "toy.room.third")
    (package / "toy/room/third.py").rename(package / "toy/room/last.py")
    (package / "toy/first.py").write_text('opened = "room.last"\n\n\ndef run():\n    return opened\n')
    assert of(package, "toy.room.last") == before
    (package / "toy/first.py").write_text('opened = "no.module"\n\n\ndef run():\n    return opened\n')
    assert of(package, "toy.room.last") != before


def test_modules_that_import_each_other_are_refused(package: Path) -> None:
    (package / "toy/second.py").write_text("def number():\n    from toy import first\n\n    return first\n")
    with pytest.raises(
        ValueError, match=r"import each other: toy\.(first <- toy\.second|second <- toy\.first) <- toy\."
    ):
        of(package)


def test_a_module_is_written_down_by_its_own_content(package: Path) -> None:
    def written() -> dict[str, str]:
        digest._read.cache_clear()
        digest._reach.cache_clear()
        return digest.module_digests(package / "script.py")

    before = written()
    assert set(before) == {"script.py", "toy", "toy.first", "toy.second"}
    (package / "toy/second.py").write_text("number = 2\n")
    assert {name for name, value in written().items() if value != before[name]} == {"toy.second"}
    (package / "toy/second.py").rename(package / "toy/third.py")
    (package / "toy/first.py").write_text("from toy.third import number\n\n\ndef run():\n    return number + 1\n")
    after = written()
    assert after["toy.first"] == before["toy.first"], "it changed nothing but where it looks"
    digest._read.cache_clear()
    digest._reach.cache_clear()


def test_a_relative_import_is_refused_because_it_is_not_followed(package: Path) -> None:
    (package / "toy/first.py").write_text("from . import second\n")
    with pytest.raises(ValueError, match=r"first.py:1: a relative import"):
        of(package)


def test_the_digest_is_made_of_what_all_versions_of_python_have() -> None:
    """Newer versions add fields (type parameters) that are empty in code that older ones read."""
    tree = ast.parse("def f(a, *, b=None):\n    return {**a, 1: None}")
    text = digest._text(tree)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            function.type_params = []
    assert digest._text(tree) == text and "kw_defaults=[Constant()]" in text
    assert digest._text(ast.parse("f(1)")) != digest._text(ast.parse("f(1.0)"))
    assert digest._text(ast.parse("x[None:1]")) != digest._text(ast.parse("x[:1]"))


def test_no_training_depends_on_what_comes_after_it_or_decides_about_it() -> None:
    for rule, opened in [
        *(("train_target", modules.of_training({tasks.training_set(name).family})) for name in TARGETS),
        (
            "train_intermediate",
            modules.of_training({"classification", "multiple_choice", "span_qa", "tagging", "mlm"}),
        ),
        ("pretrain", ()),
    ]:
        found = behind(rule, opened)
        rooms = {name.partition(".")[0] for name in found}
        assert not rooms & {"reporting", "world", "config", "jobs", "commands", "cli", "digest", "leases", "script"}, (
            rule
        )
        assert not found & {"scoring.evaluate", "scoring.reading", "scoring.common", "scoring.job", "data.registry"}, (
            rule
        )
        assert "data.rows.text_sample" not in found, "the text that a training reads is an input, not its code"


def test_a_training_depends_on_its_own_family_and_metric_only() -> None:
    families = {f"families.{family}" for family in modules.FAMILIES}
    assert behind_target("udpos") & families == {"families.tagging"}
    assert {name for name in behind_target("udpos") if name.startswith("scoring.")} == {"scoring.f1", "scoring.spans"}
    assert behind_target("squad") & families == {"families.span_qa"}
    assert {name for name in behind_target("squad") if name.startswith("scoring.")} == {
        "scoring.overlap",
        "scoring.squad",
    }
    assert {name for name in behind_target("mnli") if name.startswith("scoring.")} == {"scoring.accuracy"}
    assert not any(name.startswith("scoring") for name in behind("pretrain"))
    assert "training.language_modelling" not in behind_target("mnli")


@pytest.mark.parametrize(
    ("kind", "family"), [("training_set", "span_qa"), ("evaluation", "tagging"), ("raw_text", "mlm")]
)
def test_features_depend_on_their_own_family_and_on_nothing_that_learns(kind: str, family: str) -> None:
    found = behind("featurise", modules.of_featurising(kind, family))
    assert {name for name in found if name.partition(".")[2] in modules.FAMILIES} == {f"families.{family}"}
    assert {name for name in found if name.startswith("featurising.")} - {f"featurising.{kind}"} == {
        "featurising.job",
        "featurising.entry",
    }
    assert not {name.partition(".")[0] for name in found} & {"training", "prediction", "scoring", "jobs", "config"}
    assert {name for name in found if name.startswith("modeling")} == {"modeling", "modeling.fast_tokenizer"}


def test_a_job_depends_on_the_facts_of_its_own_family_only() -> None:
    """A record that changes reruns what its family made; a new family reruns nothing."""

    def records(found: set[str]) -> set[str]:
        return {name.rpartition(".")[2] for name in found if name.startswith("families.facts.")}

    assert records(behind_target("udpos")) == {"tagging"}
    assert records(behind("train_intermediate", modules.of_training({"multiple_choice", "mlm"}))) == {
        "multiple_choice",
        "mlm",
    }
    assert records(behind("predict", modules.of_prediction("retrieval"))) == {"retrieval"}
    assert records(behind_score("xquad")) == {"span_qa"}
    assert records(behind("prepare", modules.of_reading("tagging"))) == {"tagging"}
    assert records(behind("pretrain", modules.of_facts("mlm"))) == {"mlm"}


def test_scores_depend_on_their_own_metric_only() -> None:
    metrics = {f"scoring.{name}" for name in ("accuracy", "spans", "squad", "mlqa", "bucc", "tatoeba", "threshold")}
    assert behind_score("xnli") & metrics == {"scoring.accuracy"}
    assert behind_score("panx") & metrics == {"scoring.spans"}
    assert behind_score("xquad") & metrics == {"scoring.squad"}
    assert behind_score("mlqa") & metrics == {"scoring.mlqa"}
    assert behind_score("bucc2018") & metrics == {"scoring.bucc", "scoring.threshold"}
    assert behind_score("tatoeba") & metrics == {"scoring.tatoeba", "scoring.accuracy"}
    for name in tasks.registry()[0]:
        assert not any(
            room in behind_score(name) for room in ("training", "prediction", "modeling", "reporting", "jobs")
        )


def test_predictions_depend_on_no_metric() -> None:
    for family in ("classification", "tagging", "span_qa"):
        found = behind("predict", modules.of_prediction(family))
        assert not any(name.startswith("scoring") for name in found)
        assert f"families.{family}" in found and "training.loop" not in found
    retrieval = behind("predict", modules.of_prediction("retrieval"))
    assert {name for name in retrieval if name.startswith("scoring.")} == {"scoring.threshold"}
    assert "prediction.labelled" not in retrieval and "families.retrieval" in retrieval


def test_data_depend_on_their_own_reader_only() -> None:
    for name in names():
        found = behind("prepare", modules.of_reading(dataset(name).family))
        formats = {module for module in found if module.startswith("data.readers.")} - {
            "data.readers.lines",
            "data.readers.records",
        }
        own = facts(dataset(name).family).reader
        assert formats == {own} | ({"data.readers.searches"} if own == "data.readers.dual_encoder" else set())
        assert callable(reader(dataset(name)))


def test_the_machinery_is_in_no_digest() -> None:
    for script in SCRIPTS.glob("*.py"):
        assert not set(digest.modules_behind(script)) & digest.MACHINERY, script.name


@pytest.mark.parametrize("task", ["xnli", "panx", "mlqa", "bucc2018", "tatoeba"])
def test_scores_need_the_standard_library_and_yaml_only(task: str) -> None:
    opened = modules.of_scoring(tasks.task(task).scoring, tasks.task(task).family)
    code = (
        f"import importlib, sys; import xstilts.scoring.job, xstilts.script\n"
        f"for name in {opened!r}: importlib.import_module(name)\n"
        "print(sorted(set('numpy torch transformers pandas pydantic snakemake'.split()) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
