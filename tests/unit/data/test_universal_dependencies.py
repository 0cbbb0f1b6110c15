"""UDPOS from conllu, against XTREME's own files of (mostly) an older release."""

from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from data_files import mirror, write

from xstilts.data.fetching.universal_dependencies import build, convert
from xstilts.data.readers.lines import lines
from xstilts.errors import DataError, MissingData

# Languages whose treebank changed little between the two releases.
STABLE = ("ar", "bg", "de", "el", "es", "hi", "ru", "th", "zh")


def token(index: object, form: str, tag: str, head: object) -> str:
    return f"{index}\t{form}\t_\t{tag}\t_\t_\t{head}\t_\t_\t_"


def conllu(*sentences: list[str]) -> str:
    return "".join("# text = ...\n" + "\n".join(sentence) + "\n\n" for sentence in sentences)


def converted(tmp_path: Path, language: str, *sentences: list[str]) -> list[tuple[list[str], list[str]]]:
    write(tmp_path, {"x.conllu": conllu(*sentences)})
    return list(convert(tmp_path / "x.conllu", language))


def test_a_fused_word_takes_the_tag_of_its_highest_part(tmp_path: Path) -> None:
    sentence = [
        token(1, "Va", "VERB", 0),
        "2-3\tdel\t_\t_\t_\t_\t_\t_\t_\t_",
        token(2, "de", "ADP", 4),
        token(3, "el", "DET", 2),
        token(4, "mar", "NOUN", 1),
        token("4.1", "va", "VERB", "_"),
    ]
    assert converted(tmp_path, "es", sentence) == [(["Va", "del", "mar"], ["VERB", "ADP", "NOUN"])]


def test_equally_high_parts_are_ranked_by_language(tmp_path: Path) -> None:
    sentence = [
        "1-2\tmirar-lo\t_\t_\t_\t_\t_\t_\t_\t_",
        token(1, "x", "NOUN", 3),
        token(2, "y", "PRON", 3),
        token(3, "z", "VERB", 0),
    ]
    assert converted(tmp_path, "pt", sentence)[0][1] == ["NOUN", "VERB"]
    assert converted(tmp_path, "fr", sentence)[0][1] == ["PRON", "VERB"]


def test_sentences_without_text_are_left_out(tmp_path: Path) -> None:
    def of(*words: str) -> list[str]:
        return [token(n, word, "X", n - 1) for n, word in enumerate(words, start=1)]

    kept = converted(tmp_path, "ar", of("_", "_", "_"), of("_", "_", "a"), of("_", "a", "b"), of("a"), of("_"))
    assert [words for words, _ in kept] == [["_", "a", "b"], ["a"]]


def test_spaces_and_non_joiners_go(tmp_path: Path) -> None:
    assert converted(tmp_path, "fr", [token(1, "10 000", "NUM", 0), token(2, "می\u200cرود", "VERB", 1)]) == [
        (["10000", "میرود"], ["NUM", "VERB"])
    ]


def test_files_are_joined_in_sorted_order(tmp_path: Path) -> None:
    origin = write(
        tmp_path / "ud",
        {
            "UD_B/de_bbb-ud-dev.conllu": conllu([token(1, "zwei", "NUM", 0)]),
            "UD_Z/de_aaa-ud-dev.conllu": conllu([token(1, "eins", "NUM", 0), token(2, ".", "PUNCT", 1)]),
            "UD_X/gsw_uzh-ud-dev.conllu": conllu([token(1, "drü", "NUM", 0)]),
        },
    )
    assert build(origin, "de", tmp_path / "udpos") == {"dev": 2}
    assert (tmp_path / "udpos/dev-de.tsv").read_text() == "eins\tNUM\n.\tPUNCT\n\nzwei\tNUM\n"
    with pytest.raises(MissingData, match=r"no treebank fr_\*\.conllu"):
        build(origin, "fr", tmp_path / "udpos")


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("1\tword\tNOUN\n", ":1: found 3 columns; expected 10"),
        (token("one", "a", "X", 0) + "\n", ":1: found the id 'one'"),
        (token(1, "a", "X", 0) + "\n" + token(3, "b", "X", 1) + "\n\n", ":3: found token ids with a gap"),
        ("1-4\tabc\t_\t_\t_\t_\t_\t_\t_\t_\n" + token(1, "a", "X", 0) + "\n", "the span 1-4 of 'abc'"),
    ],
)
def test_broken_conllu_is_named(tmp_path: Path, content: str, fragment: str) -> None:
    write(tmp_path, {"x.conllu": content})
    with pytest.raises(DataError) as error:
        list(convert(tmp_path / "x.conllu", "de"))
    assert fragment in str(error.value)


@cache
def shares(origin: Path) -> dict[str, tuple[float, float | None]]:
    """Return {language: (sentences of the treebank that XTREME has, equal tags in those)} in percent."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for path in sorted((origin / "targets/ud").rglob("*.conllu")):
        language, split = path.name.split("_")[0], path.stem.rsplit("-", 1)[1]
        known: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
        sentence: list[list[str]] = []
        for line in [*lines(origin / f"targets/udpos/{split}-{language}.tsv"), ""]:
            if line:
                sentence.append(line.split("\t"))
            else:
                known[tuple(word[0] for word in sentence)].append([word[1] for word in sentence if len(word) > 1])
                sentence = []
        count = counts[language]
        for words, tags in convert(path, language):
            count[0] += 1
            candidates = known.get(tuple(words), [])
            count[1] += bool(candidates)
            if candidates and candidates[0]:
                count[2] += len(tags)
                count[3] += max(sum(map(str.__eq__, tags, candidate)) for candidate in candidates)
    return {
        language: (100 * found / total, 100 * equal / tokens if tokens else None)
        for language, (total, found, tokens, equal) in counts.items()
    }


def test_surface_sentences_and_tags_agree_with_xtreme(capsys: pytest.CaptureFixture[str]) -> None:
    found = shares(mirror())
    with capsys.disabled():
        print("\nlanguage  sentences in XTREME's file %  equal tags %")
        for language, (sentences, tags) in found.items():
            print(f"{language:8}  {sentences:6.2f}  {'-' if tags is None else f'{tags:6.2f}'}")
    for language in STABLE:
        sentences, tags = found[language]
        assert sentences >= 99, language
        assert tags is None or tags >= 94, language
    assert {language for language in STABLE if found[language][1] is not None} >= {"bg", "de", "el", "es", "ru", "zh"}
