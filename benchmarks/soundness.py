"""Certificates against the truth: every sequence of small records scored by the bare module, no certificate beaten.

    python benchmarks/soundness.py --certificates 100000 --out soundness.txt

Draws networks of many kinds (``soundness_models.py``), records of eight letters, and asks each method about goals that
lie a hair on either side of what some member of the threat does: the model's largest shift at k edits for a value, a
preference for the clean class that just holds for classes. The truth comes from plain loops that know nothing of
threats, neighbour scores or certificates. A certificate is one (record, k, method). Prints counts, and every
certificate that is beaten; exit code 1 if there is one. The last counts kept are in ``benchmarks/soundness.md``.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from soundness_models import LENGTH, makers
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.attacks import Goal, Problem, Shift, Targeted, Untargeted
from seqrobust.certification import METHODS, Method, certify_shard, methods_named
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import Region, SequenceSet
from seqrobust.threats import Budget, SubstitutionThreat

MOST = 3
"""Edits that are certified; one more is scored, for goals that lie beyond."""
RECORDS = 1
"""Of each network that is drawn."""
ROUNDING = 1e-6
PROTECTED = (3, 5)
HAIRS = (-1e-3, -1e-6, 0.0, 1e-7, 1e-6, 1e-4, 1e-2)
"""Shares of a largest shift by which a goal lies beyond it."""


@dataclass(kw_only=True)
class Count:
    """What was looked at, and what was wrong."""

    checked: Counter[str] = field(default_factory=Counter)
    networks: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """Every sequence within MOST edits: (M,) edits of each, and (M, outputs) what the bare module says of it."""

    spent: Tensor
    logits: Tensor

    def fewest(self, beyond: Tensor) -> int:
        """Edits of the cheapest sequence that is beyond a goal, or at it; more than MOST where none is."""
        reached = beyond >= 0
        return int(self.spent[reached].min()) if bool(reached.any()) else MOST + 1


def members(letters: list[int], free: list[int]) -> tuple[Tensor, Tensor]:
    """(M, L) letters of every sequence within MOST edits at free places, and (M,) how many edits it has."""
    made, spent = [], []
    for size in range(MOST + 1):
        for places in itertools.combinations(free, size):
            for steps in itertools.product((1, 2, 3), repeat=size):
                row = list(letters)
                for place, step in zip(places, steps, strict=True):
                    row[place] = (row[place] + step) % 4
                made.append(row)
                spent.append(size)
    return torch.tensor(made), torch.tensor(spent)


def truth_of(module: nn.Module, letters: list[int], free: list[int]) -> Truth:
    """By the bare module, in batches of its own."""
    rows, spent = members(letters, free)
    encoded = nn.functional.one_hot(rows, 4).transpose(1, 2).float()
    with torch.no_grad():
        logits = torch.cat([module(part) for part in encoded.split(512)])
    return Truth(spent=spent, logits=logits.float())


def asked(predictor: Predictor, letters: list[int], goal: Goal, *, protect: bool) -> Problem:
    """A problem about one record and its own prediction."""
    text = "".join("ACGT"[letter] for letter in letters)
    sequences = SequenceSet.from_texts([text], DNA, regions=[[Region("core", *PROTECTED)]])
    threat = SubstitutionThreat(budget=Budget(1), protect=("core",) if protect else ())
    budgets = tuple(Budget(k) for k in range(1, MOST + 1))
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=None,
        threat=threat,
        budgets=budgets,
        goal=goal,
        control_draws=0,
    )


def shifts(truth: Truth, draw: np.random.Generator) -> Iterator[tuple[Goal, Tensor]]:
    """Goals a hair beside the largest shift at each number of edits, and by how much each member goes beyond them."""
    clean = truth.logits[0, 0]
    for up, k in itertools.product((True, False), range(1, MOST + 1)):
        change = (truth.logits[:, 0] - clean) * (1 if up else -1)
        most = float(change[truth.spent <= k].max())
        # Mostly at the largest number of edits, where most is certified.
        for hair in draw.choice(HAIRS, 4 if k == MOST else 1, replace=False):
            delta = most * (1 + float(hair))
            if delta > 0:
                yield Shift(up=up, delta=delta), change.double() - delta


def classes(truth: Truth) -> Iterator[tuple[Goal, Tensor]]:
    """Any other class, and each other class, and by how much members lead there; a tie is the adversary's."""
    own, count = int(truth.logits[0].argmax()), truth.logits.shape[1]
    if bool((truth.logits[0] >= truth.logits[0, own]).sum() > 1):
        return
    others = [label for label in range(count) if label != own]
    yield Untargeted(), truth.logits[:, others].amax(1) - truth.logits[:, own]
    for label in others:
        rest = [one for one in range(count) if one != label]
        yield Targeted(label=label), truth.logits[:, label] - truth.logits[:, rest].amax(1)


