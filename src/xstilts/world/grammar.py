"""How a clause becomes the tagged words of a language."""

from typing import NamedTuple

from xstilts.world.clauses import Clause, Joined, Noun, Phrase, Sentence, Time, Why
from xstilts.world.languages import Language, number, spell_name
from xstilts.world.names import Entity


class Token(NamedTuple):
    """A word with its part of speech, name tag, English supertag and the phrase that it is part of."""

    form: str
    upos: str
    name: str
    supertag: str
    role: str


def _entity(language: Language, entity: Entity, role: str) -> list[Token]:
    words = spell_name(language, entity)
    if entity.head:
        head = language.forms[f"n:{entity.head}"]
        words.insert(0 if language.head_first else len(words), head.capitalize() if language.cased else head)
    last = len(words) - 1
    return [
        Token(word, "PROPN", ("I-" if place else "B-") + entity.kind, "N" if place == last else "N/N", role)
        for place, word in enumerate(words)
    ]


def _noun(language: Language, noun: Noun, role: str, asked: str = "") -> list[Token]:
    forms = language.forms
    many = noun.count > 1 or asked == "count"
    if language.code == "en":
        form = forms[("pl:" if many else "n:") + noun.lemma]
    else:
        form = forms["n:" + noun.lemma] + (forms["x:plural"] if many and language.plural else "")
        if noun.definite and language.article == "suffix":
            form += forms["x:the"]
    tokens = [Token(form, "NOUN", "O", "N", role)]
    if noun.colour:
        adjective = Token(forms["a:" + noun.colour], "ADJ", "O", "N/N", role)
        tokens.insert(len(tokens) if language.adjective_after else 0, adjective)
    before: list[Token] = []
    if asked == "count":
        before = [
            Token(word, "ADV" if place == 0 else "ADJ", "O", "N/N", role)
            for place, word in enumerate(forms["f:how-many"].split())
        ]
    elif asked == "which":
        before = [Token(forms["f:which"], "DET", "O", "NP/N", role)]
    elif noun.count > 1:
        before = [Token(number(language, noun.count), "NUM", "O", "N/N", "count" if role == "object" else role)]
    elif language.article == "before" and not noun.mass:
        article = "the" if noun.definite else "a"
        form = forms["f:" + article]
        if language.code == "en" and article == "a" and tokens[0].form[0] in "aeiou":
            form = "an"
        before = [Token(form, "DET", "O", "NP/N", role)]
    return tokens + before if language.count_after and asked != "which" else before + tokens


def _phrase(language: Language, phrase: Phrase, role: str) -> list[Token]:
    if isinstance(phrase, Entity):
        return _entity(language, phrase, role)
    if isinstance(phrase, Noun):
        return _noun(language, phrase, role)
    if phrase.kind == "year":
        return [Token(number(language, phrase.value), "NUM", "O", "N", role)]
    form = language.forms["n:" + phrase.value]
    if phrase.kind == "day":
        return [Token(form.capitalize() if language.cased else form, "PROPN", "O", "N", role)]
    return _noun(language, Noun(phrase.value, definite=True), role)


def _case(language: Language, tokens: list[Token], case: str, supertag: str) -> list[Token]:
    """Put a case on a phrase: an adposition before or after it, or a suffix on its last word."""
    if not case:
        return tokens
    if language.adposition == "suffix":
        last = tokens[-1]
        return [*tokens[:-1], last._replace(form=last.form + language.forms[f"x:{case}"])]
    adposition = Token(language.forms[f"p:{case}"], "ADP", "O", supertag, "")
    return [adposition, *tokens] if language.adposition == "before" else [*tokens, adposition]


WH = {"PER": "who", "LOC": "where", "ORG": "what", "": "what", "time": "when"}


def _asked(language: Language, clause: Clause, role: str, phrase: Phrase, case: str) -> list[Token]:
    """Return the question phrase for ``role``: who, what, where, when, how many cups, or (in) which town."""
    if clause.ask == "count":
        assert isinstance(phrase, Noun)
        return _case(language, _noun(language, phrase, "", "count"), case, "PP/NP")
    if clause.which:
        return _case(language, _noun(language, Noun(clause.which), "", "which"), case, "PP/NP")
    kind = "time" if role == "time" else phrase.kind if isinstance(phrase, Entity) else ""
    word = WH[kind] if kind != "LOC" or case else "what"
    token = Token(language.forms[f"f:{word}"], "ADV" if word in ("where", "when") else "PRON", "O", "S/S", "")
    return [token] if word in ("where", "when") else _case(language, [token], case, "PP/NP")


def time_case(time: Time) -> str:
    """Return the case of a time: on a day, in all else."""
    return "on" if time.kind == "day" else "in"


