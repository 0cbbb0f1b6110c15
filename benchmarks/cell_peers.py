"""Other ways through a cell: transformers' example scripts, the same with length grouping, and xtreme's.

`scripts` loops over the languages as run_xnli.py and run_qa.py do when nobody asks for anything else
(`pad_to_max_length` is true in both): Trainer, its own choice of the best checkpoint, everything padded to the maximum.
`trainer` is the same with dynamic padding and batches of about one length in training, which is the best that the
package's public API has. `xtreme` does what google-research/xtreme does: everything is padded to the maximum, the
gradients of micro-batches of two are added up, the best checkpoint goes to the disk. All search an answer among the 20
best starts and ends of each window. One scorer, this project's, reads what they write.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.cells import counted
from benchmarks.material import quiet_transformers
from benchmarks.timing import Counts, Prepare
from xstilts.files import read_jsonl, write_json, write_text

MICRO = 2  # sequences of xtreme's micro-batches
EVALUATED = 32  # sequences of a batch without gradients
BEST, LONGEST_ANSWER = 20, 30  # starts and ends that are combined, and pieces of an answer

Rows = list[dict[str, Any]]
Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Windows:
    """The windows of some questions, and where each lies."""

    columns: Columns  # input_ids, attention_mask, start_positions, end_positions
    owner: list[int]  # the row of each window
    characters: list[list[tuple[int, int] | None]]  # of the context, that each token stands for


class Peer:
    """What both ways share: rows and lengths of the cell, tokenizer, model, encoding, and the files that are scored."""

    def __init__(self, settings: dict[str, Any], folder: Path) -> None:
        import torch
        from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification, AutoTokenizer

        self.settings, self.folder = settings, folder
        self.answers = settings["cell"]["task"] == "xquad"
        self.family = "span_qa" if self.answers else "classification"
        self.longest = settings["lengths"][self.family]
        self.recipe = settings["recipe"] | settings["optimisation"]
        self.labels = ["contradiction", "entailment", "neutral"]
        self.tokenizer = AutoTokenizer.from_pretrained(settings["encoder"])
        self.where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        kind = AutoModelForQuestionAnswering if self.answers else AutoModelForSequenceClassification
        torch.manual_seed(settings["seed"])
        labels = {} if self.answers else {"num_labels": len(self.labels)}
        self.kind = partial(kind.from_pretrained, dtype=torch.float32)
        self.model = self.kind(settings["encoder"], **labels).to(self.where)

    def rows(self, name: str) -> Rows:
        """Return the rows that train, or that choose the checkpoint."""
        return read_jsonl(self.settings["rows"][name])

    def steps(self, sequences: int) -> tuple[int, int]:
        """Return the optimiser steps of the training, and after how many the dev examples are scored."""
        steps = -(-sequences // self.recipe["batch_size"]) * self.recipe["epochs"]
        return steps, max(1, steps // self.recipe["evaluations"])

    def encode(self, rows: Rows, padded: bool) -> Windows:
        """Return the inputs of rows: a pair each, or windows over a passage."""
        padding = "max_length" if padded else False
        if not self.answers:
            columns = self.tokenizer(
                [row["text_a"] for row in rows],
                [row["text_b"] for row in rows],
                truncation=True,
                max_length=self.longest,
                padding=padding,
            )
            labels = [self.labels.index(row["label"]) for row in rows]
            kept = {name: columns[name] for name in ("input_ids", "attention_mask")}
            return Windows({**kept, "labels": labels}, list(range(len(rows))), [])
        encoded = self.tokenizer(
            [row["question"].strip() for row in rows],
            [row["context"] for row in rows],
            truncation="only_second",
            max_length=self.longest,
            stride=self.settings["lengths"]["doc_stride"],
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding=padding,
        )
        owner, characters, starts, ends = encoded["overflow_to_sample_mapping"], [], [], []
        for window, offsets in enumerate(encoded["offset_mapping"]):
            context = [kind == 1 for kind in encoded.sequence_ids(window)]
            characters.append([span if inside else None for span, inside in zip(offsets, context, strict=True)])
            first, last = _answer_tokens(rows[owner[window]], characters[-1])
            starts.append(first)
            ends.append(last)
        kept = {name: encoded[name] for name in ("input_ids", "attention_mask")}
        return Windows({**kept, "start_positions": starts, "end_positions": ends}, owner, characters)

    def decode(self, rows: Rows, windows: Windows, logits: Sequence[Any]) -> Any:
        """Return labels in order, or answers by id; logits are a row each, or (starts, ends) a window each."""
        if not self.answers:
            return [self.labels[int(row.argmax())] for row in logits[0]]
        best: dict[str, tuple[float, str]] = {row["id"]: (float("-inf"), "") for row in rows}
        for window, (starts, ends) in enumerate(zip(*logits, strict=True)):
            row = rows[windows.owner[window]]
            for score, first, last in _spans(starts, ends, windows.characters[window]):
                if score > best[row["id"]][0]:
                    best[row["id"]] = (score, row["context"][first:last])
        return {name: text for name, (_, text) in best.items()}

    def dev(self, rows: Rows, found: Any) -> float:
        """Return accuracy, or F1, of English dev examples."""
        from xstilts.scoring.squad import question_scores

        if not self.answers:
            return sum(one == row["label"] for one, row in zip(found, rows, strict=True)) / len(rows)
        return sum(question_scores(found[row["id"]], [a["text"] for a in row["answers"]])[1] for row in rows) / len(
            rows
        )

    def cell(self, logits_of: Any, padded: bool) -> Counts:
        """Predict and score every language; ``logits_of`` takes windows and returns logits for ``decode``."""
        from xstilts.scoring.evaluate import score_language

        task, scores = self.settings["cell"]["task"], {}
        for language, splits in self.settings["rows"]["evaluated"].items():
            files, gold = {}, {}
            for split, path in splits.items():
                gold[split] = rows = read_jsonl(path)
                windows = self.encode(rows, padded)
                found = self.decode(rows, windows, logits_of(windows))
                files[split] = self.folder / f"{split}-{language}"
                if self.answers:
                    write_json(files[split], found)
                else:
                    write_text(files[split], "".join(f"{label}\n" for label in found))
            scores[language] = score_language(task, language, files, gold)["splits"]
        return counted(scores)


def _answer_tokens(row: dict[str, Any], characters: list[tuple[int, int] | None]) -> tuple[int, int]:
    """Return the tokens of a row's first answer in a window; the first token twice where it is not in it."""
    if not row["answers"]:
        return 0, 0
    begin = row["answers"][0]["start"]
    end = begin + len(row["answers"][0]["text"])
    inside = [place for place, span in enumerate(characters) if span and span[0] < end and span[1] > begin]
    known = [span for span in characters if span]
    if not inside or known[0][0] > begin or known[-1][1] < end:
        return 0, 0
    return inside[0], inside[-1]


