"""Does a multilingual intermediate task before the English one help?

E is the English task, M the same examples each in one of many languages. A chain has twice the steps of either, so
M->E is set against E->E: without that control a gain may be of the further steps alone. M's sequences are longer in
tokens, so Mt has only as many of them as have the real tokens of E: Mt->E and E->E read as much. E+M has both in one
mixture of as many examples as E. A task whose training set an arm was trained on (XNLI of MNLI's translations) is in no
average.
"""

from xstilts.studies.comparison import NO, UNKNOWN, YES, Comparison, Design

DESIGN = Design(
    primary=Comparison("M->E", "E->E"),
    secondary=(
        Comparison("Mt->E", "E->E"),
        Comparison("M->E", "E->E", "retrieval"),
        Comparison("M->E", "E->E", "all but retrieval"),
        Comparison("M->E", "E->E", language="en"),
        Comparison("M->E", "E->M"),
        Comparison("M->E", "E+M"),
        Comparison("E->E", "E"),
        Comparison("M", "E"),
        Comparison("E+M", "E"),
        Comparison("E", "none"),
        Comparison("M", "none"),
    ),
    means={
        YES: "A multilingual task before the English one helps, beyond what further steps on the English one give.",
        NO: "A multilingual task before the English one gives no more than further steps on the English one do.",
        UNKNOWN: "Whether a multilingual task before the English one helps, these trainings do not tell.",
    },
)
