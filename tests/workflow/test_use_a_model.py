"""Trained models opened by the code of their page: the logits are those of the project's own forward pass."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from xstilts.families.facts import facts  # noqa: E402
from xstilts.families.features import FeatureSettings  # noqa: E402
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, open_encoder, save_encoder  # noqa: E402
from xstilts.modeling.fast_tokenizer import open_tokenizer  # noqa: E402
from xstilts.modeling.hub import HubEncoder  # noqa: E402
from xstilts.modeling.model import build_model  # noqa: E402
from xstilts.modeling.tokenizer import train_tokenizer  # noqa: E402
from xstilts.prediction.forward import outputs  # noqa: E402
from xstilts.training.parts import save_head  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs/howto/use-a-model.md"
SENTENCES = [f"the {animal} saw {count} birds" for animal in ("dog", "cat", "horse") for count in range(60)]
PIECES = 300
LABELS = {"classification": ("contradiction", "entailment", "neutral"), "tagging": ("DET", "NOUN", "VERB")}
ROWS: dict[str, list[dict[str, Any]]] = {
    "classification": [
        {"id": "1", "text_a": "the dog saw birds", "text_b": "the horse saw 7 cats", "label": "neutral"},
        {"id": "2", "text_a": "a cat", "text_b": "the cat saw 2 birds", "label": "entailment"},
    ],
    "multiple_choice": [{"id": "1", "prompt": "the dog saw", "choices": ["2 birds", "the cat", "a horse"], "label": 0}],
    "tagging": [{"id": "1", "tokens": ["the", "horse", "saw", "birds"], "tags": None}],
    "span_qa": [
        {"id": "1", "question": "who saw birds", "context": "the dog saw 5 birds", "answers": [], "impossible": False}
    ],
}


def code(number: int) -> str:
    """A block of Python of the page."""
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.S | re.M)[number]


def asked(tokenizer: Any, family: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row as the page says that it goes in."""
    if family == "tagging":
        return tokenizer(row["tokens"], is_split_into_words=True, return_tensors="pt")
    if family == "multiple_choice":
        choices = tokenizer([row["prompt"]] * 3, row["choices"], padding=True, return_tensors="pt")
        return {name: values[None] for name, values in choices.items()}
    first, second = ("text_a", "text_b") if family == "classification" else ("question", "context")
    return tokenizer(row[first], row[second], return_tensors="pt")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small pretrained encoder with its tokenizer."""
    folder = tmp_path_factory.mktemp("encoder")
    train_tokenizer(SENTENCES, PIECES, folder)
    shape = EncoderShape(layers=2, hidden=16, heads=2, intermediate=32, positions=128, dropout=0.1)
    save_encoder(build_masked_lm(shape, PIECES, 1), folder, folder)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with WordPiece and segments, which only AutoModel opens."""
    import transformers

    folder = tmp_path_factory.mktemp("bert")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(" ".join(SENTENCES).split()))]
    transformers.BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}).save_pretrained(folder)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(1)
    transformers.BertModel(transformers.BertConfig(**shape, vocab_size=len(pieces))).save_pretrained(folder)
    assert isinstance(open_encoder(folder), HubEncoder)
    return folder


def trained(encoder: Path, folder: Path, family: str, sentence: str | None = None) -> Iterator[np.ndarray]:
    """Write a model of the target phase; return the logits of each row, of a question's choices together."""
    opened, labels = open_encoder(encoder), LABELS.get(family, ())
    opened.sentence = sentence or opened.sentence
    model = build_model(opened, {"set": (family, max(1, len(labels)))}, seed=3)
    for parameter in model.heads.parameters():  # what is fresh has zeros as biases
        torch.nn.init.normal_(parameter)
    folder.mkdir()
    save_encoder(opened, encoder, folder)
    save_head(model, SimpleNamespace(data=SimpleNamespace(name="set", family=family), labels=labels), folder)
    settings = FeatureSettings(max_length=96, max_query_length=16, labels=labels)
    features = importlib.import_module(f"xstilts.families.{family}").featurise(
        ROWS[family], open_tokenizer(encoder), settings
    )
    found = outputs(model, "set", family, features, 512)
    assert len(found) == sum(len(row.get("choices", [0])) for row in ROWS[family])
    yield from ([np.concatenate(found)] if facts(family).grouped else found)


