"""A machine without room, rights or memory, damaged files, a wrong clock, two workflows: a word, then as before."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from place import FREQUENT, GONE_ON, RUN, STEP, Place, flip, truncate

pytestmark = pytest.mark.slow

TRAINED = "models/tiny/mnli/udpos/1"
FEATURES = "features/tiny/pretrained/target/udpos"
PREDICTED = "predictions/tiny/mnli/udpos/1/udpos"
TRAINING = "train_target/tiny/mnli/udpos/1"


def lose(place: Place, *parts: str) -> None:
    """Remove results and all that is made of them, so that their jobs run again."""
    for part in (*parts, "scores", "tables"):
        shutil.rmtree(place.run / part)


def lay(place: Place, rule: str, **trap: object) -> None:
    (place.traps / f"000-{rule}.json").write_text(json.dumps(trap))


@pytest.fixture
def place(undisturbed: Place, tmp_path: Path) -> Place:
    """A place of a test's own with the finished run."""
    return undisturbed.twin(tmp_path / "place")


@pytest.fixture
def training(place: Place) -> Place:
    """The same, where one training and what is made of it must run again."""
    lose(place, TRAINED)
    return place


def assert_goes_on(place: Place, undisturbed: Place) -> int:
    """Run on to the end; the training took up its checkpoint, whose step is returned, and all ends as undisturbed."""
    place.snakemake("--config", FREQUENT)
    log = place.log(TRAINING)
    begun = GONE_ON.search(log)
    assert begun is not None and 0 < int(begun[1]) < int(begun[2]), log
    assert all(int(step) > int(begun[1]) for step in STEP.findall(log)), "fewer steps than the whole"
    assert_as(place, undisturbed)
    return int(begun[1])


def assert_as(place: Place, undisturbed: Place) -> None:
    assert place.finished() == undisturbed.finished()
    assert not place.leftovers()


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own at ``folder``, where this machine lets us."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).returncode:
        pytest.skip("mounting a small file system needs to be allowed")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def test_a_full_disk_is_named_and_the_training_goes_on_when_there_is_room(training: Place, undisturbed: Place) -> None:
    with mounted(training.run / TRAINED, "size=400k"):  # room for two checkpoints of 148 KB, not for a third
        errors = training.errors(training.snakemake("--config", FREQUENT, fails=True))
        assert len(errors) == 1 and errors[0].startswith(f"error: {RUN}/{TRAINED}/checkpoints/"), errors
        assert errors[0].endswith(": No space left on device")
        remount(training.run / TRAINED, "size=50m")
        assert assert_goes_on(training, undisturbed) >= 1


def test_a_folder_that_may_not_be_written_is_named(place: Place, undisturbed: Place) -> None:
    lose(place, PREDICTED)
    with mounted(place.run / PREDICTED, "size=5m"):
        remount(place.run / PREDICTED, "ro")
        assert f"Read-only file system: '{RUN}/{PREDICTED}/manifest.json'" in place.snakemake(fails=True)
        remount(place.run / PREDICTED, "rw")
        place.snakemake()
        assert_as(place, undisturbed)


def test_a_job_that_dies_of_memory_says_so_and_goes_on(training: Place, undisturbed: Place) -> None:
    lay(training, "train_target", do="memory", call="accumulate", count=4)
    errors = training.errors(training.snakemake("--config", FREQUENT, fails=True))
    assert len(errors) == 1 and errors[0].startswith("error: out of memory"), errors
    assert assert_goes_on(training, undisturbed) >= 3


@pytest.mark.parametrize("damage", [truncate, flip])
def test_a_damaged_checkpoint_is_passed_over(training: Place, undisturbed: Place, damage) -> None:
    lay(training, "train_target", do="kill", call="accumulate", count=5)
    training.snakemake("--config", FREQUENT, fails=True)
    older, newest = sorted((training.run / TRAINED / "checkpoints").iterdir())
    damage(newest / "optimiser.safetensors")
    assert assert_goes_on(training, undisturbed) == int(older.name.removeprefix("step-"))
    assert f"checkpoint {newest.name} is damaged (optimiser.safetensors differs" in training.log(TRAINING)


DAMAGED = {  # a file -> what is lost too, so that its reader runs
    "a model": (f"{TRAINED}/model.safetensors", [PREDICTED], f"{TRAINED}/manifest.json"),
    "prepared data": ("../store/data/*/udpos/en/dev.jsonl", [PREDICTED], "../store/data/*/udpos/en/manifest.json"),
    "features": (f"{FEATURES}/train.safetensors", [TRAINED], f"{FEATURES}/manifest.json"),
}


@pytest.mark.parametrize("damage", [truncate, flip])
@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_file_is_named_with_what_to_do(place: Place, undisturbed: Place, what: str, damage) -> None:
    path, lost, manifest = DAMAGED[what]
    (file,) = place.run.glob(path)
    (remedy,) = place.run.glob(manifest)
    damage(file)
    lose(place, *lost)
    errors = sorted(set(place.errors(place.snakemake(fails=True))))
    shown = [str(one.resolve().relative_to(place.folder.resolve())) for one in (file, remedy)]
    assert len(errors) == 1 and errors[0].startswith(f"error: {shown[0]}: found SHA-256 "), errors
    assert errors[0].endswith(f"of {shown[1]} (remove that to have it made again)")
    remedy.unlink()
    place.snakemake()
    assert_as(place, undisturbed)


def test_two_workflows_at_once(training: Place, undisturbed: Place) -> None:
    lay(training, "train_target", do="wait", call="accumulate", count=3)
    with training.start(cores=1) as first:
        while first.poll() is None and not list(training.traps.glob("*.sprung")):
            time.sleep(0.1)
        assert first.poll() is None, "it is training"
        refused = training.snakemake(fails=True)
        assert "Directory cannot be locked. Please make sure that no other Snakemake process" in refused
        with training.start("--nolock", cores=1) as second:
            try:
                while second.poll() is None and "waits for process" not in training.log(TRAINING):
                    time.sleep(0.1)
                assert second.poll() is None, "it trains the same, and waits"
            finally:
                (training.traps / "go").touch()
            second.communicate()
            first.communicate()
    training.snakemake()  # one may have read a manifest while the other published it anew
    assert_as(training, undisturbed)
    assert training.snakemake("--dry-run").count("Nothing to be done") == 1


def test_a_clock_that_was_set_back_is_named_and_new_dates_are_enough(training: Place, undisturbed: Place) -> None:
    files = [path for path in (training.folder / "results").rglob("*") if path.is_file()]
    for path in files:  # all that is there was written before the clock was set back by a day
        date = path.stat().st_mtime + 86400
        os.utime(path, (date, date))
    assert "This could indicate a clock skew problem" in training.snakemake("--config", FREQUENT, fails=True)
    for path in files:
        if path.exists():
            os.utime(path)
    training.snakemake("--config", FREQUENT)
    assert_as(training, undisturbed)
    assert training.snakemake("--dry-run").count("Nothing to be done") == 1


def test_a_clock_set_back_during_a_training_changes_nothing(training: Place, undisturbed: Place) -> None:
    lay(training, "train_target", do="clock", call="accumulate", count=3)
    training.snakemake("--config", FREQUENT)
    assert list(training.traps.glob("*.sprung"))
    assert_as(training, undisturbed)
