"""What an arm cost, by the manifests of its jobs, and whether equal work cost the same."""

from pathlib import Path

import pytest

from xstilts.artifacts import circumstances, remember
from xstilts.files import read_json
from xstilts.studies.comparison import Comparison
from xstilts.studies.costs import COARSE, FAILED, HOLDS, cost_of, equal_steps, null_test, price

LANGUAGES = ("et", "ht", "id")


def manifest(folder: Path, joules: float | None, seconds: float = 20.0, worked: float = 20.0, gpus: int = 1) -> Path:
    made = circumstances(0.0) | {"seconds": seconds, "work": {"tokens": 10, "padded_tokens": 12, "seconds": worked}}
    made["machine"] |= {"device": "a GPU"} | ({} if joules is None else {"energy_joules": joules})
    spec = {"settings": {"gpus_per_job": gpus} if gpus > 1 else {}}
    content = {"rule": "train_target", "spec": spec, "files": {}, "made": made}
    folder.mkdir()
    return remember(folder / "manifest.json", content).path


def test_energy_is_of_the_jobs_whose_counter_was_read_from_beginning_to_end(tmp_path: Path) -> None:
    whole, short = manifest(tmp_path / "whole", 1500.0), manifest(tmp_path / "short", None)
    resumed = manifest(tmp_path / "resumed", 700.0, seconds=20.0, worked=90.0)
    found = cost_of([whole, short, resumed, tmp_path / "not there"])
    assert (found["energy_joules"], found["energy_jobs"], found["finished"], found["jobs"]) == (1500, 1, 3, 4)
    assert (found["tokens"], found["padded_tokens"], found["gpu_seconds"]) == (30, 36, pytest.approx(130))
    assert cost_of([short])["energy_joules"] == "not measured"


def test_a_training_that_was_divided_took_the_time_of_all_its_gpus(tmp_path: Path) -> None:
    found = cost_of([manifest(tmp_path / "one", None), manifest(tmp_path / "four", None, gpus=4)])
    assert (found["seconds"], found["gpu_seconds"]) == (40, 100)


def predictions(folder: Path, seconds: list[float], examples: int = 100) -> list[str]:
    """Manifests of an arm's predictions, a seed each."""
    found = []
    content = {"rule": "predict", "files": {}, "results": {"languages": {key: {} for key in LANGUAGES}}}
    for seed, took in enumerate(seconds, 1):
        work = {"languages": len(LANGUAGES), "examples": examples, "seconds": took}
        made = circumstances(0.0) | {"seconds": took, "work": work}
        path = folder / "copa" / str(seed) / "xcopa_copa" / "manifest.json"
        path.parent.mkdir(parents=True)
        found.append(str(remember(path, content | {"made": made}).path))
    return found


@pytest.mark.parametrize(
    ("plus", "minus", "found", "words"),
    [
        ([2.0, 2.02, 1.98], [2.0, 2.0, 2.0], HOLDS, "-0.0 % more seconds than those of COPA (-2.5 to +2.5 %), 3 pairs"),
        ([2.0, 1.6], [1.0, 1.0], COARSE, "+78.9 % more seconds than those of COPA (-56.7 to +638.3 %), 2 pairs"),
        ([2.1, 1.9, 2.0], [2.0, 2.0, 2.0], COARSE, "expected an interval within -10 to +10 %"),
        ([3.0, 3.1, 3.0], [2.0, 2.0, 2.0], FAILED, "(+44.7 to +59.0 %)"),
        ([2.16, 2.2, 2.2], [2.0, 2.0, 2.0], FAILED, "(+6.5 to +12.2 %)"),
        ([2.0], [2.0], COARSE, "1 pair of predictions of SIQA->COPA and COPA, and it needs two"),
    ],
)
def test_equal_work_must_be_seen_to_cost_the_same(
    tmp_path: Path, plus: list[float], minus: list[float], found: str, words: str
) -> None:
    """Timings that are too noisy to tell are no proof that the harness is sound."""
    made = {"SIQA->COPA": predictions(tmp_path / "siqa", plus), "COPA": predictions(tmp_path / "none", minus)}
    null = null_test(made, "SIQA->COPA", "COPA")
    assert (null.found, null.holds) == (found, found == HOLDS) and words in null.words, null.words


def test_steps_on_a_chain_are_those_of_all_its_trainings(tmp_path: Path) -> None:
    """The further ones are of its first: of its last one alone both would have 75, and MNLI's would be missing."""
    made: dict[str, list[str]] = {"none-longer": [], "mnli": []}
    for arm, source, target, before in (
        ("none-longer", "none-longer", "siqa-copa", {"siqa": {"steps": 1300}}),
        ("mnli", "mnli", "none", {}),
        ("mnli", "mnli", "siqa-copa", {"siqa": {"steps": 300}}),
    ):
        rule, steps = ("train_intermediate", 1000) if target == "none" else ("train_target", 75)
        path = tmp_path / source / target / "1" / "manifest.json"
        path.parent.mkdir(parents=True)
        results = {"steps": steps} | ({"before": before} if before else {})
        remember(path, {"rule": rule, "files": {}, "results": results, "made": circumstances(0.0)})
        made[arm].append(str(path))
    said = equal_steps(made, "none-longer", "mnli")
    assert said == "Steps of none-longer: 1,375 on siqa-copa (mnli and then siqa-copa has as many in all)."


def test_what_points_cost_has_the_points_that_the_comparisons_have() -> None:
    costs = [{"arm": arm, "training_seconds": took, "finished": 1, "jobs": 1} for arm, took in (("a", 90), ("b", 5))]
    said = price(Comparison("a", "b"), 4.25, costs)
    assert said == "a took +85 training seconds against b, all seeds, for +4.3 points, 20 a point.", said


def test_predictions_of_other_examples_are_no_equal_work(tmp_path: Path) -> None:
    made = {"a": predictions(tmp_path / "a", [2.0, 2.0]), "b": predictions(tmp_path / "b", [2.0, 2.0], examples=90)}
    null = null_test(made, "a", "b")
    assert null.found == FAILED and "expected the same numbers" in null.words


def test_a_prediction_that_was_interrupted_is_in_no_pair(tmp_path: Path) -> None:
    """Its last attempt made fewer languages."""
    made = {arm: predictions(tmp_path / arm, [2.0, 2.0, 2.01, 1.99]) for arm in ("a", "b")}
    one = Path(made["b"][1])
    content = read_json(one)
    content["made"] |= {"seconds": 0.7, "work": {"languages": 1, "examples": 33, "seconds": 0.7}}
    remember(one, {name: value for name, value in content.items() if name != "seal"})
    null = null_test(made, "a", "b")
    assert null.found == HOLDS and "3 pairs on the same examples" in null.words, null.words
    for paths in made.values():
        for path in map(Path, paths):  # a language without data is named, and in no prediction
            content = read_json(path)
            content["results"]["languages"]["qu"] = {"reason": "qu has no such data", "splits": []}
            remember(path, {name: value for name, value in content.items() if name != "seal"})
    assert null_test(made, "a", "b") == null
    few = null_test({arm: paths[:2] for arm, paths in made.items()}, "a", "b")
    assert few.found == COARSE and "1 pair in one go of predictions of a and b" in few.words
