"""How much work each job of a run is: steps and tokens, from the rows of its data and its settings.

Rows are counted where the data are on the disk, else those that the registry or the world expects.
"""

import json
import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from xstilts import tasks
from xstilts.data.registry import TRANSLATION, dataset
from xstilts.estimates import Work, memory_mb, minutes, threads, tokenising_threads
from xstilts.jobs import Jobs
from xstilts.settings import settings_of
from xstilts.storage import LARGE, ON_THE_HUB, Size
from xstilts.trainings import TEXT

Settings = dict[str, Any]
Names = Iterable[tuple[str, str]]  # data set, language

# Tokens a row in the shape in which a family reads it: (sequences, tokens). From the characters of the English rows at
# 4.2 characters a token, which was assumed for XLM-R's tokenizer; rows of qqp, ccg, hellaswag and panx were assumed.
TOKENS = {
    "mnli": (1, 47),
    "snli": (1, 29),
    "anli": (1, 95),
    "qqp": (1, 32),
    "squad": (1.02, 206),
    "squad2": (1.07, 231),
    "hellaswag": (4, 345),
    "ccg": (1, 34),
    "cosmosqa": (4, 435),
    "csqa": (5, 114),
    "xnli": (1, 44),
    "pawsx": (1, 58),
    "udpos": (1, 30),
    "panx": (1, 14),
    "xquad": (1.1, 240),
    "mlqa": (1.4, 370),
    "tydiqa": (1.05, 170),
    "bucc2018": (1, 32),
    "tatoeba": (1, 14),
    "text": (1, 30),
}
UNKNOWN_TOKENS = (1, 60)
ASSUMED_ROWS = {"ccg": {"train": 38_015, "dev": 5_484}, "text": {"train": 30_000, "dev": 1_000}}  # ccg: version 1
UNKNOWN_ROWS = 10_000
# Sentences of both sides of BUCC 2018: the registry counts gold pairs.
BUCC = {
    "dev": {"de": 73_000, "fr": 60_000, "ru": 80_000, "zh": 17_000},
    "test": {"de": 813_000, "fr": 641_000, "ru": 1_018_000, "zh": 183_000},
}


