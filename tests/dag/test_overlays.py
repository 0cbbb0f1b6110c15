"""Overlays as users call them: typed by hand, files of their own, and the command line on top."""

import json
from pathlib import Path

import pytest
from checkout import Checkout, copy_workflow

pytestmark = pytest.mark.slow


def test_an_overlay_brings_what_it_stands_on_wherever_it_lies(tmp_path: Path) -> None:
    place, own = tmp_path / "place", tmp_path / "elsewhere/mine.yaml"
    copy_workflow(place)
    own.parent.mkdir()
    own.write_text("extends: demo-seeds\nrun: mine\nseeds: [7]\n")
    checkout = Checkout(place, (str(own), "--config", "sources=none", "tasks=xnli"))
    checkout.snakemake("--list-rules")
    run = json.loads((place / "results/mine/configuration.json").read_text())
    assert (run["sources"], run["tasks"], run["seeds"]) == (["none"], ["xnli"], [7]), "the command line and the file"
    assert run["target"]["sets"]["squad"]["epochs"] == 2, "demo-seeds"
    assert run["models"] == ["demo-encoder"], "demo, on which demo-seeds stands"
    assert "run mine: demo-encoder" in checkout.xstilts("doctor", "--run", str(own))
    own.write_text(f"extends: {own}\n")
    message = f"{own}: extends: a circle: {own} -> {own}"
    assert message in checkout.snakemake("--list-rules", check=False)
    assert checkout.xstilts("doctor", "--run", str(own), status=2) == f"xstilts doctor: {message}\n"
