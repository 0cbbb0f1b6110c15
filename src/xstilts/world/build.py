"""Writes the world's data sets into a folder, in the file formats of the real ones.

What is held out. Names are dealt out to four roles (raw text and parallel pairs; English training; dev; test), and no
word of a name is in two roles, so no person, town or organisation of evaluation is met before, nor any fact about one.
Of the templates (which of two verbs for an event, which adjunct first, how a question is put) a fixed half tells
evaluation data only; what has no such choice (someone is in a state, and what that leads to) has no template held out.
Common nouns, verbs and adjectives are known from raw text, as the words of a language are; what everyone knows (a
horse is kept in a stable) is stated in raw text, but the facts that the dev questions of CommonsenseQA ask for are not
asked for in its training questions. `qaf` is in no text for training; a file of its letters in random order lets a
tokenizer know them, so that its words are not all unknown.

Raw text is no bare list of statements: some lines are dialogues (events, a question, its answer in a sentence), and in
some a sentence is confirmed, corrected or added to (indeed, rather, moreover). No line carries a label of a task, but
a reader learns from them what questions ask for and when two sentences agree; the report has to say so.

Translations of one another, row by row, are XNLI, PAWS-X, XQuAD, MLQA, UDPOS and PAN-X; TyDiQA is written anew in each
language. The training set of MNLI has translations too, for sources such as `mnli-qaa`. Retrieval pairs are told with
dev names (BUCC sample) and test names (BUCC training, Tatoeba). What XTREME-R adds is in ``xtreme_r``.
"""

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

from xstilts.world import xtreme_r
from xstilts.world.choices import cause, common, ending, knowledge_facts
from xstilts.world.clauses import Sentence
from xstilts.world.facts import sample_event, tell
from xstilts.world.folder import CONTROL, Files, World, WorldSettings
from xstilts.world.grammar import sentence
from xstilts.world.languages import Language, languages, latin_words
from xstilts.world.names import names_by_role
from xstilts.world.pairs import inference_pair, meaning_pair
from xstilts.world.reading import Passage, as_squad, read_passage
from xstilts.world.statements import LABELS, Pair, balanced, same_question
from xstilts.world.texts import tagged, told
from xstilts.world.unlabelled import write_retrieval, write_text_files


def build_world(settings: WorldSettings, folder: Path) -> dict[str, int]:
    """Write all data sets of the world under ``folder``; the same settings give the same bytes.

    Args:
        settings: seed, languages (English first) and sizes.
        folder: becomes a mirror folder (intermediate/, targets/, text/); existing files of these names are replaced.

    Returns:
        File name relative to ``folder`` -> number of rows, questions, sentences or lines.
    """
    spoken = languages(str(settings.seed))
    tongues = {code: spoken[code] for code in settings.languages}
    world = World(settings, Files(folder), tongues, names_by_role(str(settings.seed), latin_words(spoken)))
    for write in (
        _inference,
        _same_question,
        _same_meaning,
        _reading,
        _choices,
        _supertags,
        _tags,
        _names,
        write_retrieval,
        write_text_files,
        xtreme_r.choices,
        xtreme_r.answers,
        xtreme_r.mentions,
    ):
        write(world)
    return dict(sorted(world.files.counts.items()))


def _unique(pairs: Iterable[Pair], english: Language) -> list[tuple[str, str, str]]:
    return [(told(english, pair.first), told(english, pair.second), pair.label) for pair in pairs]


def inference_pairs(world: World, what: str, role: str, count: int, extra: int) -> list[Pair]:
    """Return the inference pairs of a data set's split (``what`` names its random state)."""
    rng = world.rng(f"{what}:{role}")
    labels = balanced(rng, LABELS, count)
    return [inference_pair(rng, world.names[role], label, role != "train", extra) for label in labels]