class Workload:
    """The work of one run's jobs; what was counted once is remembered."""

    def __init__(self, jobs: Jobs) -> None:
        """Take the jobs of a run."""
        self.jobs = jobs
        self.size = cache(self._size)
        self.rows = cache(self._rows)
        self._work = cache(self._work_like)

    def work(self, rule: str, *wildcards: str) -> Work:
        """Return the work of a job that computes: pretrain, train_intermediate, train_target or predict."""
        same = {"pretrain": 0, "train_intermediate": 1, "train_target": 2, "predict": 4}[rule]
        return self._work(rule, wildcards[same])

    def memory_mb(self, attempt: int, rule: str, *wildcards: str) -> int:
        """Return the main memory that a job asks for, more at each attempt."""
        return memory_mb(self.work(rule, *wildcards), self.size(wildcards[0])[0], rule, attempt)

    def minutes(self, attempt: int, rule: str, *wildcards: str) -> int:
        """Return the time limit that a job asks for, longer at each attempt."""
        return minutes(self.work(rule, *wildcards), self.size(wildcards[0])[0], attempt)

    def threads(self, model: str) -> int:
        """Return the threads of every job that runs a model."""
        return threads(self.size(model)[0])

    def rows_of_features(self, use: str, name: str) -> int:
        """Return the rows that are tokenised for a training set or a task."""
        places = self.jobs.data_of_features(use, name)
        names = [(path.parts[-3], path.parts[-2]) for path in places]
        splits = tasks.task(name).splits if use == "task" else ("train",)
        return sum(self.rows(*one, split)[0] for one in names for split in splits)

    def threads_of_features(self, model: str, start: str, use: str, name: str) -> int:
        """Return the threads that tokenise; their number changes no result."""
        return tokenising_threads(self.rows_of_features(use, name))

    def _work_like(self, rule: str, name: str) -> Work:
        """All jobs of a rule with one model, source, target or task are the same work."""
        model, source, seed = self.jobs.run.models[0], self.jobs.run.source_names[0], self.jobs.run.seeds[0]
        if rule == "pretrain":
            return self._pretraining(name)
        if rule == "train_intermediate":
            return self.training(settings_of(self.jobs, rule, model, name, seed))
        if rule == "train_target":
            return self.training(settings_of(self.jobs, rule, model, source, name, seed))
        return self.prediction(settings_of(self.jobs, rule, model, source, tasks.task(name).target, seed, name))

    def _size(self, model: str) -> tuple[Size, bool]:
        """Return a model's dimensions, and whether they are known; one of unknown size counts as XLM-R Large.

        They are read from what was fetched or pretrained, else from the folder that it will come from, else from the
        settings of the pretraining, else from what is known of XLM-R on the Hub.
        """
        encoder = self.jobs.run.encoders[model]
        for folder in [
            self.jobs.pretrained(model).parent,
            *([Path(encoder.weights).expanduser()] if encoder.weights else []),
        ]:
            if (folder / "config.json").is_file():
                found = size_of_config(json.loads((folder / "config.json").read_bytes()))
                if found:
                    return found, True
        if self.jobs.run.is_pretrained_here(model):
            own = encoder.pretraining
            assert own is not None
            return Size(own.vocabulary, own.positions + 2, own.layers, own.hidden, own.intermediate), True
        known = ON_THE_HUB.get(encoder.weights or "")
        return known or LARGE, known is not None

    def _rows(self, name: str, language: str, split: str) -> tuple[int, str]:
        """Return (rows, how they are known): counted on the disk, expected by registry or world, or assumed."""
        text = self.jobs.run.intermediate.mlm if f"{name}/{language}" == TEXT else None
        counted = _counted(self.jobs.text if text else self.jobs.data(name, language))
        if counted is not None:
            return counted.get(split, 0), "counted"
        if text:
            return text.sentences, "expected"
        known = dataset(name)
        if self.jobs.run.world is not None and self.jobs.run.data.origin == "world":
            return self._rows_of_world(name, split), "expected"
        if name == "bucc2018":
            return BUCC.get(split, {}).get(language, 0), "assumed"
        expected = known.expected_rows(split, language)
        if name.endswith(TRANSLATION):  # as many as in English
            return self.rows(name.removesuffix(TRANSLATION), "en", split)
        if split == "train" and language != "en" and known.family != "mlm":
            return 0, "expected"  # nothing but English is trained on
        if expected is not None:
            return (2 * expected if known.family == "retrieval" else expected), "expected"
        if split in known.rows or split not in known.splits:
            return 0, "expected"  # other languages have this split, this one has none
        return ASSUMED_ROWS.get(name, {}).get(split, UNKNOWN_ROWS), "assumed"

    def _rows_of_world(self, name: str, split: str) -> int:
        world = self.jobs.run.world
        assert world is not None
        if name == "text":
            return world.text + world.parallel if split == "train" else 0
        if dataset(name).family == "retrieval":
            return 2 * (world.retrieval + (world.distractors if name == "bucc2018" else 0)) if split != "train" else 0
        intermediate = name not in {task.dataset for task in tasks.registry()[0].values()}
        sizes = {
            "train": world.intermediate_train if intermediate else world.train,
            "dev": world.intermediate_dev if intermediate else world.dev,
            "test": 0 if intermediate else world.test,
        }
        return sizes[split] if split in dataset(name).splits else 0

    def _count(self, names: Names, split: str, limit: int | None) -> tuple[int, float, float, frozenset[str]]:
        """Return (rows, sequences, tokens, what was assumed) of a split of some (data set, language)."""
        rows, sequences, tokens = 0, 0.0, 0.0
        assumed = set()
        for name, language in names:
            count, how = self.rows(name, language, split)
            if how != "counted":
                assumed.add(f"{how} rows")
            count = min(count, limit or count)
            a_row = TOKENS.get(name.removesuffix(TRANSLATION), UNKNOWN_TOKENS)
            rows, sequences, tokens = rows + count, sequences + count * a_row[0], tokens + count * a_row[1]
        return rows, sequences, tokens, frozenset(assumed)

    def training(self, settings: Settings, examples: Mapping[str, int] | None = None) -> Work:
        """Return the work of a training by its settings; ``examples`` by part are what a finished one had."""
        import numpy as np

        from xstilts.training.sampler import Portion, schedule

        chosen, optimisation = settings["selection"], settings["optimisation"]
        portions, tokens_a_unit, lengths = [], [], []
        dev_tokens, rows, assumed = 0.0, 0, frozenset[str]()
        for part in settings["parts"]:
            names = [tuple(name.split("/")) for name in part["data"]]
            found, sequences, tokens, guessed = self._count(names, "train", part["limit"])
            wanted = min(found, part["limit"] or found) if examples is None else examples.get(part["name"], 0)
            if not found or not wanted:
                continue
            found, sequences, tokens = wanted, sequences * wanted / found, tokens * wanted / found
            limit = settings["lengths"][part["family"]]
            if part["family"] == "mlm" and part["packed"]:
                sequences, tokens = max(1.0, tokens / limit), max(tokens, limit)
            units = found if part["family"] == "multiple_choice" else sequences
            length = min(tokens / sequences, 0.9 * limit)
            tokens_a_unit.append(length * sequences / units)
            batch = units_of_batch(part, tokens_a_unit[-1])
            portions.append(Portion(max(1, round(units)), batch, part["epochs"]))
            lengths.append(length)
            dev_tokens += chosen["examples"] * tokens_a_unit[-1]
            rows, assumed = rows + found, assumed | guessed
        if not portions:
            return Work(assumed=assumed)
        if "steps_of" in settings:
            like = settings["steps_of"]
            units, _, _, _ = self._count([tuple(name.split("/")) for name in like["data"]], "train", like["limit"])
            steps_like = like["epochs"] * Portion(max(1, units), like["batch_size"], 1).steps_per_epoch
            portions[0] = Portion(portions[0].units, portions[0].batch, steps_like / portions[0].steps_per_epoch)
        plan = schedule(portions, settings["seed"])
        tokens, micro = 0.0, 0
        for portion, each, visits in zip(
            portions, tokens_a_unit, np.bincount(plan.portion, minlength=len(portions)), strict=True
        ):
            a_step = min(portion.batch, portion.units) * each
            tokens += int(visits) * a_step
            micro += int(visits) * math.ceil(a_step / optimisation["micro_tokens"])
        interval = max(1, min(optimisation["evaluate_every"], plan.steps // optimisation["evaluations"]))
        forward = math.ceil(plan.steps / interval) * dev_tokens
        forward += sum((chosen["report"] or 10_000) * each for each in tokens_a_unit)
        batches = math.ceil(plan.steps / interval) * math.ceil(dev_tokens / optimisation["micro_tokens"])
        length = sum(lengths) / len(lengths)
        return Work(plan.steps, micro, tokens, forward, batches, length, rows, assumed=assumed)

    def prediction(self, settings: Settings, examples: int | None = None) -> Work:
        """Return the work of a prediction by its settings; ``examples`` are those of a finished one, all languages."""
        task = tasks.task(settings["task"])
        rows, sequences, tokens, pairs = 0, 0.0, 0.0, 0.0
        assumed: frozenset[str] = frozenset()
        for split in task.splits:
            for language in settings["languages"]:
                limit = settings["limit"] and settings["limit"] * (2 if task.family == "retrieval" else 1)
                found, more, each, guessed = self._count([(task.dataset, language)], split, limit)
                rows, sequences, tokens, assumed = rows + found, sequences + more, tokens + each, assumed | guessed
                pairs += (found / 2) ** 2 if task.name == "bucc2018" else 0
        length = tokens / max(1, sequences)
        if examples is not None and rows:
            share = examples / rows
            rows, tokens, pairs = examples, tokens * share, pairs * share**2
        batches = math.ceil(tokens / settings["micro_tokens"])
        return Work(0, 0, 0, tokens, batches, length, rows, pairs, assumed)

    def _pretraining(self, model: str) -> Work:
        own = self.jobs.run.encoders[model].pretraining
        assert own is not None
        names = [(path.parts[-3], path.parts[-2]) for path in self.jobs.data_of_pretraining(model)]
        rows, sequences, tokens, assumed = self._count(names, "train", None)
        if own.packed:
            sequences = tokens / own.max_length
        steps = max(1, math.ceil(own.epochs * sequences / own.batch_size))
        optimisation = self.jobs.run.optimisation
        a_step = own.batch_size * tokens / max(1.0, sequences)
        evaluations = max(optimisation.evaluations, steps // optimisation.evaluate_every)
        forward = evaluations * len(own.languages) * 300 * 30  # held-out lines of each language
        micro = steps * math.ceil(a_step / optimisation.micro_tokens)
        batches = evaluations * math.ceil(forward / evaluations / optimisation.micro_tokens)
        return Work(steps, micro, own.epochs * tokens, forward, batches, tokens / max(1.0, sequences), rows, 0, assumed)


def units_of_batch(part: Settings, tokens: float) -> int:
    """Return how many units of so many tokens each an optimiser step reads; of a full batch the last one lacks half."""
    if "batch_size" in part:
        return int(part["batch_size"])
    return max(1, round(part["batch_tokens"] / tokens - 0.5))


def _counted(manifest: Path) -> dict[str, int] | None:
    """Return the rows by split that a data set's manifest counted; None where it cannot be read.

    An estimate refuses nothing: the job that reads the data says what is wrong with them.
    """
    try:
        found = json.loads(manifest.read_bytes())["results"].get("rows", {})
    except (OSError, ValueError, KeyError):
        return None
    return dict(found)


def size_of_config(config: dict[str, Any]) -> Size | None:
    """Return the dimensions that a ``config.json`` states, None when it names them in another way."""
    keys = ("vocab_size", "max_position_embeddings", "num_hidden_layers", "hidden_size", "intermediate_size")
    return Size(*(config[key] for key in keys)) if all(isinstance(config.get(key), int) for key in keys) else None
