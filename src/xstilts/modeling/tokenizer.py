"""A tokenizer of XLM-R's kind, trained on the text that a small encoder is pretrained on."""

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xstilts.errors import ConfigError, UserError
from xstilts.files import write_json, write_text

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3, as in XLM-R; <mask> comes last
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
COVERAGE = 0.9999  # share of the text's characters that are pieces of their own; the others become bytes
LINES = 100_000  # lines that the pieces are learnt from at most, evenly spaced; the characters are counted in all lines
DECIMALS = 6  # of a piece's score
LONGEST = 16  # characters of a piece
ROUNDS = 3  # of re-estimating the pieces' scores


def train_tokenizer(lines: Iterable[str], vocab_size: int, folder: Path) -> None:
    """Train a Unigram tokenizer and write ``tokenizer.json`` and ``tokenizer_config.json``, for AutoTokenizer to open.

    As in XLM-R: ``<s>`` 0, ``<pad>`` 1, ``</s>`` 2, ``<unk>`` 3, ``<mask>`` last; NFKC with blanks merged; ``▁`` before
    a word; ``<s> a </s></s> b </s>``. Unlike XLM-R: punctuation stands alone, so that an answer ends with a piece, and
    a character too rare for a piece becomes its UTF-8 bytes, so that nothing is unknown. The vocabulary has at most
    ``vocab_size`` entries, fewer where the text gives no more. The same lines give byte-identical files in any process.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers, processors
    from tokenizers.models import Unigram

    room = vocab_size - len(BYTES) - 1
    if room < 4 * len(SPECIAL):
        raise ConfigError(f"a vocabulary of {vocab_size} pieces; bytes and special tokens alone take {len(BYTES) + 5}")
    text = list(lines)
    normalizer = _normalizer()
    kept = alphabet((normalizer.normalize_str(line) for line in text), room // 2)
    if not kept:
        raise UserError("there is no text to train a tokenizer on")

    splitter = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("isolated")]
    )
    step = -(-len(text) // LINES) or 1
    sample = [_without_rare(normalizer, line, kept) for line in text[::step]]
    pieces = learn_pieces(sample, room - len(SPECIAL), splitter)
    lowest = min(score for _, score in pieces)
    vocabulary = [
        *((token, 0.0) for token in SPECIAL),
        *pieces,
        *((byte, lowest) for byte in BYTES),
        ("<mask>", 0.0),
    ]
    tokenizer = Tokenizer(Unigram(vocabulary, unk_id=SPECIAL.index("<unk>"), byte_fallback=True))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "unk": "<unk>", "pad": "<pad>", "mask": "<mask>"}
    write_text(folder / "tokenizer.json", tokenizer.to_str(pretty=True) + "\n")
    write_json(
        folder / "tokenizer_config.json",
        {
            **{f"{role}_token": token for role, token in names.items()},
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
            "tokenizer_class": "PreTrainedTokenizerFast",  # not XLM-R's own class: that has no bytes
        },
    )


def alphabet(lines: Iterable[str], most: int) -> set[str]:
    """Return the most frequent characters that make up COVERAGE of the text (ties by code point), at most ``most``."""
    count: Counter[str] = Counter()
    for line in lines:
        count.update(line)
    del count[" "]
    wanted = COVERAGE * count.total()
    kept: set[str] = set()
    covered = 0
    for character, times in sorted(count.items(), key=lambda entry: (-entry[1], entry[0]))[:most]:
        if covered >= wanted:
            break
        kept.add(character)
        covered += times
    return kept


def _normalizer() -> Any:
    from tokenizers import Regex, normalizers

    return normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])


def _without_rare(normalizer: Any, line: str, kept: set[str]) -> str:
    return "".join(character if character in kept else " " for character in normalizer.normalize_str(line))


def learn_pieces(lines: list[str], most: int, splitter: Any) -> list[tuple[str, float]]:
    """Return at most ``most`` pieces with their log probabilities, best first.

    The pieces are those of a byte-pair encoding, re-estimated as a Unigram model by counting its own best
    segmentations (hard EM, Kudo 2018). The library's Unigram trainer proposes only substrings that recur in different
    words: on a small vocabulary it cuts frequent words to pieces, and its sums change from run to run.
    """
    from tokenizers import Tokenizer, trainers
    from tokenizers.models import BPE, Unigram

    proposal = Tokenizer(BPE())
    proposal.pre_tokenizer = splitter
    trainer = trainers.BpeTrainer(vocab_size=most, max_token_length=LONGEST, show_progress=False)
    proposal.train_from_iterator(lines, trainer=trainer)
    known = sorted(proposal.get_vocab())
    model, scores = proposal, {}
    for _ in range(ROUNDS):
        counts = Counter(known)  # one each: a piece that is never used keeps a score
        for encoded in model.encode_batch_fast(lines, add_special_tokens=False):
            counts.update(encoded.tokens)
        total = sum(counts[piece] for piece in known)
        scores = {piece: round(math.log(counts[piece] / total), DECIMALS) for piece in known}
        model = Tokenizer(Unigram([("<unk>", 0.0), *scores.items()], unk_id=0))
        model.pre_tokenizer = splitter
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