@pytest.mark.parametrize("family", ROWS)
def test_a_class_of_transformers_gives_the_trained_logits_with_the_page_s_code(
    encoder: Path, tmp_path: Path, family: str
) -> None:
    expected = list(trained(encoder, tmp_path / "model", family))
    names: dict[str, Any] = {}
    exec(code(0), names)
    model, tokenizer = names["open_model"](tmp_path / "model")
    for again in (False, True):
        if again:  # a folder of its own, which the class opens by itself
            model.save_pretrained(tmp_path / "whole")
            model = type(model).from_pretrained(tmp_path / "whole")
        for row, logits in zip(ROWS[family], expected, strict=True):
            with torch.inference_mode():
                found = model(**asked(tokenizer, family, row))
            both = [found.start_logits[0], found.end_logits[0]] if family == "span_qa" else [found.logits[0]]
            theirs = torch.stack(both, -1) if family == "span_qa" else both[0]
            np.testing.assert_allclose(theirs.numpy(), logits.reshape(theirs.shape), atol=1e-5)
    if family in LABELS:
        assert tuple(model.config.id2label.values()) == LABELS[family]


@pytest.mark.parametrize("kind", ["encoder", "other"])
@pytest.mark.parametrize("sentence", ["first", "last", "mean"])
@pytest.mark.parametrize("family", ROWS)
def test_states_and_head_by_hand_give_the_trained_logits(
    request: pytest.FixtureRequest, tmp_path: Path, family: str, sentence: str, kind: str
) -> None:
    expected = list(trained(request.getfixturevalue(kind), tmp_path / "model", family, sentence))
    names: dict[str, Any] = {}
    exec(code(0), names)
    exec(code(2).partition("\n\n\nfolder = ")[0], names)
    model = names["transformers"].AutoModel.from_pretrained(tmp_path / "model").eval()
    tokenizer = names["transformers"].AutoTokenizer.from_pretrained(tmp_path / "model")
    for row, logits in zip(ROWS[family], expected, strict=True):
        batch = {name: values.flatten(0, -2) for name, values in asked(tokenizer, family, row).items()}
        with torch.inference_mode():
            found = names["logits"](tmp_path / "model", model, batch).numpy()
        np.testing.assert_allclose(found.reshape(logits.shape), logits, atol=1e-5)


def test_the_lines_of_the_page_open_and_ask_a_model(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for family, target in (("classification", "mnli"), ("span_qa", "squad")):
        place = tmp_path / f"results/demo/models/demo-encoder/mnli/{target}/1"
        place.parent.mkdir(parents=True)
        list(trained(encoder, place, family))
    names: dict[str, Any] = {}
    for number in (0, 1, 2):
        exec(code(number), names)
    assert capsys.readouterr().out.strip() in LABELS["classification"]
    assert names["starts"].shape == names["ends"].shape


def test_a_dual_encoder_s_vectors_have_the_cosines_that_it_learnt(encoder: Path, tmp_path: Path) -> None:
    from xstilts.modeling.layout import layout

    opened, folder = open_encoder(encoder), tmp_path / "model"
    model = build_model(opened, {"set": ("dual_encoder", 1)}, seed=3)
    folder.mkdir()
    save_encoder(opened, encoder, folder)
    save_head(model, SimpleNamespace(data=SimpleNamespace(name="set", family="dual_encoder"), labels=()), folder)
    names: dict[str, Any] = {}
    exec(code(0), names)
    exec(code(2).partition("\n\n\nfolder = ")[0], names)
    theirs = names["transformers"].AutoModel.from_pretrained(folder).eval()
    batch = names["transformers"].AutoTokenizer.from_pretrained(folder)(SENTENCES[:1], return_tensors="pt")
    rows = batch["input_ids"][0]
    with torch.inference_mode():
        where = layout(torch.tensor([len(rows)]), torch.device("cpu"))
        own = model.eval().heads["set"](opened(rows, where), where)
        found = names["logits"](folder, theirs, batch)
    torch.testing.assert_close(found * 10, own, atol=1e-4, rtol=0)  # its scale starts at 100
