"""One net of the zoo, attacked or evaluated as a user would, and held against what is true of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from zoo_base import encoded, texts, trained
from zoo_exact import exact_flips
from zoo_nets import Animal

import seqrobust as sr
from seqrobust.errors import InputError

METHODS = ("discrete_pgd", "auto", "greedy_all", "random")
"""Of an evaluation: one that follows gradients, the cascade, one that needs none, and chance."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        animal: the net.
        refused: the error, where it was refused; empty otherwise.
        attacked: records read rightly at first, for which the net has an answer.
        exact, found: how many of them one edit, and two edits, flip: by enumeration, and by the package.
        missed, made_up: those flipped that were not found, and those found that are none.
        verdict: on masked gradients; empty of an attack.
        wrong: supported claims that do not hold.
        notices: what was said.
        seconds: it took.
    """

    animal: Animal
    refused: str = ""
    attacked: int = 0
    exact: tuple[int, int] = (0, 0)
    found: tuple[int, int] = (0, 0)
    missed: tuple[int, int] = (0, 0)
    made_up: tuple[int, int] = (0, 0)
    verdict: str = ""
    wrong: list[str] = field(default_factory=list)
    notices: tuple[str, ...] = ()
    seconds: float = 0.0


def outcome(animal: Animal, *, count: int, length: int, evaluate: bool = False) -> Outcome:
    """Attack or evaluate ``count`` records of that length at one and two edits."""
    records, x, targets = _records(animal, count, length)
    truth = None
    if animal.kind in ("honest", "hidden"):
        truth = exact_flips(animal.made(length), x, targets, animal.task, probabilities=animal.probabilities)
    start = time.perf_counter()
    try:
        found = _asked(animal, records, targets, length, evaluate=evaluate)
    except InputError as error:
        return Outcome(animal=animal, refused=str(error).splitlines()[0], seconds=time.perf_counter() - start)
    seconds = time.perf_counter() - start
    flips = _flips(found.table, [f"r{number}" for number in range(len(records))])
    metrics = found.metrics
    claimed = [claim["claim"] for claim in metrics.get("claims", ()) if claim["standing"] == "supported"]
    verdict = metrics["masking"]["verdict"] if evaluate else ""
    told = {"animal": animal, "verdict": verdict, "notices": tuple(found.notices), "seconds": seconds}
    if truth is None:
        sure = [text for text in claimed if "near the truth" in text or "guarantee" in text]
        return Outcome(
            **told, attacked=len(records), found=(int(flips[:, 0].sum()), int(flips[:, 1].sum())), wrong=sure
        )
    exact = truth[:, 1:]
    missed, made_up = exact & ~flips, flips & ~exact
    return Outcome(
        **told,
        attacked=int(truth[:, 0].sum()),
        exact=_counts(exact),
        found=_counts(flips),
        missed=_counts(missed),
        made_up=_counts(made_up),
        wrong=[text for text in claimed if not _holds(text, exact, flips)],
    )


def _records(animal: Animal, count: int, length: int) -> tuple[list[str], Tensor, Tensor]:
    """Records, one-hot, and what the net says of them (of one that draws: what the network inside it says)."""
    records, classes = texts(count, length, seed=5)
    if animal.task == "binary":
        records = [record for record, kind in zip(records, classes, strict=True) if kind < 2]
    x = encoded(records)
    net = animal.made(length) if animal.kind in ("honest", "hidden") else trained(animal.base, length)
    with torch.no_grad():
        outputs = net(x).float()
    if animal.task == "binary" and outputs.reshape(len(x), -1).shape[1] == 1:
        targets = (outputs.reshape(-1) > (0.5 if animal.probabilities else 0.0)).long()
    else:
        targets = outputs.nan_to_num(nan=-torch.inf).argmax(1)
    return records, x, targets


def _asked(animal: Animal, records: list[str], targets: Tensor, length: int, *, evaluate: bool) -> Any:
    model = sr.wrap(animal.made(length), alphabet="DNA", task=animal.task, device="cpu")
    ids = [f"r{number}" for number in range(len(records))]
    given = sr.records(records, alphabet="DNA", targets=targets.tolist(), ids=ids)
    if evaluate:
        return sr.evaluate(model, given, "1..2", methods=METHODS, probe_records=16, random_draws=4)
    return sr.attack(model, given, "1..2", random_draws=2)


def _flips(table: Any, ids: list[str]) -> Tensor:
    """(N, 2) bool successes at one and two edits; False for records that were left out."""
    success = table["success"].astype("boolean").fillna(value=False)
    reached = set(zip(table["id"][success], table["budget"][success], strict=True))
    return torch.tensor([[(name, budget) in reached for budget in (1, 2)] for name in ids])


def _counts(flags: Tensor) -> tuple[int, int]:
    one, two = flags.sum(0).tolist()
    return one, two


def _holds(claim: str, exact: Tensor, flips: Tensor) -> bool:
    """Whether a supported claim about numbers holds; others are not looked at."""
    level = 0 if "k = 1" in claim else 1
    if "guarantee" in claim or "near the truth" in claim:
        return bool((exact[:, level] == flips[:, level]).all())
    return not bool((flips & ~exact).any())
