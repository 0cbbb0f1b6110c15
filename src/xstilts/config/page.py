"""The JSON schema of the configuration, and the page that describes every key, both made from xstilts.config.run."""

import json
from collections.abc import Iterator
from typing import Any

from xstilts.config.layers import KEY
from xstilts.config.outside import Entry
from xstilts.config.run import Run
from xstilts.files import dump_json

EXTENDS = {
    "type": "string",
    "default": "config.yaml",
    "description": "of an overlay: what it changes, a run of `config/runs/` by its name or a file as seen from it",
}
PAGE = """\
# Configuration

`config.yaml` has the paper's settings; an overlay (`--configfile config/runs/demo.yaml`) changes some of them, and
`--config sources=none,mnli tasks=xnli` on the command line changes them again. An overlay that changes another one says
so (`extends: demo`), which is then read by itself. Maps are merged key by key, lists are replaced. An unknown key is
refused. This page and `workflow/schemas/config.schema.json` are made from
`src/xstilts/config/run.py` by `make schema`; *default* is the value in `config.yaml`, or what a missing key means (—:
the key must be given where its section is).

| key | type | default | what |
| --- | --- | --- | --- |
"""
OWN_TASKS = """
## Tasks of your own

A YAML file that `tasks` names (or `task_files`, for training sets that are sources only) has an entry for each data
set, `NAME: {...}` with a name of lower-case letters and digits, which its task and its training set have too.
What has dev or test is evaluated, what has train can be trained on; training data are English. Files lie below the
folder of the YAML file. `xstilts tasks FILE` checks it; a run checks it before it plans anything.

In `fields` stand the columns of a record; `a.b` is key `b` inside `a`. Labels of multiple choice are the number of the
right choice from 0 (`label_names` for any other spelling); words and tags are lists, or texts with spaces between them.
A test file may be without its labels. Without `id` a row's number is its id; the items of a `parallel` task need the
same ids in every language. A training set without dev is chosen on a tenth of train.

A dual encoder has queries in `files`, with the fields `id` and `text`, what they search in `candidates` and which of it
is right in `gold` ([an example](howto/add-a-task.md#queries-that-search-candidates)).

| key | type | default | what |
| --- | --- | --- | --- |
"""
SOURCES = """
## The names of sources

Each name in `sources` is a row of the main table; rows stand in blocks, whatever their order in the configuration.

| name | what the encoder learns before the target phase |
| --- | --- |
| `none` | nothing; the row that the others are compared with |
| `none-tuned` | nothing, but each target's learning rate is the one of `target.rates` that is best on English dev |
| `none@1e-05` | nothing; every target with this learning rate |
| `none-longer` | nothing, but each target has as many further steps as `mnli` has in the intermediate phase |
| `none-averaged` | nothing, but a target's weights are the mean of those at its last evaluations (`optimisation.averaged`) |
| `anli` `mnli` `qqp` `squad` `squad2` `hellaswag` `ccg` `cosmosqa` `csqa` | one English task; any training set of the registry can be one |
| `multi` | all of these that the run names, drawn in proportion to their sizes |
| `multi-v1` | the tasks of the paper's first version, which left SQuAD out; further mixtures: `intermediate.mixtures` |
| `mnli+mlm` `multi+mlm` `multi-v1+mlm` ... | the same with masked language modelling on raw text (`intermediate.mlm`) as a further task |
| `mnli-de` `qqp-ru` `hellaswag-sw` ... | a task translated into a language: from files (docs/data.md), else translated here (`translation`); `mnli-de+mlm` too |
| `mnli-then-squad` ... | one after the other, as many as wanted: from what came of the first, training on the second |
| `mnli-many` ... | a task whose examples are each in one language of a group (`intermediate.groups`), in as many examples; in studies alone |
| `mnli-shuffled` | control: MNLI with its labels permuted |
| `mlm-en` | control: masked language modelling on English text, as many steps as `mnli` |
| `none+lora` `mnli+ia3` ... | the same with adapters in both phases instead of the whole encoder (`methods`); in studies alone |
| `none+5shots` `mnli+100shots` ... | the same, and after the target's training so many examples of each language, from its dev set (`few_shot`); in studies alone |
| `5shots` ... | nothing but these examples: a fresh head on the pretrained encoder; in studies alone |
| `in-context-0` `in-context-4` ... | no training: a decoder (`decoder`) reads so many English examples before each question; in studies alone |
| `name: {encoder: FOLDER-OR-HUB-ID}` | a checkpoint of your own |

```
make paper MIRROR=DIR sources=none,none-tuned,mnli,mnli+mlm,mnli-de,multi,multi+mlm,multi-v1
```

The raw text of the sources with `+mlm` is fetched like other data, or read from `MIRROR=DIR` where that has some
([data.md](data.md#raw-text)).

How long a training with raw text is, no version of the paper says: here it is lengthened by the text's share of the
mixture, so that the task itself gets the steps that it gets without text. The dev sets of the tasks choose the
checkpoint, the text does not. `config/recipes/jiant.yaml` and `config/recipes/xtreme.yaml` have the settings of the
authors' later code and of the benchmark (`make paper RECIPE=jiant`).

## Batches of tokens, and the recipe throughput

Each training set has `batch_size` (examples) or `batch_tokens`; an overlay that sets one sets the other to null:

```
target: {sets: {mnli: {batch_size: null, batch_tokens: 16384}}}
```

A batch then takes examples in random order while their tokens, padding not counted, stay within the number (a longer
example is a batch of its own), and each pass still reads every example once. A mixture with such batches shows its tasks
in proportion to their examples, up to 2^17 each, however many a batch holds (`src/xstilts/training/sampler.py` has the
formula). `optimisation.micro_tokens` remains what fits into memory. `mlm-en` needs `batch_size` for itself and `mnli`.

`make paper RECIPE=throughput` (`config/recipes/throughput.yaml`) is the paper's experiment on batches of mostly
16,384 tokens with learning rates assumed for them. **Its results are not those of the paper's recipe**, and it was not
run yet. Every result names its recipe: `scores.csv` and `hyperparameters.*` in a column, the main tables below, the
report in its captions, `xstilts trace` in its first lines. The name is `recipe` of the configuration, with `+clean`
where `selection.recipe` is clean, and with what the run changed of it: "paper, 2 settings changed" stands under a run of
the paper's recipe with another `target.sets.mnli.epochs` and `evaluation.limit`, and the tables name both. A name without
a file in `config/recipes` is the run's own. The name changes nothing, and renaming it trains nothing again.
"""  # noqa: E501
WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}


