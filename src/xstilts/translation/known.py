"""What a translation model is known to say of one sentence: one that was opened wrongly says nothing like it.

MADLAD-400's models lack the encoder's embedding in their files: it is the decoder's. transformers 5.0 to 5.15 took the
output layer for it instead, without a word, and the models then translate nothing (mended in 5.16).
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts.errors import UserError
from xstilts.translation.model import Translator, translate


@dataclass(frozen=True)
class Known:
    """A sentence with what tells the model the language, and its translations that count, without case and signs."""

    prefix: str
    sentence: str
    translations: tuple[str, ...]


# The sentence of the models' pages on the Hub, whose answer there is "Eu adoro pizza!".
MADLAD = Known(
    "<2pt> ", "I love pizza!", ("eu adoro pizza", "eu amo pizza", "adoro pizza", "amo pizza", "eu gosto de pizza")
)
KNOWN = dict.fromkeys(("madlad400-3b-mt", "madlad400-7b-mt", "madlad400-10b-mt"), MADLAD)


def check_known(by: Translator, weights: str) -> None:
    """Translate the sentence whose translation is known of a model; nothing is asked of a model that is not known.

    Args:
        by: the open model.
        weights: the repository or folder that it came from, known by its own name whoever holds the copy.

    Raises:
        UserError: it says something else.
    """
    known = KNOWN.get(Path(weights).name)
    if known is None:
        return
    (said,) = translate([known.sentence], replace(by, prefix=known.prefix, first_token=None))
    if " ".join(re.findall(r"\w+", said.lower())) not in known.translations:
        import transformers

        raise UserError(
            f"{weights}: found {said[:80]!r} as the translation of {known.sentence!r}; expected one of "
            f"{', '.join(known.translations)}: the model was not opened as it was saved (transformers "
            f"{transformers.__version__}; of MADLAD-400, 5.0 to 5.15 cannot); nothing is written"
        )
