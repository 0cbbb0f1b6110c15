"""How many rows a data set has: counted where it is on the disk, else those that the registry or the world expects."""

import json
from pathlib import Path

from xstilts.config.sections import World
from xstilts.data.registry import TRANSLATION, dataset, locate
from xstilts.errors import DataError
from xstilts.families.facts import facts
from xstilts.graph.data_settings import fetch_text
from xstilts.graph.hyperparameters import TEXT
from xstilts.graph.jobs import Jobs

ASSUMED_ROWS = {"ccg": {"train": 38_015, "dev": 5_484}, "text": {"train": 30_000, "dev": 1_000}}  # ccg: version 1
UNKNOWN_ROWS = 10_000
# Sentences of both sides of BUCC 2018: the registry counts gold pairs.
BUCC = {
    "dev": {"de": 73_000, "fr": 60_000, "ru": 80_000, "zh": 17_000},
    "test": {"de": 813_000, "fr": 641_000, "ru": 1_018_000, "zh": 183_000},
}


def known_rows(jobs: Jobs, name: str, language: str, split: str) -> tuple[int, str]:
    """Return (rows, how they are known): counted on the disk, expected by registry or world, or assumed."""
    text = jobs.run.intermediate.mlm if f"{name}/{language}" == TEXT else None
    counted = _counted(jobs.text if text else jobs.data(name, language))
    if counted is not None:
        return counted.get(split, 0), "counted"
    if text:
        return text.sentences, "expected"
    known = dataset(name)
    if split == "train" and language != "en" and not (facts(known.family).raw or known.is_translation):
        return 0, "expected"  # nothing but English is trained on
    if known.folder is None and jobs.run.world is not None and jobs.run.data.origin == "world":
        return _rows_of_world(jobs.run.world, name, split), "expected"
    if _lacks(jobs, name, language, split):
        return 0, "expected"
    if jobs.is_fetched_text(name, language):
        spoken = fetch_text(jobs, language)
        mlm = jobs.run.intermediate.mlm
        share = spoken["share"] or (mlm.sentences // len(mlm.languages) if mlm else 0)
        return (share if split == "train" else 0), "expected"
    if name == "bucc2018":
        return BUCC.get(split, {}).get(language, 0), "assumed"
    expected = known.expected_rows(split, language)
    if known.is_translation:  # as many as in English, of what is trained on alone
        return (0, "expected") if split != "train" else known_rows(jobs, name.removesuffix(TRANSLATION), "en", split)
    if expected is not None:
        return (2 * expected if facts(known.family).paired else expected), "expected"
    if split not in known.splits:
        return 0, "expected"
    return ASSUMED_ROWS.get(name, {}).get(split, UNKNOWN_ROWS), "assumed"


def _lacks(jobs: Jobs, name: str, language: str, split: str) -> bool:
    """Say whether the folder that a run takes its data from has no files of a split."""
    run, known = jobs.run, dataset(name)
    folder = known.folder or (run.mirror if run.data.origin == "mirror" else None)
    if folder is None or name.endswith(TRANSLATION) or jobs.download_of(name, language):
        return False
    try:
        return not locate(known, language, split, Path(folder))
    except DataError:
        return False  # some of its files: the job itself says what is wrong


def _rows_of_world(world: World, name: str, split: str) -> int:
    if name == "text":
        return world.text + world.parallel if split == "train" else 0
    if facts(dataset(name).family).paired:
        return 2 * (world.retrieval + (world.distractors if name == "bucc2018" else 0)) if split != "train" else 0
    if name == "mewslix-candidates":
        return (3 * world.dev + 1) // 2 + world.test + world.distractors if split == "test" else 0
    if name == "lareqa-candidates":  # three to five sentences of a passage, two or three questions on it
        return world.test * 8 // 5 if split == "test" else 0
    alternatives = dataset(name).splits.values()
    intermediate = any(file.startswith("intermediate/") for split in alternatives for files in split for file in files)
    sizes = {
        "train": world.intermediate_train if intermediate else world.train,
        "dev": world.intermediate_dev if intermediate else world.dev,
        "test": 0 if intermediate else world.test,
    }
    return sizes[split] if split in dataset(name).splits else 0


def _counted(manifest: Path) -> dict[str, int] | None:
    """Return the rows by split that a data set's manifest counted; None where it cannot be read.

    An estimate refuses nothing: the job that reads the data says what is wrong with them.
    """
    try:
        found = json.loads(manifest.read_bytes())["results"].get("rows", {})
    except (OSError, ValueError, KeyError):
        return None
    return dict(found)
