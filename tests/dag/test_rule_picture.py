"""The picture of the rules in docs/operations.md: `make docs/images/rulegraph.svg` draws it, where graphviz is."""

import re
from pathlib import Path

import pytest
from checkout import Checkout, copy_workflow

pytestmark = pytest.mark.slow
PICTURE = Path(__file__).parents[2] / "docs/images/rulegraph.svg"


def test_the_picture_shows_the_rules_of_now(tmp_path: Path) -> None:
    copy_workflow(tmp_path / "place")
    words = ("config/runs/demo.yaml", "--config", "pretrain=true")
    graph = Checkout(tmp_path / "place", words).snakemake("--rulegraph")
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", PICTURE.read_text(encoding="utf-8"))
    assert sorted(drawn) == sorted(re.findall(r'label = "(\w+)"', graph))
