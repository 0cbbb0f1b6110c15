"""Prediction: examples a second, from texts to answers, against a loop over batches of one length and a pipeline.

The loop is what a careful user writes with transformers: tokenise, sort by length, pad each batch to its longest, put
the answers back in order. `pipeline` is transformers' own; for answers and choices it has none.
"""

import importlib
from collections.abc import Callable
from typing import Any

from benchmarks import ceilings
from benchmarks.figure import Setting, main
from benchmarks.material import (
    CASES,
    LENGTHS,
    Case,
    Opened,
    case_settings,
    encoder_config,
    labels_of,
    open_case,
    quiet_transformers,
    rows_of,
    settings_of,
    shape,
    tokenizer_folder,
    write_rows,
)
from benchmarks.timing import Contest, Counts, Prepare, contest
from benchmarks.training import MICRO_TOKENS, peer_model

EXAMPLES = {"xnli": 400, "udpos": 600, "squad": 80, "hellaswag": 100, "tatoeba": 800}  # about a second of work each
RETRIEVAL = Case("tatoeba", "", "retrieval", 0)
BATCH = 32  # sequences of the peers' batches
BEST = 20  # starts and ends that the peer's search for an answer combines, as in the public code
NO_PIPELINE = {"span_qa": "question-answering", "multiple_choice": "multiple-choice"}


def measure(setting: Setting) -> dict[str, Any]:
    """Measure each family, then one of them at growing work."""
    rows = []
    for name in EXAMPLES:
        row = contest(setting.on, _contest(setting, name, 1, ("loop", "pipeline")))
        rows.append({**row, "family": (CASES.get(name) or RETRIEVAL).family})
    growth = [
        {"times": times, **contest(setting.on, _contest(setting, "xnli", times / 4, ("loop",)))}
        for times in setting.growth
    ]
    return {"rows": rows, "growth": growth, "shape": shape(setting.smallest), "precision": ceilings.precision()}


def _contest(setting: Setting, name: str, times: float, peers: tuple[str, ...]) -> Contest:
    wanted = 8 if setting.smallest else round(EXAMPLES[name] * times)
    settings = _retrieval(setting, wanted) if name == "tatoeba" else case_settings(setting, CASES[name], wanted)
    sides = {"ours": "benchmarks.prediction:ours"} | {peer: f"benchmarks.prediction:{peer}" for peer in peers}
    return Contest(name, "examples", sides, settings)


def _retrieval(setting: Setting, wanted: int) -> dict[str, Any]:
    language = "fr" if setting.mirror else "qaa"
    rows = rows_of(setting, "tatoeba", language, "test", wanted)
    return {
        "case": vars(RETRIEVAL),
        "rows": write_rows(setting, f"tatoeba-{wanted}", rows),
        "tokenizer": str(tokenizer_folder(setting)),
        "shape": shape(setting.smallest),
        "classes": 1,
    }


def ours(settings: dict[str, Any]) -> Prepare:
    """Predict with this project's featuriser, packed forward passes and decoder."""
    import torch

    from xstilts.modeling.encoder import retrieval_layer
    from xstilts.modeling.fast_tokenizer import open_tokenizer
    from xstilts.modeling.model import build_model, device
    from xstilts.modeling.xlmr import XlmRoberta
    from xstilts.prediction.forward import embeddings, outputs

    opened = open_case(settings)
    case = opened.case
    module = importlib.import_module(f"xstilts.families.{case.family}")
    tokenizer, chosen = open_tokenizer(opened.folder), settings_of(case, opened.rows)
    heads = {} if case.family == "retrieval" else {case.name: (case.family, opened.classes)}
    torch.manual_seed(0)
    model = build_model(XlmRoberta(encoder_config(opened), False), heads, 0, ceilings.precision()).to(device())
    micro_tokens = MICRO_TOKENS if device().type == "cpu" else 16384
    layer = retrieval_layer(model.encoder.depth)

    def work() -> Counts:
        features = module.featurise(opened.rows, tokenizer, chosen)
        if case.family == "retrieval":
            raw = list(embeddings(model, features, layer, micro_tokens))
        else:
            raw = outputs(model, case.name, case.family, features, micro_tokens)
        found = module.decode(raw, features, opened.rows, chosen)
        return {
            "examples": float(len(found)),
            "sequences": float(len(features)),
            "tokens": float(len(features.input_ids)),
        }

    return lambda: work


def loop(settings: dict[str, Any]) -> Prepare:
    """Predict with transformers in batches of about one length."""
    import torch

    opened, tokenizer, model, where, autocast = _peer(settings)
    decode = {"span_qa": _answers, "tagging": _tags, "multiple_choice": _choices}.get(opened.case.family, _first)
    longest = LENGTHS[opened.case.family]

    @torch.inference_mode()
    def work() -> Counts:
        encoded = _encode(opened, tokenizer, longest)
        ids = encoded["input_ids"]
        order = sorted(range(len(ids)), key=lambda place: -len(ids[place]))
        raw: list[Any] = [None] * len(ids)
        for start in range(0, len(order), BATCH):
            members = order[start : start + BATCH]
            batch = tokenizer.pad({"input_ids": [ids[place] for place in members]}, return_tensors="pt").to(where)
            with autocast():
                rows = _forward(opened, model, batch)
            for place, row in zip(members, rows.float().cpu().numpy(), strict=True):
                raw[place] = row[: len(ids[place])]
        found = decode(raw, encoded, opened)
        return {"examples": float(len(found)), "sequences": float(len(ids)), "tokens": float(sum(map(len, ids)))}

    return lambda: work


