"""How many rows a plan counts before any data are on the disk."""

from pathlib import Path

from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.costs.rows import known_rows
from xstilts.data.registry import TRANSLATION
from xstilts.graph.jobs import Jobs

ROOT = Path(__file__).parents[3]


def test_a_generated_world_has_training_rows_in_english_alone(tmp_path: Path) -> None:
    """As it is written: a plan counted those of every language, 21,000 of PAN-X in seven for 3,000."""
    run = load(read_layers(ROOT, ["demo"], {"sources": ["none", "mnli-qaa", "mnli+mlm"]}))
    jobs = Jobs(run, ROOT, results=tmp_path)
    for name in ("panx", "pawsx", "udpos", "tydiqa"):
        found = {code: known_rows(jobs, name, code, "train")[0] for code in run.languages}
        assert found == {"en": 3000} | dict.fromkeys(run.languages[1:], 0)
    assert known_rows(jobs, "panx", "qaa", "dev") == (240, "expected"), "all are evaluated"
    assert known_rows(jobs, f"mnli{TRANSLATION}", "qaa", "train") == (4000, "expected"), "a translation is trained on"
    assert known_rows(jobs, "text", "qaa", "train") == (3000, "expected"), "so is raw text"
