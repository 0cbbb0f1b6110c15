"""The tokenizer that the workflow trains: XLM-R's conventions, nothing unknown, the same bytes every time."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from family_tokenizers import LINES, trained
from transformers import AutoTokenizer

from xstilts.errors import UserError
from xstilts.files import write_json
from xstilts.modeling.tokenizer import alphabet, train_tokenizer

TRAIN = """
import sys
from pathlib import Path
from xstilts.modeling.tokenizer import train_tokenizer
folder = Path(sys.argv[1])
train_tokenizer(folder.joinpath("text").read_text(encoding="utf-8").splitlines(), 700, folder)
"""


def test_special_tokens_are_those_of_xlm_roberta() -> None:
    tokenizer = AutoTokenizer.from_pretrained(trained())
    assert tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) == [
        0,
        1,
        2,
        3,
        len(tokenizer) - 1,
    ]
    assert (tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.unk_token_id) == (0, 2, 3)
    assert tokenizer.mask_token_id == len(tokenizer) - 1 and len(tokenizer) <= 600
    a, b = (tokenizer(line, add_special_tokens=False)["input_ids"] for line in LINES[:2])
    assert tokenizer(LINES[0])["input_ids"] == [0, *a, 2]
    assert tokenizer(LINES[0], LINES[1])["input_ids"] == [0, *a, 2, 2, *b, 2]


@pytest.mark.parametrize("text", [*LINES, "ᚠᛇᚻ 𐍈 😀 Ω", "a  b\tc", "x², ½", "dog,fox. (dog)", "हिन्दी में", "ไทย"])
def test_nothing_is_unknown_and_text_comes_back(text: str) -> None:
    import unicodedata

    tokenizer = AutoTokenizer.from_pretrained(trained())
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids) == " ".join(unicodedata.normalize("NFKC", text).split())


def test_pieces_are_learnt_and_punctuation_stands_alone() -> None:
    tokenizer = AutoTokenizer.from_pretrained(trained())
    assert len(tokenizer.tokenize(LINES[0])) < 0.8 * len(LINES[0])
    assert all(piece.strip("▁") == "," or "," not in piece for piece in tokenizer.tokenize("dog,fox ,cat, and the dog"))


def test_the_same_lines_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "text").write_text("\n".join(LINES * 3), encoding="utf-8")
        subprocess.run([sys.executable, "-c", TRAIN, str(folder)], check=True)
        files = [folder / "tokenizer.json", folder / "tokenizer_config.json"]
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert digests[0] == digests[1]


def test_it_opens_beside_a_model_and_alone(tmp_path: Path) -> None:
    train_tokenizer(LINES, 500, tmp_path)
    alone = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    write_json(tmp_path / "config.json", {"model_type": "xlm-roberta", "vocab_size": 500})
    beside = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert alone.is_fast and beside.is_fast
    text = "The dog ᚠ, 2019"
    assert alone(text)["input_ids"] == beside(text)["input_ids"]
    assert beside.unk_token_id not in beside(text)["input_ids"]


def test_rare_characters_give_way_when_there_is_no_room() -> None:
    assert alphabet(["aaab", "bc  "], 2) == {"a", "b"}
    assert alphabet(["aaab", "bc"], 9) == {"a", "b", "c"}
    assert alphabet(["a" * 99_999 + "z"], 9) == {"a"}


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="vocabulary of 260 pieces"):
        train_tokenizer(LINES, 260, tmp_path)
    with pytest.raises(UserError, match="no text"):
        train_tokenizer(["", "  "], 600, tmp_path)
    assert not list(tmp_path.iterdir())
