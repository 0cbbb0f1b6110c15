"""One data set in one language as an artifact of the workflow."""

from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.data.prepare import check_upstream, prepare

FILES = "files"  # below a download's folder: the data set in the layout of a mirror, a folder for each way it came


def prepare_dataset(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest], origin: Path) -> Product:
    """Prepare the data set and language of the spec's settings from ``origin``, or from the download among the inputs.

    A data set that cannot be had is a product with the reason, which its tasks carry to the tables.
    """
    settings = spec["settings"]
    download = inputs.get("download")
    if download is not None:
        origin = download.folder / FILES / download.results["from"].get(settings["language"], "nowhere")
    if "rows" in settings:  # nothing was fetched, and there is no mirror
        origin.mkdir(parents=True, exist_ok=True)
    found = prepare(settings["dataset"], settings["language"], origin, folder)
    if "rows" in settings:  # what counts as the published data set must have its size
        check_upstream(settings["dataset"], settings["language"], found)
    if download is not None and not found["rows"]:
        found["reason"] = download.results["reason"]
    return Product([f"{split}.jsonl" for split in found["rows"]], found, found["reason"], relied_on=("evaluate",))
