"""What does an intermediate task cost on XCOPA against training on COPA directly, and what does it give?

COPA has 400 training examples in English. The arms train on it directly, after SIQA, after MNLI, and after both; on top
of it, or instead of it, on a few examples of each target language from its dev set; with LoRA instead of the whole
encoder; and a decoder answers from its context, with nothing trained. The null test of the harness comes first: an
encoder that went through an intermediate task predicts with the same weights' shapes on the same examples, so what its
predictions cost must come out equal.
"""

from xstilts.studies.comparison import NO, UNKNOWN, YES, Comparison, Design

EXAMPLES = (1, 5, 10, 50, 100)  # of each language
SHOTS = (0, 4)  # English examples before a question

DESIGN = Design(
    primary=Comparison("SIQA->COPA", "COPA"),
    secondary=(
        Comparison("MNLI->COPA", "COPA"),
        Comparison("MNLI->SIQA->COPA", "COPA"),
        Comparison("SIQA->COPA", "MNLI->COPA"),
        Comparison("MNLI->SIQA->COPA", "SIQA->COPA"),
        *(Comparison("SIQA->COPA", f"COPA +{count}") for count in EXAMPLES),
        *(Comparison(f"SIQA->COPA +{count}", "SIQA->COPA") for count in EXAMPLES),
        *(Comparison(f"{count} alone", "COPA") for count in EXAMPLES),
        Comparison("COPA, LoRA", "COPA"),
        Comparison("SIQA->COPA, LoRA", "SIQA->COPA"),
        Comparison("SIQA->COPA, LoRA", "COPA, LoRA"),
        *(Comparison("SIQA->COPA", f"in context, {count} shots") for count in SHOTS),
    ),
    means={
        YES: "An intermediate task gains on XCOPA over COPA alone; what it costs is below.",
        NO: "An intermediate task gains nothing that counts on XCOPA over COPA alone.",
        UNKNOWN: "Whether an intermediate task gains on XCOPA, these trainings do not tell.",
    },
    null=("SIQA->COPA", "COPA"),
)
