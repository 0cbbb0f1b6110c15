"""The footnotes and sentences that a run's tables carry: exceptions to the zero-shot rule, and what was left out."""

from collections.abc import Collection, Mapping, Sequence

GENERATED = "Generated languages: these are not the paper's numbers."
BUCC = "the threshold is tuned on dev in each language, as the benchmark does: labelled pairs of that language are used"
SHUFFLED = "control: labels permuted"
MLM_ENGLISH = "control: masked language modelling on English text, as many steps as mnli"
WITH_MLM = "masked language modelling on raw text of the evaluated languages was part of the training"
TRANSLATED = "trained on machine-translated labelled data"
TUNED = "no intermediate training; the learning rate of each target was chosen on English dev"


def standard_marks(
    sources: Sequence[str], translated: Collection[str] = (), contaminated: Mapping[tuple[str, str], str] | None = None
) -> dict[tuple[str, str], str]:
    """Return the footnotes of a run as ``build_main_table`` takes them: (source, task), ``*`` for any, to a sentence.

    Args:
        sources: the rows of the table.
        translated: the sources that are trained on translated data.
        contaminated: (source, task) to a sentence, where what is evaluated was trained on: XNLI after its own
            translations, XQuAD after articles of SQuAD dev.
    """
    marks = {("*", "bucc2018"): BUCC}
    for source in sources:
        if source.endswith("-shuffled"):
            marks[source, "*"] = SHUFFLED
        elif source == "mlm-en":
            marks[source, "*"] = MLM_ENGLISH
        elif source == "none-tuned":
            marks[source, "*"] = TUNED
        elif source.endswith("+mlm"):
            marks[source, "*"] = f"{WITH_MLM}; {TRANSLATED}" if source in translated else WITH_MLM
        elif source in translated:
            marks[source, "*"] = TRANSLATED
    return marks | dict(contaminated or {})


def recipe_sentence(recipe: str) -> str:
    """Return the sentence that names a run's recipe below its main tables."""
    return f"Recipe: {recipe}." if recipe == "paper" else f"Recipe: {recipe}, whose settings are not the paper's."


def standard_remarks(
    mixtures: Mapping[str, Sequence[str]],
    left_out: Mapping[str, Mapping[str, str]],
    limit: int | None,
    generated: bool,
) -> list[str]:
    """Return the sentences below a run's main tables.

    Args:
        mixtures: sources of several tasks (``multi``) to the training sets that they were trained on.
        left_out: the same sources to training sets that they lack, each with its reason.
        limit: the first N examples a language and split that were evaluated, None for all.
        generated: the run is on generated languages.
    """
    remarks = []
    if generated:
        remarks.append(GENERATED)
    for source, names in mixtures.items():
        lacking = "; ".join(f"without {name}: {why}" for name, why in left_out.get(source, {}).items())
        remarks.append(f"{source} was trained on {', '.join(names)}{f' ({lacking})' if lacking else ''}.")
    if limit:
        remarks.append(f"Evaluated on the first {limit} examples of each language and split, by a hash of their ids.")
    return remarks
