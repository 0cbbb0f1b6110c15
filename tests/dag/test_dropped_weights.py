"""What `keep` does to a finished run: weights go, nothing is made again, and what needs them says how to get them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import Checkout
from test_files import touch_everything

from xstilts.artifacts import read_manifest

pytestmark = pytest.mark.slow
TINY = "tests/tiny.yaml"
MODELS = "results/tiny/models/tiny"
UDPOS = f"{MODELS}/none/udpos/1"
PREDICTED = "results/tiny/predictions/tiny/none/udpos/1/udpos/manifest.json"
KEEP = {name: [("seeds: [1]", f"seeds: [1]\nkeep: {name}")] for name in ("sources", "pretrained")}


def planned_rules(run: Checkout) -> dict[str, int]:
    """Return how many jobs of each rule a dry run plans."""
    counted = run.snakemake("--dry-run", "--quiet", "reason", "host").partition("Job stats:")[2].partition("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", counted, re.MULTILINE) if rule != "all"}


def weights(run: Checkout) -> set[str]:
    """Return the folders below the run's models that have weights."""
    models = run.folder / MODELS
    return {str(path.parent.relative_to(models)) for path in models.rglob("model.safetensors")}


def tables(run: Checkout) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run.folder / "results/tiny/tables").glob("*.csv")}


def restore(run: Checkout, *folders: str) -> str:
    command = [sys.executable, "-m", "xstilts.cli", "restore", *folders]
    environment = os.environ | {"PYTHONPATH": str(run.folder / "src")}
    return subprocess.run(command, cwd=run.folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_keep_drops_weights_and_makes_nothing_again(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    targets = {f"{source}/{target}/1" for source in ("none", "mnli") for target in ("mnli", "udpos", "squad")}
    assert weights(twin) == {".", "mnli/none/1"} | targets
    before = tables(twin)
    with twin.edited(TINY, *KEEP["sources"]):
        assert planned_rules(twin) == {"drop": len(targets)}
        twin.snakemake()
        assert weights(twin) == {".", "mnli/none/1"}
        assert twin.plan() == set(), "nothing is out of date by it"
        assert read_manifest(twin.folder / UDPOS / "manifest.json").dropped
    assert twin.plan() == set(), "nor by keeping all again"
    with twin.edited(TINY, *KEEP["pretrained"]):
        assert planned_rules(twin) == {"drop": 1}
        twin.snakemake()
        assert weights(twin) == {"."}, "the pretrained encoder stays"
        twin.snakemake("--forcerun", "verify", "figure_curves", "collect_scores", "table_intermediate")
        assert tables(twin) == before, "tables and checks need no weights"
        twin.snakemake("--forcerun", "results/tiny/features/tiny/pretrained/target/udpos/manifest.json")
        assert weights(twin) == {"."}, "what is planned for an input that came out the same needs no weights either"
        touch_everything(twin.folder)
        twin.snakemake()
        assert weights(twin) == {"."}, "no training ran, though every date is new"


def test_a_job_that_needs_dropped_weights_says_how_to_get_them(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    further = ("languages: [en, qaa]\npre", "languages: [en, qaa, qab]\npre")
    with twin.edited(TINY, *KEEP["pretrained"]):
        twin.snakemake()
    with twin.edited(TINY, *KEEP["pretrained"], further):
        printed = twin.snakemake(PREDICTED, check=False)
        assert f"error: {UDPOS}: its weights were dropped" in printed
        assert f"xstilts restore {UDPOS}" in printed
        assert f"weights that were dropped (keep) may be needed again: xstilts restore {UDPOS}" in printed
        more = twin.snakemake("--config", "tasks=xnli,udpos,panx", check=False)
        named = f"weights that were dropped (keep) are needed again: xstilts restore {MODELS}/mnli/none/1"
        assert named in more, "before the first job: trainings of panx on it"
        assert "rule " not in more and "error: " not in more.replace("WorkflowError: ", "")
        assert "rule train_target" not in printed and weights(twin) == {"."}

        # the chain behind mnli's model was dropped too: both come back, the source before the target
        wanted = f"{MODELS}/mnli/udpos/1"
        said = restore(twin, UDPOS, wanted)
        assert f"{MODELS}/mnli/none/1: no longer counts as done" in said
        command = next(line for line in said.splitlines() if line.startswith("snakemake "))
        assert f"{wanted}/manifest.json" in command
        twin.snakemake(*command.split()[1:])
        assert weights(twin) == {".", "mnli/none/1", "none/udpos/1", "mnli/udpos/1"}
        twin.snakemake(PREDICTED)
        assert "1 of 3 languages needed forward passes" in twin.log("predict/tiny/none/udpos/1/udpos")


def test_a_run_with_keep_from_the_start_drops_as_it_goes(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    pick = ["--config", "tasks=udpos,tatoeba", "run=brief", "keep=pretrained"]
    twin.snakemake(*pick)
    assert not list((twin.folder / "results/brief/models/tiny/mnli").rglob("model.safetensors"))
    assert (twin.folder / "results/brief/models/tiny/model.safetensors").is_file()
    assert (twin.folder / "results/brief/tables/verification.json").is_file()
    assert "Nothing to be done" in twin.snakemake("--dry-run", *pick)
