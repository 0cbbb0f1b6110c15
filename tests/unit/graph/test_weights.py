"""Which dropped weights planned jobs need, said before the first of them."""

from pathlib import Path
from typing import Any

import pytest
from planned_jobs import BASE, PART, ROOT

from xstilts.artifacts import seal
from xstilts.config.run import load
from xstilts.drop import MARKER
from xstilts.files import write_json
from xstilts.graph.inputs import read_by
from xstilts.graph.jobs import Jobs
from xstilts.graph.weights import needed_again
from xstilts.planning.dryrun import output_of

MODEL = "xlm-roberta-large"
SMALL = {"tasks": ["xnli"], "languages": ["en"], "seeds": [1], "keep": "pretrained"}


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    sources: list[Any] = ["none-tuned", {"my": {"encoder": "org/my"}}]
    return Jobs(load(BASE | PART | SMALL | {"sources": sources}), ROOT, tmp_path / "results")


def drop(manifest: Path) -> None:
    """Leave a model as its weights were dropped."""
    content: dict[str, Any] = {"files": {"model.safetensors": {}}, "dropped": ["model.safetensors"]}
    write_json(manifest, content | {"seal": seal(content)})
    write_json(manifest.with_name(MARKER), {})


def asked(jobs: Jobs, rule: str, *wildcards: str) -> tuple[list[Path], list[Path]]:
    return needed_again(jobs, [(rule, wildcards, [output_of(jobs, rule, *wildcards)])])


def test_a_users_own_source_that_was_dropped_is_needed_for_its_tokenizer(jobs: Jobs) -> None:
    own = jobs.encoder(MODEL, "my", 1)
    drop(own)
    assert asked(jobs, "featurise", MODEL, "my", "task", "xnli") == ([own.parent], [])
    assert asked(jobs, "featurise", MODEL, "pretrained", "task", "xnli") == ([], [])


def test_the_choice_of_a_rate_may_need_each_training_that_was_dropped(jobs: Jobs) -> None:
    tried = read_by(jobs, "choose_rate", MODEL, "none-tuned", "mnli", "1")
    drop(tried[0])
    assert asked(jobs, "choose_rate", MODEL, "none-tuned", "mnli", "1") == ([], [tried[0].parent])
    tried[0].write_text("{")
    assert asked(jobs, "choose_rate", MODEL, "none-tuned", "mnli", "1") == ([], []), "the job names a damaged one"
