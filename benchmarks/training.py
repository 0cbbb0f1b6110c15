"""Training: useful tokens a second against transformers.Trainer, and the share of the measured matrix-product peak.

Both sides train the same shape from the same kind of start, in the same precision, once over the same examples, whose
lengths are those of the family's data. Ours takes the recipe's batches (random order, sorted by length only inside a
batch). Trainer may group examples by length over the whole set, which pads less and changes which examples share a
batch; `padded` pads everything to the family's maximum, as the published code does.
"""

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import ceilings
from benchmarks.figure import Setting, main
from benchmarks.material import (
    CASES,
    Case,
    Opened,
    case_settings,
    encoder_config,
    flops_of_forward,
    open_case,
    quiet_transformers,
    settings_of,
)
from benchmarks.timing import Contest, Counts, Prepare, contest

STEPS = {"xnli": 16, "pawsx": 10, "udpos": 20, "squad": 4, "hellaswag": 4, "text": 24}  # about a second of work each
MICRO_TOKENS = 3072  # on a CPU, as in config/runs/demo.yaml; on a GPU the paper's configuration
GROWING = "xnli"


def measure(setting: Setting) -> dict[str, Any]:
    """Measure every family, then one of them at growing work."""
    rows = [row for case in CASES.values() for row in _rows(setting, case, _steps(setting, case, 1))]
    growth = []
    for times in setting.growth:
        steps = max(1, _steps(setting, CASES[GROWING], times) // 4)
        growth.append({"times": times, **contest(setting.on, _contest(setting, CASES[GROWING], steps, ("grouped",)))})
    return {"rows": rows, "growth": growth, "shape": case_shape(setting), "precision": ceilings.precision()}


def case_shape(setting: Setting) -> dict[str, int]:
    """Return the shape that all rows have."""
    from benchmarks.material import shape

    return shape(setting.smallest)


def _steps(setting: Setting, case: Case, times: int) -> int:
    return times * (1 if setting.smallest else STEPS[case.name])


def _contest(setting: Setting, case: Case, steps: int, peers: tuple[str, ...]) -> Contest:
    sides = {"ours": "benchmarks.training:ours"} | {peer: f"benchmarks.training:{peer}" for peer in peers}
    settings = case_settings(setting, case, steps * case.batch_size)
    settings |= {"scratch": str(setting.scratch), "smallest": setting.smallest}
    return Contest(case.name, "tokens", sides, settings)


def _rows(setting: Setting, case: Case, steps: int) -> list[dict[str, Any]]:
    """Return a case's row with its share of the peak, which is measured right before and after it.

    Padding to the maximum is several times the work, so it meets ours in a contest of its own with fewer steps.
    """
    peak = Contest(
        f"{case.name}: peak",
        "flops",
        {"ours": "benchmarks.ceilings:products"},
        {"precision": ceilings.precision(), "smallest": setting.smallest},
    )
    before = contest(setting.on, peak)
    row = contest(setting.on, _contest(setting, case, steps, ("grouped", "dynamic")))
    short = contest(setting.on, _contest(setting, case, max(1, steps // 4), ("padded",)))
    for part in ("sides", "ratio", "cpu_ratio", "absent"):
        row[part] |= {side: value for side, value in short[part].items() if side == "padded"}
    limit = max(contest(setting.on, peak)["sides"]["ours"]["rate"]["median"], before["sides"]["ours"]["rate"]["median"])
    row["family"] = case.family
    row["limit"] = {"flops_per_second": limit, "of": f"a product of square matrices in {ceilings.precision()}"}
    for side in row["sides"].values():
        side["share_of_limit"] = {
            key: side["counts"]["flops"] * rate / side["counts"]["tokens"] / limit for key, rate in side["rate"].items()
        }
    return [row]


def _work(opened: Opened, features: Any) -> Counts:
    """Return what one pass over the examples counts: sequences, useful tokens, and flops without padding."""
    from xstilts.families.features import lengths

    size = lengths(features)
    scored = round(0.15 * float(size.sum()))
    return {
        "tokens": float(size.sum()),
        "sequences": float(len(size)),
        "longest": float(size.max()),
        "flops": 3 * flops_of_forward(opened, size, scored),
    }


def ours(settings: dict[str, Any]) -> Prepare:
    """Train with this project's loop, from its own featurised examples to the best weights."""
    import numpy as np
    import torch

    from xstilts.modeling.fast_tokenizer import open_tokenizer
    from xstilts.modeling.model import build_model, device
    from xstilts.modeling.xlmr import XlmRoberta
    from xstilts.training.language_modelling import masking
    from xstilts.training.loop import Recipe, TrainingData, train

    opened = open_case(settings)
    case = opened.case
    features = opened.features()
    mask = masking(open_tokenizer(opened.folder)) if case.family == "mlm" else None
    heads = {} if case.family == "mlm" else {case.name: (case.family, opened.classes)}
    torch.manual_seed(0)
    encoder = XlmRoberta(encoder_config(opened), masked_lm=case.family == "mlm")
    model = build_model(encoder, heads, 0, ceilings.precision()).to(device())
    micro_tokens = MICRO_TOKENS if device().type == "cpu" else 16384
    recipe = Recipe(
        seed=1,
        learning_rate=1e-5,
        warmup=0.1,
        weight_decay=0.01,
        epsilon=1e-8,
        clip=1.0,
        evaluations=1,
        evaluate_every=10**9,
        micro_tokens=micro_tokens,
        checkpoint_minutes=60.0,
        precision=ceilings.precision(),
    )
    part = TrainingData(case.name, case.family, features, case.batch_size, 1, mask)
    counts = _work(opened, features)
    nowhere = Path(settings["scratch"], "no-checkpoints")

    def work() -> Counts:
        _, progress = train(model, [part], recipe, lambda _: {"score": 0.0}, nowhere, lambda _: None)
        assert progress.tokens == counts["tokens"] or case.family == "mlm"
        return counts | {"steps": float(progress.step), "loss": float(np.float64(progress.history[-1]["loss"]))}

    return lambda: work


def grouped(settings: dict[str, Any]) -> Prepare:
    """Train with Trainer: batches of about one length, padded to their own longest."""
    return _trainer(settings, "group_by_length", padded=False)


def dynamic(settings: dict[str, Any]) -> Prepare:
    """Train with Trainer: random batches, which is the recipe's rule, padded to their own longest."""
    return _trainer(settings, "random", padded=False)


def padded(settings: dict[str, Any]) -> Prepare:
    """Train with Trainer: random batches, padded to the family's maximum."""
    return _trainer(settings, "random", padded=True)


def _trainer(settings: dict[str, Any], sampling: str, padded: bool) -> Prepare:
    quiet_transformers()
    import torch
    from transformers import AutoTokenizer, PrinterCallback, Trainer, TrainingArguments

    opened = open_case(settings)
    case = opened.case
    counts = _work(opened, opened.features())
    tokenizer = AutoTokenizer.from_pretrained(opened.folder)
    longest = settings_of(case, opened.rows).max_length
    examples = trainer_examples(opened)
    torch.manual_seed(0)
    model = peer_model(opened)
    arguments = TrainingArguments(
        output_dir=str(Path(settings["scratch"], "trainer")),
        per_device_train_batch_size=case.batch_size,
        num_train_epochs=1,
        learning_rate=1e-5,
        warmup_steps=0.1,
        weight_decay=0.01,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        bf16=ceilings.precision() == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        train_sampling_strategy=sampling,
        length_column_name="length",
        dataloader_pin_memory=torch.cuda.is_available(),
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    pad: dict[str, Any] = {"padding": "max_length", "max_length": longest} if padded else {"padding": True}
    collate = _collator(case, tokenizer, pad)

    def prepare() -> Callable[[], Counts]:
        trainer = Trainer(model=model, args=arguments, train_dataset=examples, data_collator=collate)
        trainer.remove_callback(PrinterCallback)
        return partial(_run_trainer, trainer, counts)

    return prepare


def _run_trainer(trainer: Any, counts: Counts) -> Counts:
    done = trainer.train()
    return counts | {"steps": float(done.global_step), "loss": float(done.training_loss)}


def _collator(case: Case, tokenizer: Any, pad: dict[str, Any]) -> Any:
    from transformers import (
        DataCollatorForLanguageModeling,
        DataCollatorForMultipleChoice,
        DataCollatorForTokenClassification,
        DataCollatorWithPadding,
    )

    if case.family == "mlm":
        if "max_length" not in pad:
            return DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
        inner = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)

        def to_the_maximum(examples: list[dict[str, Any]]) -> Any:
            return inner([dict(tokenizer.pad(example, **pad)) for example in examples])

        return to_the_maximum
    kinds = {"tagging": DataCollatorForTokenClassification, "multiple_choice": DataCollatorForMultipleChoice}
    return kinds.get(case.family, DataCollatorWithPadding)(tokenizer, **pad)


def trainer_examples(opened: Opened) -> Any:
    """Return the case's examples as a ``datasets.Dataset``, the same tokens as in our features."""
    import numpy as np
    from datasets import Dataset

    features = opened.features()
    ids = [part.tolist() for part in np.split(features.input_ids, features.offsets[1:-1])]
    family = opened.case.family
    if family == "multiple_choice":
        bounds = np.append(np.flatnonzero(np.diff(features.example, prepend=-1)), len(ids))
        together = [ids[a:b] for a, b in itertools.pairwise(bounds)]
        return Dataset.from_dict(
            {
                "input_ids": together,
                "attention_mask": [[[1] * len(one) for one in choices] for choices in together],
                "label": features.targets["label"][bounds[:-1]].tolist(),
                "length": [max(map(len, choices)) for choices in together],
            }
        )
    columns: dict[str, Any] = {"input_ids": ids, "attention_mask": [[1] * len(one) for one in ids]}
    columns["length"] = list(map(len, ids))
    if family == "classification":
        columns["label"] = features.targets["label"].tolist()
    elif family == "tagging":
        columns["labels"] = [part.tolist() for part in np.split(features.targets["tag"], features.offsets[1:-1])]
    elif family == "span_qa":
        columns["start_positions"] = features.targets["start"].tolist()
        columns["end_positions"] = features.targets["end"].tolist()
    return Dataset.from_dict(columns)


def peer_model(opened: Opened) -> Any:
    """Return transformers' model of the case's shape, with its family's head."""
    import transformers

    heads = {
        "classification": transformers.XLMRobertaForSequenceClassification,
        "tagging": transformers.XLMRobertaForTokenClassification,
        "span_qa": transformers.XLMRobertaForQuestionAnswering,
        "multiple_choice": transformers.XLMRobertaForMultipleChoice,
        "mlm": transformers.XLMRobertaForMaskedLM,
        "retrieval": transformers.XLMRobertaModel,
    }
    labels = 2 if opened.case.family == "span_qa" else opened.classes
    config = transformers.XLMRobertaConfig(**encoder_config(opened), num_labels=labels)
    return heads[opened.case.family](config)


if __name__ == "__main__":
    main("training", measure)
