"""Which code a job's digest covers, and what changes it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts import digest, tasks
from xstilts.data.readers import reader, reader_module
from xstilts.data.registry import dataset, names
from xstilts.featurising import job as featurising
from xstilts.prediction import languages
from xstilts.scoring import evaluate
from xstilts.training import phase

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow/scripts"
TARGETS = ("mnli", "pawsx", "udpos", "panx", "squad", "tydiqa")


def behind(rule: str, opened: tuple[str, ...] = ()) -> set[str]:
    """The modules behind a job, without the package's name."""
    return {name.removeprefix("xstilts.") for name in digest.modules_behind(SCRIPTS / f"{rule}.py", opened)}


def behind_target(name: str) -> set[str]:
    return behind("train_target", phase.opened_by_name({tasks.training_set(name).family}))


def behind_score(name: str) -> set[str]:
    return behind("score", evaluate.opened_by_name(tasks.task(name)))


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
    for function in (digest.code_digest, digest._reach, digest._read):
        function.cache_clear()  # a job's process reads each file once
    found = digest.code_digest(package / "script.py", opened)
    for function in (digest.code_digest, digest._reach, digest._read):
        function.cache_clear()
    return found


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
        *(("train_target", phase.opened_by_name({tasks.training_set(name).family})) for name in TARGETS),
        (
            "train_intermediate",
            phase.opened_by_name({"classification", "multiple_choice", "span_qa", "tagging", "mlm"}),
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


def test_a_training_depends_on_its_own_family_and_metric_only() -> None:
    families = {f"tasks.{family}" for family in tasks.FAMILIES}
    assert behind_target("udpos") & families == {"tasks.tagging"}
    assert {name for name in behind_target("udpos") if name.startswith("scoring.")} == {"scoring.f1", "scoring.spans"}
    assert behind_target("squad") & families == {"tasks.span_qa"}
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
    found = behind("featurise", featurising.opened_by_name(kind, family))
    assert {name for name in found if name.partition(".")[2] in tasks.FAMILIES} == {f"tasks.{family}"}
    assert {name for name in found if name.startswith("featurising.")} - {f"featurising.{kind}"} == {
        "featurising.job",
        "featurising.piece",
    }
    assert not {name.partition(".")[0] for name in found} & {"training", "prediction", "scoring", "jobs", "config"}
    assert {name for name in found if name.startswith("modeling")} == {"modeling", "modeling.fast_tokenizer"}


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
        found = behind("predict", languages.opened_by_name(family))
        assert not any(name.startswith("scoring") for name in found)
        assert f"tasks.{family}" in found and "training.loop" not in found
    retrieval = behind("predict", languages.opened_by_name("retrieval"))
    assert {name for name in retrieval if name.startswith("scoring.")} == {"scoring.mining", "scoring.threshold"}
    assert "prediction.labelled" not in retrieval and "tasks.retrieval" in retrieval


def test_data_depend_on_their_own_reader_only() -> None:
    for name in names():
        found = behind("prepare", (reader_module(dataset(name)),))
        formats = {module for module in found if module.startswith("data.readers.")} - {"data.readers.lines"}
        assert formats == {reader_module(dataset(name)).removeprefix("xstilts.")}
        assert callable(reader(dataset(name)))


def test_the_machinery_is_in_no_digest() -> None:
    for script in SCRIPTS.glob("*.py"):
        assert not set(digest.modules_behind(script)) & digest.MACHINERY, script.name


@pytest.mark.parametrize("task", ["xnli", "panx", "mlqa", "bucc2018", "tatoeba"])
def test_scores_need_the_standard_library_and_yaml_only(task: str) -> None:
    opened = evaluate.opened_by_name(tasks.task(task))
    code = (
        f"import importlib, sys; import xstilts.scoring.job, xstilts.script\n"
        f"for name in {opened!r}: importlib.import_module(name)\n"
        "print(sorted(set('numpy torch transformers pandas pydantic snakemake'.split()) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
