"""Objectives own their settings: by name in Python, in a config, and in what checkpoints say of their training."""

from dataclasses import asdict, fields

import pytest
from pydantic import TypeAdapter

from seqrobust.errors import ConfigError
from seqrobust.training import AdversarialSettings, adversarial_settings
from seqrobust.training.config import TrainConfig
from seqrobust.training.objectives import OBJECTIVES

NEEDED: dict[str, dict[str, object]] = {"distillation": {"teacher": "teacher.ckpt"}}
COMMON = {field.name for field in fields(AdversarialSettings)}
# What checkpoints of the first versions say of every objective, whether it has the setting or not.
FIRST_VERSIONS: dict[str, object] = {
    "budget": 2, "protect": ["core"], "only": [], "allow": "any", "steps": 1, "clean_share": None, "ramp_epochs": 0,
    "least_share": 1.0, "validation_steps": 5, "weight": None, "reduction": None, "teacher": None,
    "converse_weight": 0.0, "first_norm": None, "first_epochs": 0, "guard": True,
}  # fmt: skip


def from_config(adversarial: object) -> AdversarialSettings:
    found = TypeAdapter(TrainConfig).validate_python({"adversarial": adversarial}).adversarial
    assert found is not None
    return found


@pytest.mark.parametrize("name", OBJECTIVES)
def test_config_python_and_checkpoint_agree(name: str) -> None:
    needed = NEEDED.get(name, {})
    made = adversarial_settings(name, budget=2, protect=("core",), **needed)
    assert made.objective == name
    assert from_config({"objective": name, "budget": 2, "protect": ["core"], **needed}) == made
    assert from_config(asdict(made)) == made
    assert from_config({**FIRST_VERSIONS, "objective": name, **needed}) == made


def test_an_objective_that_is_not_named_is_adversarial_training() -> None:
    assert from_config({"budget": 1}) == adversarial_settings(budget=1) == adversarial_settings("adversarial", budget=1)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_settings_of_other_objectives_are_refused(name: str) -> None:
    own = {field.name for field in fields(OBJECTIVES[name])}
    everything = {field.name for kind in OBJECTIVES.values() for field in fields(kind)}
    assert {"steps", "weight", "teacher", "converse_weight"} <= everything - COMMON
    for setting in everything - own:
        for make in (lambda options: adversarial_settings(**options), from_config):
            with pytest.raises(ConfigError, match=f"{setting} does not belong to the objective {name}") as caught:
                make({"objective": name, setting: 7, **NEEDED.get(name, {})})
            having = [other for other, kind in OBJECTIVES.items() if setting in {one.name for one in fields(kind)}]
            assert ", ".join(having) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "too small"),
        ({"clean_share": 1.0}, "leaves room for adversaries\n  expected: 0 to below 1"),
        ({"clean_share": float("nan")}, "leaves room"),
        ({"least_share": 1.01}, "expected: 0 to 1\n"),
        ({"objective": "distillation", "teacher": "t.ckpt", "weight": 1.5}, "share of a distillation"),
        ({"objective": "invariance", "protect": ("a",), "converse_weight": -1.0}, "too small"),
        ({"objective": "invariance", "converse_weight": 1.0}, "letters that are protected"),
        ({"first_epochs": 2}, "both or neither"),
    ],
)
def test_values_out_of_range(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        adversarial_settings(**options)  # type: ignore[arg-type]
