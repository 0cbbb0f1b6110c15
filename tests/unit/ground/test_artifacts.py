"""Artifacts: made whole or not at all, once, by one writer, and found again."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xstilts.artifacts import BEGUN, RECEIPT, WORK, Manifest, Product, produce, read_manifest, seal
from xstilts.errors import DataError, UserError
from xstilts.files import replacing, write_json
from xstilts.locks import holder, only_writer


class Job:
    """A job that writes what its spec says and counts how often it was asked to."""

    def __init__(self, folder: Path, text: str = "a", name: str = "made", **inputs: Path) -> None:
        self.manifest = folder / name / "manifest.json"
        self.spec = folder / f"{name}.spec.json"
        self.inputs = inputs
        self.calls = 0
        self.set(text)

    def set(self, text: str) -> None:
        write_json(self.spec, {"rule": "r", "wildcards": ["w"], "settings": {"text": text}, "code": "c"})

    def make(self, folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        self.calls += 1
        for found in inputs.values():
            if found.reason:
                return Product(reason=found.reason)
            found.check()
        (folder / "out.txt").write_text(spec["settings"]["text"])
        return Product(["out.txt"], {"length": len(spec["settings"]["text"])})

    def run(self) -> Manifest:
        self.manifest.unlink(missing_ok=True)  # as the workflow engine does before a job
        return produce(self.manifest, self.spec, self.inputs, self.make)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_a_manifest_says_what_is_there_and_what_it_was_made_from(job: Job, tmp_path: Path) -> None:
    second = Job(tmp_path, name="second", first=job.manifest)
    job.run()
    made = second.run()
    content = json.loads(second.manifest.read_text())
    assert content["files"]["out.txt"]["bytes"] == 1 and content["results"] == {"length": 1}
    assert content["inputs"]["first"] == {"manifest": str(job.manifest), "digest": read_manifest(job.manifest).digest}
    assert content["spec"]["settings"] == {"text": "a"} and content["rule"] == "r" and content["reason"] is None
    assert {"seconds", "peak_memory_mb", "versions", "commit", "machine", "finished"} <= content["made"].keys()
    assert made.digest == read_manifest(second.manifest).digest


def test_what_is_there_already_is_not_made_again(job: Job) -> None:
    first = job.run()
    before = job.manifest.read_bytes()
    again = job.run()
    assert job.calls == 1 and again.content == first.content
    assert job.manifest.read_bytes() == before, "the same manifest, so nothing that depends on it runs"


def test_a_changed_setting_makes_it_anew_and_taking_it_back_makes_the_same(job: Job) -> None:
    first = job.run()
    job.set("b")
    assert job.run().digest != first.digest and job.calls == 2
    job.set("a")
    assert job.run().digest == first.digest and job.calls == 3


def test_a_setting_taken_back_before_the_job_was_done_costs_nothing(job: Job) -> None:
    job.run()
    job.set("b")
    job.manifest.unlink()

    def killed(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        produce(job.manifest, job.spec, {}, killed)
    assert not job.manifest.exists()
    job.set("a")
    job.run()
    assert job.calls == 1


def test_a_damaged_or_lost_file_is_made_anew(job: Job) -> None:
    job.run()
    (job.manifest.parent / "out.txt").write_text("A")
    job.run()
    assert job.calls == 2 and (job.manifest.parent / "out.txt").read_text() == "a"
    (job.manifest.parent / "out.txt").unlink()
    job.run()
    assert job.calls == 3


def test_a_damaged_receipt_is_no_receipt(job: Job) -> None:
    job.run()
    receipt = job.manifest.parent / RECEIPT
    receipt.write_text(receipt.read_text()[:-20])
    job.run()
    assert job.calls == 2


def test_the_content_of_an_input_decides_not_its_date_or_place(job: Job, tmp_path: Path) -> None:
    second = Job(tmp_path, name="second", first=job.manifest)
    job.run()
    second.run()
    os.utime(job.manifest)
    job.set("b")
    job.run()
    job.set("a")
    job.run()
    moved = tmp_path / "moved"
    (tmp_path / "made").rename(moved)
    second.inputs = {"first": moved / "manifest.json"}
    second.run()
    assert second.calls == 1, "made twice, moved, the same content"
    write_json(tmp_path / "made.spec.json", {"rule": "r", "wildcards": ["w"], "settings": {"text": "b"}, "code": "c"})
    produce(moved / "manifest.json", tmp_path / "made.spec.json", {}, job.make)
    second.run()
    assert second.calls == 2


def test_the_content_of_a_users_own_file_decides_not_its_place(job: Job, tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.safetensors").write_text("weights")

    def run(folder: str) -> None:
        produce(job.manifest, job.spec, {}, job.make, [tmp_path / folder / "model.safetensors"])

    run("here")
    run("there")
    assert job.calls == 1
    (tmp_path / "there/model.safetensors").write_text("Weights")
    run("there")
    assert job.calls == 2


def test_an_input_that_was_changed_by_hand_is_named(job: Job, tmp_path: Path) -> None:
    second = Job(tmp_path, name="second", first=job.manifest)
    job.run()
    (job.manifest.parent / "out.txt").write_text("edited")
    with pytest.raises(DataError, match=r"made/out.txt: found SHA-256 .*changed since it was made.*expected"):
        second.run()
    assert not second.manifest.exists()
    (job.manifest.parent / "out.txt").unlink()
    with pytest.raises(DataError, match=r"made/out.txt: found no such file"):
        second.run()


def test_a_job_that_fails_leaves_no_manifest(job: Job) -> None:
    def fails(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        (folder / "out.txt").write_text("half")
        raise UserError("no")

    with pytest.raises(UserError):
        produce(job.manifest, job.spec, {}, fails)
    assert not job.manifest.exists() and not (job.manifest.parent / RECEIPT).exists()
    job.run()
    assert job.calls == 1 and (job.manifest.parent / "out.txt").read_text() == "a"


def test_what_cannot_be_had_hands_its_reason_on(job: Job, tmp_path: Path) -> None:
    def nothing(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        return Product(reason="sold by the LDC")

    first = produce(job.manifest, job.spec, {}, nothing)
    assert first.reason == "sold by the LDC" and first.content["files"] == {}
    second = Job(tmp_path, name="second", first=job.manifest)
    assert second.run().reason == "sold by the LDC"
    job.run()
    assert job.calls == 0, "the reason stands as long as its key does"
    job.set("b")
    job.run()
    assert second.run().reason is None


def test_results_that_others_act_on_belong_to_the_digest(job: Job) -> None:
    def made(splits: list[str], relied_on: tuple[str, ...]) -> str:
        product = Product([], {"evaluate": splits, "note": "n"}, relied_on=relied_on)
        job.set(f"{splits}{relied_on}")
        return produce(job.manifest, job.spec, {}, lambda *_: product).digest

    assert made(["dev"], ("evaluate",)) != made(["test"], ("evaluate",))
    assert made(["dev"], ()) == made(["test"], ())


def test_unfinished_work_is_gone_on_with_under_its_own_key_only(job: Job) -> None:
    work = job.manifest.parent / WORK

    def stopped(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        (folder / WORK).mkdir(exist_ok=True)
        (folder / WORK / spec["settings"]["text"]).write_text("checkpoint")
        raise InterruptedError("asked to stop")

    def attempt() -> None:
        with pytest.raises(InterruptedError):
            produce(job.manifest, job.spec, {}, stopped)

    attempt()
    attempt()
    assert [path.name for path in work.iterdir()] == ["a"], "gone on with"
    job.set("b")
    attempt()
    assert [path.name for path in work.iterdir()] == ["b"], "what another setting had begun is gone"
    job.run()
    assert not work.exists() and not (job.manifest.parent / BEGUN).exists()
    work.mkdir()
    job.set("c")
    attempt()
    assert [path.name for path in work.iterdir()] == ["c"]


def writer(folder: Path) -> subprocess.Popen[str]:
    """Start a process that writes into a folder, says so and then lives on."""
    code = (
        "import time; from pathlib import Path; from xstilts.locks import only_writer\n"
        f"with only_writer(Path({str(folder)!r})):\n    print('in', flush=True); time.sleep(60)"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_second_writer_says_so_and_waits_until_the_first_has_died(job: Job) -> None:
    folder = job.manifest.parent
    with writer(folder) as first:
        try:
            assert first.stdout is not None and first.stdout.readline() == "in\n"
            found = holder(folder)
            assert found is not None and found["process"] == first.pid and found["node"] and found["began"] > 0
            with writer(folder) as second:
                try:
                    assert second.stdout is not None and second.stderr is not None
                    assert second.stderr.readline().startswith(f"{folder}: waits for process {first.pid} on ")
                    assert (holder(folder) or {})["process"] == first.pid, "still the first"
                    first.kill()
                    assert second.stdout.readline() == "in\n"
                    assert (holder(folder) or {})["process"] == second.pid
                finally:
                    second.kill()
        finally:
            first.kill()
    assert holder(folder) is None
    job.run()
    assert job.calls == 1, "the lock died with its process"


@pytest.mark.parametrize("killed_at", ["receipt", "manifest", "cleaning"])
def test_what_a_job_killed_at_its_end_has_left_is_cleaned_by_the_next(job: Job, killed_at: str) -> None:
    folder = job.manifest.parent

    def leaves_checkpoints(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        (folder / WORK / "step-00000001").mkdir(parents=True)
        return job.make(folder, spec, inputs)

    produce(job.manifest, job.spec, {}, leaves_checkpoints)
    whole = job.manifest.read_bytes()
    key = json.loads(whole)["key"]
    assert sorted(path.name for path in folder.iterdir()) == [".lock", RECEIPT, "manifest.json", "out.txt"]
    (folder / BEGUN).write_text(key)  # what stands there when the job is killed at the end
    (folder / WORK / "step-00000001").mkdir(parents=True)
    (folder / WORK / ".step-00000002.part").mkdir()
    (folder / ".model.safetensors.4711.part").write_text("half")
    (folder / ".tmpAbCdEf").write_text("half")
    if killed_at == "receipt":
        (folder / RECEIPT).unlink()
        (folder / ".receipt.json.4711.part").write_text(whole.decode()[:40])
    if killed_at == "cleaning":
        (folder / WORK / "step-00000001").rmdir()
    job.run()
    assert sorted(path.name for path in folder.iterdir()) == [".lock", RECEIPT, "manifest.json", "out.txt"]
    assert job.calls == (2 if killed_at == "receipt" else 1)


def test_half_a_checkpoint_of_a_process_or_of_a_link_goes_before_the_job_goes_on(job: Job) -> None:
    work = job.manifest.parent / WORK

    def killed(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        for place in ("rank-0/link-1", "rank-1", "link-1/done"):
            (work / place / "step-00000001").mkdir(parents=True)
            (work / place / ".step-00000002.part").mkdir()
            (work / place / ".step-00000002.part/.tmpAbCdEf").write_text("half")
        raise InterruptedError

    def goes_on(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        assert not [*work.rglob(".*")] and len([*work.rglob("step-00000001")]) == 3
        return job.make(folder, spec, inputs)

    with pytest.raises(InterruptedError):
        produce(job.manifest, job.spec, {}, killed)
    produce(job.manifest, job.spec, {}, goes_on)
    assert job.calls == 1


def test_a_job_leaves_alone_what_somebody_else_writes_into_its_folder(job: Job) -> None:
    """Two jobs that fill one entry of a store each write its spec, and one of them makes it meanwhile."""
    with replacing(job.manifest.parent / "spec.json") as beside:
        beside.write_text("half")
        job.run()
        beside.write_text("whole")
    assert (job.manifest.parent / "spec.json").read_text() == "whole"


def test_a_damaged_note_of_what_was_begun_starts_anew(job: Job) -> None:
    folder = job.manifest.parent
    (folder / WORK).mkdir(parents=True)
    (folder / WORK / "checkpoint").write_text("of what?")
    (folder / BEGUN).write_bytes(b"\xff\xfe\x00")

    def make(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        assert not (folder / WORK).exists()
        return job.make(folder, spec, inputs)

    produce(job.manifest, job.spec, {}, make)
    assert job.calls == 1


def test_what_a_job_did_is_written_down_and_never_compared(job: Job, tmp_path: Path) -> None:
    measured = {"tokens": 1000, "seconds": 2.0}

    def make(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
        return replace(job.make(folder, spec, inputs), work=measured)

    plain = job.run()
    worked = produce(tmp_path / "worked" / "manifest.json", job.spec, {}, make)
    assert worked.content["made"]["work"] == measured and worked.content["made"]["machine"]["device"] == "cpu"
    assert (worked.digest, worked.content["key"]) == (plain.digest, plain.content["key"])


def test_the_lock_is_free_after_a_failure(job: Job) -> None:
    with pytest.raises(ValueError), only_writer(job.manifest.parent):
        raise ValueError
    job.run()


def test_a_manifest_edited_by_hand_is_named(job: Job, tmp_path: Path) -> None:
    job.run()
    content = json.loads(job.manifest.read_text())
    content["results"]["length"] = 2
    job.manifest.write_text(json.dumps(content))
    second = Job(tmp_path, name="second", first=job.manifest)
    with pytest.raises(DataError, match=r"made/manifest.json: found content that does not fit its seal"):
        second.run()
    job.run()
    assert job.calls == 1 and second.run().results == {"length": 1}, "the receipt still holds what was made"


def test_a_file_that_is_no_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"key": 1}')
    with pytest.raises(DataError, match=r"manifest.json: found no seal"):
        read_manifest(tmp_path / "manifest.json")
    with pytest.raises(DataError, match="no such file"):
        read_manifest(tmp_path / "none.json")


def test_a_git_that_hangs_costs_no_work(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin/git"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
    monkeypatch.setattr("xstilts.artifacts.PATIENCE", 0.2)
    assert job.run().content["made"]["commit"] is None and job.calls == 1
    assert "the commit is not recorded" in capsys.readouterr().err


def test_the_content_of_each_file_of_the_users_own_counts_though_two_have_one_name(job: Job, tmp_path: Path) -> None:
    files = [tmp_path / language / "dev.jsonl" for language in ("en", "qu")]
    for path in files:
        path.parent.mkdir()
        path.write_text("a")
    for changed, calls in ((None, 1), (None, 1), (files[0], 2), (files[1], 3)):
        if changed:
            changed.write_text("b")
        job.manifest.unlink(missing_ok=True)
        produce(job.manifest, job.spec, {}, job.make, files)
        assert job.calls == calls


@pytest.mark.parametrize("name", ["../precious", "/etc/passwd", "", "a//b", "./a"])
def test_a_manifest_that_names_files_outside_of_its_folder_is_refused(job: Job, name: str) -> None:
    job.run()
    content = json.loads(job.manifest.read_text())
    content["files"][name] = {"sha256": "0" * 64, "bytes": 1}
    content["seal"] = seal(content)
    write_json(job.manifest, content)
    with pytest.raises(DataError, match="expected names of files inside the folder"):
        read_manifest(job.manifest)