class Preferring(nn.Module):
    """A network that adds something to its outputs, so that some edits, not one, turn it."""

    def __init__(self, net: nn.Module, add: Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("add", add)

    def forward(self, encoded: Tensor) -> Tensor:
        """(N, outputs) of (N, K, L)."""
        out: Tensor = self.net(encoded)
        return out + self.add.to(out.dtype)


def preferring(module: nn.Module, letters: list[int], draw: np.random.Generator) -> nn.Module:
    """The network made to prefer a record's class so that a member at k edits ties with it, or misses by a hair."""
    truth = truth_of(module, letters, list(range(LENGTH)))
    own = int(truth.logits[0].argmax())
    others = [label for label in range(truth.logits.shape[1]) if label != own]
    k = int(draw.choice([1, 2, MOST, MOST]))
    lead = (truth.logits[:, others].amax(1) - truth.logits[:, own])[truth.spent <= k].max()
    add = torch.zeros(truth.logits.shape[1])
    add[own] = float(lead) * (1 + float(draw.choice(HAIRS)))
    return Preferring(module, add).eval()


def prove(
    problem: Problem,
    methods: list[tuple[str, tuple[Method, ...]]],
    scores: NeighbourScores,
    truth: Truth,
    beyond: Tensor,
    name: str,
    count: Count,
) -> None:
    """Ask every method, and compare what it says.

    No certificate may hold at a cost at which a member is at the goal. A sequence that is said to reach it does by the
    model's pass over that sequence alone, which may differ from a pass over many in the last bits: by that much less.
    """
    fewest = truth.fewest(beyond)
    least = truth.fewest(beyond + ROUNDING * float(truth.logits.abs().amax()))
    for method, chosen in methods:
        with problem.predictor.attached():
            (standing,) = certify_shard(
                problem, (), chosen, np.arange(1), seconds=60.0, scores=scores.renewed()
            ).standings
        if not standing.attackable:
            return
        count.checked[method] += standing.certified
        if standing.certified >= fewest or (standing.broken is not None and standing.broken < least):
            said = f"certified {standing.certified} by {standing.proved_by}, broken {standing.broken}"
            count.wrong.append(f"{name}: {method} says {said}; the truth is {fewest}, or {least} by rounding")


def one_network(name: str, module: nn.Module, outputs: int, seed: int, count: Count) -> None:
    """Some records of one network, unrestricted and protected."""
    draw = np.random.default_rng(seed)
    for _ in range(RECORDS):
        letters = draw.integers(0, 4, LENGTH).tolist()
        net = module if outputs == 1 else preferring(module, letters, draw)
        task = "regression" if outputs == 1 else "classification"
        predictor = Predictor(net, alphabet=DNA, task=task, device="cpu", scale="logits")  # type: ignore[arg-type]
        predictor.check(torch.tensor([letters], dtype=torch.uint8))
        scores = NeighbourScores(predictor)
        methods = [(one, methods_named([one])) for one in [*METHODS, "auto"]]
        for protect in (False, True):
            free = [place for place in range(LENGTH) if not protect or not PROTECTED[0] <= place < PROTECTED[1]]
            truth = truth_of(net, letters, free)
            goals = shifts(truth, draw) if outputs == 1 else classes(truth)
            for goal, beyond in goals:
                problem = asked(predictor, letters, goal, protect=protect)
                prove(problem, methods, scores, truth, beyond, f"{name} (seed {seed}), {goal}", count)
    count.networks.add(name)


def report(count: Count, taken: float) -> str:
    """What was looked at so far."""
    total = sum(count.checked.values())
    lines = [f"{total:,} certificates of {len(count.networks)} kinds of networks in {taken:.0f} s"]
    lines += [f"  {method}: {number:,}" for method, number in count.checked.most_common()]
    lines += [f"{len(count.wrong)} beaten", *count.wrong[:50]]
    return "\n".join(lines)


def main() -> None:
    """Go on until so many certificates are checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certificates", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="kinds of networks whose name holds this")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    count, started = Count(), time.monotonic()
    for seed in itertools.count(given.seed):
        kinds = [(outputs, *kind) for outputs in (1, 3) for kind in makers(outputs) if (given.only or "") in kind[0]]
        # In any order, so that a run that is stopped early has met all kinds of networks.
        for number in np.random.default_rng(seed).permutation(len(kinds)).tolist():
            outputs, name, make = kinds[number]
            torch.manual_seed(seed)
            one_network(f"{name}, {outputs} outputs", make().eval(), outputs, seed, count)
            said = report(count, time.monotonic() - started)
            if given.out:
                given.out.write_text(said + "\n")
            if sum(count.checked.values()) >= given.certificates:
                print(said)
                sys.exit(1 if count.wrong else 0)


if __name__ == "__main__":
    main()