def schema() -> dict[str, Any]:
    """Return the JSON schema of a whole configuration."""
    whole = Run.model_json_schema()
    whole["properties"] = {KEY: EXTENDS} | whole["properties"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}


def schema_text() -> str:
    """Return the schema as the text of its file."""
    return dump_json(schema())


def page(values: dict[str, Any]) -> str:
    """Return the page, a row a key.

    Args:
        values: the base configuration (config.yaml), for the column of defaults.
    """
    whole = schema()
    rows = "".join(
        f"| `{key}` | {kind(entry, whole)} | {default(entry, key, values)} | {entry.get('description', '')} |\n"
        for key, entry in keys(whole, whole, "")
    )
    return PAGE + rows + _own_tasks() + SOURCES


def _own_tasks() -> str:
    """Return the part about files with tasks of the user's own, a row a key."""
    whole = Entry.model_json_schema()
    return OWN_TASKS + "".join(
        f"| `{key}` | {kind(entry, whole)} | {default(entry, key, {})} | {entry.get('description', '')} |\n"
        for key, entry in keys(whole, whole, "")
    )


def keys(section: dict[str, Any], whole: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (dotted key, its schema) in the order of the models; NAME stands for a name that the user chooses."""
    for name, entry in section["properties"].items():
        yield prefix + name, entry
        for option in [entry, *entry.get("anyOf", [])]:
            if "$ref" in option:
                yield from keys(resolve(option, whole), whole, f"{prefix}{name}.")
            elif "$ref" in option.get("additionalProperties", {}):
                yield from keys(resolve(option["additionalProperties"], whole), whole, f"{prefix}{name}.NAME.")


def resolve(entry: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    found: dict[str, Any] = whole["$defs"][entry["$ref"].rsplit("/", 1)[1]]
    return found


def kind(entry: dict[str, Any], whole: dict[str, Any]) -> str:
    """Say in words what values a key takes."""
    if "anyOf" in entry:
        return " or ".join(kind(option, whole) for option in entry["anyOf"])
    if "enum" in entry or "const" in entry:
        return " or ".join(f"`{value}`" for value in entry.get("enum", [entry.get("const")]))
    if "$ref" in entry or entry["type"] == "object":
        return "section"
    if entry["type"] == "array":
        return f"list of {kind(entry['items'], whole)}"
    limits = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most"}
    bounds = [f"{words} {entry[limit]:g}" for limit, words in limits.items() if limit in entry]
    return ", ".join([WORDS[entry["type"]], *bounds])


def default(entry: dict[str, Any], key: str, values: dict[str, Any]) -> str:
    """Return what a key is where nothing else is said: the base configuration's value, else the model's."""
    value: Any = values
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        value = entry.get("default")
    if isinstance(value, dict):
        return ""
    if value is None and "default" not in entry and not nullable(entry):
        return "—"
    if value == "":
        return '`""`'
    return f"`{' '.join(map(str, value)) or '[]'}`" if isinstance(value, list) else f"`{as_yaml(value)}`"


def nullable(entry: dict[str, Any]) -> bool:
    """Say whether a key may be null."""
    return any(option.get("type") == "null" for option in entry.get("anyOf", []))


def as_yaml(value: Any) -> str:
    """Write a scalar as YAML has it."""
    return json.dumps(value).strip('"')
