from xstilts.xtreme.frames import compare as compare
from xstilts.xtreme.frames import score as score

__all__ = ["compare", "score"]
