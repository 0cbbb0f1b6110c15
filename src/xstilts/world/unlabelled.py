"""What has no labels: pairs for retrieval, and the text that encoders and tokenizers learn from."""

from collections.abc import Iterable

from xstilts.world.clauses import Line
from xstilts.world.facts import sample_event, tell
from xstilts.world.folder import CONTROL, World
from xstilts.world.languages import Language
from xstilts.world.names import spell
from xstilts.world.texts import line, told


def _singles(world: World, what: str, role: str, count: int) -> list[Line]:
    """Draw ``count`` different single events: the sentences of retrieval."""
    rng = world.rng(f"{what}:{role}")
    found: dict[Line | str, Line] = {}
    while len(found) < count:
        item: Line = [tell(rng, sample_event(rng, world.names[role], adjuncts=0.6), True, adverb=0.15)]
        found.setdefault(told(world.tongues["en"], item), item)
    return list(found.values())


def write_retrieval(world: World) -> None:
    """Write the sentences of BUCC and Tatoeba."""
    settings, files, english = world.settings, world.files, world.tongues["en"]
    for code, language in world.tongues.items():
        if code == "en":
            continue
        for role, split in (("dev", "sample"), ("test", "training")):
            count, extra = settings.retrieval, settings.distractors
            found = _singles(world, f"bucc2018:{code}", role, count + 2 * extra)
            rng = world.rng(f"bucc2018:{code}:{role}:order")
            sides = {code: found[: count + extra], "en": [*found[:count], *found[count + extra :]]}
            ids: dict[str, list[str]] = {}
            for side, told_in in ((code, language), ("en", english)):
                places = list(range(1, len(sides[side]) + 1))
                rng.shuffle(places)
                ids[side] = [f"{side}-{place:06d}" for place in places]
                rows = sorted(
                    f"{name}\t{told(told_in, item)}" for name, item in zip(ids[side], sides[side], strict=True)
                )
                files.lines(f"targets/bucc2018/{code}-en/{code}-en.{split}.{side}", rows)
            gold = [f"{foreign}\t{native}" for foreign, native in zip(ids[code], ids["en"], strict=True)][:count]
            files.lines(f"targets/bucc2018/{code}-en/{code}-en.{split}.gold", sorted(gold))
        pairs = _singles(world, f"tatoeba:{code}", "test", settings.retrieval)
        files.lines(f"targets/tatoeba/v1/tatoeba.{code}-eng.{code}", (told(language, item) for item in pairs))
        files.lines(f"targets/tatoeba/v1/tatoeba.{code}-eng.eng", (told(english, item) for item in pairs))


def _letters(world: World, language: Language) -> Iterable[str]:
    """Shuffle the letters of a language into lines without words: a tokenizer can learn the letters, and no more."""
    rng = world.rng(f"letters:{language.code}")
    letters = [spell(language.sounds.script, (syllable,)) for syllable in language.sounds.syllables()]
    letters += [*language.digits, language.stop, language.mark]
    for _ in range(world.settings.text // 100):
        yield " ".join(rng.sample(letters, len(letters)))


def write_text_files(world: World) -> None:
    """Write raw text in every language, and text in parallel with English."""
    settings, names = world.settings, world.names["text"]
    for code, language in world.tongues.items():
        if code == CONTROL:
            world.files.lines(f"text/world/tokenizer-{code}.txt", _letters(world, language))
            continue
        rng = world.rng(f"text:{code}")
        world.files.lines(f"text/world/{code}.txt", (told(language, line(rng, names)) for _ in range(settings.text)))
        if code == "en":
            continue
        rng = world.rng(f"parallel:{code}")
        drawn = [line(rng, names) for _ in range(settings.parallel)]
        world.files.lines(
            f"text/world/parallel.{code}-en.tsv",
            (f"{told(language, item)}\t{told(world.tongues['en'], item)}" for item in drawn),
        )