def clause_tokens(language: Language, clause: Clause) -> list[Token]:
    """Turn a clause into the language's words, without the final mark."""
    forms, en = language.forms, language.code == "en"
    parts: dict[str, list[Token]] = {}
    question: list[Token] = []

    def put(slot: str, role: str, phrase: Phrase, case: str, supertag: str) -> None:
        asked = clause.ask == role or (role == "object" and clause.ask == "count")
        if asked:
            tokens = _asked(language, clause, role, phrase, case)
        else:
            tokens = _case(language, _phrase(language, phrase, role), case, supertag)
        if role == "object" and not case and language.object_suffix:
            tokens = [*tokens[:-1], tokens[-1]._replace(form=tokens[-1].form + forms["x:object"])]
        if (asked and role != "subject" and language.question_first) or clause.front == role:
            question.extend(tokens)
        else:
            parts.setdefault(slot, []).extend(tokens)

    adjunct = "((S/S)/NP)" if clause.front else "((S\\NP)\\(S\\NP))/NP"
    put("S", "subject", clause.subject, "", "")
    if clause.object is not None:
        put("O", "object", clause.object, clause.case, "PP/NP")
    if clause.place is not None:
        put("P", "place", clause.place, "in", adjunct)
    if clause.companion is not None:
        put("P", "companion", clause.companion, "with", "((S\\NP)\\(S\\NP))/NP")
    if clause.time is not None:
        put("T", "time", clause.time, time_case(clause.time), adjunct)
    if clause.adverb:
        parts["A"] = [Token(forms[f"r:{clause.adverb}"], "ADV", "O", "(S\\NP)/(S\\NP)", "")]
    parts["V"] = _verb(language, clause)
    if clause.state:
        parts["O"] = [Token(forms[f"a:{clause.state}"], "ADJ", "O", "S[adj]\\NP", "state")]
    support: list[Token] = []
    if en and clause.ask and clause.ask != "subject" and clause.verb != "be":
        support = [Token(forms["f:did"], "AUX", "O", "(S[q]/(S[b]\\NP))/NP", "")]
    marker = [Token(forms[f"f:{clause.marker}"], "ADV", "O", "S/S", "")] if clause.marker else []
    tokens = marker + question + support
    for slot in language.order:
        tokens += parts.get(slot, [])
    return tokens + _particle(language) if clause.ask else tokens


def _verb(language: Language, clause: Clause) -> list[Token]:
    forms, en = language.forms, language.code == "en"
    if clause.verb == "be":
        if not language.copula:
            return []
        return [Token(forms["f:is" if clause.generic else "f:was"], "AUX", "O", "(S[dcl]\\NP)/(S[adj]\\NP)", "")]
    base = clause.generic or (clause.ask not in ("", "subject"))
    if en:
        form = forms[("b:" if base else "v:") + clause.verb]
    else:
        form = forms["v:" + clause.verb] + ("" if clause.generic else forms["x:past"])
    mood = "b" if en and base else "dcl"
    frame = "" if clause.object is None else "/PP" if clause.case else "/NP"
    return [Token(form, "VERB", "O", f"(S[{mood}]\\NP){frame}" if frame else f"S[{mood}]\\NP", "verb")]


def sentence(language: Language, what: Sentence) -> list[Token]:
    """Turn a clause, two joined ones or a question of cause into a sentence with its final mark."""
    forms = language.forms
    if isinstance(what, Joined):
        upos = "SCONJ" if what.conjunction == "because" else "CCONJ"
        conjunction = Token(forms[f"f:{what.conjunction}"], upos, "O", "conj", "")
        tokens = [*clause_tokens(language, what.first), conjunction, *clause_tokens(language, what.second)]
    elif isinstance(what, Why):
        tokens = _why(language, what.clause)
    else:
        tokens = clause_tokens(language, what)
    if language.cased:
        first = tokens[0].form
        tokens[0] = tokens[0]._replace(form=first[0].upper() + first[1:])
    asking = isinstance(what, Why) or (isinstance(what, Clause) and bool(what.ask))
    return [*tokens, Token(language.mark if asking else language.stop, "PUNCT", "O", ".", "")]


def _why(language: Language, clause: Clause) -> list[Token]:
    tokens = [Token(language.forms["f:why"], "ADV", "O", "S/S", "")]
    if language.code != "en":
        tokens += clause_tokens(language, clause)
        return tokens + _particle(language)
    support = Token(language.forms["f:did"], "AUX", "O", "(S[q]/(S[b]\\NP))/NP", "")
    base = language.forms["b:" + clause.verb]
    return [*tokens, support] + [
        token._replace(form=base, supertag="S[b]\\NP") if token.upos == "VERB" else token
        for token in clause_tokens(language, clause)
    ]


def _particle(language: Language) -> list[Token]:
    if not language.question_particle:
        return []
    return [Token(language.forms["x:question"], "PART", "O", "S\\S", "")]


def join(language: Language, sentences: list[list[Token]]) -> str:
    """Write sentences as running text."""
    return place_roles(language, sentences, {})[0]


def place_roles(
    language: Language, sentences: list[list[Token]], wanted: dict[str, tuple[int, str]]
) -> tuple[str, dict[str, tuple[int, int]]]:
    """Write sentences as running text and find phrases in it.

    Args:
        language: decides the spaces between words; sentences are apart by a space in every language.
        sentences: tokens of each sentence.
        wanted: name -> (sentence, role).

    Returns:
        The text, and name -> (start, end) in characters of the words with that role in that sentence.
    """
    space = " " if language.spaced else ""
    text = ""
    spans: dict[str, tuple[int, int]] = {}
    for place, tokens in enumerate(sentences):
        if text:
            text += " "
        roles = {role: name for name, (where, role) in wanted.items() if where == place}
        for position, token in enumerate(tokens):
            if position and token.upos != "PUNCT":
                text += space
            start = len(text)
            text += token.form
            if token.role in roles or (token.role == "count" and "object" in roles):
                name = roles.get(token.role) or roles["object"]
                spans[name] = (spans.get(name, (start, 0))[0], len(text))
    return text, spans
