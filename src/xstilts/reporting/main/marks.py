"""The footnotes and sentences that a run's tables carry: exceptions to the zero-shot rule, and what was left out."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

NAMED = 12  # settings that differ from the recipe's and are named below a table
GENERATED = "Generated languages: these are not the paper's numbers."
BUCC = "the threshold is tuned on dev in each language, as the benchmark does: labelled pairs of that language are used"
XCOPA = (
    "100 items a language on val and 500 on test, as published: what is pooled over languages carries claims, not one "
    "language"
)
AFTER_SQUAD = "the encoder after SQuAD, as XTREME-R scores it; tatoeba is the encoder as it is, XTREME's protocol"
SHUFFLED = "control: labels permuted, so that its source learns nothing"
MLM_ENGLISH = "control: masked language modelling on English text, as many steps as mnli"
WITH_MLM = "masked language modelling on raw text of the evaluated languages was part of the training"
TEXT_LENGTHS = {
    "labelled": "Rows with +mlm: as many labelled steps as the row without it, steps on raw text beside them.",
    "capped": "Rows with +mlm: the labelled set counts 131,072 examples at most, so a larger one gets fewer labelled "
    "steps than in the row without it.",
}
TRANSLATED = "trained on machine-translated labelled data"
TUNED = "no intermediate training; the learning rate of each target was chosen on English dev"


def standard_marks(
    sources: Sequence[str],
    translated: Collection[str] = (),
    with_text: Collection[str] = (),
    contaminated: Mapping[tuple[str, str], str] | None = None,
) -> dict[tuple[str, str], str]:
    """Return the footnotes of a run as ``build_main_table`` takes them: (source, task), ``*`` for any, to a sentence.

    Args:
        sources: the rows of the table.
        translated: the sources that are trained on translated data, at the end or before.
        with_text: those that are trained on raw text too.
        contaminated: (source, task) to a sentence, where what is evaluated was trained on: XNLI after its own
            translations, XQuAD after articles of SQuAD dev.
    """
    marks = {("*", "bucc2018"): BUCC, ("*", "xcopa"): XCOPA, ("*", "tatoeba_squad"): AFTER_SQUAD}
    for source in sources:
        if source.endswith("-shuffled"):
            marks[source, "*"] = SHUFFLED
        elif source == "mlm-en":
            marks[source, "*"] = MLM_ENGLISH
        elif source == "none-tuned":
            marks[source, "*"] = TUNED
        elif source in with_text:
            marks[source, "*"] = f"{WITH_MLM}; {TRANSLATED}" if source in translated else WITH_MLM
        elif source in translated:
            marks[source, "*"] = TRANSLATED
    return marks | dict(contaminated or {})


def recipe_sentence(settings: Mapping[str, Any]) -> str:
    """Return the sentence that names a run's recipe below its tables, and what the run changed of it."""
    recipe, changed = settings["recipe"], settings["changed"]
    name = recipe.partition(",")[0]
    if not changed:
        return f"Recipe: {recipe}." if name == "paper" else f"Recipe: {recipe}, whose settings are not the paper's."
    more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
    other = "" if name == "paper" else f" The settings of {name} are not the paper's."
    return f"Recipe: {recipe}: {', '.join(changed[:NAMED])}{more}.{other}"


def blocks_remarks(settings: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each encoder of which a run took the first blocks alone."""
    return [f"{model} is the first {layers} blocks of its encoder." for model, layers in settings["layers"].items()]


def vectors_in_words(vectors: Mapping[str, Any]) -> str:
    """Return how a sentence becomes a vector, and how two are compared (``retrieval`` of the configuration)."""
    layer = vectors["layer"]
    depth = {None: "14 of 24 blocks, or as deep in another encoder", "last": "the last block"}.get(
        layer, f"block {layer}"
    )
    pooled = f"{'mean over tokens' if vectors['pooling'] == 'mean' else 'first token'} after {depth}"
    before = f", {json.dumps(vectors['prefix'], ensure_ascii=False)} before each sentence" if vectors["prefix"] else ""
    return f"{pooled}{before}, compared by {'cosine' if vectors['normalise'] else 'inner product'}"


def vectors_remarks(settings: Mapping[str, Any]) -> list[str]:
    """Return the sentence about a run's sentence vectors, none in a run without retrieval."""
    vectors = settings["retrieval"]
    whose = "as in the paper" if vectors and vectors["paper"] else "not the paper's"
    return [f"Sentence vectors of BUCC and Tatoeba ({whose}): {vectors_in_words(vectors)}."] if vectors else []


def selection_remarks(chosen: Sequence[str]) -> list[str]:
    """Return the sentence about scored examples that chose checkpoints too, none where there are none."""
    if not chosen:
        return []
    which = "; ".join(chosen)
    return [f"Checkpoints were chosen on examples that are scored here (selection.recipe: clean avoids it): {which}."]


def standard_remarks(
    mixtures: Mapping[str, Sequence[str]],
    left_out: Mapping[str, Mapping[str, str]],
    limit: int | None,
    generated: bool,
    text_length: str | None = None,
) -> list[str]:
    """Return the sentences below a run's main tables.

    Args:
        mixtures: sources of several tasks (``multi``) to the training sets that they were trained on.
        left_out: the same sources to training sets that they lack, each with its reason.
        limit: the first N examples a language and split that were evaluated, None for all.
        generated: the run is on generated languages.
        text_length: how long sources with raw text train (``intermediate.mlm.length``), None without such.
    """
    remarks = []
    if generated:
        remarks.append(GENERATED)
    for source, names in mixtures.items():
        lacking = "; ".join(f"without {name}: {why}" for name, why in left_out.get(source, {}).items())
        remarks.append(f"{source} was trained on {', '.join(names)}{f' ({lacking})' if lacking else ''}.")
    if text_length:
        remarks.append(TEXT_LENGTHS[text_length])
    if limit:
        remarks.append(f"Evaluated on the first {limit} examples of each language and split, by a hash of their ids.")
    return remarks
