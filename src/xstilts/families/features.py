"""Token features: sequences laid end to end in flat arrays, and how they are put together from texts.

Texts are tokenised alone, in batches, each distinct text once; special tokens are set around them by a template that is
learnt from the tokenizer itself, so that any fast tokenizer will do and long texts can be cut where a family wants it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from xstilts.errors import ConfigError

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the number of threads belongs to the job, not to the library

IGNORED = -100  # a target that is not scored, as in PyTorch's cross entropy
TOKEN_ARRAYS = frozenset({"tag", "word", "chars", "central", "segment"})  # one entry a token; all others one a sequence
CHUNK = 2048  # texts in one call of the tokenizer

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FeatureSettings:
    """What turns rows into features and outputs into predictions; lengths are in pieces, special tokens included."""

    max_length: int
    doc_stride: int = 128  # span_qa: from the start of one window to the next
    max_query_length: int = 64  # span_qa, dual_encoder: of the question
    labels: tuple[str, ...] = ()  # classification, tagging: in the order of the head's outputs
    no_answer: bool = False  # span_qa: the first token stands for "no answer" (SQuAD v2.0)
    max_answer_length: int = 30  # span_qa: longest predicted answer, in pieces
    prefix: str = ""  # retrieval: text before each sentence
    packed: bool = False  # mlm: fill blocks with consecutive lines of a language


@dataclass(frozen=True)
class Features:
    """Token sequences end to end: sequence i is ``input_ids[offsets[i]:offsets[i + 1]]``.

    ``example`` is the index of the row that a sequence comes from; sequences of a row are contiguous and in order.
    ``targets`` and ``context`` hold arrays with one entry a token (the names in TOKEN_ARRAYS) or one a sequence.
    """

    input_ids: Array  # int32 [tokens]
    offsets: Array  # int64 [sequences + 1]
    example: Array  # int32 [sequences]
    targets: dict[str, Array] = field(default_factory=dict)
    context: dict[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.example)


def spans(start: Array, length: Array) -> Array:
    """Return the indices start[0], start[0] + 1, ... (length[0] of them), then those of the next span, as int64."""
    total = int(length.sum())
    return np.repeat(start - (np.cumsum(length) - length), length) + np.arange(total, dtype=np.int64)


def ends(length: Array) -> Array:
    """Return the offsets 0, length[0], length[0] + length[1], ... as int64 [sequences + 1]."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(length, dtype=np.int64)])


def lengths(features: Features) -> Array:
    """Return the number of tokens of each sequence, int64 [sequences]."""
    return np.diff(features.offsets)


def take(features: Features, sequences: Array) -> Features:
    """Return the given sequences, in the given order; ``example`` still points at the original rows."""
    start = features.offsets[:-1][sequences]
    size = features.offsets[1:][sequences] - start
    tokens = spans(start, size)

    def pick(arrays: dict[str, Array]) -> dict[str, Array]:
        return {name: values[tokens if name in TOKEN_ARRAYS else sequences] for name, values in arrays.items()}

    return Features(
        input_ids=features.input_ids[tokens],
        offsets=ends(size),
        example=features.example[sequences],
        targets=pick(features.targets),
        context=pick(features.context),
    )


def concatenate(parts: Sequence[Features]) -> Features:
    """Return the sequences of all parts, which hold the same arrays; ``example`` counts on through their rows."""
    if not parts:
        raise ValueError("nothing to concatenate")
    shift = np.cumsum([0] + [part.example[-1] + 1 if len(part) else 0 for part in parts])

    def join(name: str) -> dict[str, Array]:
        names = set.union(*(set(getattr(part, name)) for part in parts))
        return {key: np.concatenate([getattr(part, name)[key] for part in parts]) for key in sorted(names)}

    return Features(
        input_ids=np.concatenate([part.input_ids for part in parts]),
        offsets=ends(np.concatenate([lengths(part) for part in parts])),
        example=np.concatenate(
            [part.example + np.int32(start) for part, start in zip(parts, shift, strict=False)], dtype=np.int32
        ),
        targets=join("targets"),
        context=join("context"),
    )


@dataclass(frozen=True)
class Subwords:
    """Tokenised texts: text i is ``ids[start[i]:start[i] + length[i]]``; texts may share or leave out parts of ids."""

    ids: Array  # int32 [pieces]
    start: Array  # int64 [texts]
    length: Array  # int64 [texts]
    chars: Array | None = (
        None  # int32 [pieces, 2]: first and last + 1 character of the text, as the tokenizer gives them
    )

    def at(self, texts: Array | slice) -> "Subwords":
        """Return the given texts."""
        return replace(self, start=self.start[texts], length=self.length[texts])

    def head(self, length: Array | int) -> "Subwords":
        """Return the texts cut at the end to at most ``length`` pieces."""
        return replace(self, length=np.minimum(self.length, length))

    def tail(self, length: Array | int) -> "Subwords":
        """Return the texts cut at the start to at most ``length`` pieces."""
        kept = np.minimum(self.length, length)
        return replace(self, start=self.start + self.length - kept, length=kept)


