"""Is the gain of intermediate training more than an under-trained baseline?

The published gain is over a baseline with one learning rate and the steps that a target has by itself. The other arms
give that baseline something which has nothing to do with what an intermediate task teaches: a chosen rate, as many
further steps as MNLI has, the mean of several weights, a training without meaning, text alone. It is decided on all
tasks but retrieval: in XTREME's nothing is trained, so no rate of the baseline was too low.
"""

from xstilts.studies.comparison import NO, UNKNOWN, YES, Comparison, Design

DESIGN = Design(
    primary=Comparison("best-en", "none-tuned", "all but retrieval"),
    secondary=(
        Comparison("best-en", "none"),
        Comparison("best-en", "none-longer"),
        Comparison("best-en", "none-averaged"),
        Comparison("best-en", "mnli-shuffled"),
        Comparison("best-en", "mlm-en"),
        Comparison("none-tuned", "none"),
        Comparison("none-longer", "none"),
        Comparison("none-averaged", "none"),
        Comparison("mnli-shuffled", "none"),
        Comparison("mlm-en", "none"),
        Comparison("best-en", "none-tuned", "retrieval"),
        Comparison("best-en", "none-tuned"),
        Comparison("mnli-tuned", "none-tuned", "all but retrieval"),
    ),
    equal_steps=("none-longer", "mnli"),
    means={
        YES: "Intermediate training gains over a baseline whose learning rate was chosen as carefully as its source.",
        NO: "Once its learning rate is chosen, the baseline has the gain too: it was under-trained. Whether a chosen "
        "rate lifts what follows an intermediate task as much, mnli-tuned minus none-tuned says.",
        UNKNOWN: "Whether the gain is more than an under-trained baseline, these trainings do not tell.",
    },
)
