"""A mirror whose MNLI has a translation of each example: XNLI's dev set takes the place of the training set.

``python -m benchmarks.parallel_nli MIRROR DEST`` for studies of multilingual intermediate tasks where XNLI's own
translations of MNLI are not at hand: 2,490 examples in English and 14 languages. MNLI's dev set, which chooses
checkpoints, and everything else are the mirror's, by links. XNLI's dev sets are not in it; its test sets are.
"""

import argparse
import json
import sys
from pathlib import Path

from xstilts.errors import DataError, UserError
from xstilts.files import write_text

TRAIN = "intermediate/mnli/multinli_1.0_train.jsonl"
LABELS = {"contradiction": "contradictory"}  # as XNLI's translations of MNLI have it


def make(mirror: Path, dest: Path) -> list[str]:
    """Write the mirror; return the languages of the translations.

    Raises:
        UserError: the mirror has no dev set of XNLI, or ``dest`` is there.
        DataError: a translation has another number of rows than the English ones.
    """
    found = {path.stem.removeprefix("dev-"): rows_of(path) for path in sorted(mirror.glob("targets/xnli/dev-*.tsv"))}
    if "en" not in found:
        raise UserError(f"{mirror}: found no targets/xnli/dev-en.tsv; expected XNLI's dev sets")
    if dest.exists():
        raise UserError(f"{dest}: found something there; expected a new folder")
    for path in sorted(mirror.rglob("*")):
        place = path.relative_to(mirror)
        if path.is_file() and str(place) != TRAIN and not place.match("targets/xnli/dev-*.tsv"):
            (dest / place).parent.mkdir(parents=True, exist_ok=True)
            (dest / place).symlink_to(path.resolve())
    names = ("sentence1", "sentence2", "gold_label")
    english = [json.dumps(dict(zip(names, row, strict=True))) for row in found.pop("en")]
    (dest / TRAIN).parent.mkdir(parents=True, exist_ok=True)
    write_text(dest / TRAIN, "".join(f"{line}\n" for line in english))
    for language, rows in found.items():
        if len(rows) != len(english):
            raise DataError(mirror / f"targets/xnli/dev-{language}.tsv", f"{len(rows)} rows", f"{len(english)}")
        lines = ["premise\thypo\tlabel", *("\t".join((*row[:2], LABELS.get(row[2], row[2]))) for row in rows)]
        folder = dest / "intermediate/translated/mnli" / language
        folder.mkdir(parents=True)
        write_text(folder / f"multinli.train.{language}.tsv", "".join(f"{line}\n" for line in lines))
    return [*found]


def rows_of(path: Path) -> list[list[str]]:
    """Return (premise, hypothesis, label) of each row of a dev set of XNLI."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Make the mirror from the two folders of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mirror", type=Path, help="folder of real data")
    parser.add_argument("dest", type=Path, help="a new folder")
    given = parser.parse_args()
    try:
        languages = make(given.mirror, given.dest)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"{given.dest}: MNLI's training set is XNLI's dev set, with translations into {' '.join(languages)}")


if __name__ == "__main__":
    main()
