from pathlib import Path

import pytest
import yaml

from xstilts.config import load
from xstilts.errors import ConfigError
from xstilts.schema import keys, page, schema, schema_text
from xstilts.trainings import optimisation, target_training

ROOT = Path(__file__).parents[2]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def merged(base, overlay):
    """Merge an overlay as snakemake does: maps key by key, all else replaced."""
    both = dict(base)
    for key, value in overlay.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def test_the_schema_is_in_step(in_step):
    in_step(ROOT / "workflow/schemas/config.schema.json", schema_text())


def test_the_page_of_keys_is_in_step(in_step):
    in_step(ROOT / "docs/configuration.md", page(BASE))


def test_every_key_is_described():
    assert not [name for name, entry in keys(schema(), schema(), "") if not entry.get("description")]


@pytest.mark.parametrize("overlay", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_overlay_is_a_configuration(overlay):
    layers = [overlay.with_stem(overlay.stem.split("-")[0]), overlay]  # mini-gpu is a change to mini
    run = BASE
    for layer in filter(Path.is_file, dict.fromkeys(layers)):
        run = merged(run, yaml.safe_load(layer.read_text(encoding="utf-8")))
    assert load(run).tasks


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"taskz": ["xnli"]}, "taskz: unknown key; did you mean 'tasks'?"),
        ({"optimisation": {"warm_up": 0.1}}, "optimisation.warm_up: unknown key; did you mean 'warmup'?"),
        ({"optimisation": {"warmup": "much"}}, "optimisation.warmup: found 'much'; input should be a valid number"),
        ({"optimisation": {"clip": 0}}, "optimisation.clip: found 0; input should be greater than 0"),
        ({"tasks": "xnlii"}, "tasks: unknown task 'xnlii'; known: xnli pawsx"),
        ({"sources": "none,mnlj"}, "sources: unknown source 'mnlj'; known: anli mnli"),
        ({"sources": "none,multi"}, "sources: multi trains on the intermediate tasks of the run"),
        (
            {"evaluation": {"retrieval_source": "mnlj"}},
            "evaluation.retrieval_source: unknown source 'mnlj'; expected a name",
        ),
        ({"languages": "en,xx"}, "languages: no task of this run has 'xx'; known: af ar"),
        ({"seeds": "one"}, "seeds.0: found 'one'; input should be a valid integer"),
        ({"models": "xlmr"}, "models: 'xlmr' has no entry in `encoders`; known: xlm-roberta-large"),
        ({"mirror": "/nowhere"}, "mirror: found no folder '/nowhere'; expected one of real data"),
        ({"data": {"origin": "world"}}, "data.origin is world: give the section `world`"),
        (
            {"target": {"sets": {"squad": {"batch_tokens": 4096}}}},
            "target.sets.squad: found both of batch_size and batch_tokens; expected one of them",
        ),
        (
            {"intermediate": {"mlm": {"batch_size": None}}},
            "intermediate.mlm: found neither of batch_size and batch_tokens; expected one of them",
        ),
        (
            {"target": {"sets": {"squad": {"batch_size": None, "batch_tokens": 0}}}},
            "target.sets.squad.batch_tokens: found 0; input should be greater than 0",
        ),
        (
            {
                "sources": "none,mlm-en",
                "intermediate": {"sets": {"mnli": {"batch_size": None, "batch_tokens": 4096}}},
            },
            "intermediate.sets.mnli: found batch_tokens; expected batch_size, because source mlm-en",
        ),
        ({"recipe": "My Own"}, "name 'My Own': use lower-case letters, digits, dots and dashes"),
        ({"tasks": None}, "tasks: found None; input should be a valid list"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(change, message):
    with pytest.raises(ConfigError) as raised:
        load(merged(BASE, change))
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_text_is_read_as_the_number_or_list_that_it_stands_for():
    run = load(merged(BASE, {"target": {"learning_rate": "3e-5"}, "seeds": 7, "tasks": "xnli, mlqa"}))
    assert (run.target.learning_rate, run.seeds, run.tasks) == (3e-5, [7], ["xnli", "mlqa"])
    assert load(merged(BASE, {"seeds": "1,2"})).seeds == [1, 2]
    in_tokens = {"batch_size": "null", "batch_tokens": "4096"}
    chosen = load(merged(BASE, {"target": {"sets": {"mnli": in_tokens}}})).target.sets["mnli"]
    assert (chosen.batch_size, chosen.batch_tokens) == (None, 4096)


def test_a_checkpoint_of_ones_own_is_a_source():
    run = load(merged(BASE, {"sources": ["none", {"my-nli": {"encoder": "checkpoints/nli"}}]}))
    assert run.source_names == ["none", "my-nli"]
    assert run.own_encoders == {"my-nli": "checkpoints/nli"}


def test_recipes_change_what_their_sources_state():
    """jiant 2's guides and XTREME's scripts of spring 2020: learning rates, batch sizes and epochs of each target."""
    names = ["mnli", "pawsx", "udpos", "panx", "squad", "tydiqa"]
    expected = {
        "jiant": {
            "rates": [1e-5] * 6,
            "batch_size": [32, 32, 32, 32, 16, 16],
            "epochs": [2, 5, 10, 10, 2, 2],
            "own": {},
        },
        "xtreme": {
            "rates": [2e-5] * 4 + [3e-5] * 2,
            "batch_size": [32, 32, 32, 32, 16, 16],
            "epochs": [5, 5, 10, 10, 2, 2],
            "own": {name: {"warmup": 500, "weight_decay": 1e-4} for name in ("squad", "tydiqa")},
        },
    }
    for recipe, values in expected.items():
        run = load(merged(BASE, yaml.safe_load((ROOT / f"config/recipe-{recipe}.yaml").read_text(encoding="utf-8"))))
        sets = run.target.sets
        assert [sets[name].learning_rate or run.target.learning_rate for name in names] == values["rates"]
        assert [sets[name].batch_size for name in names] == values["batch_size"]
        assert [sets[name].epochs for name in names] == values["epochs"]
        own = {name: target_training(run, "none", name, 1)["optimisation"] for name in names}
        for name, settings in own.items():
            differs = {key: value for key, value in settings.items() if value != optimisation(run)[key]}
            assert differs == values["own"].get(name, {}), name
        assert (run.run, run.recipe_name) == (f"paper-{recipe}", recipe) and run.source_names == load(BASE).source_names


def test_the_recipe_throughput_counts_every_batch_in_tokens_and_leaves_the_rest_of_the_paper():
    overlay = yaml.safe_load((ROOT / "config/recipe-throughput.yaml").read_text(encoding="utf-8"))
    run, paper = load(merged(BASE, overlay)), load(BASE)
    assert (run.run, run.recipe_name, paper.recipe_name) == ("paper-throughput", "throughput", "paper")
    for phase in ("intermediate", "target"):
        sets, before = getattr(run, phase).sets, getattr(paper, phase).sets
        assert sets.keys() == before.keys()
        for name in sets.keys() - {"mlm-en"}:
            assert sets[name].batch_size is None and sets[name].batch_tokens >= 4096
            assert sets[name].epochs == before[name].epochs
            assert (sets[name].learning_rate or getattr(run, phase).learning_rate) <= 3e-5


def test_another_choice_of_checkpoints_is_part_of_the_recipes_name():
    assert load(merged(BASE, {"selection": {"recipe": "clean"}})).recipe_name == "paper+clean"
