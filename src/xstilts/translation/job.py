"""The training split of a data set in another language, as an artifact like the ones that are read from files."""

from pathlib import Path
from typing import Any

from xstilts.artifacts import WORK, Manifest, Product, seal
from xstilts.console import say
from xstilts.data.rows.purity import check_english
from xstilts.errors import DataError
from xstilts.files import read_jsonl, read_object, write_json, write_jsonl
from xstilts.translation.rows import translated, wanted

CHUNK = 4096  # texts that a job which is stopped may have to translate again


def translate_dataset(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Translate the English training rows of a data set: same ids, labels and order, another language.

    Args:
        folder: the artifact; finished chunks stand in its work folder until all are there.
        spec: its ``settings`` hold dataset, family, language, prefix, start, beams and micro_tokens.
        inputs: ``translator``, and the English data set.

    Returns:
        A product with the rows and, of questions, how many were lost with their answers; one with a reason when there
        is no English data.

    Raises:
        UserError: the model translates another way than it is known to.
    """
    settings = spec["settings"]
    english = inputs[f"{settings['dataset']}/en"]
    if english.reason:
        return Product(reason=english.reason)
    for found in inputs.values():
        found.check()
    rows = read_jsonl(english.folder / "train.jsonl")
    check_english(rows, settings["dataset"])
    family, language = settings["family"], settings["language"]
    texts = sorted({text for row in rows for text in wanted(row, family)}, key=lambda text: (len(text), text))
    translator = inputs["translator"]
    made = _in_chunks(texts, settings, translator.folder, translator.results["weights"], folder / WORK)
    known = dict(zip(texts, made, strict=True))
    done = [row for one in rows if (row := translated(one, family, language, known)) is not None]
    if not done:
        return Product(reason=f"{settings['dataset']} in {language}: no answer survived the translation")
    write_jsonl(folder / "train.jsonl", done)
    counts = {"rows": {"train": len(done)}, "labelled": {"train": len(done)}, "evaluate": []}
    return Product(
        ["train.jsonl"], counts | {"texts": len(texts), "lost": len(rows) - len(done)}, relied_on=("evaluate",)
    )


def _in_chunks(texts: list[str], settings: dict[str, Any], translator: Path, weights: str, work: Path) -> list[str]:
    """Return the translations; a chunk that an earlier, stopped job has finished is read, a damaged one made again."""
    found: list[str] = []
    model = None
    for number, begin in enumerate(range(0, len(texts), CHUNK)):
        chunk, path = texts[begin : begin + CHUNK], work / f"{number:06d}.json"
        made = _finished(path)
        if made is None:
            from xstilts.translation.known import check_known
            from xstilts.translation.model import open_translator, translate

            if model is None:
                how = {name: settings[name] for name in ("prefix", "start", "beams", "micro_tokens")}
                model = open_translator(translator, **how)
                check_known(model, weights)
            made = translate(chunk, model)
            content: dict[str, Any] = {"translations": made}
            write_json(path, content | {"seal": seal(content)})
            say(f"{begin + len(chunk)} of {len(texts)} texts")
        found += made
    return found


def _finished(path: Path) -> list[str] | None:
    """Return the translations of a chunk that is finished, None where it is not there or not as it was written."""
    if not path.is_file():
        return None
    try:
        content = read_object(path, "translations", "seal")
        if seal(content) != content["seal"]:
            raise DataError(path, "content that does not fit its seal", "translations as they were written")
    except DataError as error:
        say(f"{error}; these texts are translated again")
        return None
    made: list[str] = content["translations"]
    return made
