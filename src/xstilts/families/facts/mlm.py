"""Masked language modelling on raw text."""

from xstilts.families.facts import Facts

FACTS = Facts(
    reader="data.readers.text",
    fields=(("text",), ()),
    labelled=lambda row: True,
    training="training.raw_text",
    loss="masked",
    loss_over="tokens",
    raw=True,
    length="classification",
)
