"""Sentence vectors of retrieval: layer, pooling, prefix and length, as the configuration says, beside the numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from decoders import qwen
from encoder_jobs import Made, retrieval
from family_tokenizers import LINES

from xstilts.config.recipe import changed_settings
from xstilts.config.run import load
from xstilts.errors import ConfigError, UserError
from xstilts.families.features import FeatureSettings
from xstilts.families.retrieval import featurise
from xstilts.files import read_json, write_json
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.modeling.encoder import open_encoder, pooled_layer
from xstilts.modeling.fast_tokenizer import open_tokenizer
from xstilts.modeling.fetch import fetch_model
from xstilts.modeling.model import build_model
from xstilts.prediction.forward import embeddings
from xstilts.prediction.languages import predict_task
from xstilts.prediction.mining import mine
from xstilts.prediction.retrieval import open_predictor
from xstilts.reporting.main.marks import vectors_remarks
from xstilts.reporting.tables.comparison import other_vectors
from xstilts.scoring.job import score_job

ROWS = [{"text": line} for line in LINES]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(LINES)) - {" "})]
    config = transformers.BertConfig(
        num_hidden_layers=2, hidden_size=16, num_attention_heads=2, intermediate_size=32, vocab_size=len(pieces)
    )
    transformers.BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
    return folder


def with_retrieval(made: Made, **changes: Any) -> Jobs:
    raw = made.jobs.run.model_dump() | {"retrieval": made.jobs.run.retrieval.model_dump() | changes}
    return Jobs(load(raw), made.jobs.code, made.jobs.results)


def test_the_first_token_of_a_decoder_is_no_sentences_vector(tmp_path: Path) -> None:
    """It is the same token whatever the sentence: all of them had one vector."""
    said = "retrieval.pooling: found first for the decoder in .*, whose first token has read nothing; expected mean"
    vectors = {"layer": "last", "pooling": "first", "normalise": True}
    settings = {"lengths": {"retrieval": 32}, "precision": "float32", "deterministic": True, "micro_tokens": 64}
    with pytest.raises(UserError, match=said):
        open_predictor(qwen(tmp_path), settings | {"retrieval": vectors, "mined": False})
    open_predictor(tmp_path, settings | {"retrieval": vectors | {"pooling": "mean"}, "mined": False})


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_vectors_are_what_transformers_gives(bert: Path, tmp_path: Path, layer: int, pooling: str) -> None:
    made = Made(tmp_path, bert).make(fetch_model, "encoder", "fetch_model", "m")
    features = featurise(ROWS, open_tokenizer(made.folder), FeatureSettings(96))
    model = build_model(open_encoder(made.folder), {}, 0, "float32")
    found = embeddings(model, features, layer, 64, pooling)
    reference = transformers.BertModel.from_pretrained(bert).eval()
    for row, vector in enumerate(found):
        ids = torch.from_numpy(features.input_ids[features.offsets[row] : features.offsets[row + 1]].astype(np.int64))
        with torch.inference_mode():
            states = reference(ids[None], output_hidden_states=True).hidden_states[layer][0]
        expected = states.mean(0) if pooling == "mean" else states[0]
        np.testing.assert_allclose(vector, expected.numpy(), atol=1e-5)


def test_a_layer_is_named_by_number_by_last_or_left_to_the_paper() -> None:
    assert [pooled_layer(24, wanted) for wanted in (None, "last", 0, 24)] == [14, 24, 0, 24]
    with pytest.raises(ConfigError, match=r"retrieval\.layer: found 13; expected at most 12"):
        pooled_layer(12, 13)


def test_a_prefix_stands_before_each_sentence(bert: Path, tmp_path: Path) -> None:
    made = Made(tmp_path, bert).make(fetch_model, "encoder", "fetch_model", "m")
    tokenizer = open_tokenizer(made.folder)
    found = featurise(ROWS, tokenizer, FeatureSettings(96, prefix="ab: "))
    by_hand = featurise([{"text": f"ab: {row['text']}"} for row in ROWS], tokenizer, FeatureSettings(96))
    assert np.array_equal(found.input_ids, by_hand.input_ids) and len(found) == len(ROWS)


def test_vectors_of_any_length_are_compared_by_inner_product_where_that_is_said() -> None:
    source = np.array([[1, 0], [0, 1]], np.float32)
    target = np.array([[0.9, 0.5], [5, 4]], np.float32)  # the long one has the largest product with both
    assert {(i, j) for i, j, _ in mine(source, target, k=1)} == {(0, 0), (1, 1)}
    best = mine(source, target, k=1, normalise=False)[0]
    assert best[:2] != (0, 0)


def test_each_setting_reruns_what_it_changes_and_nothing_else(bert: Path, tmp_path: Path) -> None:
    made = Made(tmp_path, bert)
    features, prediction = ("featurise", "m", "none", "task"), ("predict", "m", "none", "none", 1)
    changes: dict[str, set[str]] = {}
    for key, value in {"layer": "last", "pooling": "first", "normalise": False, "prefix": "query: "}.items():
        other = with_retrieval(made, **{key: value})
        jobs = {"features": (*features, "tatoeba"), "prediction": (*prediction, "tatoeba")}
        jobs |= {"xnli": (*features, "xnli"), "xnli predicted": (*prediction, "xnli")}
        changes[key] = {name for name, job in jobs.items() if settings_of(made.jobs, *job) != settings_of(other, *job)}
    ours = {"prediction"}
    assert changes == {"layer": ours, "pooling": ours, "normalise": ours, "prefix": {"features"}}


def test_changed_vectors_are_said_of_the_recipe_below_the_tables_and_where_published_numbers_stand(
    bert: Path, tmp_path: Path
) -> None:
    made = Made(tmp_path, bert)
    (usual,) = vectors_remarks(settings_of(made.jobs, "table_main"))
    assert "as in the paper" in usual and "mean over tokens after 14 of 24 blocks" in usual and "cosine" in usual
    other = with_retrieval(made, layer="last", prefix="query: ")
    settings = settings_of(other, "table_main")
    assert vectors_remarks(settings) == [
        "Sentence vectors of BUCC and Tatoeba (not the paper's): mean over tokens after the last block, "
        '"query: " before each sentence, compared by cosine.'
    ]
    assert 'retrieval.prefix "" -> "query: "' in changed_settings(other.run, other.code)
    assert other_vectors(settings["retrieval"]).startswith("other sentence vectors than the paper's: mean over")
    assert other_vectors(settings_of(made.jobs, "table_main")["retrieval"]) == ""


def test_a_score_file_says_how_its_vectors_were_made(bert: Path, tmp_path: Path) -> None:
    made = Made(tmp_path, bert)
    made.jobs = with_retrieval(made, pooling="first", layer="last")
    encoder = made.make(fetch_model, "encoder", "fetch_model", "m")
    rows = [row | {"language": "en"} if row["side"] == "english" else row for row in retrieval()]
    path = made.data("tatoeba", test=rows)
    path.parent.rename(path.parent.with_name("de"))
    data = path.parent.with_name("de") / path.name
    features = made.features("task", "tatoeba", encoder, tatoeba__de=data)
    given = {"model": encoder.path, "features": features, "tatoeba/de": data}
    predicted = made.make(predict_task, "predicted", "predict", "m", "none", "none", 1, "tatoeba", **given)
    spec = tmp_path / "score.json"
    write_json(spec, {"settings": settings_of(made.jobs, "score", "m", "none", "none", 1, "tatoeba", "de")})
    score_job(spec, predicted.path, data, tmp_path / "de.json")
    score = read_json(tmp_path / "de.json")
    assert score["retrieval"] == {"layer": "last", "pooling": "first", "prefix": "", "normalise": True}
    assert score["splits"]["test"]["metrics"].keys() == {"accuracy"}
