"""Tagging: a tag for each word."""

from xstilts.families.facts import Facts

FACTS = Facts(
    reader="data.readers.tagging",
    fields=(("tokens", "tags"), ("id", "group")),
    labelled=lambda row: row["tags"] is not None,
    formats=("conllu", "word_tags"),
    training="training.labelled",
    prediction="prediction.labelled",
    head="token",
    loss="tag",
    loss_over="tokens",
    dev_metric="scoring.spans",
    dev_options=("by_token",),
    metrics={"tags": ("f1",)},
    scoring=("tags",),
    baseline="tagging",
)
