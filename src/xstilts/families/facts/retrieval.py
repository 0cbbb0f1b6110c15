"""Retrieval: the English sentence that a sentence translates, found by the encoder as it is."""

from xstilts.families.facts import Facts

FACTS = Facts(
    reader="data.readers.retrieval",
    fields=(("text", "english"), ("id",)),
    labelled=lambda row: row["side"] == "foreign" and bool(row["matches"]),
    prediction="prediction.retrieval",
    paired=True,
    metrics={"tatoeba": ("accuracy",), "bucc": ("f1",)},
    scoring=("tatoeba",),
    baseline="retrieval",
)