def _inference(world: World) -> None:
    english, files = world.tongues["en"], world.files
    translated: list[Pair] = []
    for name, extra, splits in (
        ("mnli/multinli_1.0", 1, (("train", "train"), ("dev", "dev_matched"))),
        ("snli/snli_1.0", 0, (("train", "train"), ("dev", "dev"), ("test", "test"))),
    ):
        for role, split in splits:
            pairs = inference_pairs(world, name, role, world.size(role, True), extra)
            translated = translated or pairs  # MNLI's training set
            files.jsonl(
                f"intermediate/{name}_{split}.jsonl",
                (
                    {
                        "gold_label": label,
                        "sentence1": a,
                        "sentence2": b,
                        "promptID": f"{row}",
                        "pairID": f"{row}{label[0]}",
                    }
                    for row, (a, b, label) in enumerate(_unique(pairs, english))
                ),
            )
    for code, language in world.tongues.items():
        if code not in ("en", CONTROL):
            files.jsonl(
                f"intermediate/translated/mnli/{code}/multinli_1.0_train.jsonl",
                (
                    {"gold_label": pair.label, "sentence1": told(language, pair.first)}
                    | {"sentence2": told(language, pair.second)}
                    for pair in translated
                ),
            )
    for number, extra in (("R1", 1), ("R2", 2), ("R3", 3)):
        for role in ("train", "dev"):
            pairs = inference_pairs(world, f"anli{number}", role, world.size(role, True) // 3, extra)
            files.jsonl(
                f"intermediate/anli/{number}/{role}.jsonl",
                (
                    {"uid": f"{number}-{role}-{row}", "context": a, "hypothesis": b, "label": label[0]}
                    for row, (a, b, label) in enumerate(_unique(pairs, english))
                ),
            )
    for role in ("dev", "test"):
        pairs = inference_pairs(world, "xnli", role, world.size(role), 1)
        for code, language in world.tongues.items():
            rows = [f"{told(language, p.first)}\t{told(language, p.second)}" for p in pairs]
            if role == "dev":
                rows = [f"{row}\t{pair.label}" for row, pair in zip(rows, pairs, strict=True)]
            files.lines(f"targets/xnli/{role}-{code}.tsv", rows, "\r\n")
        if role == "test":
            files.lines("targets/xnli/test-labels.tsv", (pair.label for pair in pairs))


def _same_question(world: World) -> None:
    for role in ("train", "dev"):
        rng = world.rng(f"qqp:{role}")
        rows = ["id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"]
        for row, label in enumerate(balanced(rng, ("0", "1"), world.size(role, True))):
            pair = same_question(rng, world.names[role], label, role != "train")
            first, second = (told(world.tongues["en"], side) for side in (pair.first, pair.second))
            rows.append(f"{row}\t{2 * row}\t{2 * row + 1}\t{first}\t{second}\t{label}")
        world.files.lines(f"intermediate/qqp/{role}.tsv", rows)
        world.files.counts[f"intermediate/qqp/{role}.tsv"] -= 1


def _same_meaning(world: World) -> None:
    for role in ("train", "dev", "test"):
        rng = world.rng(f"pawsx:{role}")
        labels = balanced(rng, ("0", "1"), world.size(role))
        pairs = [meaning_pair(rng, world.names[role], label, role != "train") for label in labels]
        for code, language in world.tongues.items():
            if role == "train" and code != "en":
                continue
            rows = [f"{told(language, pair.first)}\t{told(language, pair.second)}" for pair in pairs]
            if role == "test":
                world.files.lines(f"targets/pawsx/test-labels.{code}.tsv", labels)
            else:
                rows = [f"{row}\t{label}" for row, label in zip(rows, labels, strict=True)]
            world.files.lines(f"targets/pawsx/{role}-{code}.tsv", rows, "\r\n")


def passages(world: World, what: str, role: str, questions: int, unanswerable: float = 0.0) -> list[Passage]:
    """Return passages with ``questions`` questions in all, two or three a passage."""
    rng = world.rng(f"{what}:{role}")
    found: list[Passage] = []
    missing = questions
    while missing:
        asked = min(missing, rng.randrange(2, 4))
        found.append(read_passage(rng, world.names[role], role != "train", rng.randrange(3, 6), asked, unanswerable))
        missing -= asked
    return found


def _paragraphs(language: Language, found: list[Passage], prefix: str, flags: bool = False) -> list[dict[str, Any]]:
    done, paragraphs = 0, []
    for passage in found:
        ids = [f"{prefix}-{done + place}" for place in range(len(passage.questions))]
        done += len(ids)
        paragraphs.append(as_squad(language, passage, ids, flags))
    return paragraphs


def _reading(world: World) -> None:
    english, files = world.tongues["en"], world.files
    for name, version, share in (("squad", "1.1", 0.0), ("squad_v2", "v2.0", 0.33)):
        for role in ("train", "dev"):
            found = passages(world, name, role, world.size(role, True), share)
            paragraphs = _paragraphs(english, found, f"{name}-{role}", flags=share > 0)
            files.squad(f"intermediate/{name}/{role}-v{version.strip('v')}.json", version, paragraphs)
    xquad = passages(world, "xquad", "test", world.size("test"))
    for code, language in world.tongues.items():
        files.squad(f"targets/xquad/xquad.{code}.json", "1.1", _paragraphs(language, xquad, "xquad"))
    for role in ("dev", "test"):
        mlqa = passages(world, "mlqa", role, world.size(role))
        for code, language in world.tongues.items():
            name = f"targets/mlqa/MLQA_V1/{role}/{role}-context-{code}-question-{code}.json"
            files.squad(name, "1.0", _paragraphs(language, mlqa, f"mlqa-{role}"))
    for role, split in (("train", "train"), ("test", "dev")):
        for code, language in world.tongues.items():
            if role == "train" and code != "en":
                continue
            found = passages(world, f"tydiqa:{code}", role, world.size(role))
            name = f"targets/tydiqa/tydiqa-goldp-v1.1-{split}/tydiqa.goldp.{code}.{split}.json"
            files.squad(name, "1.1", _paragraphs(language, found, f"{code}-{split}"))


def _choices(world: World) -> None:
    english, files = world.tongues["en"], world.files
    facts = knowledge_facts()
    world.rng("commonsenseqa").shuffle(facts)
    asked = {"train": facts[len(facts) // 3 :], "dev": facts[: len(facts) // 3]}
    for role in ("train", "dev"):
        count, held = world.size(role, True), role != "train"
        rng = world.rng(f"hellaswag:{role}")
        rows = []
        for row in range(count):
            item = ending(rng, english, world.names[role], held)
            rows.append(
                {"ind": row, "ctx_a": item.context, "ctx_b": item.prompt, "ctx": f"{item.context} {item.prompt}"}
                | {"endings": item.choices, "label": item.label}
            )
        files.jsonl(f"intermediate/hellaswag/hellaswag_{'val' if held else role}.jsonl", rows)
        rng = world.rng(f"cosmosqa:{role}")
        lines = ["id,context,question,answer0,answer1,answer2,answer3,label"]
        for row in range(count):
            item = cause(rng, english, world.names[role], held)
            lines.append(f"{role}-{row},{','.join((item.context, item.prompt, *item.choices))},{item.label}")
        files.lines(f"intermediate/cosmosqa/{'valid' if held else role}.csv", lines)
        files.counts[f"intermediate/cosmosqa/{'valid' if held else role}.csv"] -= 1
        rng = world.rng(f"commonsenseqa:{role}")
        rows = []
        for row in range(count):
            fact = rng.choice(asked[role])
            item = common(rng, fact, held)
            choices = [{"label": label, "text": text} for label, text in zip("ABCDE", item.choices, strict=True)]
            question = {"question_concept": fact[1], "choices": choices, "stem": item.prompt}
            rows.append({"answerKey": "ABCDE"[item.label], "id": f"{role}-{row}", "question": question})
        files.jsonl(f"intermediate/commonsenseqa/{role}_rand_split.jsonl", rows)


def _tagged(world: World, what: str, role: str, count: int) -> list[Sentence]:
    rng = world.rng(f"{what}:{role}")
    return [tagged(rng, world.names[role], role != "train") for _ in range(count)]


def _supertags(world: World) -> None:
    for role in ("train", "dev"):
        found = _tagged(world, "ccg", role, world.size(role, True))
        told_in_english = [sentence(world.tongues["en"], item) for item in found]
        world.files.words(f"intermediate/ccg/{role}.tsv", told_in_english, "supertag")


def _tags(world: World) -> None:
    for name, role in product(("udpos", "udpos27"), ("train", "dev", "test")):
        found = _tagged(world, name, role, world.size(role))
        for code, language in world.tongues.items():
            if role != "train" or code == "en":
                tokens = [sentence(language, item) for item in found]
                world.files.words(f"targets/{name}/{role}-{code}.tsv", tokens, "upos")


def _names(world: World) -> None:
    for role in ("train", "dev", "test"):
        rng = world.rng(f"panx:{role}")
        names = world.names[role]
        events = [sample_event(rng, names, adjuncts=0.6) for _ in range(world.size(role))]
        clauses = [tell(rng, event, role != "train", adverb=0.2) for event in events]
        for code, language in world.tongues.items():
            if role != "train" or code == "en":
                tokens = [sentence(language, clause) for clause in clauses]
                world.files.words(f"targets/panx/{code}/{role}", tokens, "name", f"{code}:")
