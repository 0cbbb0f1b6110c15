"""A run's page: read from its tables, figures and manifests, laid out by one template."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

from xstilts.files import read_json, write_text
from xstilts.reporting.failures import (
    failed_trainings,
    meant_not_to_learn,
    not_learned_of_mixtures,
    unclear_trainings,
)
from xstilts.reporting.main.gains import with_bounds
from xstilts.reporting.main.marks import recipe_sentence
from xstilts.reporting.main.notes import name_cells
from xstilts.reporting.page.answer import answer
from xstilts.reporting.page.costs import costs
from xstilts.reporting.page.main_table import read_main
from xstilts.reporting.render import TITLES, column_title, number
from xstilts.reporting.run import RunFolder, read_numbers

TEMPLATE = Path(__file__).with_name("page.html")
SHARP = 150_000  # bytes of a drawing that is shown as such; of a larger one its image
ROOM = 4_500_000  # letters of all images: the page stays under 5 MB
SHOWN = 60  # lines of a list that may have thousands
IN_WORDS = {  # what a figure shows, for those who cannot see it, and where its numbers stand
    "differences": "heat map of the differences to none, a row a source and a column a task: numbers of the main table",
    "published": "this run's numbers against the published ones: numbers of the table comparison",
    "languages": "bars of the scores by language, a colour a source: numbers of the tables by language",
    "curves": "dev score and loss of each training against its steps",
}


def report(run: RunFolder) -> None:
    """Write ``report.html``, the page of a run."""
    write_text(run.folder / "report.html", page(run))


def page(run: RunFolder) -> str:
    """Return the page as one HTML text without scripts that loads nothing; what is not there yet is named as such."""
    from jinja2 import Environment, StrictUndefined

    failed = {"/".join(map(str, chain)): found for chain, found in failed_trainings(run.trainings).items()}
    counts = {status: sum(one == status for one, _ in failed.values()) for status in ("collapsed", "not learned")}
    counts["trainings"] = len(run.trainings)
    counts["of a control"] = sum(meant_not_to_learn(*chain.split("/")[1:3]) for chain in failed)
    cells = {str(status): int(count) for status, count in run.frame["status"].value_counts().items()}
    figures = _figures(run)
    several = len(run.settings["models"]) > 1
    encoders = []
    for model in run.settings["models"]:
        main, claims = read_main(run, model), _read(run, "claims", model, "estimate", "lower", "upper", "reported")
        encoders.append(
            {
                "name": model,
                "answer": answer(main, run.settings["candidates"], claims, counts, cells, run.benchmark),
                "main": main,
                "file": f"tables/{run.stem('main', model)}.md",
                "test": read_main(run, model, "main_test"),
                "claims": claims,
                "best": _best(run, model),
                "drawn": [one for one in figures if one["stem"] == run.stem("differences", model)],
            }
        )
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        run=run.settings["run"],
        generated=run.generated,
        seeds=run.seeds,
        sources=run.settings["sources"],
        recipe=recipe_sentence(run.settings),
        encoders=encoders,
        several=several,
        bars=[one for one in figures if one["stem"].startswith("languages_")],
        curves=[one for one in figures if one["stem"].startswith("curves_")],
        published=[one for one in figures if one["stem"].startswith("published")],
        costs=costs(run.folder),
        studies=_studies(run.folder),
        failed=[(chain, *found, meant_not_to_learn(*chain.split("/")[1:3])) for chain, found in failed.items()],
        partly=not_learned_of_mixtures(one for one in run.trainings if one["target"] == "none"),
        unclear=unclear_trainings(run.trainings),
        missing=missing(run),
        shown=SHOWN,
        found=lambda place: _found(run, place),
        number=number,
    )


def missing(run: RunFolder) -> list[tuple[str, int, str]]:
    """Return (which cells, how many scores, why) for each reason why scores are missing, the most frequent first."""
    rows = run.frame[run.frame["status"] == "missing"]
    sources, tasks = run.settings["sources"], list(run.tasks)
    found = [
        (name_cells(zip(group["source"], group["task"], strict=True), sources, tasks), len(group), str(why))
        for why, group in rows.groupby("reason", sort=False)
    ]
    return sorted(found, key=lambda one: -one[1])


def _read(run: RunFolder, table: str, model: str, *numeric: str) -> list[dict[str, Any]]:
    path = run.tables / f"{run.stem(table, model)}.csv"
    return read_numbers(path, numeric) if path.is_file() else []


def _best(run: RunFolder, model: str) -> list[dict[str, Any]]:
    numeric = ("score", "lower", "upper", "difference", "diff_lower", "diff_upper")
    return [
        row
        | {
            "title": " ".join(part for part in column_title(row["column"]) if part),
            "scored": with_bounds(row, "score", "lower", "upper"),
            "gained": with_bounds(row, "difference", "diff_lower", "diff_upper"),
        }
        for row in _read(run, "best", model, *numeric)
    ]


def _figures(run: RunFolder) -> list[dict[str, str]]:
    """The run's figures in the order of the page: ``stem``, ``title``, ``words`` and ``image``, empty without room."""
    titles = {"differences": "", "curves_intermediate": "training on sources", "curves_target": "training on targets"}
    titles |= {"published": ""} | {f"languages_{name}": TITLES.get(name, name) for name in run.tasks}
    stems = {
        run.stem(of, model): (of, f"{title}{run.only(model)}".removeprefix(": "))
        for of, title in titles.items()
        for model in run.settings["models"]
    }
    found, room = [], ROOM
    for stem, (of, title) in stems.items():
        drawing = run.folder / f"figures/{stem}.svg"
        if drawing.is_file():
            sharp = drawing.stat().st_size <= SHARP
            content = drawing.read_bytes() if sharp else _in_few_colours(drawing.with_suffix(".png"))
            image = f"data:image/{'svg+xml' if sharp else 'png'};base64,{b64encode(content).decode()}"
            fits = len(image) <= room
            room -= len(image) * fits
            words = ": ".join(filter(None, [title, IN_WORDS[of.partition("_")[0]]]))
            found.append({"stem": stem, "title": title, "words": words, "image": image if fits else ""})
    return found


def _found(run: RunFolder, place: str) -> list[str]:
    """Return where a file of the run lies, one a model where each has its own; none where it was not made."""
    path = Path(place)
    named = [
        place,
        *(str(path.with_stem(run.stem(path.stem, model))) for model in run.settings["models"] if path.suffix),
    ]
    return [one for one in dict.fromkeys(named) if (run.folder / one).exists()]


def _studies(folder: Path) -> list[dict[str, Any]]:
    """The run's studies as they were decided: question, verdict, reason, what limits it if that is known, figures."""
    found = []
    for path in sorted(folder.glob("studies/*/verdict.json")):
        drawn = [path.with_name(f"{stem}.svg") for stem in ("forest", "pareto", "gains")]
        images = [
            f"data:image/svg+xml;base64,{b64encode(one.read_bytes()).decode()}"
            for one in drawn
            if one.is_file() and one.stat().st_size <= SHARP
        ]
        found.append({"limit": ""} | read_json(path) | {"images": images})
    return found


def _in_few_colours(path: Path) -> bytes:
    """Return an image with a palette, a third of its size."""
    from PIL import Image

    written = BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()
