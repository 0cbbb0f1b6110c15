"""kill -9 of the workflow's own scripts, and of Snakemake itself, until a run is done: as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from place import FREQUENT, GONE_ON, STEP, Place, new_place

pytestmark = pytest.mark.slow

Trap = tuple[str, str, dict[str, Any]]  # the job's rule, the moment in words, how the trap knows it

PUBLISHED = {"event": "os.rename", "match": r"(?<!part)/manifest\.json "}  # the receipt stands, the manifest not yet
DONE = {"event": "os.remove", "match": r"/\.begun "}  # the checkpoints are gone, the note of what was begun not yet
HALF = {"event": "os.rename", "match": r"\.part/optimiser\.safetensors "}  # one file of a checkpoint is there, not all
RENAMED = {"event": "open", "match": r"/checkpoints None "}  # the checkpoint has its name, which is not durable yet
CLEANING = {"event": "os.remove", "match": r"^model\.safetensors \d"}  # the oldest checkpoint is half removed


def in_a_step(generator: random.Random, count: int) -> dict[str, Any]:
    """A moment of the ``count``-th step: before or after its gradients, within the update, or soon after."""
    call = generator.choice(["loss_sum", "_dense", "adamw", "accumulate"])
    return {"call": call, "count": count, "delay": generator.choice([0, generator.uniform(0.01, 0.1)])}


def traps(generator: random.Random) -> list[Trap]:
    """Each attempt of a job gets a little further than the one before, and then meets the next trap."""
    step, write, rename, clean = "in a step", "while writing", "after a rename", "while cleaning up"
    training = [
        *((step, in_a_step(generator, count)) for count in (2, 3)),
        *((write, HALF | {"count": count}) for count in (1, 2)),
        *((rename, RENAMED | {"count": count}) for count in (1, 2)),
        *((clean, CLEANING | {"count": count}) for count in (1, 2)),
    ]
    found: list[Trap] = []
    for rule, times in (("pretrain", 2), ("train_intermediate", 5), ("train_target", 7)):
        found += [(rule, step, in_a_step(generator, count)) for count in (2, 3)]
        found += [(rule, *trap) for trap in generator.sample(training, times)]
        found.append((rule, *generator.choice([(rename, PUBLISHED), (clean, DONE)])))
    renamed = {"event": "os.rename", "match": r"\.(tsv|json|jsonl|csv|md) "}
    for rule, moment, times in (
        ("world", write, 2),
        ("prepare", write, 5),
        ("score", "in scoring", 4),
        ("overlaps", write, 1),
        ("collect_scores", write, 1),
        ("intervals", write, 1),
        ("table_main", write, 2),
    ):
        found += [(rule, moment, renamed | {"count": generator.randint(1, 2) if rule == "world" else 1})] * times
    found += [("prepare", rename, PUBLISHED), ("prepare", clean, DONE)]
    found += [("featurise", write, {"event": "os.rename", "match": r"\.safetensors ", "count": n}) for n in (1, 2)]
    found += [("featurise", rename, PUBLISHED), ("featurise", clean, DONE)]
    found += [("score", "in scoring", {"event": "open", "match": r"/(udpos|tatoeba) None "})] * 2
    found += [("score", "in scoring", {"call": "score_language"})] * 2
    predicting = "in prediction"
    found += [
        # More than are asked for below: a job that Snakemake's end takes along springs none.
        ("predict", predicting, {"call": "build_model"}),
        ("predict", predicting, {"call": "split_by_tokens", "delay": 0.01}),
        ("predict", predicting, {"call": "collate"}),
        ("predict", predicting, {"call": "split_by_tokens"}),
        ("predict", predicting, {"call": "autocast"}),
        ("predict", write, renamed),
        ("predict", rename, PUBLISHED),
    ]
    return found


def count(place: Place, pattern: str) -> int:
    return len(list(place.traps.glob(pattern)))


def kill_when(process: subprocess.Popen[str], place: Place, sprung: int, delay: float, alone: bool) -> bool:
    """Kill snakemake, alone or with its jobs, soon after so many traps have sprung; say whether it still ran."""
    while process.poll() is None:
        if count(place, "*.sprung") >= sprung:
            time.sleep(delay)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL) if alone else os.killpg(process.pid, signal.SIGKILL)
                return True
        time.sleep(0.05)
    return False


def test_a_run_killed_again_and_again_ends_as_one_that_was_never_killed(undisturbed: Place, tmp_path: Path) -> None:
    generator = random.Random(20200526)
    place = new_place(tmp_path / "place")
    laid = traps(generator)
    for number, (rule, _, trap) in enumerate(laid):
        (place.traps / f"{number:03d}-{rule}.json").write_text(json.dumps({"do": "kill", **trap}))
    of_snakemake = 0
    for sprung in range(4, len(laid), 7):
        process = place.start("--config", FREQUENT, retries=len(laid))
        assert process.stdout is not None
        alone = of_snakemake % 2 == 0  # its jobs live on, and the next snakemake's jobs wait for them
        with open(os.devnull, "w") as nowhere, process:
            reader = subprocess.Popen(["cat"], stdin=process.stdout, stdout=nowhere)
            of_snakemake += kill_when(process, place, sprung, generator.uniform(0, 1), alone)
            reader.kill()
            reader.wait()
    process = place.start("--config", FREQUENT, retries=len(laid))
    output, _ = process.communicate()
    assert process.returncode == 0, output[-6000:]

    assert place.finished() == undisturbed.finished(), (
        "weights, histories, predictions, scores and tables, byte for byte"
    )
    assert not place.leftovers()
    never = [laid[int(path.name[:3])] for path in (*place.traps.glob("*.taken"), *place.traps.glob("*.json"))]
    kills = Counter(moment for number, (_, moment, _) in enumerate(laid) if count(place, f"{number:03d}-*.sprung"))
    kills["of snakemake"] = of_snakemake
    assert kills["in a step"] >= 6 and kills["while writing"] >= 10 and kills["after a rename"] >= 4, (kills, never)
    assert kills["while cleaning up"] >= 3 and kills["in prediction"] >= 3 and kills["in scoring"] >= 6, (kills, never)
    assert kills["of snakemake"] >= 5 and kills.total() >= 50, (kills, never)

    for rule, jobs in {"pretrain": 1, "train_intermediate": 1, "train_target": 2}.items():
        attempts = [path.read_text(errors="replace") for path in sorted(place.traps.glob(f"*-{rule}.log"))]
        last = [path.read_text(errors="replace") for path in (place.run / "logs" / rule).rglob("*.log")]
        assert len(last) == jobs
        for log in [*attempts, *last]:
            begun = GONE_ON.search(log)
            assert begun is None or all(int(step) > int(begun[1]) for step in STEP.findall(log)), "no step twice"
        assert sum("going on from the checkpoint" in log for log in attempts) >= 2, rule
    assert undisturbed.snakemake("--dry-run").count("Nothing to be done") == 1
    assert place.snakemake("--dry-run").count("Nothing to be done") == 1
