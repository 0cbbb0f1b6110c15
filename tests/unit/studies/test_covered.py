"""A study says over which splits and languages it goes, and what is missing: in the words that stand on its page."""

from xstilts.reporting.aggregate import task_entries
from xstilts.studies.covered import differing, lacking_languages, missing, missing_in_words, splits_in_words

ENTRIES = task_entries()


def entries(*names: str) -> dict[str, dict]:
    return {name: ENTRIES[name] for name in names}


def test_a_split_other_than_test_is_named() -> None:
    tasks = entries("pawsx", "udpos", "tydiqa")
    assert splits_in_words(tasks, dict.fromkeys(tasks, "test")) == "Test splits"
    assert splits_in_words(tasks, {"pawsx": "test", "udpos": "dev", "tydiqa": "train"}) == (
        "Test splits; POS on dev, as test labels are not there or in fewer languages (English dev chose checkpoints); "
        "TyDiQA on train, as the official split has no labels here"
    )
    assert splits_in_words(entries("tydiqa"), {"tydiqa": "train"}).startswith("TyDiQA on train")
    own = {"mine": ENTRIES["pawsx"] | {"splits": ["dev"]}}
    assert splits_in_words(own, {"mine": "dev"}) == "mine on dev, as there is no test split"


def test_a_task_without_some_of_its_languages_says_of_how_many_it_is() -> None:
    tasks = entries("pawsx", "udpos")
    whole = {task: entry["languages"] for task, entry in tasks.items()}
    assert lacking_languages(tasks, dict.fromkeys(tasks, "test"), whole) == ""
    some = {"pawsx": ["en"], "udpos": [code for code in whole["udpos"] if code not in ("kk", "th", "tl", "yo")]}
    assert lacking_languages(tasks, dict.fromkeys(tasks, "test"), some) == (
        "PAWS-X 1 of 7 languages, POS 29 of 33 languages"
    )
    splits = {"pawsx": "test", "udpos": "dev"}
    assert lacking_languages(tasks, splits, some) == "PAWS-X 1 of 7 languages", "the benchmark's dev has no others"


def test_what_one_model_lacks_and_another_has_is_named() -> None:
    def row(model: str, task: str, language: str, split: str = "test", value: float | None = None) -> dict:
        return {"model": model, "task": task, "language": language, "split": split, "seed": 1, "value": value}

    rows = [row("small", "udpos", "kk"), row("large", "udpos", "kk"), row("large", "pawsx", "de")]
    rows += [row("small", "pawsx", "de", value=50.0), row("large", "pawsx", "fr", "dev"), row("large", "tatoeba", "de")]
    found = missing(rows, ["small", "large"], ["pawsx", "udpos"])
    assert missing_in_words(found) == "POS in kk of all; PAWS-X in de of large"
    assert missing_in_words(differing(found)) == "PAWS-X in de of large"
    assert missing_in_words(missing(rows, ["small"], ["pawsx"])) == ""
    many = {"small": set(), "large": {(task, "de", "1") for task in "abcdefg"}}
    assert missing_in_words(many).endswith("e in de of large; and 2 more")
