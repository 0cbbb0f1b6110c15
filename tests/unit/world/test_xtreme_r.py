"""The world's twins of XCOPA, LAReQA and Mewsli-X: through the readers, with true labels, aligned, unseen names."""

import random
from pathlib import Path
from typing import Any

import pytest
from data_files import rows

from xstilts.files import read_jsonl, sha256
from xstilts.world.build import WorldSettings, build_world
from xstilts.world.languages import languages, latin_words
from xstilts.world.lexicon import STATES, USES
from xstilts.world.names import names_by_role
from xstilts.world.xtreme_r import alternatives

SIZES = {"train": 40, "dev": 16, "test": 20, "intermediate_train": 30, "intermediate_dev": 12}
SETTINGS = WorldSettings(**SIZES, retrieval=8, distractors=10, text=20, parallel=8)
OTHERS = ("qaa", "qab", "qac", "qad", "qae", "qaf")
CONTROL = "qaf"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    build_world(SETTINGS, folder)
    return folder


@pytest.fixture(scope="module")
def read(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A reader of a data set's split in a language, by the same code as a run."""
    output = tmp_path_factory.mktemp("rows")

    def split_of(name: str, language: str, split: str) -> list[dict[str, Any]]:
        return rows(name, language, world, output / name / language)[1][split]

    return split_of


def test_sizes_are_those_that_were_asked_for(read: Any) -> None:
    assert len(read("siqa", "en", "train")) == len(read("copa", "en", "train")) == 40
    assert len(read("mewslix-train", "en", "train")) == 40 and len(read("mewslix-train", "en", "dev")) == 16
    for code in OTHERS:
        assert (len(read("xcopa", code, "dev")), len(read("xcopa", code, "test"))) == (16, 20)
    for code in ("en", *OTHERS):
        assert len(read("lareqa", code, "test")) == 20
        assert (len(read("mewslix", code, "dev")), len(read("mewslix", code, "test"))) == (16, 20)
    assert len(read("mewslix-candidates", "all", "test")) == 16 + 20 + 10 + 8


def test_what_was_there_before_is_the_same_to_the_byte(world: Path) -> None:
    """A further data set has a random state of its own; the digests are of the world before there was any of these."""
    before = {
        "intermediate/squad/train-v1.1.json": "cf65cfb0f9b80a78",
        "targets/tatoeba/v1/tatoeba.qaf-eng.qaf": "8ebf59d07e5652f5",
        "text/world/qab.txt": "4434210153bdb57c",
    }
    assert {name: sha256(world / name)[:16] for name in before} == before


def test_the_right_alternative_follows_and_neither_place_is_likelier(read: Any) -> None:
    names = names_by_role("0", latin_words(languages("0")))["dev"]
    rng = random.Random("alternatives")
    items = [alternatives(rng, names, True) for _ in range(400)]
    for item in items:
        given, right, wrong = (
            _topic(line[0]) for line in (item.premise, item.choices[item.label], item.choices[1 - item.label])
        )
        assert given == right != wrong
    assert 160 < sum(item.label for item in items) < 240
    assert {item.asked for item in items} == {"cause", "effect"}
    for row in read("siqa", "en", "train"):
        who = row["prompt"].split("What will ")[1].split(" want to do?")[0]
        state = row["prompt"].split(f"{who} was ")[1].split(".")[0]
        assert row["choices"][row["label"]] == STATES[state][1]
    lone = [row for row in read("siqa", "en", "train") if row["prompt"].count(" was ") == 1]
    assert 20 < len(lone) < 40, "most rows tell of one person: two in two states are not learned in a demo"


def _topic(clause: Any) -> str:
    """Return the state or thing that a clause of COPA is about."""
    if clause.verb == "be":
        return str(clause.state)
    if clause.object is not None:
        return str(clause.object.lemma)
    (found,) = [name for name, (_, base) in (STATES | USES).items() if base == clause.verb]
    return found


def test_xcopa_is_translated_row_by_row_and_its_dev_set_is_copas(read: Any) -> None:
    english = read("copa", "en", "dev")
    for code in OTHERS:
        found = read("xcopa", code, "dev")
        assert [(row["id"], row["label"]) for row in found] == [(row["id"], row["label"]) for row in english]
        assert all(a["prompt"] != b["prompt"] for a, b in zip(found, english, strict=True))
        assert all(row["prompt"].endswith((" What was the cause?", " What was the effect?")) for row in found)


def test_the_answers_sentence_is_a_target_in_every_language(read: Any) -> None:
    candidates = {code: {row["id"]: row for row in read("lareqa-candidates", code, "test")} for code in ("en", *OTHERS)}
    every = {name for of_language in candidates.values() for name in of_language}
    sizes = {code: len(found) for code, found in candidates.items()}
    assert len(set(sizes.values())) == 1 and len(every) == sum(sizes.values())
    english = {row["id"]: row for row in read("lareqa", "en", "test")}
    for code in ("en", CONTROL):
        for row in read("lareqa", code, "test"):
            assert row["group"] == english[row["id"]]["group"]
            assert set(row["targets"]) <= every
            assert {target.split("-")[0] for target in row["targets"]} == {"en", *OTHERS}
            places = {target.split("-", 1)[1] for target in row["targets"]}
            assert len(places) == 1, "the same sentence of the same passage"


def test_a_mention_is_the_name_of_its_entity_but_in_the_control_language(world: Path, read: Any) -> None:
    entities = {row["id"]: row for row in read("mewslix-candidates", "all", "test")}
    raw = read_jsonl(world / "targets/mewslix/candidate_set_entities.jsonl")
    titles = {row["entity_id"]: row["title"] for row in raw}
    assert len(entities) == len(set(titles.values()))
    assert {row["language"] for row in entities.values()} == {"en", *OTHERS}
    same = dict.fromkeys(("en", CONTROL), 0)
    for code in ("en", *OTHERS):
        for row in read("mewslix", code, "test"):
            (target,) = row["targets"]
            name = row["text"].split(":")[0]
            assert row["text"].count("{") == row["text"].count("}") == 1 and f"{{ {name} }}" in row["text"]
            if entities[target]["language"] == code:
                assert titles[target] == name and name in entities[target]["text"]
            elif code in same:
                same[code] += titles[target] == name
    assert same["en"] > 0 == same[CONTROL]  # qaa writes Latin letters too; the control language has names of its own
    pairs = read("mewslix-train", "en", "train")
    assert all(row["query"].split(":")[0] in row["target"] for row in pairs)


def test_nobody_of_evaluation_is_met_in_training(read: Any) -> None:
    def names(name: str, split: str, field: str) -> set[str]:
        return {row[field].split(":")[0] for row in read(name, "en", split)}

    seen, chosen = names("mewslix-train", "train", "query"), names("mewslix-train", "dev", "query")
    later = names("mewslix", "dev", "text") | names("mewslix", "test", "text")
    assert not {word for name in seen for word in name.split()} & {word for name in later for word in name.split()}
    assert not chosen & later, "nor in what chooses a checkpoint"
