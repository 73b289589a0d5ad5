"""Hints of a run name keys of its config, and those of a command its options."""

from __future__ import annotations

from typing import Any

import pytest

from seqrobust.errors import InputError
from seqrobust.progress import Silent
from seqrobust.run.attacking import check_attack
from seqrobust.run.config import RunConfig
from seqrobust.run.place_words import KeyWords, in_config, keys_of
from seqrobust.run.registry import ANALYSES
from seqrobust.sequences.data_config import load_data


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize("name", ["attack", "certify", "attribute", "probe", "stability", "privacy"])
def test_every_key_is_one_that_the_config_has(name: str) -> None:
    kind = ANALYSES[name].load("settings")
    keys = {flag: key for flag, key in keys_of(name, kind).items() if key.startswith(f"{name}.")}
    section: Any = RunConfig.model_fields[name].annotation
    (known,) = (one for one in section.__args__ if one is not type(None))
    assert {key.partition(".")[2] for key in keys.values()} <= set(known.__dataclass_fields__)


def test_notices_are_said_in_keys() -> None:
    heard = Heard()
    KeyWords(heard, keys_of("probe", ANALYSES["probe"].load("settings"))).say("--functional names some; see --cluster")
    assert heard.said == ["probe.functional names some; see data.cluster"]


def test_refusals_name_keys() -> None:
    simulated = {"simulate": {"grammar": "promoter", "n": 60}, "target": "label"}
    attack = {"moves": "codons:CDS"}
    made = RunConfig.model_validate({"name": "x", "task": "classification", "data": simulated, "attack": attack})
    assert made.attack is not None
    with pytest.raises(InputError) as refused:
        check_attack(made, made.attack, load_data(made.data, made.task, made.seed))
    assert "--" not in str(refused.value)
    kind = ANALYSES["attack"].load("settings")
    with pytest.raises(InputError, match=r"attack\.protect"), in_config("attack", kind):
        raise InputError("no", fix="give --protect")
