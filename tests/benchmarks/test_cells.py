"""The ways through a cell end to end: the same items, one metric, and a peer's search that finds what is there."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).parent))

PEERS = ("scripts", "trainer", "xtreme")


@pytest.mark.slow
def test_all_ways_score_the_same_items_by_the_same_metric(tmp_path):
    from test_benchmarks import measured

    found = measured("cells", tmp_path)
    assert [row["case"] for row in found["rows"]] == ["xnli", "xquad"]
    for row in found["rows"]:
        assert not row["absent"] and row["sides"].keys() == {"ours", *PEERS}
        counts = {side: one["counts"] for side, one in row["sides"].items()}
        items = {side: {k: v for k, v in one.items() if k.startswith("items ")} for side, one in counts.items()}
        splits = ["dev", "test"] if row["case"] == "xnli" else ["test"]
        each = row["size"]["each"]
        assert items["ours"] == {f"items {split} {code}": each for split in splits for code in ("en", "qaa")}
        assert all(items[peer] == items["ours"] and counts[peer].keys() == counts["ours"].keys() for peer in PEERS)
        metrics = ("accuracy",) if row["case"] == "xnli" else ("f1", "exact_match")
        for one in counts.values():
            for metric in metrics:
                values = [one[f"{metric} test {code}"] for code in ("en", "qaa")]
                assert all(0 <= value <= 100 for value in values) and one[metric] == pytest.approx(np.mean(values))
        assert all(row["ratio"][peer]["median"] > 0 for peer in PEERS)
    text = (tmp_path / "cells.md").read_text(encoding="utf-8")
    assert text.count("| xnli | ") == text.count("| xquad | ") == 4


@pytest.mark.slow
def test_a_peers_search_finds_the_answers_that_the_logits_point_at(tmp_path):
    """Gold starts and ends as logits give F1 100: encoding, windows and search of the peers lose no answer."""
    pytest.importorskip("transformers")
    from benchmarks.cell_peers import Peer
    from benchmarks.cells import DEMO
    from xstilts.data.readers import Source, reader
    from xstilts.data.registry import dataset, locate
    from xstilts.world.build import build_world
    from xstilts.world.folder import WorldSettings

    few = dict.fromkeys(("train", "dev", "test", "intermediate_train", "intermediate_dev", "retrieval"), 12)
    few |= dict.fromkeys(("distractors", "text", "parallel"), 12)
    build_world(WorldSettings(languages=("en", "qaa"), **few), tmp_path)
    data = dataset("xquad", "qaa")
    files = tuple(tmp_path / name for name in locate(data, "qaa", "test", tmp_path))
    rows = list(reader(data)(Source(data, "qaa", "test", files)))
    settings = {
        "cell": {"task": "xquad"},
        "encoder": str(DEMO),
        "lengths": {"span_qa": 48, "doc_stride": 16},  # several windows a passage
        "recipe": {},
        "optimisation": {},
        "seed": 1,
    }
    peer = Peer(settings, tmp_path)
    for padded in (False, True):
        windows = peer.encode(rows, padded)
        assert len(windows.owner) > len(rows)
        width = max(map(len, windows.columns["input_ids"]))
        logits = []
        for kind in ("start_positions", "end_positions"):
            wanted = np.array(windows.columns[kind])
            logits.append(np.where(np.arange(width) == wanted[:, None], 9.0, -9.0))
        assert peer.dev(rows, peer.decode(rows, windows, logits)) == 1.0
