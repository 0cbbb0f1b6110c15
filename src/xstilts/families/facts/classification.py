"""Classification: one label for a pair of texts, or for a text alone."""

from xstilts.families.facts import Facts

FACTS = Facts(
    reader="data.readers.classification",
    fields=(("text_a", "label"), ("text_b", "id", "group")),
    labelled=lambda row: row["label"] is not None,
    formats=("pairs",),
    training="training.labelled",
    prediction="prediction.labelled",
    head="sequence",
    loss="label",
    translated=("text_a", "text_b"),
    dev_metric="scoring.accuracy",
    metrics={"labels": ("accuracy",)},
    scoring=("labels",),
    baseline="classification",
)