def tokenise(texts: Sequence[str], tokenizer: Any, chars: bool = False) -> Subwords:
    """Tokenise texts without special tokens, each distinct text once; ``chars`` asks for character offsets."""
    number = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    distinct = list(number)
    backend = tokenizer.backend
    encode = backend.encode_batch if chars else backend.encode_batch_fast  # the fast one leaves the offsets out
    ids = [np.zeros(0, np.int32)]
    where = [np.zeros((0, 2), np.int32)]
    counts: list[int] = []
    for begin in range(0, len(distinct), CHUNK):
        batch = encode(distinct[begin : begin + CHUNK], add_special_tokens=False)
        found = [encoding.ids for encoding in batch]
        counts.extend(map(len, found))
        ids.append(np.fromiter(chain.from_iterable(found), np.int32))
        if chars:
            flat = chain.from_iterable(chain.from_iterable(encoding.offsets for encoding in batch))
            where.append(np.fromiter(flat, np.int32).reshape(-1, 2))
    length = np.asarray(counts, np.int64)
    index = np.fromiter((number[text] for text in texts), np.int64, len(texts))
    pieces = Subwords(np.concatenate(ids), np.cumsum(length) - length, length, np.concatenate(where) if chars else None)
    return pieces.at(index)


@dataclass(frozen=True)
class Template:
    """The special tokens that a tokenizer sets before, between and after texts (int32), and its segment numbers."""

    single: tuple[Array, Array]  # before, after
    pair: tuple[Array, Array, Array]  # before, between, after
    segments: tuple[Array, Array, Array, int, int]  # of a pair: before, between, after, first text, second text

    def room(self, max_length: int, pair: bool = False) -> int:
        """Return how many pieces of text fit into ``max_length`` tokens; ConfigError when not even two do."""
        room = max_length - sum(map(len, self.pair if pair else self.single))
        if room < 2:
            raise ConfigError(f"max_length {max_length} leaves no room for text beside the special tokens")
        return room


def learn_template(tokenizer: Any) -> Template:
    """Read the template off the tokenizer by encoding a text and a pair (XLM-R: ``<s> a </s></s> b </s>``)."""
    single, pair = tokenizer.backend.encode("a"), tokenizer.backend.encode("a", "b")
    owner = single.sequence_ids
    ids = np.asarray(single.ids, np.int32)
    first, last = owner.index(0), len(owner) - owner[::-1].index(0)
    alone = (ids[:first], ids[last:])
    owner = pair.sequence_ids
    ids = np.asarray(pair.ids, np.int32)
    kinds = np.asarray(pair.type_ids, np.int8)
    first, last = owner.index(0), len(owner) - owner[::-1].index(0)
    second, end = owner.index(1), len(owner) - owner[::-1].index(1)
    return Template(
        single=alone,
        pair=(ids[:first], ids[last:second], ids[end:]),
        segments=(kinds[:first], kinds[last:second], kinds[end:], int(kinds[first]), int(kinds[second])),
    )


@dataclass(frozen=True)
class Assembled:
    """Sequences with their special tokens; a token's index in the pieces of the first or second text, else -1."""

    input_ids: Array  # int32 [tokens]
    offsets: Array  # int64 [sequences + 1]
    first: Array  # int64 [tokens]
    second: Array  # int64 [tokens]
    context: dict[str, Array]  # "segment" int8 [tokens] where the tokenizer has segments (BERT), else empty


def assemble(template: Template, first: Subwords, second: Subwords | None = None) -> Assembled:
    """Set special tokens around texts, or around pairs of texts; nothing is cut here."""
    blocks: list[Array]
    if second is None:
        before, after = template.single
        blocks = [before, first.ids, after]
        texts = {1: first}
    else:
        before, between, after = template.pair
        blocks = [before, first.ids, between, second.ids, after]
        texts = {1: first, 3: second}
    base = ends(np.asarray([len(block) for block in blocks]))
    start = np.repeat(base[:-1][None], len(first.start), axis=0)
    length = np.repeat(np.diff(base)[None], len(first.start), axis=0)
    for column, pieces in texts.items():
        start[:, column] += pieces.start
        length[:, column] = pieces.length
    source = spans(start.ravel(), length.ravel())

    def within(column: int) -> Array:
        inside = (source >= base[column]) & (source < base[column + 1])
        return np.where(inside, source - base[column], -1)

    context = {}
    if second is not None:
        head, middle, tail, kind, other = template.segments
        kinds = [head, np.full(len(first.ids), kind, np.int8), middle, np.full(len(second.ids), other, np.int8), tail]
        table = np.concatenate(kinds)
        if table.any():
            context["segment"] = table[source]
    return Assembled(
        input_ids=np.concatenate(blocks)[source].astype(np.int32, copy=False),
        offsets=ends(length.sum(axis=1)),
        first=within(1),
        second=within(3) if second is not None else np.full(len(source), -1, np.int64),
        context=context,
    )


def longest_first(first: Array, second: Array, room: int) -> tuple[Array, Array]:
    """Return what remains of pairs when the longer text loses its last piece until both fit into ``room``.

    Of two equally long texts the second loses one, as in the slow tokenizers of Hugging Face.
    """
    kept = np.minimum(first, room - np.minimum(second, room // 2))
    return kept, np.minimum(second, room - kept)
