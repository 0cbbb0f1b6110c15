"""Make the documentation a site of files: python docs/site.py FOLDER; nothing is fetched, nor when it is read.

Its pages are those of docs/, and those of the root of which a reader of the repository knows the place. A page that
SECTIONS does not name stands under More. What Sphinx warns of fails: a link to a page or heading that is not there.
"""

import posixpath
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {  # place in the repository -> place in the site
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "results/README.md": "results.md",
}
SECTIONS = {
    "How to": (),  # every page of docs/howto, in the README's order
    "Reference": ("configuration", "metrics", "data", "models", "inference", "results"),
    "Measured": ("demo", "laptop", "studies", "size", "performance"),
    "Operations": ("operations", "cluster"),
    "The house": ("contributing", "changelog"),
    "More": (),
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def gather(folder: Path) -> None:
    """Put the pages of the site into a folder that is not there, with links as they are in the site."""
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for place, name in PAGES.items():
        text = (ROOT / place).read_text(encoding="utf-8")
        (folder / name).write_text(LINK.sub(lambda link: moved(link, place), text), encoding="utf-8")  # noqa: B023
    with open(folder / "index.md", "a", encoding="utf-8") as index:
        for title, names in contents(folder).items():
            lines = "\n".join(names)
            index.write(f"\n```{{toctree}}\n:caption: {title}\n:hidden:\n\n{lines}\n```\n")


def contents(folder: Path) -> dict[str, list[str]]:
    """Return the pages of each section."""
    there = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.md")} - {"index"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = [name for name in re.findall(r"docs/(howto/[\w-]+)\.md", readme) if name in there]
    guides = [*first, *sorted(name for name in there - {*first} if name.startswith("howto/"))]
    found = {title: [name for name in names if name in there] for title, names in SECTIONS.items()}
    found["How to"] = list(dict.fromkeys(guides))
    found["More"] = sorted(there - {name for names in found.values() for name in names})
    return {title: names for title, names in found.items() if names}


def moved(link: re.Match[str], page: str) -> str:
    """Return a link of a page of the root as it is in the site; of a file that is no page of it, its name alone."""
    image, text, target, anchor = link[1], link[2], link[3], link[4] or ""
    if "://" in target:
        return link[0]
    place = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
    if not (ROOT / place).exists():
        raise SystemExit(f"{page}: {link[0]}: found no {place}")
    if place in PAGES:
        return f"{image}[{text}]({PAGES[place]}{anchor})"
    if place.startswith("docs/"):
        return f"{image}[{text}]({place.removeprefix('docs/')}{anchor})"
    return f"{text} (`{place}`)"


def main(site: Path) -> int:
    """Make the site; return Sphinx's exit code."""
    from sphinx.cmd.build import main as sphinx

    with tempfile.TemporaryDirectory() as scratch:
        gather(Path(scratch) / "pages")
        shutil.rmtree(site, ignore_errors=True)
        flags = ["--fail-on-warning", "--keep-going", "--quiet", "--nitpicky", "-d", f"{scratch}/cache"]
        return sphinx([*flags, f"{scratch}/pages", str(site)])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
