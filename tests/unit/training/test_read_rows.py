"""A training on the rows of the embedding that it reads ends where the training on all rows ends."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from test_properties import FAMILIES, SHAPE, TOKENIZER, part, recipe, with_targets

from xstilts.families.features import Features
from xstilts.modeling.encoder import open_encoder
from xstilts.modeling.model import Model, build_model
from xstilts.modeling.read_rows import ReadRows, keep_read_rows, pieces_of, put_back
from xstilts.modeling.xlmr import XlmRoberta
from xstilts.training.checkpoint import latest, steps
from xstilts.training.loop import Interrupted, Recipe, kept_by_decay, restore, train
from xstilts.training.optimiser import learning_rate

UNREAD = 70  # rows of the embedding that no text is cut into
FREE = {family: planted for family, planted in FAMILIES.items() if family != "mlm"}


def data(family: str) -> Features:
    return with_targets(family, FREE[family].rows(48, np.random.default_rng(0), True))


def own(family: str) -> Model:
    torch.manual_seed(0)
    encoder = XlmRoberta(SHAPE.config(len(TOKENIZER) + UNREAD), masked_lm=False)
    return build_model(encoder, {family: (family, max(1, len(FREE[family].labels)))}, seed=5)


def hub(folder: Path, family: str) -> Model:
    torch.manual_seed(0)
    shape = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.ElectraConfig(
        **shape,
        embedding_size=32,
        vocab_size=len(TOKENIZER) + UNREAD,
        max_position_embeddings=64,
        pad_token_id=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    transformers.ElectraModel(config).save_pretrained(folder)
    return build_model(open_encoder(folder), {family: (family, max(1, len(FREE[family].labels)))}, seed=5)


def trained(
    model: Model, family: str, features: Features, chosen: Recipe, work: Path, only_read: bool
) -> tuple[dict[str, torch.Tensor], float]:
    """Train; return the whole weights by name, and what decay alone has left."""
    rows = keep_read_rows(model.encoder, [pieces_of(features.input_ids)]) if only_read else None
    assert (rows is not None) == only_read
    scores = iter([1.0, 3.0, 2.0, *[0.0] * 90])  # the second evaluation is the best one
    best, progress = train(
        model, [part(family, features)], chosen, lambda _: {"score": next(scores)}, work, lambda line: None
    )
    restore(model, best)
    left = kept_by_decay(chosen, progress)
    if rows:
        assert len(best[word_rows(best)]) == len(rows.read) < len(rows.whole)
        put_back(model.encoder, rows, left)
    return {name: weight.detach() for name, weight in model.state_dict().items()}, left


def word_rows(named: dict[str, torch.Tensor]) -> str:
    return next(name for name in named if name.endswith(("words.weight", "word_embeddings.weight")))


def assert_the_same(whole: dict[str, torch.Tensor], compact: dict[str, torch.Tensor], clipped: bool) -> None:
    """To the byte; to 1e-6 where the norm for clipping was added up over other rows."""
    assert list(whole) == list(compact)
    for name, weight in whole.items():
        torch.testing.assert_close(compact[name], weight, rtol=1e-6 * clipped, atol=1e-6 * clipped)


@pytest.mark.parametrize(("averaged", "clip"), [(0, 1e9), (3, 1e9), (0, 1.0)])
@pytest.mark.parametrize("family", FREE)
def test_read_rows_end_as_in_the_whole_training_and_the_others_decayed(
    family: str, averaged: int, clip: float, tmp_path: Path
) -> None:
    features = data(family)
    chosen = dataclasses.replace(recipe(), averaged=averaged, weight_decay=0.5, clip=clip)
    start = own(family).state_dict()["encoder.words.weight"].clone()
    whole, left = trained(own(family), family, features, chosen, tmp_path / "whole", only_read=False)
    compact, _ = trained(own(family), family, features, chosen, tmp_path / "compact", only_read=True)
    unread = np.setdiff1d(np.arange(len(start)), np.append(pieces_of(features.input_ids), 1))
    assert len(unread) >= UNREAD and left < 0.999
    assert not torch.equal(whole["encoder.words.weight"], start)
    exact = (start[unread].double() * left).float()
    assert torch.equal(compact["encoder.words.weight"][unread], exact)
    torch.testing.assert_close(whole["encoder.words.weight"][unread], exact, rtol=1e-6, atol=1e-7)
    whole["encoder.words.weight"][unread] = exact  # there it was rounded at each step
    assert_the_same(whole, compact, clipped=clip == 1.0)


def test_a_model_of_transformers_too(tmp_path: Path) -> None:
    features = data("classification")
    results = []
    for only_read in (False, True):
        model = hub(tmp_path / "encoder", "classification")
        work = tmp_path / str(only_read)
        results.append(trained(model, "classification", features, recipe(), work, only_read)[0])
    unread = np.setdiff1d(np.arange(len(TOKENIZER) + UNREAD), np.append(pieces_of(features.input_ids), [0, 1]))
    for weights in results:
        weights[word_rows(weights)][unread] = 0
    assert_the_same(*results, clipped=True)
    saved = hub(tmp_path / "encoder", "classification")
    rows = keep_read_rows(saved.encoder, [pieces_of(features.input_ids)])
    assert rows is not None
    put_back(saved.encoder, rows, 1.0)
    saved.encoder.save(tmp_path / "saved")
    again = open_encoder(tmp_path / "saved").state_dict()
    assert all(
        torch.equal(weight, again[name]) for name, weight in open_encoder(tmp_path / "encoder").state_dict().items()
    )


def test_what_decay_leaves_is_the_product_over_the_steps_to_the_chosen_one(tmp_path: Path) -> None:
    features = data("tagging")
    chosen = dataclasses.replace(recipe(), weight_decay=0.5)
    _, left = trained(own("tagging"), "tagging", features, chosen, tmp_path, only_read=True)
    total = 2 * 48 // 16
    rates = [learning_rate(step, total, chosen.learning_rate, chosen.warmup) for step in range(total)]
    assert left == pytest.approx(math.prod(1 - 0.5 * rate for rate in rates[:2]), rel=1e-12)


def test_a_training_that_was_stopped_goes_on_with_the_same_rows_to_the_same_bytes(tmp_path: Path) -> None:
    family, features = "classification", data("classification")

    def run(work: Path, stop_after: int) -> dict[str, torch.Tensor]:
        model = own(family)
        keep_read_rows(model.encoder, [pieces_of(features.input_ids)])
        asked = iter([False] * (stop_after - 1) + [True] + [False] * 99)
        best, _ = train(
            model,
            [part(family, features)],
            recipe(),
            lambda _: {"score": 1.0},
            work,
            lambda line: None,
            lambda: next(asked),
        )
        return best

    with pytest.raises(Interrupted):
        run(tmp_path / "stopped", 3)
    assert steps(tmp_path / "stopped") == [3]
    found = latest(tmp_path / "stopped", print)
    assert found is not None
    assert len(found[0]["model"]["encoder.words.weight"]) < len(TOKENIZER) + UNREAD, "a checkpoint holds what is read"
    stopped, straight = run(tmp_path / "stopped", 99), run(tmp_path / "straight", 99)
    assert all(torch.equal(weight, stopped[name]) for name, weight in straight.items())


def test_a_piece_that_was_not_counted_stops_the_training_and_never_reads_another_row() -> None:
    model = own("tagging")
    rows = keep_read_rows(model.encoder, [np.array([5, 9])])
    assert isinstance(rows, ReadRows) and rows.read.tolist() == [1, 5, 9], "padding is always read"
    with pytest.raises(IndexError):
        rows(torch.tensor([6]))


def test_all_rows_stay_where_a_language_model_reads_them_and_where_the_embedding_does_not_train() -> None:
    lm = XlmRoberta(SHAPE.config(90), masked_lm=True)
    assert keep_read_rows(lm, [np.array([5])]) is None
    frozen = XlmRoberta(SHAPE.config(90), masked_lm=False)
    frozen.words.weight.requires_grad_(False)
    assert keep_read_rows(frozen, [np.array([5])]) is None