def _peer(settings: dict[str, Any]) -> tuple[Opened, Any, Any, Any, Callable[[], Any]]:
    """Return the case with transformers' tokenizer and model for it, its device and the context of a forward pass."""
    quiet_transformers()
    import torch
    from transformers import AutoTokenizer

    opened = open_case(settings)
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    model = peer_model(opened).to(where).eval()
    half = ceilings.precision() == "bfloat16"
    return (
        opened,
        AutoTokenizer.from_pretrained(opened.folder),
        model,
        where,
        lambda: torch.autocast(where.type, dtype=torch.bfloat16, enabled=half),
    )


def _encode(opened: Opened, tokenizer: Any, longest: int) -> Any:
    rows, family = opened.rows, opened.case.family
    cut = {"truncation": True, "max_length": longest}
    if family == "classification":
        return tokenizer([row["text_a"] for row in rows], [row["text_b"] for row in rows], **cut)
    if family == "tagging":
        return tokenizer([row["tokens"] for row in rows], is_split_into_words=True, **cut)
    if family == "multiple_choice":
        prompts = [row["prompt"] for row in rows for _ in row["choices"]]
        return tokenizer(prompts, [choice for row in rows for choice in row["choices"]], **cut)
    if family == "span_qa":
        return tokenizer(
            [row["question"] for row in rows],
            [row["context"] for row in rows],
            truncation="only_second",
            max_length=longest,
            stride=longest - LENGTHS["max_query"] - 4 - LENGTHS["doc_stride"],  # here: what two windows share
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
    return tokenizer([row["text"] for row in rows], **cut)


def _forward(opened: Opened, model: Any, batch: Any) -> Any:
    """Return [sequences, outputs], or [sequences, tokens, outputs] where every token has some."""
    import torch

    from xstilts.modeling.encoder import retrieval_layer

    family = opened.case.family
    if family == "retrieval":
        layer = retrieval_layer(opened.shape["layers"])
        states = model(**batch, output_hidden_states=True).hidden_states[layer]
        mask = batch["attention_mask"][:, :, None]
        return (states.float() * mask).sum(1) / mask.sum(1)
    if family == "multiple_choice":  # one choice a row: choices of a question need not share a batch
        return model(**{name: values[:, None] for name, values in batch.items()}).logits
    found = model(**batch)
    if family == "span_qa":
        return torch.stack([found.start_logits, found.end_logits], dim=2)
    return found.logits


def _first(raw: list[Any], encoded: Any, opened: Opened) -> list[Any]:
    if opened.case.family == "retrieval":
        return raw
    labels = labels_of(opened.case, opened.rows)
    return [labels[int(row.argmax())] for row in raw]


def _tags(raw: list[Any], encoded: Any, opened: Opened) -> list[list[str]]:
    labels = labels_of(opened.case, opened.rows)
    found = []
    for number, logits in enumerate(raw):
        best, tags, last = logits.argmax(axis=1), [], None
        for place, word in enumerate(encoded.word_ids(number)):
            if word is not None and word != last:
                tags.append(labels[best[place]])
            last = word
        found.append(tags)
    return found


def _choices(raw: list[Any], encoded: Any, opened: Opened) -> list[int]:
    found, start = [], 0
    for row in opened.rows:
        scores = [float(one[0]) for one in raw[start : start + len(row["choices"])]]
        found.append(scores.index(max(scores)))
        start += len(row["choices"])
    return found


def _answers(raw: list[Any], encoded: Any, opened: Opened) -> dict[str, str]:
    """Return the best span of each question among the best starts and ends of its windows."""
    import numpy as np

    best: dict[int, tuple[float, str]] = {}
    for number, logits in enumerate(raw):
        row = encoded["overflow_to_sample_mapping"][number]
        owner, offsets = encoded.sequence_ids(number), encoded["offset_mapping"][number]
        for start in np.argsort(-logits[:, 0])[:BEST].tolist():
            for end in np.argsort(-logits[:, 1])[:BEST].tolist():
                if owner[start] != 1 or owner[end] != 1 or not start <= end < start + 30:
                    continue
                score = float(logits[start, 0] + logits[end, 1])
                if row not in best or score > best[row][0]:
                    best[row] = (score, opened.rows[row]["context"][offsets[start][0] : offsets[end][1]])
    return {row["id"]: best.get(number, (0.0, ""))[1] for number, row in enumerate(opened.rows)}


def pipeline(settings: dict[str, Any]) -> Prepare:
    """Predict with ``transformers.pipeline``."""
    import transformers

    family = settings["case"]["family"]
    if family in NO_PIPELINE:
        raise LookupError(f"transformers {transformers.__version__} has no pipeline for {NO_PIPELINE[family]}")
    opened, tokenizer, model, where, autocast = _peer(settings)
    task = {"classification": "text-classification", "tagging": "token-classification"}.get(
        family, "feature-extraction"
    )
    pipe = transformers.pipeline(task, model=model, tokenizer=tokenizer, device=where, batch_size=BATCH)
    tokenizer.model_max_length = LENGTHS[family]
    texts: list[Any] = [row.get("text") or " ".join(row.get("tokens", ())) for row in opened.rows]
    arguments: dict[str, Any] = {}
    if family == "classification":
        texts = [{"text": row["text_a"], "text_pair": row["text_b"]} for row in opened.rows]
        arguments = {"truncation": True, "max_length": LENGTHS[family]}
    elif family == "retrieval":
        arguments = {"return_tensors": True, "truncation": True}

    def work() -> Counts:
        with autocast():
            found = pipe(texts, **arguments)
        if family == "retrieval":
            found = [states[0].float().mean(0).numpy() for states in found]
        return {"examples": float(len(found))}

    return lambda: work


if __name__ == "__main__":
    main("prediction", measure)
