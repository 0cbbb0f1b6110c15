"""Which English rows choose a checkpoint, and which rows a limit keeps."""

from pathlib import Path

import pytest
from data_files import mirror, rows

from xstilts.data.rows.selection import choosing, select, tenth
from xstilts.data.rows.subset import first
from xstilts.errors import ConfigError, UserError


def questions(documents: int, each: int) -> list[dict]:
    return [
        {"id": f"{d}-{q}", "language": "en", "group": f"passage {d}", "document": f"article {d}"}
        for d in range(documents)
        for q in range(each)
    ]


def test_recipe_paper_takes_the_first_dev_rows_of_a_data_set() -> None:
    train, dev = questions(10, 3), questions(200, 4)
    chosen = select("squad", "paper", train, dev)
    assert chosen.train == train and chosen.dev == dev
    assert choosing([(dev, "squad dev")], 500) == (dev[:500], "the first 500 of squad dev")
    assert choosing([(dev, "squad dev")], None) == choosing([(dev, "squad dev")], 900) == (dev, "squad dev")


def test_of_a_file_that_is_sorted_by_its_labels_no_first_rows_choose() -> None:
    """Real dev rows of a mirror had 13 neutral ones among the first 200 and 31 percent of all: a model that never says
    neutral was the best by them.
    """
    labels = ["entailment"] * 700 + ["contradiction"] * 680 + ["neutral"] * 620
    dev = [{"id": str(n), "group": str(n), "label": label} for n, label in enumerate(labels)]
    found, words = choosing([(dev, "mnli dev")], 200)
    assert len(found) == 200 and sum(row["label"] == "neutral" for row in found) == pytest.approx(62, abs=20)
    assert words.startswith(
        "200 of mnli dev by the hash of their ids: among the first 200, 0 are contradiction, of all"
    )
    mixed = sorted(dev, key=lambda row: int(row["id"]) * 7919 % 2003)
    assert choosing([(mixed, "mnli dev")], 200) == (mixed[:200], "the first 200 of mnli dev")


def test_of_several_data_sets_every_part_and_round_chooses_in_proportion() -> None:
    sizes = {"anli": 3200, "mnli": 9815, "snli": 9842}
    parts = [
        ([{"id": f"{name}-{n}", "group": f"{name} premise {n // 3}"} for n in range(size)], f"{name} dev")
        for name, size in sizes.items()
    ]
    found, words = choosing(parts, 500)
    assert len(found) == 500
    assert words == "500 of anli dev; mnli dev; snli dev, in proportion to their sizes, by the hash of their ids"
    for name, size in sizes.items():
        share = sum(row["id"].startswith(name) for row in found) / 500
        assert share == pytest.approx(size / sum(sizes.values()), abs=0.07)
    rounds = [int(row["id"].partition("-")[2]) // 1000 for row in found if row["id"].startswith("anli")]
    assert all(rounds.count(number) >= 10 for number in (0, 1, 2)), "not ANLI's first round alone"


def test_recipe_clean_leaves_scored_passages_out() -> None:
    train, dev = questions(10, 3), questions(20, 4)
    chosen = select("squad", "clean", train, dev, scored=dev[:8])
    assert chosen.dev == dev[8:] and chosen.train == train
    assert chosen.note == "squad dev without 8 rows of scored passages"
    assert select("mnli", "clean", train, dev).dev == dev


@pytest.mark.parametrize(("dataset", "recipe"), [("pawsx", "clean"), ("tydiqa", "clean"), ("tydiqa", "paper")])
def test_a_tenth_of_train_by_document(dataset: str, recipe: str) -> None:
    train = questions(100, 7)
    chosen = select(dataset, recipe, train, [])
    held = {row["document"] for row in chosen.dev}
    assert 70 <= len(chosen.dev) < 77
    assert not held & {row["document"] for row in chosen.train}
    assert len(chosen.dev) + len(chosen.train) == len(train)
    # The same documents whatever the order of the rows.
    assert {row["document"] for row in tenth(train[::-1])[0]} == held


def test_selection_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="unknown recipe 'papr'"):
        select("mnli", "papr", questions(2, 1), questions(2, 1))
    with pytest.raises(UserError, match="found 0 training and 5 selection rows"):
        select("tydiqa", "paper", questions(1, 5), [])


def test_real_selection(tmp_path: Path) -> None:
    origin = mirror()
    squad = rows("squad", "en", origin, tmp_path / "squad")[1]
    xquad = rows("xquad", "en", origin, tmp_path / "xquad")[1]["test"]
    chosen = select("squad", "clean", squad["train"], squad["dev"], scored=xquad)
    assert not {row["context"] for row in chosen.dev} & {row["context"] for row in xquad}
    assert len(chosen.dev) == 10570 - sum(row["group"] in {r["group"] for r in xquad} for row in squad["dev"]) > 9000
    train = rows("tydiqa", "en", origin, tmp_path / "tydiqa")[1]["train"]
    chosen = select("tydiqa", "paper", train, [])
    assert 370 <= len(chosen.dev) < 380
    assert not {row["context"] for row in chosen.dev} & {row["context"] for row in chosen.train}


def test_limit_keeps_groups_whole_and_the_order() -> None:
    found = questions(50, 4)
    chosen = first(found, 42)
    assert len(chosen) == 42
    assert chosen == [row for row in found if row in chosen]
    sizes = [sum(row["group"] == group for row in chosen) for group in {row["group"] for row in chosen}]
    assert sorted(sizes) == [2] + [4] * 10
    assert first(found, None) == found and first(found, 1000) == found
    assert len(first(found + found, 42)) == 42  # rows of several sets may share ids
    assert [row["id"] for row in first(found[::-1], 42)][::-1] == [row["id"] for row in chosen]


def test_limit_takes_the_same_items_in_every_language(tmp_path: Path) -> None:
    origin = mirror()
    chosen = [
        [(row["id"], row["label"]) for row in first(rows("xnli", code, origin, tmp_path / code)[1]["dev"], 200)]
        for code in ("en", "ur", "zh")
    ]
    assert len(chosen[0]) == 200 and chosen[0] == chosen[1] == chosen[2]


def test_limit_of_retrieval_keeps_pairs(tmp_path: Path) -> None:
    found = rows("tatoeba", "de", mirror(), tmp_path)[1]["test"]
    chosen = first(found, 300)
    foreign = [row for row in chosen if row["side"] == "foreign"]
    english = [row for row in chosen if row["side"] == "english"]
    assert len(foreign) == len(english) == 300
    assert {row["matches"][0] for row in english} == {row["id"] for row in foreign}
    assert [row["text"] for row in english] == sorted(row["text"] for row in english)


def test_limit_of_mining_keeps_distractors() -> None:
    found = [
        {"id": f"{side}-{n}", "side": name, "group": f"{side}-{n}", "matches": [f"{other}-{n}"] if n < 40 else []}
        for side, other, name in (("de", "en", "foreign"), ("en", "de", "english"))
        for n in range(1000)
    ]
    chosen = first(found, 500)
    foreign = {row["id"] for row in chosen if row["side"] == "foreign"}
    english = [row for row in chosen if row["side"] == "english"]
    assert len(foreign) == len(english) == 500
    matched = [row for row in english if row["matches"]]
    assert 8 <= len(matched) <= 32 and all(row["matches"][0] in foreign for row in matched)
