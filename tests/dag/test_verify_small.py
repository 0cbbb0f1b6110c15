"""`make verify-small`, carried through by a tiny twin: pickled on a Hub on loopback, converted, trained, compared."""

import io
from collections.abc import Iterator
from pathlib import Path

import hub_repositories
import pytest
import torch
from checkout import Checkout, check_out
from hub_server import Hub, running_hub

from xstilts.files import read_json
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, save_encoder
from xstilts.modeling.tokenizer import train_tokenizer

pytestmark = pytest.mark.slow
NAME = "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large"
SMALLER = """
languages: [en, de]
target:
  sets:
    mnli: {batch_size: 2, warmup: 1, evaluate_every: 10}
    squad: {batch_size: 2, epochs: 10}
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with pytest.MonkeyPatch.context() as patch, running_hub(patch) as server:
        yield server


def pickled(folder: Path) -> dict[str, bytes]:
    """Return the files of a tiny XLM-R as that repository has them: halves in pytorch_model.bin, no safetensors."""
    train_tokenizer([f"the words of sentence {number} differ a little" for number in range(200)], 300, folder)
    model = build_masked_lm(
        EncoderShape(layers=2, hidden=16, heads=2, intermediate=32, positions=512, dropout=0.1), 300, 1
    )
    save_encoder(model, folder, folder)
    buffer = io.BytesIO()
    torch.save({name.removeprefix("roberta."): tensor.half() for name, tensor in model._named().items()}, buffer)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    del files["model.safetensors"]
    return files | {"pytorch_model.bin": buffer.getvalue()}


def test_a_twin_goes_from_the_hub_to_the_comparison(hub: Hub, tmp_path: Path) -> None:
    hub_repositories.publish(hub)
    (tmp_path / "encoder").mkdir()
    commit = hub.put(f"models/{NAME}", **pickled(tmp_path / "encoder"))
    checkout = check_out(tmp_path / "project")
    hub_repositories.forget_sizes(checkout.folder / "src/xstilts/data/datasets.yaml")
    (checkout.folder / "smaller.yaml").write_text(SMALLER, encoding="utf-8")
    run = Checkout(checkout.folder, ("config/runs/verify-small.yaml", "smaller.yaml"))
    assert commit in run.xstilts("convert", NAME, "encoders/mminilmv2-l12")
    converted = len(hub.asked)
    run.snakemake("lock")
    run.snakemake("score_xnli", "score_mlqa")

    trained = checkout.folder / "results/verify-small/models/mminilmv2-l12/none"
    for target, dev in (("mnli", "xnli dev"), ("squad", "mlqa dev")):
        said = read_json(trained / target / "1/manifest.json")["results"]["selected_on"]
        assert dev in str(said), "English dev of the task itself chooses"
    said = run.xstilts("verify-small", status=1)
    lines = {line.split()[0]: line for line in said.splitlines() if line.split()[:1] in (["xnli"], ["mlqa"])}
    assert "72.9" in lines["xnli"] and "missing (no score in ar bg" in lines["xnli"] and " de " not in lines["xnli"]
    assert "64.9" in lines["mlqa"] and "missing (no score in ar" in lines["mlqa"]
    assert not any("pytorch_model.bin" in what for what, _ in hub.asked[converted:]), "a run does not read it"
