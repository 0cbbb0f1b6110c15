"""What an arm cost, by the manifests of its jobs."""

from pathlib import Path

import pytest

from xstilts.artifacts import circumstances, remember
from xstilts.studies.costs import cost_of


def manifest(folder: Path, joules: float | None, seconds: float = 20.0, worked: float = 20.0) -> Path:
    made = circumstances(0.0) | {"seconds": seconds, "work": {"tokens": 10, "padded_tokens": 12, "seconds": worked}}
    made["machine"] |= {"device": "a GPU"} | ({} if joules is None else {"energy_joules": joules})
    content = {"rule": "train_target", "files": {}, "made": made}
    folder.mkdir()
    return remember(folder / "manifest.json", content).path


def test_energy_is_of_the_jobs_whose_counter_was_read_from_beginning_to_end(tmp_path: Path) -> None:
    whole, short = manifest(tmp_path / "whole", 1500.0), manifest(tmp_path / "short", None)
    resumed = manifest(tmp_path / "resumed", 700.0, seconds=20.0, worked=90.0)
    found = cost_of([whole, short, resumed, tmp_path / "not there"])
    assert (found["energy_joules"], found["energy_jobs"], found["finished"], found["jobs"]) == (1500, 1, 3, 4)
    assert (found["tokens"], found["padded_tokens"], found["gpu_seconds"]) == (30, 36, pytest.approx(130))
    assert cost_of([short])["energy_joules"] == "not measured"
