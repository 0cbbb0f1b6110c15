"""The sections of a configuration beside encoders and trainings: data, world, translation, evaluation."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from xstilts import tasks
from xstilts.config.section import Section
from xstilts.config.values import Count, Names, read_number
from xstilts.families.facts import facts


class Data(Section):
    """Where data come from."""

    origin: Literal["public", "mirror", "world"] = Field(
        description="public: data as published, from the mirror where it has them, else from the Hub or the upstream "
        "archives; mirror: whatever a folder of real data holds; world: generated here"
    )


GENERATED = ("en", "qaa", "qab", "qac", "qad", "qae", "qaf")  # the languages of xstilts.world


class World(Section):
    """The generated languages of the demo."""

    seed: Annotated[int, BeforeValidator(read_number)] = Field(
        description="seed of lexicons, entities, facts and examples"
    )
    languages: list[str] = Field(description="en and private-use codes; the last one is in no text for training")
    train: Count = Field(description="examples of each English target training set")
    dev: Count = Field(description="dev examples of each task and language")
    test: Count = Field(description="test examples of each task and language")
    intermediate_train: Count = Field(description="examples of each intermediate training set")
    intermediate_dev: Count = Field(description="dev examples of each intermediate task")
    retrieval: Count = Field(description="parallel pairs of Tatoeba and of each split of BUCC")
    distractors: Count = Field(description="sentences a side of BUCC without a counterpart")
    text: Count = Field(description="lines of raw text a language")
    parallel: Count = Field(description="lines of text in parallel with English, a language")

    @field_validator("languages")
    @classmethod
    def _generated(cls, languages: list[str]) -> list[str]:
        if "en" not in languages or set(languages) - set(GENERATED):
            raise ValueError(f"expected en, and of the others some of {' '.join(GENERATED[1:])}")
        return languages


class Translation(Section):
    """Translations of intermediate data made here by an open model, for sources such as `qqp-de`."""

    sets: Names = Field(description="training sets that are translated here where the mirror has no translation")
    model: str = Field(description="folder or Hub identifier of a sequence-to-sequence model with safetensors")
    revision: str | None = Field(default=None, description="commit, tag or branch on the Hub; null: its main branch")
    prefix: str = Field(
        default="", description="what the model wants before a text, with {language}, {iso3} or {flores} in it"
    )
    start: str | None = Field(
        default=None, description="first token of an answer, such as {flores} of NLLB or __{language}__ of M2M-100"
    )
    beams: Count = Field(default=1, description="beams of the search; 1: greedy")

    @field_validator("prefix", "start")
    @classmethod
    def _filled_in(cls, text: str | None) -> str | None:
        try:
            (text or "").format(language="de", iso3="deu", flores="deu_Latn")
        except (KeyError, IndexError, ValueError, AttributeError):
            raise ValueError("expected no braces but those of {language}, {iso3} and {flores}") from None
        return text

    @field_validator("sets")
    @classmethod
    def _translatable(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in tasks.registry()[1] or not facts(tasks.training_set(name).family).translated:
                raise ValueError(f"{name!r} cannot be translated; expected training sets of whole texts")
        return names


class Lengths(Section):
    """Token limits by family."""

    classification: Count = Field(description="tokens of a pair of texts")
    multiple_choice: Count = Field(description="tokens of a prompt with one choice")
    tagging: Count = Field(description="tokens of a window of words; a longer sentence takes several")
    span_qa: Count = Field(description="tokens of a question with a window of its paragraph")
    retrieval: Count = Field(description="tokens of a sentence")
    dual_encoder: Count = Field(default=256, description="tokens of a candidate of a dual encoder")
    dual_query: Count = Field(default=96, description="tokens of a query of a dual encoder")
    doc_stride: Count = Field(description="tokens from one window of a paragraph to the next; half a window at most")
    max_query: Count = Field(description="tokens of a question")


class Retrieval(Section):
    """How a sentence becomes a vector where encoders are compared as they are; the defaults are the paper's.

    Any pooling that an encoder has beyond these (a dense layer, a weighted mean) is not run: it would be another model.
    """

    layer: Annotated[int, Field(ge=0), BeforeValidator(read_number)] | Literal["last"] | None = Field(
        default=None,
        description="after how many blocks states are pooled; last: all; null: 14 of 24, round(14/24 L) of others",
    )
    pooling: Literal["mean", "first"] = Field(
        default="mean", description="mean over all tokens, or the state of the first one (`<s>`, `[CLS]`)"
    )
    prefix: str = Field(default="", description='text before each sentence, such as "query: "')
    normalise: bool = Field(
        default=True, description="true: vectors of length 1, compared by cosine; false: by inner product"
    )


class Selection(Section):
    """How the best checkpoint is chosen."""

    recipe: Literal["paper", "clean"] = Field(description="paper: first examples of English dev; clean: held-out train")
    examples: Count | None = Field(description="English dev examples that choose the checkpoint; null: all")
    report: Count | None = Field(description="English dev examples of the intermediate table; null: all")


class Evaluation(Section):
    """What is evaluated."""

    limit: Count | None = Field(description="first N examples a language and split by hash; null: all")
    seeds: Literal["mean", "median"] = Field(description="how a table sums several seeds up")
    retrieval_source: str = Field(
        description="source that row best-en takes for BUCC and Tatoeba, which have no English development set"
    )
