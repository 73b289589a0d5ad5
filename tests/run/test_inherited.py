"""What sections take from the attack, what a dry run announces, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqrobust.errors import InputError
from seqrobust.progress import Silent
from seqrobust.run import plan
from seqrobust.run.config import RunConfig
from seqrobust.run.estimate import Cost
from seqrobust.run.pipeline import prepared_data


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def config(task: str = "regression", **sections: Any) -> RunConfig:
    target = "has_minus35" if task == "regression" else "label"
    simulated = {"simulate": {"grammar": "promoter", "n": 120}, "target": target}
    return RunConfig.model_validate({"name": "x", "task": task, "data": simulated, **sections})


def test_sections_take_goal_and_records_from_the_attack() -> None:
    attack = {"goal": "down", "delta": "2fold", "max_records": 40}
    made = config(attack=attack, probe={}, attribute={}, certify={}, stability={})
    assert made.probe is not None
    assert made.attribute is not None
    assert made.certify is not None
    assert made.stability is not None
    assert (made.probe.goal, made.probe.delta, made.probe.max_records) == ("down", "2fold", 40)
    assert (made.attribute.max_records, made.certify.max_records, made.stability.max_records) == (40, 40, 40)
    assert (made.certify.goal, made.stability.delta) == ("down", "2fold")


def test_what_a_section_says_itself_stands() -> None:
    attack = {"goal": "down", "max_records": 500}
    made = config(attack=attack, probe={"goal": "up", "max_records": None}, certify={}, stability={"max_records": 300})
    assert made.probe is not None
    assert made.certify is not None
    assert made.stability is not None
    assert (made.probe.goal, made.probe.max_records) == ("up", None)
    # Certificates cost more than attacks: more records than their own hundred are taken where they are asked for.
    assert (made.certify.max_records, made.stability.max_records) == (100, 300)


@pytest.mark.parametrize(
    ("against", "protected", "said"),
    [
        ({"budget": 1}, ("minus35",), "may not touch minus35, as the attack's may not"),
        ({"budget": 1, "protect": []}, (), "may rewrite minus35, which the attack protects"),
        ({"budget": 1, "only": ["minus10"]}, (), None),
    ],
)
def test_training_protects_what_the_attack_protects(
    against: dict[str, Any], protected: tuple[str, ...], said: str | None
) -> None:
    heard = Heard()
    made = config("classification", attack={"protect": ["minus35"]}, training={"adversarial": against})
    assert made.training.adversarial is not None
    assert made.training.adversarial.protect == protected
    prepared_data(made, heard)
    about = [text for text in heard.said if "training adversary" in text]
    assert [said in text for text in about] == ([True] if said else [])


def test_an_objective_that_cannot_train_is_refused_before_it_does() -> None:
    made = config(training={"adversarial": {"objective": "mart", "budget": 1}})
    with pytest.raises(InputError, match="not for this task"):
        prepared_data(made, Silent())
    uneven = config("classification", training={"adversarial": {"objective": "hinge"}, "class_weights": "balanced"})
    with pytest.raises(InputError, match="class_weights does not belong"):
        prepared_data(uneven, Silent())


def test_a_dry_run_announces_what_is_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(plan, "attack_cost", lambda *_: Cost(seconds=1.0, records=6))
    made = config("classification", attack={"max_records": 4}, probe={}, privacy={}, training={"epochs": 7})
    said = "\n".join(plan.planned(made, prepared_data(made, Silent())))
    assert "at most about 6 seconds for 6 records" in said
    assert "probe: 4 of 24 records of the split test" in said
    assert "32 shadow models, each a training of 7 epochs; shadows: 0 for none" in said
