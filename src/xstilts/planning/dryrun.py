"""Which jobs will run: Snakemake's own answer, from its command line."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xstilts.config.layers import read_layers
from xstilts.errors import UserError
from xstilts.graph.jobs import Jobs

STORE = "store"
OF_STUDY = {  # by rule what it makes in the study's folder
    "predict_study": ("predicted.csv",),
    "measure_speed": ("speed", "manifest.json"),
    "measure_serving": ("serving", "manifest.json"),
    "measure_latency": ("latency", "manifest.json"),
    "study": ("verdict.md",),
}
# What says nothing of a mistake in the settings: what was read, where in the rules the refusal stands.
PLACES = ("Using workflow specific profile", "Config file config.yaml is extended", "WorkflowError in file", '  File "')


@dataclass(frozen=True)
class Job:
    """A job of the run as Snakemake sees it: ``status`` in its words, ``pending`` whether it will run."""

    rule: str
    wildcards: tuple[str, ...]
    outputs: tuple[Path, ...]
    status: str
    pending: bool

    @property
    def name(self) -> str:
        """The job in one word, such as ``train_target xlm-roberta-large/mnli/squad/1``."""
        return " ".join([self.rule, "/".join(self.wildcards)]).strip()


def ask_snakemake(arguments: Sequence[str], folder: Path = Path()) -> list[Job]:
    """Return all jobs of the run that a command line of Snakemake means.

    Args:
        arguments: of ``snakemake``, such as ``--configfile config/runs/demo.yaml``.
        folder: of the Snakefile; results lie in it too.

    Raises:
        UserError: there is no Snakefile, or Snakemake refuses the command line or the configuration.
    """
    if not (folder / "Snakefile").is_file():
        raise UserError(f"{folder.resolve()}: found no Snakefile; call this where the workflow lies")
    read_layers(folder, _overlays(arguments))  # Snakemake names no file that is missing or no YAML
    command = [sys.executable, "-m", "snakemake", "--summary", "--nocolor", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        said = (line for line in (done.stderr or done.stdout).splitlines() if line.strip())
        lines = [line for line in said if not line.startswith(PLACES)]
        raise UserError("snakemake: " + (" ".join(lines[-3:]) if lines else f"exit status {done.returncode}"))
    return read_summary(done.stdout)


def _overlays(arguments: Sequence[str]) -> list[str]:
    """Return the configuration files that a command line of Snakemake names."""
    found, after = list[str](), False
    for word in arguments[: arguments.index("--")] if "--" in arguments else arguments:
        name, _, value = word.partition("=")
        if name in ("--configfile", "--configfiles"):
            found, after = [value] if value else [], True
        elif word.startswith("-"):
            after = False
        elif after:
            found.append(word)
    return found


def read_summary(text: str) -> list[Job]:
    """Read the table of ``snakemake --summary``: a line an output file."""
    grouped: dict[tuple[str, tuple[str, ...]], list[tuple[Path, str, bool]]] = {}
    for line in text.splitlines():
        cells = line.split("\t")
        if len(cells) == 6 and cells[0] != "output_file":
            path, rule = Path(cells[0]), cells[2]
            entry = (path, cells[4], cells[5] == "update pending")
            grouped.setdefault((rule, wildcards_of(rule, path)), []).append(entry)
    return [
        Job(
            rule,
            wildcards,
            tuple(path for path, _, _ in entries),
            next((status for _, status, _ in entries if status != "ok"), "ok"),
            any(pending for _, _, pending in entries),
        )
        for (rule, wildcards), entries in grouped.items()
    ]


def wildcards_of(rule: str, output: Path) -> tuple[str, ...]:
    """Return a job's wildcards from the place of its output: the inverse of ``Places``."""
    parts = output.parts
    if rule in ("pretrain", "fetch_model", "fetch_whole", "trim", "download", "fetch_text", "predict_study", "study"):
        return parts[-2:-1]
    if rule in ("measure_speed", "measure_serving", "measure_latency"):
        return parts[-3:-2]
    if rule in ("prepare", "translate"):
        return parts[-3:-1]
    if rule in ("train_intermediate", "adopt_source"):
        return (*parts[-5:-3], parts[-2])
    if rule in ("train_target", "choose_rate", "drop", "featurise"):
        return parts[-5:-1]
    if rule in ("index", "predict", "few_shot", "in_context"):
        return parts[-6:-1]
    if rule == "score":
        return (*parts[-6:-1], output.stem)
    return (output.stem,) if rule == "baseline" else ()


def output_of(jobs: Jobs, rule: str, *wildcards: str) -> Path:
    """Return what a job makes: the manifest of an artifact, a score file, a file of a study, the marker of a drop."""
    model, source, target, seed, *rest = (*wildcards, *[""] * 6)[:6]
    if rule == "world":
        return jobs.world
    if rule == "download":
        return jobs.download(model)
    if rule == "fetch_text":
        return jobs.text_in(model)
    if rule == "prepare":
        return jobs.data(model, source)
    if rule == "fetch_decoder":
        return jobs.decoder
    if rule == "fetch_translator":
        return jobs.translator
    if rule == "translate":
        return jobs.translated(model, source)
    if rule == "fetch_whole":
        return jobs.whole(model)
    if rule in ("pretrain", "fetch_model", "trim"):
        return jobs.pretrained(model)
    if rule == "featurise":
        return jobs.features(model, source, target, seed)
    if rule in ("train_intermediate", "adopt_source"):
        return jobs.encoder(model, source, target)
    if rule == "sample_text":
        return jobs.text
    if rule in ("train_target", "choose_rate"):
        return jobs.trained(model, source, target, seed)
    if rule == "index":
        return jobs.index(model, source, target, seed, rest[0])
    if rule in ("predict", "few_shot", "in_context"):
        return jobs.prediction(model, source, target, seed, rest[0])
    if rule == "score":
        return jobs.score(model, source, target, seed, rest[0], rest[1])
    if rule == "drop":
        return jobs.marker(model, source, target, seed)
    if rule in OF_STUDY:
        return jobs.made("studies", model, *OF_STUDY[rule])
    raise ValueError(f"no place for rule {rule!r}")


def run_folder(jobs: Sequence[Job]) -> Path:
    """Return ``results/RUN`` of the jobs; UserError when all of them belong to the store that runs share."""
    for job in jobs:
        for path in job.outputs:
            place = path.parts.index("results") if "results" in path.parts else 0
            if path.parts[place + 1] != STORE:
                return Path(*path.parts[: place + 2])
    raise UserError("snakemake: found no job of a run; expected a target that belongs to one")
