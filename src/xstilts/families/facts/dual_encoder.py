"""Dual encoder: queries and candidates under one encoder, a query's own candidate found among all by its direction."""

from xstilts.families.facts import Facts

FACTS = Facts(
    reader="data.readers.dual_encoder",
    fields=(("id", "text"), ("group",)),  # of a query; candidates and gold pairs have sections of their own
    labelled=lambda row: bool(row.get("targets", True)),  # a pair, a candidate, or a query with something to find
    training="training.labelled",
    prediction="prediction.dual_encoder",
    suffix="json",
    head="pooled",
    head_dropout=False,  # BERT's pooler drops nothing
    contrasted=True,
    loss="contrast",
    limits={"max_query_length": "dual_query"},
    dev_metric="scoring.reciprocal_rank",
    metrics={"lareqa": ("ap20",), "mewslix": ("mrr20",)},
    scoring=("lareqa",),
    baseline="dual_encoder",
)
