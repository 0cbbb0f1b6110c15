"""The records of families: each names what is there, and the stages need no name of a family besides."""

import importlib

import pytest

from xstilts.config.sections import Lengths
from xstilts.errors import ConfigError
from xstilts.families.facts import facts
from xstilts.families.modules import FAMILIES
from xstilts.modeling.heads import LOSSES
from xstilts.reporting.baselines.families import BASELINES
from xstilts.tasks import registry


def test_there_are_these_families() -> None:
    assert set(FAMILIES) == {
        "classification",
        "dual_encoder",
        "mlm",
        "multiple_choice",
        "retrieval",
        "span_qa",
        "tagging",
    }
    with pytest.raises(ConfigError, match="unknown family 'taging'"):
        facts("taging")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_record_names_what_is_there(family: str) -> None:
    known = facts(family)
    for module in (known.reader, known.training, known.prediction, known.dev_metric):
        assert module is None or importlib.import_module(f"xstilts.{module}")
    assert known.loss is None or known.loss in LOSSES
    assert {known.length or family, *known.limits.values()} <= set(Lengths.model_fields)


@pytest.mark.parametrize("name", registry()[0])
def test_what_is_evaluated_has_a_prediction_and_a_baseline(name: str) -> None:
    known = facts(registry()[0][name].family)
    assert known.prediction and known.baseline in BASELINES
    if registry()[0][name].target != "none":
        known = facts(registry()[1][registry()[0][name].target].family)  # Tatoeba after SQuAD: another one
        assert known.training and known.head and known.loss and known.dev_metric
