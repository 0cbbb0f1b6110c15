"""No core waits: what many jobs read runs on the core that comes free, beside trainings that go on."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from xstilts.costs.time import spare_cores, tokenising_threads

ROOT = Path(__file__).parents[2]
ROWS = 1_000_000

# Two pretend trainings: the first frees its core, the second ends only when the features are there. Texts come last.
SNAKEFILE = """
rule all:
    input: "long", "short", "features"

rule long:
    output: "long"
    priority: 10
    shell: "for i in $(seq 300); do [ -e features ] && touch {output} && exit 0; sleep 0.1; done; exit 1"

rule short:
    output: "short"
    priority: 10
    shell: "until [ -e texts ]; do sleep 0.1; done; touch {output}"

rule texts:
    output: "texts"
    priority: 1
    threads: 0
    shell: "touch {output}"

rule featurise:
    input: "texts"
    output: "features"
    priority: 25
    threads: THREADS
    shell: "touch {output}"
"""


def run(folder: Path, threads: int) -> subprocess.CompletedProcess[str]:
    (folder / "Snakefile").write_text(SNAKEFILE.replace("THREADS", str(threads)))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--scheduler", "greedy", "--nocolor"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_what_trainings_wait_for_never_stands_behind_one(tmp_path: Path) -> None:
    done = run(tmp_path, tokenising_threads(ROWS, spare_cores(2, None)))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("cores", "gpus", "spare"), [(2, None, 1), (64, None, 1), (16, 1, 4), (16, 7, 2), (4, 2, 1), (None, 1, 1)]
)
def test_spare_cores_are_those_that_no_training_may_have(cores: int | None, gpus: int | None, spare: int) -> None:
    assert spare_cores(cores, gpus) == spare
    assert tokenising_threads(100, spare) == 1, "a second thread would hardly have started"


def test_the_recipe_for_clusters_without_gpus_names_every_rule_that_asks_for_one() -> None:
    rules = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    asking = {
        one[0] for one in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", rules, re.M) if "        gpu=" in one[1]
    }
    recipe = re.search(r"set-resources: (\{.*?\}\})", (ROOT / "docs/cluster.md").read_text(), re.S)
    assert recipe and set(yaml.safe_load(recipe[1])) == asking
