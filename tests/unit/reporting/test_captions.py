"""Captions render for every kind of run, as plain HTML without a complaint, and say when languages are generated."""

from types import SimpleNamespace

import pytest
import yaml
from reporting_examples import ROOT

jinja2 = pytest.importorskip("jinja2")
core = pytest.importorskip("docutils.core")
FOLDER = ROOT / "workflow/report"
CAPTIONS = sorted(path.name for path in FOLDER.glob("*.rst"))


def paper():
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def generated():
    changes = {
        "run": "demo",
        "data": {"origin": "world"},
        "world": {"seed": 0},
        "evaluation": {"limit": 200, "seeds": "mean", "retrieval_source": "mnli"},
        "pretrained_languages": ["en", "qaa"],
        "languages": ["en", "qaa", "qab"],
    }
    return {**paper(), **changes}


def from_the_command_line():
    return {**paper(), "sources": "none,mnli", "tasks": "xnli", "languages": "de", "seeds": 1, "models": "a"}


def own_source():
    return {**paper(), "sources": ["none", {"my-nli": {"encoder": "folder"}}]}


def html(name, config):
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    text = (FOLDER / name).read_text(encoding="utf-8")
    snakemake = SimpleNamespace(config=config, wildcards=SimpleNamespace(task="xnli"))
    rendered = environment.from_string(text).render(snakemake=snakemake)
    return core.publish_parts(rendered, writer="html", settings_overrides={"halt_level": 2})["html_body"]


@pytest.mark.parametrize("config", [paper, generated, from_the_command_line, own_source])
@pytest.mark.parametrize("name", CAPTIONS)
def test_renders(name, config):
    body = html(name, config())
    assert len(body) > 200
    assert "{{" not in body and "{%" not in body


@pytest.mark.parametrize("name", CAPTIONS)
def test_generated_languages_are_named_in_plain_words(name):
    words = " ".join(html(name, generated()).split())
    assert "not the paper's numbers" in words.replace("’", "'")
    assert "not the paper's numbers" not in " ".join(html(name, paper()).split()).replace("’", "'")


def test_a_caption_names_its_task():
    assert "xnli" in html("task_languages.rst", paper())


def test_the_overall_text_lists_the_users_own_source():
    assert "none, my-nli" in html("workflow.rst", own_source())
    assert "none,mnli" in html("workflow.rst", from_the_command_line())
