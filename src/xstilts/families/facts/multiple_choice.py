"""Multiple choice: the number of the right one of several texts."""

from xstilts.families.facts import Facts

FACTS = Facts(
    reader="data.readers.multiple_choice",
    fields=(("prompt", "choices", "label"), ("id", "group")),
    labelled=lambda row: row["label"] is not None,
    training="training.labelled",
    prediction="prediction.labelled",
    head="sequence",
    outputs=1,
    grouped=True,
    loss="choice",
    translated=("prompt",),
    dev_metric="scoring.accuracy",
    metrics={"choices": ("accuracy",)},
    scoring=("choices",),
    baseline="multiple_choice",
)
