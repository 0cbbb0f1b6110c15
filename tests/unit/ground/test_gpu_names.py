"""Which GPUs there are, and that one has one lock, whatever a process calls it."""

import os
import select
import subprocess
import sys

import pytest
from gpu_jobs import LEASED, end, nvidia_smi, says

from xstilts.leases import device_name, devices


def test_devices_are_those_that_the_user_shows(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert devices() == ["2", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 3 ")
    assert devices() == ["2", "3"], "a lock of one name, however it is written"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,-1,3")
    assert devices() == ["2"], "as CUDA reads it: a lease would show the third to a job"


LISTED = """GPU 0: NVIDIA H100 (UUID: GPU-aa)
  MIG 3g.40gb Device 0: (UUID: MIG-1)
  MIG 3g.40gb Device 1: (UUID: MIG-2)
"""


def test_slices_of_a_gpu_and_gpus_of_other_containers_are_no_gpus_of_this_one(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("XSTILTS_CPU", raising=False)
    monkeypatch.setenv("PATH", nvidia_smi(tmp_path / "bin", {"--list-gpus": LISTED}))
    monkeypatch.setattr("xstilts.leases.KERNEL_LIST", tmp_path / "gpus")
    monkeypatch.setattr("xstilts.leases.NODES", tmp_path / "dev")
    assert devices() == ["0"], "no driver's list, as on WSL: one GPU in two slices"
    (tmp_path / "dev").mkdir()
    for minor, bus in enumerate(("0000:01:00.0", "0000:41:00.0", "0000:81:00.0")):
        (tmp_path / "gpus" / bus).mkdir(parents=True)
        said = f"Model: \t\t NVIDIA {bus}\nGPU UUID: \t GPU-????????\nDevice Minor: \t {minor}\n"
        (tmp_path / "gpus" / bus / "information").write_text(said)
    assert devices() == ["0"], "nodes that nobody made yet: the driver is asked"
    for minor in (1, 2):
        (tmp_path / "dev" / f"nvidia{minor}").touch()
    assert devices() == ["0", "1"] and device_name() == "NVIDIA 0000:41:00.0"


@pytest.fixture
def job(tmp_path):
    """The function that starts a job; it returns the job, and the GPU that it sees once it has one."""
    jobs = []
    given = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "XSTILTS_"))}

    def start(**variables):
        environment = given | {"TMPDIR": str(tmp_path)} | variables
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        jobs.append(subprocess.Popen([sys.executable, "-c", LEASED], env=environment, **pipes))
        return jobs[-1]

    yield start
    end(*jobs)


def none_starts(*jobs):
    return not select.select([job.stdout for job in jobs], [], [], 5)[0]


def test_jobs_in_an_allocation_with_one_gpu_take_turns(job):
    """`salloc --gpus=1` and the default profile, which starts a job for each core; then a second shell beside it."""
    own = {"SLURM_JOB_ID": "7", "SLURM_STEP_GPUS": "2", "CUDA_VISIBLE_DEVICES": "0"}
    first = job(**own, SLURM_STEP_ID="0")
    assert says(first, 60) == "0"
    waiting = [job(**own, SLURM_STEP_ID=step) for step in ("0", "1")]  # the other one by srun --jobid=7 --overlap
    assert none_starts(*waiting)
    first.communicate("")
    ready, _, _ = select.select([one.stdout for one in waiting], [], [], 60)
    assert len(ready) == 1 and ready[0].readline().strip() == "0"


def test_steps_with_gpus_of_their_own_do_not_wait_for_each_other(job):
    """Each sees its own as number 0, where the cluster hides those of the others."""
    own, shown = {"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "4,5"}, "CUDA_VISIBLE_DEVICES"
    steps = [job(**own, **{shown: "0"}, SLURM_STEP_ID=gpu, SLURM_STEP_GPUS=gpu) for gpu in ("4", "5")]
    assert [says(one, 60) for one in steps] == ["0", "0"]
    # The batch script has both, which are taken; it may show one; where none is hidden they have the node's numbers.
    assert none_starts(*(job(**own, **{shown: names}) for names in ("0,1", "1", "4,5", "5")))
    unsaid = [job(SLURM_JOB_ID="7", SLURM_STEP_ID=step, **{shown: "0"}) for step in ("8", "9")]
    assert [says(one, 60) for one in unsaid] == ["0", "0"], "nobody says which they are"


def test_a_gpu_has_one_lock_by_its_number_and_by_its_uuid(job, tmp_path):
    path = nvidia_smi(tmp_path / "bin", {"--query-gpu=uuid": "GPU-aa11-0\\nGPU-bb22-1\\n"})
    names = ("GPU-bb22", "0", "1", "GPU-aa11-0", "GPU-aa11,1", "GPU-cc")
    jobs = {}
    for name in names:
        jobs[name] = job(CUDA_VISIBLE_DEVICES=name, PATH=f"{path}:{os.environ['PATH']}")
        if name in ("GPU-bb22", "0", "GPU-cc"):  # of which nvidia-smi does not know the last one
            assert says(jobs.pop(name), 60) == name, "as the user shows it"
    assert none_starts(*jobs.values())


def test_a_number_means_to_cuda_what_it_means_to_nvidia_smi_and_slurm(tmp_path):
    """Of unlike GPUs CUDA by itself calls the fastest 0, which may be another one's number on the bus."""
    shown = 'print(os.environ.get("CUDA_DEVICE_ORDER"))'
    code = f"import os\nfrom xstilts.leases import leased_gpu\nwith leased_gpu():\n    {shown}"
    path = nvidia_smi(tmp_path / "bin", {"--query-gpu=uuid": "GPU-aa11-0\\nGPU-bb22-1\\n"})
    clean = {name: value for name, value in os.environ.items() if name != "CUDA_DEVICE_ORDER"}

    def order(**variables):
        own = clean | {"TMPDIR": str(tmp_path), "PATH": f"{path}:{os.environ['PATH']}"} | variables
        return subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True).stdout.strip()

    assert order(CUDA_VISIBLE_DEVICES="1") == order(CUDA_VISIBLE_DEVICES="GPU-bb22") == "PCI_BUS_ID"
    assert order(CUDA_VISIBLE_DEVICES="1", XSTILTS_OWN_GPUS="1") == "PCI_BUS_ID", "a job that was handed to SLURM"
    assert order(CUDA_VISIBLE_DEVICES="1", CUDA_DEVICE_ORDER="FASTEST_FIRST") == "FASTEST_FIRST"
    assert order(CUDA_VISIBLE_DEVICES="") == "None"
