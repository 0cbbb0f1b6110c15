"""Retrieval: exact nearest neighbours by inner product, in blocks, against faiss's flat index."""

from typing import Any

from benchmarks.figure import Setting, main
from benchmarks.timing import Contest, Counts, Prepare, contest, threads

WIDTH = 1024  # of XLM-R Large's embeddings
CASES = {  # queries, indexed sentences, neighbours
    "tatoeba": (1000, 1000, 1),  # a language of Tatoeba
    "bucc dev": (2000, 2000, 4),  # a fifth of BUCC's smallest side, both ways
    "long index": (1000, 16000, 4),
}
GROWING = (1000, 1000, 4)


def measure(setting: Setting) -> dict[str, Any]:
    """Measure some sizes, then growing products of queries and index."""
    rows = [contest(setting.on, _contest(setting, name, *sizes)) for name, sizes in CASES.items()]
    growth = []
    for times in setting.growth:
        side = round(times**0.5)
        sizes = (GROWING[0] * side, GROWING[1] * side, GROWING[2])
        growth.append({"times": times, **contest(setting.on, _contest(setting, "growing", *sizes))})
    return {"rows": rows, "growth": growth, "width": WIDTH}


def _contest(setting: Setting, name: str, queries: int, index: int, k: int) -> Contest:
    small = setting.smallest
    settings = {
        "queries": queries // 50 if small else queries,
        "index": index // 50 if small else index,
        "k": k,
        "width": 16 if small else WIDTH,
    }
    sides = {"ours": "benchmarks.retrieval:ours", "faiss": "benchmarks.retrieval:by_faiss"}
    return Contest(name, "pairs", sides, settings)


def embeddings(settings: dict[str, Any]) -> tuple[Any, Any]:
    """Return (queries, index): unit rows, float32, each query near one row of the index."""
    import numpy as np

    from xstilts.prediction.mining import normalized

    random = np.random.default_rng(0)
    index = random.standard_normal((settings["index"], settings["width"]), dtype=np.float32)
    place = random.integers(len(index), size=settings["queries"])
    noise = random.standard_normal((settings["queries"], settings["width"]), dtype=np.float32)
    return normalized(index[place] + noise), normalized(index)


def _counts(settings: dict[str, Any]) -> Counts:
    pairs = float(settings["queries"]) * settings["index"]
    return {"pairs": pairs, "flops": 2 * pairs * settings["width"]}


def ours(settings: dict[str, Any]) -> Prepare:
    """Find the neighbours with this project's blocks."""
    from xstilts.prediction.mining import nearest

    queries, index = embeddings(settings)

    def work() -> Counts:
        nearest(queries, index, settings["k"])
        return _counts(settings)

    return lambda: work


def by_faiss(settings: dict[str, Any]) -> Prepare:
    """Find the neighbours with ``faiss.IndexFlatIP``; building the index is a copy, and part of the work."""
    import faiss
    import numpy as np

    from xstilts.prediction.mining import nearest

    faiss.omp_set_num_threads(threads())
    queries, index = embeddings(settings)

    def search() -> Any:
        flat = faiss.IndexFlatIP(settings["width"])
        flat.add(index)
        return flat.search(queries, settings["k"])

    same = np.sort(search()[1]) == np.sort(nearest(queries, index, settings["k"])[1])
    if same.mean() < 0.999:  # sums round differently: of all but equally near rows either may be found
        raise ValueError("faiss finds other neighbours")

    def work() -> Counts:
        search()
        return _counts(settings)

    return lambda: work


if __name__ == "__main__":
    main("retrieval", measure)
