"""Exact search over the candidates of XTREME-R, from their files on, against faiss's flat index in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figure import Setting, main
from benchmarks.timing import Contest, Counts, Prepare, contest, threads

WIDTH = 1024  # of XLM-R Large's vectors
BLOCK = 2**16  # candidates of a file
KEPT = 100  # candidates of a query in its prediction
QUERIES = 1000
CASES = {"LAReQA": 13_014, "Mewsli-X": 1_003_893}  # candidates
GROWING = 15_000


def measure(setting: Setting) -> dict[str, Any]:
    """Measure both tasks' numbers of candidates, then growing ones."""
    rows = [contest(setting.on, _contest(setting, name, count)) for name, count in CASES.items()]
    growth = [
        {"times": times, **contest(setting.on, _contest(setting, "growing", GROWING * times))}
        for times in setting.growth
    ]
    return {"rows": rows, "growth": growth, "width": WIDTH, "queries": QUERIES, "kept": KEPT}


def _contest(setting: Setting, name: str, count: int) -> Contest:
    small = setting.smallest
    settings = {
        "folder": str(setting.scratch),
        "candidates": max(200, count // 5000) if small else count,
        "queries": 20 if small else QUERIES,
        "width": 16 if small else WIDTH,
    }
    write_blocks(settings)
    sides = {"ours": "benchmarks.search:ours", "faiss": "benchmarks.search:by_faiss"}
    return Contest(name, "pairs", sides, settings)


def write_blocks(settings: dict[str, Any]) -> None:
    """Write as many vectors of length 1 as the largest case has, float16, as the rule ``index`` does."""
    import numpy as np
    from safetensors.numpy import save_file

    for number, begin in enumerate(range(0, settings["candidates"], BLOCK)):
        path = _block(settings, number)
        if not path.exists() or begin + BLOCK > settings["candidates"]:
            random = np.random.default_rng(number)
            size = (min(BLOCK, settings["candidates"] - begin), settings["width"])
            found = random.standard_normal(size, dtype=np.float32)
            found /= np.linalg.norm(found, axis=1, keepdims=True)
            save_file({"vectors": found.astype(np.float16)}, path)


def _block(settings: dict[str, Any], number: int) -> Path:
    whole = (number + 1) * BLOCK <= settings["candidates"]
    name = f"{number:05}" if whole else f"{number:05}-{settings['candidates']}"
    return Path(settings["folder"]) / f"{settings['width']}-{name}.safetensors"


def _blocks(settings: dict[str, Any]) -> Iterator[Any]:
    from safetensors.numpy import load_file

    for number in range(-(-settings["candidates"] // BLOCK)):
        yield load_file(_block(settings, number))["vectors"]


def _queries(settings: dict[str, Any]) -> Any:
    """Return queries, float32, each near a candidate of the first block."""
    import numpy as np

    near = next(_blocks(settings))[: settings["queries"]].astype(np.float32)
    found = near + 0.05 * np.random.default_rng(99).standard_normal(near.shape, dtype=np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _counts(settings: dict[str, Any]) -> Counts:
    pairs = float(settings["queries"]) * settings["candidates"]
    return {"pairs": pairs, "flops": 2 * pairs * settings["width"]}


def _found(settings: dict[str, Any], queries: Any) -> list[Any]:
    import torch

    from xstilts.prediction.search import search

    torch.set_num_threads(threads())
    wanted = [[number] for number in range(len(queries))]
    blocks = lambda: _blocks(settings)  # noqa: E731
    return search(queries, blocks, settings["candidates"], KEPT, wanted, torch.device("cpu"))


def ours(settings: dict[str, Any]) -> Prepare:
    """Find the best candidates and the rank of one target a query with this project's search."""
    queries = _queries(settings)

    def work() -> Counts:
        _found(settings, queries)
        return _counts(settings)

    return lambda: work


def by_faiss(settings: dict[str, Any]) -> Prepare:
    """Find the best candidates with ``faiss.IndexFlatIP``, filled from the same files; it gives no ranks beyond."""
    import faiss
    import numpy as np

    faiss.omp_set_num_threads(threads())
    queries = _queries(settings)

    def search(some: Any) -> Any:
        flat = faiss.IndexFlatIP(settings["width"])
        for block in _blocks(settings):
            flat.add(block.astype(np.float32))
        return flat.search(some, KEPT)[1]

    few = queries[:50]
    own = np.asarray([one.best for one in _found(settings, few)])
    if (np.sort(search(few)) == np.sort(own)).mean() < 0.999:  # sums round differently: equal to the last bit is luck
        raise ValueError("faiss finds other candidates")

    def work() -> Counts:
        search(queries)
        return _counts(settings)

    return lambda: work


if __name__ == "__main__":
    main("search", measure)
