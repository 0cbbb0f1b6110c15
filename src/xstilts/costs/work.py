"""How much work each job of a run is: steps and tokens, from the rows of its data and its settings.

Rows are counted where the data are on the disk, else expected (`rows.py`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from typing import Any

from xstilts import tasks
from xstilts.config.methods import Method
from xstilts.config.sources import LONGER
from xstilts.costs.rows import ASSUMED_ROWS, known_rows
from xstilts.costs.size import size_of
from xstilts.costs.time import Work, memory_mb, minutes, threads, tokenising_threads
from xstilts.data.registry import TRANSLATION
from xstilts.families.facts import facts
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of

Settings = dict[str, Any]
Names = Iterable[tuple[str, str]]  # data set, language

# Tokens a row in the shape in which a family reads it: (sequences, tokens). From the characters of the English rows at
# 4.2 characters a token, which was assumed for XLM-R's tokenizer. Assumed: rows of qqp, ccg, hellaswag, panx, mewslix.
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
    "siqa": (3, 103),
    "copa": (2, 47),
    "xcopa": (2, 47),
    "bucc2018": (1, 32),
    "tatoeba": (1, 14),
    "text": (1, 30),
    "lareqa": (1, 14),
    "lareqa-candidates": (1, 208),
    "lareqa-train": (2, 222),
    "mewslix": (1, 60),
    "mewslix-candidates": (1, 60),
    "mewslix-train": (2, 120),
}
UNKNOWN_TOKENS = (1, 60)


class Workload:
    """The work of one run's jobs; what was counted once is remembered."""

    def __init__(self, jobs: Jobs) -> None:
        """Take the jobs of a run."""
        self.jobs = jobs
        self.size = cache(partial(size_of, jobs))
        self.rows = cache(partial(known_rows, jobs))
        self._work = cache(self._work_like)

    def of(self, rule: str, *wildcards: str) -> "Workload":
        """Return the work of those jobs to which one belongs: the run's, or its study's."""
        return self if self.jobs.owner(rule, *wildcards) is self.jobs else self._study

    @cached_property
    def _study(self) -> "Workload":
        assert self.jobs.study is not None
        return Workload(self.jobs.study)

    def work(self, rule: str, *wildcards: str) -> Work:
        """Return the work of a job that computes: a pretraining, training, index, prediction, or few-shot training."""
        if rule == "few_shot":
            return self.few_shot(settings_of(self.jobs, rule, *wildcards[:3], int(wildcards[3]), wildcards[4]))
        if rule == "predict" and self.jobs.like(*wildcards):
            return Work()  # its answers are there
        same = {"pretrain": 0, "train_intermediate": 1, "train_target": 2, "index": 4, "predict": 4}[rule]
        found = self._work(rule, wildcards[same], rule == "train_target" and wildcards[1] == LONGER)
        method = self._method(rule, *wildcards)
        return replace(found, method=method) if method else found

    def _method(self, rule: str, *wildcards: str) -> Method | None:
        """Return how the weights of a job train, or were trained, where it is not the whole encoder."""
        phase = {"train_intermediate": "intermediate", "train_target": "target"}.get(rule, "")
        if rule in ("index", "predict"):
            phase = "target" if wildcards[2] != "none" else "intermediate" if wildcards[1] != "none" else ""
        return self.jobs.run.method_in(wildcards[0], wildcards[1], phase) if phase else None

    def memory_mb(self, attempt: int, rule: str, *wildcards: str, reserve: float = 2) -> int:
        """Return the main memory that a job asks for, more at each attempt."""
        processes = self.cards(rule, *wildcards)
        return memory_mb(self.work(rule, *wildcards), self.size(wildcards[0])[0], rule, attempt, reserve, processes)

    def cards(self, rule: str, *wildcards: str) -> int:
        """Return the GPUs that a job computes on: a training may be divided among several."""
        divided = rule in ("train_intermediate", "train_target")
        return self.jobs.run.encoders[wildcards[0]].gpus_per_job if divided else 1

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
        splits = tasks.task(name).splits if use == "task" else ("test",) if use == "index" else ("train",)
        return sum(self.rows(*one, split)[0] for one in names for split in splits)

    def threads_of_features(self, model: str, start: str, use: str, name: str, spare: int) -> int:
        """Return the threads that tokenise, of so many spare cores; their number changes no result."""
        return tokenising_threads(self.rows_of_features(use, name), spare)

    def threads_of_trimming(self, model: str, spare: int) -> int:
        """Return the threads that find the pieces of the run's texts; their number changes no result."""
        texts = self.jobs.texts(model) if self.jobs.run.encoders[model].vocabulary == "run" else []
        return tokenising_threads(sum(self.rows_of_features(*one) for one in texts), spare)

    def _work_like(self, rule: str, name: str, longer: bool) -> Work:
        """All jobs of a rule with one model, source, target or task are the same work, but for further steps."""
        model, source, seed = self.jobs.run.models[0], self.jobs.run.source_names[0], self.jobs.run.seeds[0]
        source = LONGER if longer else "none" if source == LONGER else source
        if rule == "pretrain":
            return self._pretraining(name)
        if rule == "train_intermediate":
            return self.training(settings_of(self.jobs, rule, model, name, seed))
        if rule == "train_target":
            return self.training(settings_of(self.jobs, rule, model, source, name, seed))
        settings = settings_of(self.jobs, rule, model, source, tasks.task(name).target, seed, name)
        return self.indexing(settings) if rule == "index" else self.prediction(settings)

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
        links = [self._of_link(settings | link, None) for link in settings.get("before", ())]
        return total([*links, self._of_link(settings, examples)]) if links else self._of_link(settings, examples)

    def _of_link(self, settings: Settings, examples: Mapping[str, int] | None) -> Work:
        """Return the work of one training of a chain."""
        import numpy as np

        from xstilts.training.sampler import Component, schedule

        chosen, optimisation = settings["selection"], settings["optimisation"]
        components, tokens_a_unit, lengths = [], [], []
        dev_tokens, rows, assumed = 0.0, 0, frozenset[str]()
        for part in settings["parts"]:
            names = [tuple(name.split("/")) for name in part["data"]]
            found, sequences, tokens, guessed = self._count(names, "train", part["limit"])
            wanted = min(found, part["limit"] or found) if examples is None else examples.get(part["name"], 0)
            if not found or not wanted:
                continue
            if "spread" in part and examples is None:
                wanted = min(round(found / len(part["spread"])), part["limit"] or found)
            found, sequences, tokens = wanted, sequences * wanted / found, tokens * wanted / found
            limit = settings["lengths"][part["family"]]
            if facts(part["family"]).raw and part["packed"]:
                sequences, tokens = max(1.0, tokens / limit), max(tokens, limit)
            units = found if facts(part["family"]).grouped or facts(part["family"]).contrasted else sequences
            length = min(tokens / sequences, 0.9 * limit)
            tokens_a_unit.append(length * sequences / units)
            batch = units_of_batch(part, tokens_a_unit[-1])
            components.append(Component(max(1, round(units)), batch, part["epochs"]))
            lengths.append(length)
            dev_tokens += self._choosing(part, chosen["examples"], found) * tokens_a_unit[-1]
            rows, assumed = rows + found, assumed | guessed
        if not components:
            return Work(assumed=assumed)
        if like := settings.get("steps_of") or settings.get("further_steps_of"):
            units, _, _, _ = self._count([tuple(name.split("/")) for name in like["data"]], "train", like["limit"])
            steps_like = like["epochs"] * Component(max(1, units), like["batch_size"], 1).steps_per_epoch
            own = components[0].epochs if "further_steps_of" in settings else 0
            components[0] = replace(components[0], epochs=own + steps_like / components[0].steps_per_epoch)
        plan = schedule(components, settings["seed"], settings.get("length", "labelled"))
        tokens, micro = 0.0, 0
        for component, each, visits in zip(
            components, tokens_a_unit, np.bincount(plan.component, minlength=len(components)), strict=True
        ):
            a_step = min(component.batch, component.units) * each
            tokens += int(visits) * a_step
            micro += int(visits) * math.ceil(a_step / optimisation["micro_tokens"])
        interval = max(1, min(optimisation["evaluate_every"], plan.steps // optimisation["evaluations"]))
        forward = math.ceil(plan.steps / interval) * dev_tokens
        forward += sum((chosen["report"] or 10_000) * each for each in tokens_a_unit)
        batches = math.ceil(plan.steps / interval) * math.ceil(dev_tokens / optimisation["micro_tokens"])
        length = sum(lengths) / len(lengths)
        raw = any(facts(part["family"]).raw for part in settings["parts"])
        return Work(plan.steps, micro, tokens, forward, batches, length, rows, all_rows=raw, assumed=assumed)

    def _choosing(self, part: Settings, examples: int | None, trained: int) -> int:
        """Return how many rows choose the checkpoint of a training set; without a dev set it is a tenth of train."""
        if facts(part["family"]).raw:
            return examples or ASSUMED_ROWS["text"]["dev"]
        names = part.get("dev") or part.get("chosen_on") or part["data"]
        there = sum(self.rows(*name.split("/"), "dev")[0] for name in names) or trained // 10
        return min(there, examples or there)

    def prediction(self, settings: Settings, examples: int | None = None) -> Work:
        """Return the work of a prediction by its settings; ``examples`` are those of a finished one, all languages."""
        task = tasks.task(settings["task"])
        rows, sequences, tokens, pairs, products = 0, 0.0, 0.0, 0.0, 0.0
        assumed: frozenset[str] = frozenset()
        for split in task.splits:
            for language in settings["languages"]:
                limit = settings["limit"] and settings["limit"] * (2 if facts(task.family).paired else 1)
                found, more, each, guessed = self._count([(task.dataset, language)], split, limit)
                rows, sequences, tokens, assumed = rows + found, sequences + more, tokens + each, assumed | guessed
                pairs += (found / 2) ** 2 if task.scoring[0] == "bucc" else 0
                products += found * self.candidates(task.name)
        length = tokens / max(1, sequences)
        if examples is not None and rows:
            share = examples / rows
            rows, tokens, pairs, products = examples, tokens * share, pairs * share**2, products * share
        batches = math.ceil(tokens / settings["micro_tokens"])
        in_float32 = settings["precision"] == "float32"
        made: dict[str, Any] = {"float32": in_float32, "assumed": assumed, "products": products}
        return Work(0, 0, 0, tokens, batches, length, rows, pairs, **made)

    def few_shot(self, settings: Settings) -> Work:
        """Return the work of trainings on examples of each language, those of the folds too, with their predictions."""
        made, own = self.prediction(settings), settings["few_shot"]
        dataset_of, limit = tasks.task(settings["task"]).dataset, settings["limit"]
        steps, trained, forward = 0, 0.0, 0.0
        for language in settings["languages"]:
            there, _, tokens, _ = self._count([(dataset_of, language)], "dev", limit)
            examples = min(own["examples"], there)
            each = max(1, round(own["epochs"] * math.ceil(examples / own["batch_size"]))) * (1 + own["folds"])
            steps += each
            trained += tokens / max(1, there) * min(own["batch_size"], examples) * each
            forward += (own["folds"] - 1) * tokens
        forward += made.forward
        return replace(made, steps=steps, micro_batches=steps, tokens=trained, forward=forward, all_rows=True)

    def indexing(self, settings: Settings) -> Work:
        """Return the work of embedding the candidates of a task, by its settings."""
        name = str(tasks.task(settings["task"]).candidates)
        places = [(name, language) for language in settings["languages"]]
        rows, sequences, tokens, assumed = self._count(places, "test", None)
        length = min(tokens / max(1, sequences), 0.9 * settings["lengths"][settings["family"]])
        tokens = length * sequences
        batches = math.ceil(tokens / settings["micro_tokens"])
        return Work(0, 0, 0, tokens, batches, length, rows, float32=True, assumed=assumed)

    def candidates(self, task: str) -> int:
        """Return how many candidates a task searches."""
        places = self.jobs.candidates_of_task(task)
        return sum(self.rows(*path.parts[-3:-1], "test")[0] for path in places)

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
        length = tokens / max(1.0, sequences)
        trained = own.epochs * tokens
        return Work(steps, micro, trained, forward, batches, length, rows, all_rows=True, assumed=assumed)


def total(links: Sequence[Work]) -> Work:
    """Return the work of trainings one after the other, which hold all rows of the embedding."""
    adding = ("steps", "micro_batches", "tokens", "forward", "forward_batches", "rows")
    sums = {name: sum(getattr(link, name) for link in links) for name in adding}
    tokens = max(1.0, sum(link.tokens for link in links))
    length = sum(link.length * link.tokens for link in links) / tokens
    return Work(**sums, length=length, all_rows=True, assumed=frozenset().union(*(link.assumed for link in links)))


def units_of_batch(part: Settings, tokens: float) -> int:
    """Return how many units of so many tokens each an optimiser step reads; of a full batch the last one lacks half."""
    if "batch_size" in part:
        return int(part["batch_size"])
    return max(1, round(part["batch_tokens"] / tokens - 0.5))
