"""Energy of a job: a difference of two readings, and nothing where these do not tell it."""

import pytest

from xstilts.artifacts import circumstances
from xstilts.energy import SLOTS, computed_on, joules, read_meter, taken


def test_energy_is_the_difference_of_two_readings_of_the_devices_own_counter() -> None:
    before, after = (100.0, {"a": 5_000, "b": 900_000}), (106.0, {"a": 1_805_500, "b": 901_000})
    assert joules(["a"], before, after) == {"energy_joules": 1800.5}
    assert joules(["a", "b"], before, after) == {"energy_joules": 1801.5}, "of a job that several devices share"


@pytest.mark.parametrize(
    ("device", "after"),
    [
        ("a", (104.9, {"a": 9_000})),  # under five seconds
        ("slice", (106.0, {"a": 9_000})),  # a part of a device, which has no counter
        ("a", (106.0, {"a": 10})),  # the driver was loaded anew
        ("a", (106.0, {})),
        ("a", None),
    ],
)
def test_what_readings_do_not_tell_is_not_said(device: str, after: tuple[float, dict[str, int]] | None) -> None:
    assert joules([device], (100.0, {"a": 5_000}), after) == {}


def test_a_shared_device_and_a_cpu_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pynvml")
    monkeypatch.setenv(SLOTS, "2")
    assert read_meter() is None
    assert "energy_joules" not in computed_on((0.0, {"a": 1}))


def test_what_processes_below_a_job_have_taken_is_the_jobs() -> None:
    """Of a training among several GPUs the job's own process computes nothing."""
    own = taken()
    each = {"cpu_seconds": 100.0, "peak_memory_mb": 9_000, "peak_gpu_memory_mb": 30_000}
    made = circumstances(0.0, None, [each, each | {"peak_gpu_memory_mb": 31_000}])
    assert made["cpu_seconds"] > own["cpu_seconds"] + 199 and made["peak_memory_mb"] >= own["peak_memory_mb"] + 18_000
    assert made["machine"]["peak_gpu_memory_mb"] == 31_000 and "peak_gpu_memory_mb" not in made
    assert "peak_gpu_memory_mb" not in circumstances(0.0)["machine"], "without a GPU"
