"""The raw text of one language as an artifact of the workflow: fetched, and read as a mirror's would be."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.console import say
from xstilts.data.fetching import wikipedia
from xstilts.data.fetching.download import FIRST_PAUSE, DownloadError
from xstilts.data.fetching.lock import LOCK
from xstilts.data.prepare import prepare
from xstilts.errors import DataError

PARTS = ".parts"  # of the file that a language is read from, while it is not done


def fetch_text(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Fetch a language's share of the raw text, and write its rows.

    Args:
        folder: the artifact; gets ``train.jsonl``. Parts of the file stay in it until the language is done.
        spec: its ``settings`` hold language, share (sentences) and file, what the pin says of the file to read.
        inputs: none.

    Returns:
        A product as of a prepared data set, with the bytes that were read and fetched; one with a reason when the text
        cannot be had. ``missing`` says so too: the next run tries again.

    Raises:
        PinMismatch: the file is another one than was pinned. UserError: a full disk.
    """
    settings, found = spec["settings"], dict[str, Any]()
    language, share = settings["language"], settings["share"]
    if settings["file"] is None:
        return _nothing(f"{wikipedia.REPOSITORY} in {language} is not pinned in {LOCK}: `make lock` did not find it")
    try:
        text = wikipedia.fetch(language, share, settings["file"], folder / PARTS, say, FIRST_PAUSE)
    except (DownloadError, DataError) as error:
        say(str(error))
        return _nothing(str(error))
    if not text.paragraphs:
        return _nothing(f"{wikipedia.REPOSITORY}/{settings['file']['name']}: no sentence in {text.articles:,} articles")
    with tempfile.TemporaryDirectory(dir=folder / PARTS) as made:  # what a kill leaves of it goes with the parts
        wikipedia.write(Path(made) / wikipedia.PLACE.format(language=language), text)
        found = prepare("text", language, Path(made), folder)
    if text.sentences < share:
        say(f"text in {language}: {text.sentences:,} sentences, of a share of {share:,}: some will be drawn again")
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    took = {"used": text.used, "came": text.came, "whole": text.whole, "row_groups": text.row_groups}
    found |= {"missing": [], "share": share, "articles": text.articles, "bytes": took}
    return Product(["train.jsonl"], found, relied_on=("evaluate",))


def _nothing(reason: str) -> Product:
    none: dict[str, Any] = {"rows": {}, "labelled": {}, "left_out": {}, "evaluate": [], "files": {}, "reason": reason}
    return Product([], none | {"missing": [reason]}, reason, relied_on=("evaluate",))
