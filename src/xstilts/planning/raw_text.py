"""What the raw text of a run takes from the network: planned before it is there, counted where it is."""

from xstilts.artifacts import read_manifest
from xstilts.data.fetching import wikipedia
from xstilts.errors import DataError
from xstilts.graph.data_settings import fetch_text
from xstilts.graph.jobs import Jobs


def text_lines(jobs: Jobs) -> list[str]:
    """Return a line on what is read of Wikipedia's files, and one on what is still to be; none when nothing is fetched.

    A share of unknown size, before ``make lock``, counts as an equal one.
    """
    read = files = expected = 0
    done, todo, unpinned = list[str](), list[str](), list[str]()
    languages = jobs.fetched_texts()
    for code in languages:
        found = _read(jobs, code)
        if found is not None:
            read, files, done = read + found["used"], files + found["whole"], [*done, code]
            continue
        settings = fetch_text(jobs, code)
        todo.append(code)
        if settings["file"] is None:
            unpinned.append(code)
        expected += wikipedia.expected_bytes(
            settings["share"] or _equal_share(jobs), settings["file"] and settings["file"]["bytes"]
        )
    lines = []
    if done:
        lines.append(f"{_many(done)}: {_megabytes(read)} read by range requests, of files of {_megabytes(files)}")
    if todo:
        assumed = f"{wikipedia.BYTES_A_SENTENCE} bytes a sentence, assumed"
        pin = jobs.text_pin
        whole = sum(pin.sizes.get(wikipedia.first_file(code), 0) for code in todo) if pin else 0
        of = f", of files of {_megabytes(whole)}" if whole else ""
        missing = f"; {_many(unpinned)} not pinned yet (make lock), taken as equal shares" if unpinned else ""
        lines.append(f"{_many(todo)}: about {_megabytes(expected)} to read by range requests ({assumed}){of}{missing}")
    return lines


def _read(jobs: Jobs, language: str) -> dict[str, int] | None:
    manifest = jobs.text_in(language)
    if not manifest.is_file():
        return None
    try:
        found: dict[str, int] | None = read_manifest(manifest).results.get("bytes")
    except DataError:
        return None
    return found


def _equal_share(jobs: Jobs) -> int:
    text = jobs.run.intermediate.mlm
    assert text is not None
    return text.sentences // len(text.languages)


def _many(languages: list[str]) -> str:
    return languages[0] if len(languages) == 1 else f"{len(languages)} languages"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
