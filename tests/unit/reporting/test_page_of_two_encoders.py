"""The page of a run of two encoders: what is of one of them says so, and every file of either is linked."""

import json
import re
from pathlib import Path

import pytest

from xstilts.artifacts import seal
from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.files import write_json, write_text
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.reporting.figures.differences import figure_differences
from xstilts.reporting.page.job import page
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.main import table_main
from xstilts.reporting.tables.scores import collect_scores

ROOT = Path(__file__).parents[3]
MODELS = ("xlm-roberta-large", "xlm-roberta-base")


@pytest.fixture
def planted(tmp_path):
    """A run of two encoders and two sources on one task, with its tables and heat maps."""
    picks = {"models": ",".join(MODELS), "sources": "none,mnli", "tasks": "tatoeba", "languages": "en,de", "seeds": "1"}
    encoders = {"encoders": {"xlm-roberta-base": {"weights": "FacebookAI/xlm-roberta-base"}}}
    jobs = Jobs(load(read_layers(ROOT, [], picks | encoders)), ROOT)
    run = RunFolder(settings_of(jobs, "table_main"), tmp_path, tmp_path / "tables")
    for place, cell in enumerate(run.cells()):
        found = {"test": {"metrics": {"accuracy": 50.0 + place}, "examples": 100}}
        scores = {"task": cell.task, "language": cell.language, "splits": found, "reason": None}
        write_text(cell.path(tmp_path / "scores"), json.dumps(scores | {"seal": seal(scores)}))
    collect_scores(run)
    table_main(run)
    figure_differences(run)
    return run


def test_figures_and_files_are_those_of_each_encoder(planted):
    text = page(planted)
    assert re.findall("<figcaption>(.*?)</figcaption>", text) == list(MODELS)
    links = re.findall('href="([^"#]+)"', text)
    assert {f"tables/main_{model}.csv" for model in MODELS} < set(links)
    assert all((planted.folder / link).exists() for link in links if link != "provenance.html"), links


def test_a_figure_is_said_in_words(planted):
    for words, model in zip(re.findall('<img alt="(.*?)"', page(planted)), MODELS, strict=True):
        assert words.startswith(f"{model}: heat map of the differences to none") and words.endswith("the main table")


def test_a_note_that_is_cut_says_where_it_is_whole(planted):
    path = planted.tables / f"main_{MODELS[0]}.notes.json"
    notes = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, notes | {"notes": ["long " * 200]})
    assert f"… (the rest: tables/main_{MODELS[0]}.md)" in page(planted)
