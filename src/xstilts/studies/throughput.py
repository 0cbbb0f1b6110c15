"""What do multilingual intermediate tasks cost against English-only ones, and what do they buy?

E is the English task, M its examples each in one of many languages: as many examples and steps; Mt as many of these as
have the real tokens of E; M-full each example in each language; S another English task. Beforehand: with no padding a
real token costs the same in any language, to within 2 %; examples a second fall by how many more tokens the languages
need; padding to the limit hides both. What they buy is beside it: the average over tasks.
"""

from xstilts.studies.comparison import NO, UNKNOWN, YES, Comparison, Design

DESIGN = Design(
    primary=Comparison("M", "E", of="tokens", batching="unpadded"),
    secondary=(
        Comparison("M", "E", of="tokens", batching="dynamic"),
        Comparison("M", "E", of="tokens", batching="maximum"),
        Comparison("E+M", "E", of="tokens", batching="unpadded"),
        Comparison("S", "E", of="tokens", batching="unpadded"),
        Comparison("M-full", "E", of="tokens", batching="unpadded"),
        Comparison("M", "E", of="examples", batching="unpadded"),
        Comparison("M", "E", of="examples", batching="dynamic"),
        Comparison("M", "E", of="examples", batching="maximum"),
        Comparison("M", "E"),
        Comparison("M", "E", "retrieval"),
        Comparison("Mt", "E"),
        Comparison("M-full", "E"),
        Comparison("E+M", "E"),
        Comparison("S", "none"),
        Comparison("E", "none"),
        Comparison("M", "none"),
    ),
    means={
        YES: "A real token of a multilingual task costs what an English one costs.",
        NO: "A real token of a multilingual task costs something else than an English one.",
        UNKNOWN: "Whether a real token costs the same, these repeats do not tell.",
    },
)
