"""Questions whose answer is a span of a passage."""

from xstilts.families.facts import Facts

FACTS = Facts(
    reader="data.readers.span_qa",
    fields=(("context", "question"), ("answers", "answer", "answer_start", "impossible", "id", "document")),
    labelled=lambda row: bool(row["answers"]) or row["impossible"],
    formats=("squad",),
    training="training.labelled",
    prediction="prediction.labelled",
    suffix="json",
    head="token",
    outputs=2,  # start and end
    head_dropout=False,  # the authors' code and RobertaForQuestionAnswering drop nothing here
    loss="span",
    limits={"doc_stride": "doc_stride", "max_query_length": "max_query"},
    translated=("question",),
    dev_metric="scoring.squad",
    dev_options=("no_answer",),
    metrics={"answers": ("f1", "exact_match")},
    scoring=("answers", "squad"),
    baseline="span_qa",
)
