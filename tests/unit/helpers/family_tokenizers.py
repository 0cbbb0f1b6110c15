"""Small real tokenizers for the tests of the families: XLM-R's kind by pieces and by characters, and BERT's."""

import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tokenizers import normalizers
from transformers import BertTokenizer, XLMRobertaTokenizer

from xstilts.modeling.fast_tokenizer import FastTokenizer, convert_tokenizer, open_tokenizer
from xstilts.modeling.tokenizer import train_tokenizer

LINES = (
    "The quick brown fox jumps over the lazy dog, and the dog barks at the quick fox in the garden.",
    "A language model reads text (many lines of it) and learns which words stand together: 1987, 2004 and 2019.",
    "Der schnelle braune Fuchs springt über den faulen Hund und läuft in den Garten zurück.",
    "El zorro marrón salta sobre el perro perezoso; después vuelve al jardín de la ciudad.",
    "الثعلب البني السريع يقفز فوق الكلب الكسول، ثم يعود إلى حديقة المدينة الكبيرة.",
    "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है और शहर के बगीचे में लौट आती है।",
    "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจแล้วกลับไปที่สวนในเมืองใหญ่",
    "敏捷的棕色狐狸跳过懒狗，然后回到城市的花园里。狗在花园里睡觉。",
    "素早い茶色の狐がのろまな犬を飛び越えて、町の庭に戻ります。",
    "빠른 갈색 여우가 게으른 개를 뛰어넘어 도시의 정원으로 돌아갑니다.",
)


@cache
def trained() -> Path:
    """The folder of a tokenizer that the project trained on LINES; every line is several pieces long."""
    folder = Path(tempfile.mkdtemp())
    train_tokenizer(LINES * 5, 600, folder)
    return folder


@cache
def pieces() -> FastTokenizer:
    """The trained tokenizer, opened."""
    return open_tokenizer(trained())


def characters(texts: Iterable[str], pieces: Iterable[str] = ()) -> FastTokenizer:
    """XLM-R's own class with a vocabulary of the characters of ``texts``: they are its pieces, beside ``pieces``."""
    alphabet = sorted(set().union(*texts) | {"▁", *pieces})
    special = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    vocabulary = [*special, *((character, -9.0) for character in alphabet), ("<mask>", 0.0)]
    return convert_tokenizer(XLMRobertaTokenizer(vocab=vocabulary))


@cache
def bert() -> FastTokenizer:
    """A cased WordPiece tokenizer that knows the characters of LINES and some words."""
    joined = normalizers.NFC().normalize_str(" ".join(LINES))
    single = sorted(set(joined) - {" "})
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *single, *(f"##{letter}" for letter in single)]
    tokens += sorted({word for word in joined.split() if len(word) > 3 and word.isalpha()})
    vocabulary = {token: i for i, token in enumerate(tokens)}
    return convert_tokenizer(BertTokenizer(vocab=vocabulary, do_lower_case=False))
