"""Leases of GPUs: never more holders than slots, distinct devices first, free again after SIGKILL, alone on request."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xstilts.errors import UserError
from xstilts.leases import devices, lease_device

HOLD = """
import sys, time
from pathlib import Path
from xstilts.leases import lease_device
print(lease_device(sys.argv[2].split(","), int(sys.argv[3]), Path(sys.argv[1]), 30)[0], flush=True)
time.sleep(600)
"""


def hold(folder, names, slots):
    command = [sys.executable, "-c", HOLD, str(folder), names, str(slots)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def test_holders_get_distinct_devices_before_they_share(tmp_path):
    held = [hold(tmp_path, "0,1", 2) for _ in range(4)]
    try:
        assert sorted(device for _, device in held[:2]) == ["0", "1"]
        assert sorted(device for _, device in held) == ["0", "0", "1", "1"]
        with pytest.raises(UserError, match="no free GPU among 2"):
            lease_device(["0", "1"], 2, tmp_path, 0.1)
    finally:
        for process, _ in held:
            process.kill()
            process.wait()


def test_killed_holder_frees_its_device_at_once(tmp_path):
    process, device = hold(tmp_path, "0", 1)
    with pytest.raises(UserError):
        lease_device(["0"], 1, tmp_path, 0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again, [handle] = lease_device(["0"], 1, tmp_path, 0.1)
    os.close(handle)
    assert again == device == "0"


def test_devices_are_those_that_the_user_shows(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert devices() == ["2", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices() == []


OUT_OF_MEMORY = """
import os
import torch
from xstilts.artifacts import Product
from xstilts.script import run_artifact_job

def make(folder, spec, inputs):
    checkpoint = folder / "checkpoints/half"
    if checkpoint.exists():
        return Product(results={"device": os.environ["CUDA_VISIBLE_DEVICES"]})
    checkpoint.parent.mkdir()
    checkpoint.write_text("")
    raise torch.OutOfMemoryError("pretend")

run_artifact_job(make, "", gpu=True)
"""


def test_out_of_memory_beside_others_starts_again_alone_from_the_checkpoint(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "SLURM_JOB_ID"}
    environment |= {"TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "5", "XSTILTS_GPU_SLOTS": "2"}
    leases = tmp_path / f"xstilts-gpus-{os.getuid()}"
    (tmp_path / "job.py").write_text(OUT_OF_MEMORY)
    (tmp_path / "spec.json").write_text(json.dumps({"rule": "r", "wildcards": [], "settings": {}, "code": ""}))
    manifest = tmp_path / "made/manifest.json"
    command = [sys.executable, tmp_path / "job.py", "--spec", tmp_path / "spec.json", "--output", manifest]
    neighbour, _ = hold(leases, "5", 2)
    job = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert job.stderr.readline().startswith(f"{manifest}: process {job.pid} on ")
        assert job.stderr.readline() == "out of memory on a shared GPU: starting again, alone on one\n"
        while (leases / "gpu5-door").exists() and _gets_a_slot(leases):
            time.sleep(0.1)  # until the job has started again and closed the door
        assert job.poll() is None, "it waits for its neighbour"
    finally:
        neighbour.kill()
        neighbour.wait()
        _, said = job.communicate(timeout=120)
    assert job.returncode == 0, said
    assert json.loads(manifest.read_text())["results"] == {"device": "5"}
    assert _gets_a_slot(leases), "all is free again"


def _gets_a_slot(leases: Path) -> bool:
    try:
        _, [handle] = lease_device(["5"], 2, leases, 0)
    except UserError:
        return False
    os.close(handle)
    return True
