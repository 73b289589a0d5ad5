"""What sections of a config take from ``attack`` where they do not say otherwise.

A model trained against an adversary who may rewrite what the attack protects is another model than the one that was
meant, and a probe towards another goal answers another question; so what is said once holds for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_GOAL = ("goal", "target_label", "delta", "output")
TAKEN: Mapping[str, tuple[str, ...]] = {
    "probe": (*_GOAL, "max_records"),
    "attribute": ("max_records",),
    "certify": (*_GOAL, "max_records"),
    "stability": ("delta", "max_records"),
}
"""Section to the keys that it takes."""
MOST: Mapping[str, int] = {"certify": 100, "stability": 100}
"""Records of sections that cost more than an attack does, where the attack has more."""
_PLACES = ("protect", "only")


def with_attack(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a config whose sections say what they take from ``attack``; a key that is given stays, also null.

    >>> with_attack({"attack": {"goal": "down", "protect": ["core"]}, "probe": {}})["probe"]
    {'goal': 'down'}
    """
    attack, found = content.get("attack"), dict(content)
    if not isinstance(attack, Mapping):
        return found
    for name, keys in TAKEN.items():
        section = content.get(name)
        if isinstance(section, Mapping):
            found[name] = {**_least(name, _given(attack, keys)), **section}
    training = content.get("training")
    against = training.get("adversarial") if isinstance(training, Mapping) else None
    if isinstance(training, Mapping) and isinstance(against, Mapping) and not set(_PLACES) & set(against):
        found["training"] = {**training, "adversarial": {**_given(attack, _PLACES), **against}}
    return found


def _given(attack: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: attack[key] for key in keys if attack.get(key) is not None}


def _least(name: str, taken: dict[str, Any]) -> dict[str, Any]:
    most, asked = MOST.get(name), taken.get("max_records")
    return {**taken, "max_records": min(asked, most)} if most and isinstance(asked, int) else taken


def about_training(protect: Sequence[str], trained: Sequence[str], only: Sequence[str]) -> str | None:
    """What to say of an adversary of training beside that of an attack; None where nothing is protected.

    Args:
        protect: what the attack protects.
        trained, only: what the training adversary may not touch, and what it may touch alone.
    """
    if not protect:
        return None
    names = ", ".join(protect)
    if set(protect) <= set(trained):
        return f"the training adversary may not touch {names}, as the attack's may not"
    if only:
        return None
    free = ", ".join(name for name in protect if name not in trained)
    return (
        f"the training adversary may rewrite {free}, which the attack protects: the model is taught to keep its answer "
        "where the truth may change"
    )