def _spans(starts: Any, ends: Any, characters: list[tuple[int, int] | None]) -> Iterator[tuple[float, int, int]]:
    """Yield score, first and last character of the spans between the best starts and ends of a window."""
    for first in starts[: len(characters)].argsort()[: -BEST - 1 : -1]:
        for last in ends[: len(characters)].argsort()[: -BEST - 1 : -1]:
            one, other = characters[first], characters[last]
            if one and other and first <= last < first + LONGEST_ANSWER:
                yield float(starts[first] + ends[last]), one[0], other[1]


def _repeats(settings: dict[str, Any], way: Any) -> Prepare:
    quiet_transformers()
    import torch
    from transformers import Trainer  # noqa: F401  # imports are not part of the work, on any side

    numbers = count()

    def work(folder: Path) -> Counts:
        torch.manual_seed(settings["seed"])
        counts: Counts = way(settings, folder)
        shutil.rmtree(folder)
        return counts

    def prepare() -> Any:
        folder = Path(settings["folder"], f"{way.__name__}-{next(numbers)}")
        folder.mkdir()
        return partial(work, folder)

    return prepare


def trainer(settings: dict[str, Any]) -> Prepare:
    """Train with Trainer, batches of about one length; predict language by language with it."""
    return _repeats(settings, _by_trainer)


def scripts(settings: dict[str, Any]) -> Prepare:
    """Train and predict with Trainer, everything padded to the maximum."""
    return _repeats(settings, _as_scripts)


def _as_scripts(settings: dict[str, Any], folder: Path) -> Counts:
    return _by_trainer(settings, folder, padded=True)


