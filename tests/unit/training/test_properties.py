"""What holds for every family, through the real sampler, ``accumulate`` and ``collate``.

A new family joins by its name and planted rows in FAMILIES, which lists every family that is trained.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import torch
from family_tokenizers import characters

from xstilts.families import mlm, modules
from xstilts.families.facts import facts
from xstilts.families.features import Features, FeatureSettings, concatenate, take
from xstilts.modeling.batch import collate
from xstilts.modeling.batches import units
from xstilts.modeling.encoder import EncoderShape, build_masked_lm
from xstilts.modeling.model import Model, build_model
from xstilts.planning.watch import progress
from xstilts.prediction.forward import outputs
from xstilts.training.dev import dev_score
from xstilts.training.learned import signs, unread_scores, upper_bound
from xstilts.training.loop import AT_ENTROPY, Recipe, TrainingData, accumulate, component, train
from xstilts.training.sampler import schedule

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
TOKENIZER = characters([ALPHABET], [f"▁{letter}" for letter in ALPHABET])  # a word of one letter is one piece
IN_BATCH = 4  # pairs that are contrasted; the only family that has such calls a batch of 16 four softmaxes
SHAPE = EncoderShape(layers=2, hidden=32, heads=2, intermediate=64, positions=64, dropout=0.0)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Planted:
    """Rows whose label can be read off their text, which differs from row to row; texts are words of one letter.

    ``rows(n, rng, told)`` makes n of them; without ``told`` the same texts with labels of other rows.
    """

    rows: Callable[[int, np.random.Generator, bool], Rows]
    labels: tuple[str, ...] = ()


def words(rng: np.random.Generator, least: int, most: int, letters: str = ALPHABET[4:]) -> list[str]:
    return [letters[i] for i in rng.integers(0, len(letters), rng.integers(least, most + 1))]


def classification(count: int, rng: np.random.Generator, told: bool) -> Rows:
    """Every second word of the second text is the letter a, b, c or d, which tells the label."""
    labels = rng.integers(0, 4, count)
    cues = labels if told else rng.permutation(labels)
    rows = []
    for number, (label, cue) in enumerate(zip(labels, cues, strict=True)):
        second = [word for other in words(rng, 2, 5) for word in (other, "abcd"[cue])]
        texts = {"text_a": " ".join(words(rng, 2, 6)), "text_b": " ".join(second)}
        rows.append({"id": str(number), **texts, "label": "abcd"[label]})
    return rows


def multiple_choice(count: int, rng: np.random.Generator, told: bool) -> Rows:
    """Two to five choices; the right one alone holds an a."""
    rows = []
    for number in range(count):
        choices = [words(rng, 2, 6) for _ in range(rng.integers(2, 6))]
        label, cue = (int(i) for i in rng.integers(0, len(choices), 2))
        choices[label if told else cue].insert(1, "a")
        texts = [" ".join(choice) for choice in choices]
        rows.append({"id": str(number), "prompt": " ".join(words(rng, 2, 6)), "choices": texts, "label": label})
    return rows


def tagging(count: int, rng: np.random.Generator, told: bool) -> Rows:
    """The tag of a word is its letter."""
    tokens = [words(rng, 2, 12, "abcd") for _ in range(count)]
    pool = np.array([tag for row in tokens for tag in row])
    tags = np.split(pool if told else rng.permutation(pool), np.cumsum([len(row) for row in tokens])[:-1])
    return [
        {"id": str(n), "tokens": row, "tags": [str(tag) for tag in own]}
        for n, (row, own) in enumerate(zip(tokens, tags, strict=True))
    ]


def span_qa(count: int, rng: np.random.Generator, told: bool) -> Rows:
    """The answer is the one b of a context that is often longer than a window (an a would be an article)."""
    rows = []
    for number in range(count):
        context = words(rng, 10, 45)
        place, cue = (int(i) for i in rng.integers(0, len(context), 2))
        context[place if told else cue] = "b"
        texts = {"question": " ".join(words(rng, 2, 4)), "context": " ".join(context)}
        answer = {"text": context[place], "start": 2 * place}
        rows.append({"id": str(number), "group": str(number), **texts, "answers": [answer], "impossible": False})
    return rows


def dual_encoder(count: int, rng: np.random.Generator, told: bool) -> Rows:
    """Query and candidate repeat the same two letters, which no other pair has in this order."""
    both = [(ALPHABET[i // 36], ALPHABET[i % 36]) for i in rng.permutation(36 * 36)[:count]]
    other = both if told else [both[i] for i in rng.permutation(count)]
    rows = []
    for number, (asked, found) in enumerate(zip(both, other, strict=True)):
        texts = {"query": [*asked * 2, *words(rng, 1, 1)], "target": [*found * 3, *words(rng, 1, 1)]}
        rows.append({"id": str(number)} | {side: " ".join(text) for side, text in texts.items()})
    return rows


def raw_text(count: int, rng: np.random.Generator, told: bool) -> Rows:
    """Lines of one letter."""
    rows = []
    for number in range(count):
        length = 8 + number // 12 % 12
        letters = [ALPHABET[number % 12]] if told else ALPHABET[:12]
        text = " ".join(letters[i] for i in rng.integers(0, len(letters), length))
        rows.append({"id": str(number), "language": "en", "group": str(number), "text": text})
    return rows


FAMILIES = {
    "classification": Planted(classification, tuple("abcd")),
    "multiple_choice": Planted(multiple_choice),
    "tagging": Planted(tagging, tuple("abcd")),
    "span_qa": Planted(span_qa),
    "dual_encoder": Planted(dual_encoder),
    "mlm": Planted(raw_text),
}

mask = partial(mlm.masked, **mlm.masking_settings(TOKENIZER), probability=0.3)
every_family = pytest.mark.parametrize("family", FAMILIES)


def test_every_family_that_is_trained_is_held_to_this() -> None:
    assert set(FAMILIES) == {family for family in modules.FAMILIES if facts(family).training}


def settings(family: str) -> FeatureSettings:
    return FeatureSettings(max_length=24, max_query_length=4, doc_stride=8, labels=FAMILIES[family].labels)


def featurise(family: str, rows: Rows) -> Features:
    return importlib.import_module(f"xstilts.families.{family}").featurise(rows, TOKENIZER, settings(family))


def with_targets(family: str, rows: Rows) -> Features:
    """Raw text is masked beforehand, each line by itself, so that a line has the same targets in every batch."""
    features = featurise(family, rows)
    if family != "mlm":
        return features
    lines = [take(features, np.array([line])) for line in range(len(features))]
    return concatenate([mask(line, np.random.default_rng(line.input_ids)) for line in lines])


class Reader(Model):
    """A model that remembers what it reads, and the gradient of the loss with respect to what it answers."""

    def logits(self, head: str, batch: Any) -> torch.Tensor:
        logits = super().logits(head, batch)
        logits.retain_grad()
        self.__dict__.setdefault("read", []).append((head, batch, logits))
        return logits


def fresh(*families: str) -> Model:
    """Return a model with a head for each family, named like it."""
    heads = {name: (name, max(1, len(FAMILIES[name].labels))) for name in families if name != "mlm"}
    return build_model(build_masked_lm(SHAPE, len(TOKENIZER), seed=7), heads, seed=5)


def reader(*families: str) -> Reader:
    built = fresh(*families)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.mul_(5 if parameter.dim() > 1 else 1)  # fresh, they tell sequences apart by less than rounding
            parameter.fill_(1) if parameter.dim() == 0 else None  # a scale at which no softmax is sure of anything
    return Reader(built.encoder, dict(built.heads))


def recipe(micro_tokens: int = 4096) -> Recipe:
    return Recipe(3, 5e-3, 0.1, 0.01, 1e-8, 1.0, 5, 1000, micro_tokens, 1e9)


def part(family: str, features: Features, batch: int = 16, epochs: float = 2.0) -> TrainingData:
    return TrainingData(family, family, features, batch, epochs, in_batch=IN_BATCH)


def step(family: str, features: Features, chosen: np.ndarray, micro_tokens: int = 4096) -> tuple[float, torch.Tensor]:
    """Return the loss of one batch, and its gradient end to end."""
    model = reader(family)
    bounds = units(features, family)
    loss, *_ = accumulate(model, part(family, features), bounds, chosen, recipe(micro_tokens), 0)
    gradients = [p.grad.to_dense() for p in model.parameters() if p.grad is not None]
    return float(loss), torch.cat([gradient.flatten() for gradient in gradients])


def assert_equal_steps(one: tuple[float, torch.Tensor], other: tuple[float, torch.Tensor]) -> None:
    assert one[0] == pytest.approx(other[0], rel=1e-5)
    assert float((one[1] - other[1]).norm() / other[1].norm()) < 1e-5


@every_family
def test_the_order_of_a_batch_changes_neither_loss_nor_gradient(family: str) -> None:
    features = with_targets(family, FAMILIES[family].rows(30, np.random.default_rng(0), True))
    chosen = np.random.default_rng(1).permutation(len(units(features, family)) - 1)[:16]
    for order in (np.sort(chosen), chosen[::-1]):
        assert_equal_steps(step(family, features, order), step(family, features, chosen))


@every_family
@pytest.mark.parametrize("micro_tokens", [1, 100, 300])
def test_micro_batches_change_neither_loss_nor_gradient(family: str, micro_tokens: int) -> None:
    features = with_targets(family, FAMILIES[family].rows(30, np.random.default_rng(0), True))
    chosen = np.random.default_rng(1).permutation(len(units(features, family)) - 1)[:16]
    assert_equal_steps(step(family, features, chosen, micro_tokens), step(family, features, chosen))


def wanted(model: Reader) -> dict[tuple[str, bytes], list[tuple[int, int]]]:
    """Return by head and tokens of each sequence what the loss wants to rise: (token or 0, output).

    The gradient of a cross entropy is negative at the target and nowhere else.
    """
    found = {}
    for head, batch, logits in model.__dict__["read"]:
        rows, outputs = (place.numpy() for place in torch.nonzero(logits.grad < 0, as_tuple=True))
        starts = batch.layout.bounds.numpy()
        if facts(head).contrasted:
            found |= attracted(head, batch, logits)
            continue
        if batch.masked is not None:
            rows = batch.masked.numpy()[rows]
        elif len(logits) < starts[-1]:
            rows = starts[:-1][rows]  # one row a sequence, not one a token
        for first, last in pairwise(starts):
            own = (first <= rows) & (rows < last)
            places = sorted(zip((rows[own] - first).tolist(), outputs[own].tolist(), strict=True))
            found[head, batch.input_ids[first:last].numpy().tobytes()] = places
    return found


def attracted(head: str, batch: Any, outputs: torch.Tensor) -> dict[tuple[str, bytes], list[tuple[int, int]]]:
    """Return for each side of a pair the one sequence that the loss wants nearer, by a hash of its tokens.

    The gradient of a query is a sum of its candidates' outputs, each weighed by what the cross entropy has for it, and
    the reverse: negative at the target and nowhere else.
    """
    texts = [tokens.numpy().tobytes() for tokens in batch.input_ids.split(batch.layout.lengths.tolist())]
    found = {}
    for own, other in ((0, 1), (1, 0)):
        basis = outputs.detach()[other::2].double()
        weights = torch.linalg.lstsq(basis.T, outputs.grad[own::2].double().T).solution.T
        for number, row in enumerate(weights):
            near = [(0, crc32(texts[2 * int(i) + other])) for i in torch.nonzero(row < -1e-3)[:, 0]]
            found[head, texts[2 * number + own]] = near
    return found


def targets_alone(family: str, rows: Rows) -> dict[tuple[str, bytes], list[tuple[int, int]]]:
    """Return what is ``wanted`` of the rows when each is featurised and read by itself."""
    alone = reader(family)
    found: dict[tuple[str, bytes], list[tuple[int, int]]] = {}
    for row in rows:
        own = with_targets(family, [row])
        if facts(family).contrasted:  # one pair has nothing to be told from
            texts = [take(own, np.array([side])).input_ids.astype(np.int64).tobytes() for side in (0, 1)]
            found |= {(family, texts[side]): [(0, crc32(texts[1 - side]))] for side in (0, 1)}
            continue
        for unit in range(len(units(own, family)) - 1):
            accumulate(alone, part(family, own), units(own, family), np.array([unit]), recipe(), 0)
    return found or wanted(alone)


def targets_read(*parts: TrainingData) -> dict[tuple[str, bytes], list[tuple[int, int]]]:
    """Return what is ``wanted`` of what a training reads, in the order of the real sampler."""
    model = reader(*(one.family for one in parts))
    bounds = [units(one.features, one.family) for one in parts]
    plan = schedule([component(one, own) for one, own in zip(parts, bounds, strict=True)], seed=3)
    for number in range(plan.steps):
        which, chosen = plan.batch(number)
        accumulate(model, parts[which], bounds[which], chosen, recipe(200), number)
    return wanted(model)


@every_family
def test_each_sequence_meets_its_own_target(family: str) -> None:
    rows = FAMILIES[family].rows(40, np.random.default_rng(0), True)
    features, expected = with_targets(family, rows), targets_alone(family, rows)
    assert len(expected) == len(features), "every sequence differs from all others"
    assert targets_read(part(family, features, epochs=1)) == expected


def test_in_a_mixture_each_sequence_meets_its_own_target() -> None:
    """All families under one model, some in batches of units and some of tokens."""
    rows = {family: FAMILIES[family].rows(40, np.random.default_rng(0), True) for family in FAMILIES}
    expected = {place: target for family in FAMILIES for place, target in targets_alone(family, rows[family]).items()}
    parts = [part(family, with_targets(family, rows[family])) for family in FAMILIES]
    parts[:2] = [replace(one, batch_size=None, batch_tokens=300) for one in parts[:2]]
    found = targets_read(*parts)
    assert {head for head, _ in found} == set(FAMILIES) and len(found) > len(expected) / 2
    assert found == {place: expected[place] for place in found}


@torch.inference_mode()
def masked_accuracy(model: Model, features: Features) -> float:
    batch = collate(features, np.arange(len(features)), "mlm", torch.device("cpu"))
    right = model.eval().logits("mlm", batch).argmax(1) == batch.targets["masked"]
    return 100 * float(right[batch.input_ids[batch.masked] == TOKENIZER.mask].float().mean())


def as_part(family: str) -> dict[str, Any]:
    return {"family": family, "no_answer": False, "by_token": False}


def score(family: str, model: Model, features: Features, rows: Rows) -> float:
    """Return the dev score in percent; of raw text the share of hidden letters that the model gets right."""
    if family == "mlm":
        return masked_accuracy(model, features)
    raw = outputs(model, family, family, features, 4096)
    module = importlib.import_module(f"xstilts.families.{family}")
    return dev_score(as_part(family), module.decode(raw, features, rows, settings(family)), rows)


def reached(family: str, told: bool, work: Path) -> tuple[dict[str, float], str, list[str]]:
    """Return the dev scores of a real training and of guessing, whether it has learned, and what it said."""
    rng = np.random.default_rng(0)
    rows, dev = FAMILIES[family].rows(1000, rng, told), FAMILIES[family].rows(200, rng, told)
    features, held_out = featurise(family, rows), with_targets(family, dev)
    module = importlib.import_module(f"xstilts.families.{family}")
    further = {"mlm": {"special_ids": TOKENIZER.special}, "dual_encoder": {"in_batch": IN_BATCH}}.get(family, {})
    unread = module.unread_loss(features, **further)
    trained = replace(part(family, features, epochs=3), mask=mask if family == "mlm" else None, unread_loss=unread)
    said: list[str] = []
    _, done = train(
        fresh(family), [trained], recipe(), lambda now: {"score": score(family, now, held_out, dev)}, work, said.append
    )
    scores = {"score": done.history[-1]["score"]}
    if family == "mlm":
        scores |= {"majority": 0, "chance": 100 / 12, "bound": upper_bound(100 / 12, len(dev))}
    else:
        guess = partial(module.unread, features, dev, settings(family), rng)
        scores |= unread_scores(guess, lambda found: dev_score(as_part(family), found, dev), len(dev))
    found = signs(family, scores, done.history, done.best_step, unread)
    return scores, found["learned"], said


@every_family
def test_a_planted_set_is_learned(family: str, tmp_path: Path) -> None:
    scores, learned, said = reached(family, True, tmp_path)
    assert scores["score"] >= 95
    assert learned == "yes"
    assert not any(AT_ENTROPY in line for line in said)


@every_family
def test_permuted_labels_stay_at_chance_and_the_training_says_so(family: str, tmp_path: Path) -> None:
    scores, learned, said = reached(family, False, tmp_path)
    assert scores["score"] <= scores["bound"]
    assert learned == "no"
    assert AT_ENTROPY in said[-1] and AT_ENTROPY not in said[0], "from a third of the steps on"
    (tmp_path / "log").write_text("\n".join(said))
    assert AT_ENTROPY in progress(tmp_path / "log"), "xstilts watch shows it"
