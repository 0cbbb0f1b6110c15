"""Random decoders of three sizes through the training and the prediction of every family, with LoRA on their maps."""

import json
from pathlib import Path
from typing import Any

import pytest
from decoders import SIZES, qwen
from encoder_jobs import LABELS, Made, pairs, retrieval
from family_tokenizers import LINES

from xstilts.modeling.fetch import fetch_model
from xstilts.prediction.languages import predict_task
from xstilts.training.phase import train_source, train_target

pytestmark = pytest.mark.slow
LORA = {"kind": "lora", "modules": ["q_proj", "v_proj"], "rank": 4, "learning_rate": 1e-3}
SET = {"batch_size": 8, "epochs": 1, "learning_rate": None, "warmup": None, "weight_decay": None}


def choices(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"c{i}", "language": "en", "group": str(i), "prompt": LINES[i % 5], "choices": [LINES[5], LINES[6]],
         "label": i % 2}
        for i in range(count)
    ]  # fmt: skip


def tagged(count: int) -> list[dict[str, Any]]:
    words = LINES[0].split()
    tags = ["NOUN" if len(word) > 4 else "DET" for word in words]
    return [{"id": f"t{i}", "language": "en", "group": str(i), "tokens": words, "tags": tags} for i in range(count)]


def asked(count: int) -> list[dict[str, Any]]:
    at = LINES[0].index("lazy")
    answers = [{"text": "lazy dog", "start": at}]
    return [
        {"id": f"a{i}", "language": "en", "group": str(i), "question": f"Who is jumped over, {i}?", "context": LINES[0],
         "answers": answers}
        for i in range(count)
    ]  # fmt: skip


TASKS = {  # task -> target, data set of the task, its language, rows of the target, rows of the task
    "xnli": ("mnli", "xnli", "de", pairs(24, "en"), pairs(6, "de")),
    "xcopa_copa": ("copa", "xcopa", "it", choices(24), choices(6)),
    "udpos": ("udpos", "udpos", "de", tagged(24), tagged(6)),
    "xquad": ("squad", "xquad", "de", asked(24), asked(6)),
}


@pytest.mark.parametrize("size", SIZES)
def test_every_family_trains_and_predicts(size: int, tmp_path: Path) -> None:
    """The largest of them with its weights in four bits."""
    bits = {"bits": 4} if size == max(SIZES) else {}
    changes = {"languages": ["en", "de", "it"], "tasks": [*TASKS, "tatoeba"], "target": {"sets": {"copa": SET}}}
    changes["selection"] = {"recipe": "paper"}
    made = Made(tmp_path, qwen(tmp_path / "up", size), ("none", "mnli"), changes, method=LORA | bits)
    encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
    mnli = made.data("mnli", train=pairs(24, "en"), dev=pairs(6, "en"))
    given = {"intermediate/mnli": made.features("intermediate", "mnli", encoder, mnli__en=mnli)}
    source = made.make(train_source, "source", "train_intermediate", "m", "mnli", 1, encoder=encoder.path, **given)
    assert {"adapter_config.json", "adapter_model.safetensors"} <= set(source.content["files"])
    assert ("base_bits" in json.loads((source.folder / "adapter_config.json").read_text())) == bool(bits)
    for task, (target, dataset, language, train, test) in TASKS.items():
        both = {"test": test} if dataset == target else {}
        data = mnli if target == "mnli" else made.data(target, train=train, dev=train[:6], **both)
        given = {f"target/{target}": made.features("target", target, encoder, **{f"{target}__en": data})}
        below = {"encoder": source.path, "below": encoder.path}
        model = made.make(train_target, task, "train_target", "m", "mnli", target, 1, **below, **given)
        head = json.loads((model.folder / "head.json").read_text(encoding="utf-8"))
        assert head["sentence"] == "last" and model.results["steps"] > 0
        evaluated = data if both else made.data(dataset, test=test)
        features = made.features("task", task, encoder, **{f"{dataset}__{language}": evaluated})
        given = {"model": model.path, "below": encoder.path, "features": features, f"{dataset}/{language}": evaluated}
        found = made.make(predict_task, f"p-{task}", "predict", "m", "mnli", target, 1, task, **given)
        (path,) = found.folder.glob(f"test-{language}.*")
        text = path.read_text(encoding="utf-8")
        if task == "xnli":
            assert set(text.split()) <= {*LABELS} and len(text.split()) == 6
        elif task == "xquad":
            answers = json.loads(text)
            assert set(answers) == {row["id"] for row in test} and all(one in LINES[0] for one in answers.values())
        else:
            assert len(text.split()) == (6 if task == "xcopa_copa" else sum(len(row["tokens"]) for row in test))
    tatoeba = made.data("tatoeba", test=retrieval())
    features = made.features("task", "tatoeba", encoder, tatoeba__de=tatoeba)
    given = {"model": source.path, "below": encoder.path, "features": features, "tatoeba/de": tatoeba}
    found = made.make(predict_task, "p-tatoeba", "predict", "m", "mnli", "none", 1, "tatoeba", **given)
    assert len((found.folder / "test-de.tsv").read_text(encoding="utf-8").split()) == 5


def test_another_vector_than_the_last_tokens_is_another_training(tmp_path: Path) -> None:
    """And the head says which, so that a prediction takes the same."""
    answers = {}
    for at in (None, "mean"):
        made = Made(tmp_path / str(at), qwen(tmp_path / f"up-{at}"), ("none",), {"tasks": ["xnli"]}, sentence=at)
        encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
        mnli = made.data("mnli", train=pairs(16, "en"), dev=pairs(6, "en"))
        given = {"target/mnli": made.features("target", "mnli", encoder, mnli__en=mnli)}
        model = made.make(train_target, "t", "train_target", "m", "none", "mnli", 1, encoder=encoder.path, **given)
        head = json.loads((model.folder / "head.json").read_text(encoding="utf-8"))
        assert head["sentence"] == (at or "last")
        answers[at] = (model.folder / "head.safetensors").read_bytes()
    assert answers[None] != answers["mean"]
