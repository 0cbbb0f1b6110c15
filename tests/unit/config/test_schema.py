from pathlib import Path

import pytest
import yaml

from xstilts.config.layers import merged, read_layers
from xstilts.config.page import keys, page, schema, schema_text
from xstilts.config.run import load
from xstilts.errors import ConfigError
from xstilts.graph.hyperparameters import optimisation, part_of_target, target_training
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def test_the_schema_is_in_step(in_step):
    in_step(ROOT / "workflow/schemas/config.schema.json", schema_text())


def test_the_page_of_keys_is_in_step(in_step):
    in_step(ROOT / "docs/configuration.md", page(BASE))


def test_every_key_is_described():
    assert not [name for name, entry in keys(schema(), schema(), "") if not entry.get("description")]


OVERLAYS = [path for path in sorted((ROOT / "config").glob("*/*.yaml")) if path.parent.name != "studies"]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_every_overlay_is_a_configuration(overlay):
    assert load(read_layers(ROOT, [overlay])).tasks


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
        (
            {"languages": "en,sw"},
            "languages: found en sw; expected one of de fr ru zh too, or `tasks` without bucc2018",
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
        (
            {"target": {"sets": {"mnli": {"chosen_on": "squad"}}}},
            "sets.mnli.chosen_on: found 'squad'; expected one of mnli snli anli qqp xnli pawsx",
        ),
        ({"run": "store"}, "run: the name 'store' is that of a file or folder of the workflow's own"),
        ({"run": "specs"}, "run: the name 'specs' is that of"),
        ({"models": ["none"], "encoders": {"none": {"weights": "a/b"}}}, "model: the name 'none' is that of"),
        ({"sources": [{"checkpoints": {"encoder": "a/b"}}]}, "source: the name 'checkpoints' is that of"),
        ({"sources": [{"config.json": {"encoder": "a/b"}}]}, "source: the name 'config.json' is that of"),
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


@pytest.mark.parametrize("name", [202411, 1e5, False])
def test_a_name_that_yaml_reads_as_something_else_is_refused_with_what_to_do(name: object) -> None:
    with pytest.raises(ConfigError, match=f"run: found {name}, as YAML reads it; expected text: put it in quotes"):
        load(merged(BASE, {"run": name}))


def test_a_number_can_be_the_name_of_a_checkpoint():
    own = {
        "models": 1000,
        "encoders": {1000: {"weights": "a/1000"}},
        "sources": ["none", {2000: {"encoder": "a/2000"}}],
    }
    run = load(merged(BASE, own))
    assert (run.models, run.own_encoders) == (["1000"], {"2000": "a/2000"})
    assert run.encoders["1000"].weights == "a/1000"


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
            "examples": 500,
        },
        "xtreme": {
            "rates": [2e-5] * 4 + [3e-5] * 2,
            "batch_size": [32, 32, 32, 32, 16, 16],
            "epochs": [5, 5, 10, 10, 2, 2],
            "own": {
                "mnli": {"warmup": 0, "weight_decay": 0, "evaluate_every": 100},
                "pawsx": {"warmup": 0, "weight_decay": 0, "evaluate_every": 200},
                "udpos": {"warmup": 0, "weight_decay": 0, "evaluate_every": 500},
                "panx": {"warmup": 0, "weight_decay": 0},
                **{name: {"warmup": 500, "weight_decay": 1e-4} for name in ("squad", "tydiqa")},
            },
            "examples": None,
        },
    }
    for recipe, values in expected.items():
        run = load(merged(BASE, yaml.safe_load((ROOT / f"config/recipes/{recipe}.yaml").read_text(encoding="utf-8"))))
        sets = run.target.sets
        assert [sets[name].learning_rate or run.target.learning_rate for name in names] == values["rates"]
        assert [sets[name].batch_size for name in names] == values["batch_size"]
        assert [sets[name].epochs for name in names] == values["epochs"]
        own = {name: target_training(run, "none", name, 1)["optimisation"] for name in names}
        for name, settings in own.items():
            differs = {key: value for key, value in settings.items() if value != optimisation(run)[key]}
            assert differs == values["own"].get(name, {}), name
        assert run.selection.examples == values["examples"]
        chosen_on = {name: part_of_target(run, name).get("dev") for name in names}
        assert chosen_on == dict.fromkeys(names) | ({"mnli": ["xnli/en"]} if recipe == "xtreme" else {})
        assert (run.run, run.recipe_name) == (f"paper-{recipe}", recipe) and run.source_names == load(BASE).source_names


@pytest.mark.parametrize("recipe", ["jiant", "xtreme"])
def test_a_recipe_trains_both_benchmarks_tags_alike(recipe):
    run = load(overlaid(f"recipes/{recipe}"))
    own, other = (target_training(run, "none", name, 1) for name in ("udpos", "udpos27"))
    assert [own[key] for key in ("learning_rate", "optimisation")] == [
        other[key] for key in ("learning_rate", "optimisation")
    ]


def test_what_the_benchmark_alone_trains_on_has_neither_warm_up_nor_decay():
    """XTREME-R's train_xcopa.sh, train_lareqa.sh and train_mewslix.sh; runs that were tuned keep what they had."""
    for name in ("siqa-copa", "copa", "lareqa", "mewslix"):
        training = target_training(load(BASE), "none", name, 1)
        for link in (training, *training.get("before", ())):
            assert (link["optimisation"]["warmup"], link["optimisation"]["weight_decay"]) == (0, 0), name
    kept = load(overlaid("runs/demo"))
    training = target_training(kept, "none", "siqa-copa", 1)
    assert {link["optimisation"]["warmup"] for link in (training, *training["before"])} == {kept.optimisation.warmup}


def test_the_recipe_throughput_counts_every_batch_in_tokens_and_leaves_the_rest_of_the_paper():
    overlay = yaml.safe_load((ROOT / "config/recipes/throughput.yaml").read_text(encoding="utf-8"))
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


def overlaid(*names):
    content = BASE
    for name in names:
        content = merged(content, yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text(encoding="utf-8")))
    return content


@pytest.mark.parametrize(
    ("content", "stamped", "changes"),
    [
        (BASE, "paper", []),
        (overlaid("recipes/jiant"), "jiant", []),
        (overlaid("runs/demo"), "demo", []),
        (merged(BASE, {"sources": "none,mnli", "seeds": [1], "optimisation": {"micro_tokens": 4096}}), "paper", []),
        (
            merged(BASE, {"target": {"sets": {"mnli": {"epochs": 1}}}, "evaluation": {"limit": "500"}}),
            "paper, 2 settings changed",
            ["target.sets.mnli.epochs 2 -> 1", "evaluation.limit none -> 500"],
        ),
        (
            merged(overlaid("recipes/xtreme"), {"selection": {"recipe": "clean"}, "lengths": {"span_qa": 256}}),
            "xtreme+clean, 1 setting changed",
            ["lengths.span_qa 384 -> 256"],
        ),
    ],
)
def test_a_run_says_what_it_changed_of_the_recipe_that_it_names(content, stamped, changes):
    jobs = Jobs(load(content), ROOT)
    assert jobs.recipe_changes == changes
    named = {rule: settings_of(jobs, rule) for rule in ("collect_scores", "table_main", "table_claims")}
    assert all((one["recipe"], one["changed"]) == (stamped, changes) for one in named.values())
