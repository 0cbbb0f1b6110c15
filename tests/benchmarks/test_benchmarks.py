"""Each figure at its smallest size, from the command line, writes a complete file: sides, ranges, ratios and memory."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = {"training", "steps", "prediction", "featurising", "retrieval", "search", "scoring", "reporting", "workflow"}
NO_PEER = {"steps", "reporting"}  # the peer of steps is the floor
# Peers that `make bench` installs, or that transformers does not have.
MAY_LACK = ("No module named", "has no pipeline", "requires `accelerate")


def measured(name: str, folder: Path) -> dict:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--smallest", "--output", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OWN))
def test_a_figure_is_complete(name, tmp_path):
    found = measured(name, tmp_path)
    assert found["figure"] == name
    assert found["machine"]["cores"] >= 1 and found["versions"]["torch"][0].isdigit()
    assert [row["times"] for row in found["growth"]] == [1, 4]
    for row in found["rows"] + found["growth"]:
        assert row["sides"]["ours"]["rate"]["median"] > 0
        assert row["sides"]["ours"]["peak_mb"] > 1
        peers = {*row["sides"], *row["absent"]} - {"ours"}
        assert peers or name in NO_PEER
        for side in peers - row["absent"].keys():
            ratio = row["ratio"][side]
            assert 0 < ratio["low"] <= ratio["median"] <= ratio["high"]
        for why in row["absent"].values():
            assert any(known in why for known in MAY_LACK), why
    if name == "training":
        work = [side["counts"]["tokens"] for side in found["rows"][0]["sides"].values()]
        assert len(set(work)) == 1  # every side trains on the same useful tokens
        assert all(0 < side["share_of_limit"]["median"] < 1 for row in found["rows"] for side in row["sides"].values())


@pytest.mark.slow
def test_all_figures_make_a_plot_and_tables(tmp_path):
    from benchmarks.plot import plot
    from benchmarks.tables import tables

    found = {name: measured(name, tmp_path) for name in ("retrieval", "scoring")}
    plot(found, tmp_path)
    assert (tmp_path / "bench.png").stat().st_size > 1000
    text = tables(found)
    for name, figure in found.items():
        assert f"### {name}" in text
        for row in figure["rows"]:
            assert f"| {row['case']} |" in text


@pytest.mark.slow
def test_a_profile_accounts_for_the_whole_time(tmp_path):
    counts = measured("operators", tmp_path)["rows"][0]["sides"]["ours"]["counts"]
    kinds = {name: seconds for name, seconds in counts.items() if name.startswith("seconds: ")}
    assert sum(kinds.values()) == pytest.approx(counts["seconds"])
    for kind in ("products", "casts and copies", "GELU, softmax, LayerNorm", "optimiser", "other operators"):
        assert kinds[f"seconds: {kind}"] > 0, kind
    assert f"| all | {counts['seconds']:.2f} | 100 % |" in (tmp_path / "operators.md").read_text()


def test_no_setting_is_advised_whose_check_failed():
    from benchmarks.gpu.__main__ import withdraw

    checks = {
        "graphs": {"failed": "other bytes"},
        "graphed_steps": {"advice": "optimisation: {graphed: true}"},
        "compiled": {"seconds_with_compiling": 1.0},
        "compiled_steps": {"advice": "optimisation: {compiled: true}"},
    }
    withdraw(checks)
    assert checks["graphed_steps"]["advice"] == "optimisation: {graphed: false}, as graphs failed"
    assert checks["compiled_steps"]["advice"] == "optimisation: {compiled: true}"


def fails(where):
    raise RuntimeError("CUDA error: an illegal memory access was encountered\nand more")


def ends(where):
    os.kill(os.getpid(), signal.SIGABRT)


def hangs(where):
    time.sleep(600)


def says_its_process(where):
    return {"process": os.getpid(), "blocks": os.environ.get("PYTORCH_ALLOC_CONF")}


def says_it_too(where):
    return says_its_process(where)


@pytest.mark.slow
def test_a_check_of_a_gpu_that_fails_ends_or_hangs_stops_no_other(tmp_path, monkeypatch):
    import torch

    from benchmarks.gpu import apart
    from benchmarks.gpu.setting import Where

    for name in ("PYTORCH_ALLOC_CONF", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.setenv(name, "as before")  # and put back afterwards
        monkeypatch.delenv(name)
    where = Where(torch.device("cpu"), True, tmp_path)
    checks = (says_its_process, fails, says_it_too, ends, says_its_process, hangs, says_it_too)
    found = [one for one in apart.in_turn(where, checks, each=30.0) if one[0] != "machine"]
    assert [name for name, _ in found] == [check.__name__ for check in checks]
    said = [entry.get("failed") for _, entry in found]
    assert said[1] == "RuntimeError: CUDA error: an illegal memory access was encountered"
    assert (said[3], said[5]) == ("its process ended with -6", "was not done in 30 s")
    assert not any(said[::2])
    assert len({entry["process"] for _, entry in found[::2]}) == 4, "what is left of a process is not relied on"
    assert {entry["blocks"] for _, entry in found[::2]} == {"expandable_segments:True"}, "as in a job"
    late = dict(apart.in_turn(where, (hangs, says_it_too), seconds=0.0))
    assert {entry["failed"] for entry in late.values()} == {"did not begin before 0 s were over"} and len(late) == 2


@pytest.mark.slow
def test_the_checks_of_a_gpu_run_whole_and_none_fails(tmp_path):
    found = measured("gpu", tmp_path)["checks"]
    assert len(found) == 17 and not [entry for entry in found.values() if "failed" in entry]
    assert set(found["determinism"].values()) - {found["determinism"]["took_seconds"]} == {True}
    assert found["large_steps"]["mlm"]["ms_a_step"] > 0 and found["float32"]["largest_difference"] < 1e-5
    assert found["compiled_steps"]["advice"] == "optimisation: {compiled: false}", "nothing is gained on a CPU"
    assert found["graphed_steps"]["advice"] == "optimisation: {graphed: false}"
    table = (tmp_path / "gpu.md").read_text()
    assert "| small_steps | read_rows | ms_a_step " in table
