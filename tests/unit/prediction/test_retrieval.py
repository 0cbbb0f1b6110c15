"""Mining where a language has no pairs to tune a threshold on."""

from pathlib import Path

import numpy as np
from encoder_jobs import retrieval
from family_tokenizers import pieces

from xstilts.families.features import Features, FeatureSettings
from xstilts.families.retrieval import featurise
from xstilts.prediction.mining import nearest
from xstilts.prediction.retrieval import _bucc
from xstilts.scoring.reading import read_pairs


def test_a_language_of_bucc_without_dev_is_mined_all_the_same(tmp_path: Path) -> None:
    """The scorer then says that no threshold can be tuned; before, the job of all its languages failed."""
    rows = retrieval()
    features = featurise(rows, pieces(), FeatureSettings(max_length=32))

    def embed(part: Features) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(len(part), 8)).astype(np.float32)

    names = _bucc(tmp_path, "de", {"test": rows}, {"test": features}, embed, nearest, True)
    assert sorted(names) == ["candidates-test-de.tsv", "test-de.tsv"]
    assert read_pairs(tmp_path / "test-de.tsv").keys()
