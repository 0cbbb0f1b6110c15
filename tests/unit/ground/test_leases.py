"""Leases of GPUs: never more holders than slots, distinct devices first, free again after SIGKILL, alone on request."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gpu_jobs import LEASED, end, hold, hold_alone, hold_several, says

from xstilts.errors import UserError
from xstilts.leases import lease_device, lease_devices


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


def test_a_job_among_several_gpus_has_whole_ones_and_the_free_ones_first(tmp_path):
    other, device = hold(tmp_path, "0,1,2", 2)
    both = hold_several(tmp_path, "0,1,2", 2, 2)
    try:
        assert device == "0" and both.stdout.readline().split() == ["1", "2"]
        beside, [handle] = lease_device(["0", "1", "2"], 2, tmp_path, 0)
        os.close(handle)
        assert beside == "0", "no slot of the two is left, the second one of the other is"
        with pytest.raises(UserError, match="no 2 free GPUs among 3"):
            lease_devices(["0", "1", "2"], 2, 2, tmp_path, 0.1)
        beside, [handle] = lease_device(["0", "1", "2"], 2, tmp_path, 0)
        os.close(handle)
        assert beside == "0", "who got too few holds nothing"
    finally:
        end(other, both)
    again, handles = lease_devices(["0", "1", "2"], 3, 2, tmp_path, 30)
    assert again == ["0", "1", "2"] and len(handles) == 9, "a killed one holds nothing"
    for handle in handles:
        os.close(handle)


def test_jobs_that_each_want_most_of_the_gpus_wait_for_each_other_and_not_for_ever(tmp_path):
    first, _ = hold(tmp_path, "0,1,2", 1)
    jobs = [hold_several(tmp_path, "0,1,2", 1, 3) for _ in range(3)]  # each could hold two of three by now
    end(first)
    answers = []
    while jobs:
        ready, _, _ = select.select([job.stdout for job in jobs], [], [], 60)
        assert ready, "they wait for each other"
        done = next(job for job in jobs if job.stdout in ready)
        answers.append(done.stdout.readline().split())
        jobs.remove(done)
        end(done)
    assert answers == 3 * [["0", "1", "2"]]


def test_too_few_gpus_for_a_job_are_named_at_once(tmp_path):
    with pytest.raises(UserError, match=r"gpus_per_job: found 1 GPUs \(4\); expected 2"):
        lease_devices(["4"], 2, 1, tmp_path, 600)


def test_a_job_among_several_gpus_sees_them_and_no_other(tmp_path):
    given = os.environ | {"TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "4,5,6"}
    given.pop("SLURM_JOB_ID", None)
    two = LEASED.replace("leased_gpu()", "leased_gpu(2)")
    found = subprocess.run([sys.executable, "-c", two], env=given, capture_output=True, text=True, input="")
    assert found.stdout.strip() == "4,5", found.stderr
    own = given | {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "5,6", "XSTILTS_OWN_GPUS": "1"}
    found = subprocess.run([sys.executable, "-c", two], env=own, capture_output=True, text=True, input="")
    assert found.stdout.strip() == "5,6" and not list(tmp_path.glob("*/slurm-7")), "a SLURM job's own need no lease"


def test_a_lease_folder_of_somebody_else_is_refused_with_the_setting_that_names_another(tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    taken.chmod(0o777)  # anybody could put a lock into it, and keep it
    with pytest.raises(UserError, match=r"taken: found owner .* XSTILTS_LEASES=FOLDER"):
        lease_device(["0"], 1, taken, 0)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="link: found"):
        lease_device(["0"], 1, tmp_path / "link", 0)


def test_the_jobs_of_a_slurm_allocation_with_several_gpus_take_different_ones(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path), "SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "4,5"}
    command = [sys.executable, "-c", LEASED]
    first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    taken = first.stdout.readline().strip()
    second = subprocess.run(command, env=environment, capture_output=True, text=True, input="")
    first.communicate("")
    assert {taken, second.stdout.strip()} == {"4", "5"}
    alone = environment | {"CUDA_VISIBLE_DEVICES": "5"}
    assert subprocess.run(command, env=alone, capture_output=True, text=True, input="").stdout.strip() == "5"


def test_who_wants_a_gpu_alone_takes_the_first_that_comes_free_and_keeps_no_second_one_from_others(tmp_path):
    first, second = (hold(tmp_path, "0,1", 2) for _ in range(2))
    assert [first[1], second[1]] == ["0", "1"]
    alone = hold_alone(tmp_path, "0,1", 2)
    try:
        assert says(alone, 3) is None
        beside, device = hold(tmp_path, "0,1", 2)
        assert device == "1", "the door of the other one is closed, this one's is not"
        end(beside)
        end(second[0])
        assert says(alone, 30) == "1", "not the one that it waited at"
        again, [handle] = lease_device(["0", "1"], 2, tmp_path, 5)
        os.close(handle)
        assert again == "0", "whose door is open again"
    finally:
        end(first[0], second[0], alone)


def test_who_wants_a_gpu_alone_is_not_passed_by_for_ever(tmp_path):
    """Jobs of one slot come and go on both GPUs, so that never one of them is free by itself."""
    first, second = (hold(tmp_path, "0,1", 2) for _ in range(2))
    alone = hold_alone(tmp_path, "0,1", 2)
    others = []
    try:
        assert says(alone, 3) is None
        others.append(hold(tmp_path, "1", 2))
        end(second[0])
        others.append(hold(tmp_path, "1", 2))
        assert says(alone, 2) is None
        end(first[0])
        assert says(alone, 30) == "0"
    finally:
        end(first[0], second[0], alone, *(process for process, _ in others))


def test_two_who_want_one_alone_and_one_who_wants_both_are_served_one_after_the_other(tmp_path):
    jobs = [hold_alone(tmp_path, "0,1", 2), hold_alone(tmp_path, "0,1", 2), hold_several(tmp_path, "0,1", 2, 2)]
    served = 0
    while jobs:
        ready, _, _ = select.select([job.stdout for job in jobs], [], [], 60)
        assert ready, "they wait for each other"
        done = next(job for job in jobs if job.stdout in ready)
        served += bool(done.stdout.readline().split())
        jobs.remove(done)
        end(done)
    assert served == 3


def test_a_gpu_that_pytorch_cannot_use_is_an_error_and_never_the_cpu_without_a_word(monkeypatch):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("PyTorch can use this machine's GPU")
    from xstilts.modeling.model import device

    monkeypatch.delenv("XSTILTS_CPU", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    with pytest.raises(UserError, match=r"GPU 5: .*PyTorch .*CUDA.*XSTILTS_CPU=1 computes on the CPU"):
        device()
    monkeypatch.setenv("XSTILTS_CPU", "1")
    assert device().type == "cpu"
    monkeypatch.delenv("XSTILTS_CPU")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device().type == "cpu"


@pytest.mark.parametrize(
    ("capability", "runs"),
    [((7, 0), False), ((7, 5), True), ((8, 6), True), ((8, 9), True), ((9, 0), True), ((10, 3), True), ((12, 1), True)],
)
def test_a_gpu_that_a_build_has_no_code_for_is_told_from_one_that_it_has(capability, runs):
    """CUDA 13 has none for Volta; a V100 would fail at the first kernel, hours after it was chosen."""
    pytest.importorskip("torch")
    from xstilts.modeling.model import has_code

    built = ["sm_75", "sm_80", "sm_86", "sm_90a", "sm_90", "sm_100", "sm_120", "compute_120"]
    assert has_code(capability, built) is runs
    assert not has_code(capability, ["sm_61", "sm_90a"]) or capability == (9, 0)


def test_a_gpus_memory_may_grow_in_blocks_and_who_wants_the_cpu_has_no_gpu(tmp_path):
    shown = 'print(os.environ.get("PYTORCH_ALLOC_CONF"), repr(os.environ["CUDA_VISIBLE_DEVICES"]))'
    code = f"import os\nfrom xstilts.leases import leased_gpu\nwith leased_gpu():\n    {shown}"
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")}

    def found(**variables):
        own = clean | {"TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "3"} | variables
        return subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True).stdout.strip()

    assert found() == "expandable_segments:True '3'"
    assert found(SLURM_JOB_ID="7") == "expandable_segments:True '3'"
    assert found(PYTORCH_ALLOC_CONF="max_split_size_mb:64") == "max_split_size_mb:64 '3'"
    assert found(PYTORCH_CUDA_ALLOC_CONF="max_split_size_mb:64") == "None '3'"
    assert found(CUDA_VISIBLE_DEVICES="") == "None ''"
    assert found(XSTILTS_CPU="1") == "None ''"


def test_a_job_keeps_the_products_of_onednn_that_it_has_compiled(monkeypatch):
    from xstilts.script import PRODUCTS, use_threads

    names = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    for name in (*names, "RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, "7")  # and as it was afterwards
    use_threads(1)
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "7" and os.environ["OMP_NUM_THREADS"] == "1"
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    use_threads(1)
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == str(PRODUCTS)


def test_a_slice_of_a_gpu_whose_name_has_slashes_can_be_leased(tmp_path):
    name, [handle] = lease_device(["MIG-GPU-0a1b/7/0"], 1, tmp_path, 0)
    os.close(handle)
    assert name == "MIG-GPU-0a1b/7/0"


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
    raise ERROR

run_artifact_job(make, "", gpu=True)
"""


@pytest.mark.parametrize(
    "error", ["torch.OutOfMemoryError('pretend')", "RuntimeError('CUBLAS_STATUS_ALLOC_FAILED when calling it')"]
)
def test_out_of_memory_beside_others_starts_again_alone_from_the_checkpoint(tmp_path, error):
    environment = {name: value for name, value in os.environ.items() if name != "SLURM_JOB_ID"}
    environment |= {"TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "5", "XSTILTS_GPU_SLOTS": "2"}
    leases = tmp_path / f"xstilts-gpus-{os.getuid()}"
    (tmp_path / "job.py").write_text(OUT_OF_MEMORY.replace("ERROR", error))
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
