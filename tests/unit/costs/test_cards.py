"""What is refused on a machine without a GPU: encoders that a CPU would take weeks for, and no others."""

from pathlib import Path
from typing import Any

import pytest
from gpu_jobs import nvidia_smi

from xstilts.config.layers import merged, read_layers
from xstilts.config.run import load
from xstilts.costs.cards import check_cpu
from xstilts.costs.work import Workload
from xstilts.errors import UserError
from xstilts.files import write_json
from xstilts.graph.jobs import Jobs

ROOT = Path(__file__).parents[3]
LISTED = {"--list-gpus": "GPU 0: NVIDIA H100 (UUID: GPU-aa)\\n"}
REFUSED = r"{}: found no GPU on this machine, .*PROFILE=profiles/slurm.*make demo, make laptop.*XSTILTS_CPU=1 computes"


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr("xstilts.leases.KERNEL_LIST", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "XSTILTS_CPU"):
        monkeypatch.delenv(name, raising=False)
    if torch.cuda.is_available():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        pytest.skip("PyTorch sees this machine's GPU")


def start(results: Path, run: str | None, only: tuple[str, ...] = (), **changes: Any) -> None:
    """Check what a run would do from nothing, or its jobs of some rules."""
    jobs = Jobs(load(merged(read_layers(ROOT, [run] if run else []), changes)), ROOT, results)
    planned = [(rule, list(map(str, words))) for rule, *words in jobs.every() if not only or rule in only]
    check_cpu(Workload(jobs), planned)


def test_large_encoders_are_refused_and_small_ones_are_not(tmp_path: Path) -> None:
    for run, model in ((None, "xlm-roberta-large"), ("small", "xlm-roberta-base"), ("baseline", "xlm-roberta-large")):
        with pytest.raises(UserError, match=REFUSED.format(model)):
            start(tmp_path, run)
    for run in ("demo", "demo-encoder", "laptop", "laptop-seeds", "laptop-r"):
        start(tmp_path, run)
    with pytest.raises(UserError, match="xlm-roberta-large: found no GPU"):
        start(tmp_path, "laptop", study="robustness", models=["multilingual-e5-small", "xlm-roberta-large"])


def test_what_computes_with_no_encoder_is_not_refused(tmp_path: Path) -> None:
    start(tmp_path, None, only=("prepare", "fetch_model", "featurise", "score", "table_main"))


def test_an_encoder_counts_by_what_it_computes_and_an_unknown_one_may_be_small(tmp_path: Path) -> None:
    start(tmp_path, None, encoders={"xlm-roberta-large": {"weights": "acme/unknown"}})
    start(tmp_path, None, encoders={"xlm-roberta-large": {"layers": 3}})
    sizes = {"vocab_size": 250_002, "max_position_embeddings": 514, "num_hidden_layers": 12, "hidden_size": 768}
    write_json(tmp_path / "own/config.json", sizes | {"intermediate_size": 3072})
    with pytest.raises(UserError, match="xlm-roberta-large: found no GPU"):
        start(tmp_path, None, encoders={"xlm-roberta-large": {"weights": str(tmp_path / "own")}})


def test_a_decoder_that_answers_from_its_context_counts_too(tmp_path: Path) -> None:
    small = {"study": "xcopa-cost", "decoder": {"weights": "acme/unknown"}}
    start(tmp_path, "laptop", only=("in_context",), **small)
    with pytest.raises(UserError, match=REFUSED.format("Qwen/Qwen1.5-0.5B")):
        start(tmp_path, "laptop", only=("in_context",), **small | {"decoder": {"weights": "Qwen/Qwen1.5-0.5B"}})


def test_a_gpu_or_the_users_word_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSTILTS_CPU", "1")
    start(tmp_path, None)
    monkeypatch.delenv("XSTILTS_CPU")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    start(tmp_path, None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", nvidia_smi(tmp_path / "bin", LISTED))
    start(tmp_path, None)