def _by_trainer(settings: dict[str, Any], folder: Path, padded: bool = False) -> Counts:
    from datasets import Dataset
    from torch.utils.data import DataLoader
    from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments

    class InOrder(Trainer):
        """Trainer groups what it evaluates by length too, and its predictions with it: here they keep their order."""

        def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
            rows = self.eval_dataset if eval_dataset is None else eval_dataset
            return DataLoader(rows, batch_size=EVALUATED, collate_fn=self.data_collator)

        get_test_dataloader = get_eval_dataloader

    peer = Peer(settings, folder)
    train, dev_rows = peer.encode(peer.rows("train"), padded), peer.rows("dev")
    dev = peer.encode(dev_rows, padded)
    lengths = {"length": list(map(len, train.columns["input_ids"]))}
    _, interval = peer.steps(len(train.owner))

    def metrics(found: Any) -> dict[str, float]:
        logits = found.predictions if peer.answers else (found.predictions,)
        return {"dev": peer.dev(dev_rows, peer.decode(dev_rows, dev, logits))}

    one = InOrder(
        model=peer.model,
        args=TrainingArguments(
            output_dir=str(folder),
            per_device_train_batch_size=peer.recipe["batch_size"],
            per_device_eval_batch_size=EVALUATED,
            num_train_epochs=peer.recipe["epochs"],
            learning_rate=peer.recipe["learning_rate"],
            warmup_steps=peer.recipe["warmup"],
            weight_decay=peer.recipe["weight_decay"],
            adam_epsilon=peer.recipe["epsilon"],
            max_grad_norm=peer.recipe["clip"],
            optim="adamw_torch_fused",
            bf16=settings["precision"] == "bfloat16",
            use_cpu=peer.where.type == "cpu",
            train_sampling_strategy="random" if padded else "group_by_length",
            length_column_name="length",
            eval_strategy="steps",
            eval_steps=interval,
            save_strategy="steps",
            save_steps=interval,
            save_total_limit=1,
            save_only_model=True,
            load_best_model_at_end=True,
            metric_for_best_model="dev",
            greater_is_better=True,
            dataloader_pin_memory=peer.where.type == "cuda",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=settings["seed"],
        ),
        train_dataset=Dataset.from_dict(train.columns | lengths),
        eval_dataset=Dataset.from_dict(dev.columns),
        data_collator=DataCollatorWithPadding(peer.tokenizer),
        compute_metrics=metrics,
    )
    one.remove_callback(PrinterCallback)
    one.train()

    def logits_of(windows: Windows) -> Any:
        found = one.predict(Dataset.from_dict(windows.columns)).predictions
        return found if peer.answers else (found,)

    one.compute_metrics = None
    return peer.cell(logits_of, padded)


def xtreme(settings: dict[str, Any]) -> Prepare:
    """Train and predict padded to the maximum, with micro-batches of two."""
    return _repeats(settings, _as_xtreme)


def _as_xtreme(settings: dict[str, Any], folder: Path) -> Counts:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
    from transformers import get_linear_schedule_with_warmup

    peer = Peer(settings, folder)
    half = settings["precision"] == "bfloat16"
    autocast = partial(torch.autocast, peer.where.type, torch.bfloat16) if half else nullcontext

    def tensors(windows: Windows) -> TensorDataset:
        return TensorDataset(*(torch.tensor(column) for column in windows.columns.values()))

    @torch.inference_mode()
    def logits_of(windows: Windows) -> Any:
        peer.model.eval()
        kinds = ("start_logits", "end_logits") if peer.answers else ("logits",)
        found: list[list[Any]] = [[] for _ in kinds]
        for ids, mask, *_ in DataLoader(tensors(windows), batch_size=EVALUATED):
            with autocast():
                given = peer.model(input_ids=ids.to(peer.where), attention_mask=mask.to(peer.where))
            for logits, kind in zip(found, kinds, strict=True):
                logits.extend(given[kind].float().cpu().numpy())
        return found

    train, dev_rows = peer.encode(peer.rows("train"), padded=True), peer.rows("dev")
    dev = peer.encode(dev_rows, padded=True)
    steps, interval = peer.steps(len(train.owner))
    spared = ("bias", "LayerNorm.weight")
    groups: list[dict[str, Any]] = [
        {
            "params": [one for name, one in peer.model.named_parameters() if name.endswith(spared) == free],
            "weight_decay": 0.0 if free else peer.recipe["weight_decay"],
        }
        for free in (False, True)
    ]
    optimiser = torch.optim.AdamW(groups, lr=peer.recipe["learning_rate"], eps=peer.recipe["epsilon"])
    schedule = get_linear_schedule_with_warmup(optimiser, int(peer.recipe["warmup"] * steps), steps)
    best, done, parts = float("-inf"), 0, peer.recipe["batch_size"] // MICRO
    for _ in range(peer.recipe["epochs"]):
        loader = DataLoader(tensors(train), batch_size=MICRO, shuffle=True)
        for number, batch in enumerate(loader, 1):
            peer.model.train()
            given = {name: one.to(peer.where) for name, one in zip(train.columns, batch, strict=True)}
            with autocast():
                loss = peer.model(**given).loss
            (loss / parts).backward()
            if number % parts and number < len(loader):
                continue
            nn.utils.clip_grad_norm_(peer.model.parameters(), peer.recipe["clip"])
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            done += 1
            if done % interval == 0 or done == steps:
                score = peer.dev(dev_rows, peer.decode(dev_rows, dev, logits_of(dev)))
                if score > best:
                    best = score
                    peer.model.save_pretrained(folder / "best")
    peer.model = peer.kind(folder / "best").to(peer.where)
    return peer.cell(logits_of, padded=True)
