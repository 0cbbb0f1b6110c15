"""Running text into sentences, in every language of the raw text."""

import pytest
import yaml
from wikipedia_twin import SENTENCES, UNSPACED

from xstilts.data.fetching import wikipedia
from xstilts.data.fetching.sentences import paragraphs, sentences


def test_there_are_sentences_in_every_language_of_the_raw_text() -> None:
    with open("config.yaml", encoding="utf-8") as handle:
        text = yaml.safe_load(handle)["intermediate"]["mlm"]
    assert {*text["languages"]} == {*SENTENCES} == {*wikipedia.LANGUAGES}
    assert (text["sentences"], text["alpha"]) == (wikipedia.SENTENCES, wikipedia.ALPHA), "of a mirror, as of a run"


@pytest.mark.parametrize("language", SENTENCES)
def test_a_paragraph_falls_into_its_sentences(language: str) -> None:
    whole = ("" if language in UNSPACED else " ").join(SENTENCES[language])
    assert sentences(whole, language) == SENTENCES[language]


def test_an_article_falls_into_paragraphs_of_whole_sentences() -> None:
    article = "The town lies on the river Amsel.  It is old and\tquiet, they say.\n\nSee also\n\nYes. Really?\n"
    article += "It was founded in 1254 by a duke.\n"
    assert [*paragraphs(article, "en")] == [
        ["The town lies on the river Amsel.", "It is old and quiet, they say."],
        ["It was founded in 1254 by a duke."],
    ]
    assert [*paragraphs("参见\n东京是日本的首都和最大城市。\n", "zh")] == [["东京是日本的首都和最大城市。"]]
