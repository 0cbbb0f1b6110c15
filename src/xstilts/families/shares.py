"""How many lines each language gets of a text in many languages."""

from collections.abc import Mapping


def shares(sizes: Mapping[str, int], alpha: float, total: int) -> dict[str, int]:
    """Divide ``total`` lines among languages in proportion to size ** alpha.

    That is the rule of XLM (Lample and Conneau 2019, section 3.1), which counts sentences; any unit will do that is the
    same for all languages.
    """
    weights = {language: size**alpha for language, size in sizes.items()}
    return {language: round(total * weight / sum(weights.values())) for language, weight in weights.items()}
