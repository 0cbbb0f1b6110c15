"""Featurising: rows a second from texts to token features, against datasets.map with the same tokenizer.

Both sides run in one process with one thread. `map` works in batches and keeps its result in memory; its input is a
table made beforehand, ours a list of rows. Both make the same features: truncated pairs, tags at first pieces, windows
with the tokens of the answer, blocks of text.
"""

import importlib
from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

from benchmarks.figure import Setting, main
from benchmarks.material import CASES, LENGTHS, Opened, case_settings, labels_of, open_case, quiet_transformers
from benchmarks.timing import Contest, Counts, Prepare, contest
from xstilts.families.features import IGNORED

ROWS = {"xnli": 8000, "pawsx": 4000, "udpos": 4000, "squad": 1200, "hellaswag": 1600, "text": 8000}


def measure(setting: Setting) -> dict[str, Any]:
    """Measure each family, then one of them at growing work."""
    rows = [{**contest(setting.on, _contest(setting, name, 1)), "family": case.family} for name, case in CASES.items()]
    growth = [
        {"times": times, **contest(setting.on, _contest(setting, "squad", times / 4))} for times in setting.growth
    ]
    return {"rows": rows, "growth": growth}


def _contest(setting: Setting, name: str, times: float) -> Contest:
    wanted = 20 if setting.smallest else round(ROWS[name] * times)
    settings = case_settings(setting, CASES[name], wanted)
    sides = {"ours": "benchmarks.featurising:ours", "map": "benchmarks.featurising:by_map"}
    return Contest(name, "rows", sides, settings)


def ours(settings: dict[str, Any]) -> Prepare:
    """Featurise with this project's own code."""
    from benchmarks.material import settings_of
    from xstilts.modeling.fast_tokenizer import open_tokenizer

    opened = open_case(settings)
    module = importlib.import_module(f"xstilts.families.{opened.case.family}")
    tokenizer, chosen = open_tokenizer(opened.folder), settings_of(opened.case, opened.rows)

    def work() -> Counts:
        features = module.featurise(opened.rows, tokenizer, chosen)
        return {"rows": float(len(opened.rows)), "tokens": float(len(features.input_ids))}

    return lambda: work


def by_map(settings: dict[str, Any]) -> Prepare:
    """Featurise with ``datasets.map``, in batches of its usual size."""
    quiet_transformers()
    import datasets
    from transformers import AutoTokenizer

    datasets.disable_caching()
    datasets.disable_progress_bars()
    opened = open_case(settings)
    tokenizer = AutoTokenizer.from_pretrained(opened.folder)
    table = datasets.Dataset.from_dict(_columns(opened))
    function = _function(opened, tokenizer)

    def work() -> Counts:
        found = table.map(function, batched=True, keep_in_memory=True, remove_columns=table.column_names)
        ids = found.data.column("input_ids")
        flat = ids.combine_chunks().flatten()
        tokens = len(flat.flatten()) if opened.case.family == "multiple_choice" else len(flat)
        return {"rows": float(len(table)), "tokens": float(tokens)}

    return lambda: work


def _columns(opened: Opened) -> dict[str, list[Any]]:
    """Return the columns that a family's function reads."""
    names = {
        "classification": ("text_a", "text_b", "label"),
        "multiple_choice": ("prompt", "choices", "label"),
        "tagging": ("tokens", "tags"),
        "span_qa": ("question", "context", "answers"),
        "mlm": ("text",),
    }[opened.case.family]
    return {name: [row[name] for row in opened.rows] for name in names}


def _function(opened: Opened, tokenizer: Any) -> Callable[[dict[str, list[Any]]], dict[str, list[Any]]]:
    family, longest = opened.case.family, LENGTHS[opened.case.family]
    number = {label: place for place, label in enumerate(labels_of(opened.case, opened.rows))}

    def pairs(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        found = tokenizer(batch["text_a"], batch["text_b"], truncation=True, max_length=longest)
        return {**found, "label": [number[label] for label in batch["label"]]}

    def choices(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        prompts = [prompt for prompt, some in zip(batch["prompt"], batch["choices"], strict=True) for _ in some]
        flat = tokenizer(prompts, list(chain.from_iterable(batch["choices"])), truncation=True, max_length=longest)
        bounds = [0]
        for some in batch["choices"]:
            bounds.append(bounds[-1] + len(some))
        together = {key: [values[a:b] for a, b in pairwise(bounds)] for key, values in flat.items()}
        return {**together, "label": batch["label"]}

    def words(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        found = tokenizer(batch["tokens"], is_split_into_words=True, truncation=True, max_length=longest)
        labels = []
        for place, tags in enumerate(batch["tags"]):
            row, last = [], None
            for word in found.word_ids(place):
                row.append(IGNORED if word is None or word == last else number[tags[word]])
                last = word
            labels.append(row)
        return {**found, "labels": labels}

    def lines(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return dict(tokenizer(batch["text"], truncation=True, max_length=longest))

    def windows(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return _windows(tokenizer, batch)

    functions = {
        "classification": pairs,
        "multiple_choice": choices,
        "tagging": words,
        "span_qa": windows,
        "mlm": lines,
    }
    return functions[family]


def _windows(tokenizer: Any, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Cut passages into windows and find the tokens of the first answer in each."""
    longest = LENGTHS["span_qa"]
    found = tokenizer(
        batch["question"],
        batch["context"],
        truncation="only_second",
        max_length=longest,
        stride=longest - LENGTHS["max_query"] - 4 - LENGTHS["doc_stride"],  # here: what two windows share
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    starts, ends = [], []
    for place, offsets in enumerate(found["offset_mapping"]):
        answer = batch["answers"][found["overflow_to_sample_mapping"][place]][0]
        begin, stop = answer["start"], answer["start"] + len(answer["text"])
        owner = found.sequence_ids(place)
        first, last = owner.index(1), len(owner) - 1 - owner[::-1].index(1)
        if offsets[first][0] > begin or offsets[last][1] < stop:
            starts.append(0)
            ends.append(0)
            continue
        while first <= last and offsets[first][0] <= begin:
            first += 1
        while last >= 0 and offsets[last][1] >= stop:
            last -= 1
        starts.append(first - 1)
        ends.append(last + 1)
    return {
        "input_ids": found["input_ids"],
        "attention_mask": found["attention_mask"],
        "offset_mapping": found["offset_mapping"],
        "start_positions": starts,
        "end_positions": ends,
    }


if __name__ == "__main__":
    main("featurising", measure)
