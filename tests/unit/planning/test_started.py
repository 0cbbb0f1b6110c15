"""What `xstilts watch` counts: the jobs of the command that was started last, whatever was planned since."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.artifacts import WORK
from xstilts.cli import main
from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.files import read_json, write_json
from xstilts.graph.jobs import Jobs
from xstilts.graph.specs import release, write_specs
from xstilts.graph.started import STARTED, keep_started
from xstilts.locks import only_writer
from xstilts.planning.watch import OLD, Seen, look

ROOT = Path(__file__).parents[3]
Planned = Callable[..., Jobs]


@pytest.fixture
def plan(tmp_path: Path) -> Planned:
    """Plan the demo, or a part of it."""

    def planned(**changes: Any) -> Jobs:
        jobs = Jobs(load(read_layers(ROOT, ["demo"], {"run": "small", **changes})), ROOT, tmp_path)
        release(write_specs(jobs))
        return jobs

    return planned


def states(seen: list[Seen], *rules: str) -> list[tuple[str, str]]:
    return [(job.name, job.state) for job in seen if job.rule in rules]


def test_a_plan_of_another_part_changes_nothing_of_what_is_watched(plan: Planned, tmp_path: Path) -> None:
    jobs = plan(tasks=["xnli"], languages=["en"], sources=["none"])
    table, world = jobs.made("tables", "main.csv"), jobs.world
    keep_started(jobs, [("table_main", (), (str(table),)), ("world", (), (str(world),)), ("all", (), ())])
    before = look(tmp_path, "small")
    assert [job.name for job in before] == ["table_main", "world"]
    plan(tasks=["tatoeba"], languages=["qaa"], sources=["none", "mnli"])
    assert look(tmp_path, "small") == before
    keep_started(jobs, [("world", (), (str(world),)), ("lock", (), ())])
    assert look(tmp_path, "small") == before, "what makes nothing of the run is no start of it"
    keep_started(jobs, [("table_tasks", (), (str(jobs.made("tables", "tasks.csv")),))])
    assert len(look(tmp_path, "small")) == 3, "a further target with the same settings is a part of the same run"
    (tmp_path / "small" / STARTED).write_text('{"jobs": [')
    assert len(look(tmp_path, "small")) > 2, "a damaged one counts as none: what was planned last is shown"


def test_a_plan_of_other_languages_makes_no_finished_job_an_old_one(plan: Planned, tmp_path: Path) -> None:
    jobs = plan(tasks=["xnli"], languages=["en", "qaa"], sources=["none"])
    (cell,) = jobs.cells()
    made, words = jobs.prediction(*cell), tuple(map(str, cell))
    write_json(made, {"spec": read_json(jobs.spec("predict", *words))})
    keep_started(jobs, [("predict", words, (str(made),))])
    assert [job.state for job in look(tmp_path, "small")] == ["done"]
    other = plan(tasks=["xnli"], languages=["en"], sources=["none"])
    assert read_json(jobs.spec("predict", *words)) != read_json(made)["spec"]
    assert [job.state for job in look(tmp_path, "small")] == ["done"]
    keep_started(other, [("predict", words, (str(made),))])
    assert [(job.state, job.words) for job in look(tmp_path, "small")] == [("waiting", OLD)]
    keep_started(jobs, [("predict", words, (str(made),))])
    write_json(made, {"spec": read_json(made)["spec"] | {"code": "of yesterday"}})
    assert [(job.state, job.words) for job in look(tmp_path, "small")] == [("waiting", OLD)]


def test_a_table_is_done_where_it_stands_and_not_by_the_log_of_another_one(plan: Planned, tmp_path: Path) -> None:
    jobs = plan(tasks=["xnli"], languages=["en"], sources=["none"])
    table, log = jobs.made("tables", "main.csv"), jobs.log("table_main")
    keep_started(jobs, [("table_main", (), (str(table),))])
    log.parent.mkdir(parents=True)
    log.write_text("")
    assert states(look(tmp_path, "small"), "table_main") == [("table_main", "waiting")]
    table.parent.mkdir()
    table.write_text("source\n")
    assert states(look(tmp_path, "small"), "table_main") == [("table_main", "done")]
    log.write_text("error: no such column\n")
    assert states(look(tmp_path, "small"), "table_main") == [("table_main", "failed")]


def test_a_folder_that_was_renamed_or_copied_is_looked_at_itself(plan: Planned, tmp_path: Path) -> None:
    jobs = plan(tasks=["xnli"], languages=["en"], sources=["none"])
    (cell,) = jobs.cells()
    made, words = jobs.prediction(*cell), tuple(map(str, cell))
    write_json(made, {"spec": read_json(jobs.spec("predict", *words))})
    keep_started(jobs, [("predict", words, (str(made),)), ("world", (), (str(jobs.world),))])
    shutil.copytree(tmp_path / "small", tmp_path / "of yesterday")
    made.unlink()
    both = [("predict", "small"), ("predict", "of yesterday")]
    assert [states(look(tmp_path, name), rule)[0][1] for rule, name in both] == ["waiting", "done"]
    (tmp_path / "of yesterday" / STARTED).unlink()
    assert states(look(tmp_path, "of yesterday"), "predict")[0][1] == "done", "of a plan alone, too"


def test_a_run_with_a_study_is_watched_too(plan: Planned, tmp_path: Path) -> None:
    jobs = plan(study="order")
    asked = ("predict_study", "measure_speed", "study")
    found = states(look(tmp_path, "small"), *asked)
    assert found and all(state == "waiting" for _, state in found)
    predicted = jobs.of_study("predicted.csv")[0]
    predicted.parent.mkdir(parents=True)
    predicted.write_text("arm\n")
    assert ("predict_study order", "done") in states(look(tmp_path, "small"), *asked)


def test_weights_that_are_dropped_are_counted(plan: Planned, tmp_path: Path) -> None:
    jobs = plan(tasks=["xnli"], languages=["en"], sources=["none"], keep="sources")
    (model,) = jobs.dropped()
    keep_started(jobs, [("drop", tuple(map(str, model)), (str(jobs.marker(*model)),))])
    assert [job.state for job in look(tmp_path, "small")] == ["waiting"]
    jobs.marker(*model).parent.mkdir(parents=True)
    jobs.marker(*model).write_text(json.dumps({"bytes": 1}))
    assert [job.state for job in look(tmp_path, "small")] == ["done"]


def test_a_checkpoint_that_goes_away_meanwhile_ends_no_watching(
    plan: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = plan(tasks=["xnli"], languages=["en"], sources=["none"])
    (cell,) = jobs.target_trainings()
    trained = jobs.trained(*cell)
    keep_started(jobs, [("train_target", tuple(map(str, cell)), (str(trained),))])
    (trained.parent / WORK).mkdir(parents=True)
    (trained.parent / WORK / "step-00000001").symlink_to("removed")
    monkeypatch.setattr(Path, "exists", lambda path: True)  # it was there a moment ago
    with only_writer(trained.parent):
        (job,) = look(tmp_path, "small")
    assert job.state == "running" and job.quiet < 60


@pytest.mark.parametrize("word", ["-1", "nan", "1e9"])
def test_a_pause_that_is_none_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["watch", "demo", "--every", word])
    assert f"found {word}; expected a number from 0" in capsys.readouterr().err
