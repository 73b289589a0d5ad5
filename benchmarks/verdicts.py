"""What the probe says of models whose truth is known: is it the sentence that is right, and how often?

Run ``python benchmarks/verdicts.py [SEEDS]``; it writes ``verdicts.md`` beside itself. Every model reads records of 60
letters, of which 21 to 30 are named functional. What each reads is known by construction; the records are drawn anew
for every seed, and so are random weights.
"""

from __future__ import annotations

import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import seqrobust as sr

LENGTH, INSIDE, RECORDS = 60, (20, 30), 24
Rule = Callable[[Tensor], Tensor]
"""From (N, 60) signs, 1 for G and C and -1 for A and T, to (N,) logits."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A model and what is true of it: words that may be said, and whether one compact place outside is to be named."""

    name: str
    rule: Callable[[np.random.Generator], Rule]
    words: tuple[str, ...]
    compact: bool | None = None
    wrong: bool = False


class ByRule(nn.Module):
    """Two logits of a rule about G and C."""

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule, self.scale = rule, nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        z = self.rule(x[:, 1] + x[:, 2] - x[:, 0] - x[:, 3]) * self.scale
        return torch.stack([-z, z], 1)


def weighted(*parts: tuple[int, int, float], bias: float = 0.05) -> Callable[[np.random.Generator], Rule]:
    """A weight for each stretch."""
    weights = np.zeros(LENGTH)
    for start, end, weight in parts:
        weights[start:end] += weight
    fixed = torch.tensor(weights, dtype=torch.float32)
    return lambda _: lambda s: s @ fixed + bias


def drawn(start: int, end: int, scale: float = 1.0) -> Callable[[np.random.Generator], Rule]:
    """Normal weights over one stretch."""

    def rule(rng: np.random.Generator) -> Rule:
        weights = np.zeros(LENGTH)
        weights[start:end] = scale * rng.normal(size=end - start)
        fixed = torch.tensor(weights, dtype=torch.float32)
        return lambda s: s @ fixed

    return rule


def fixed(rule: Rule) -> Callable[[np.random.Generator], Rule]:
    """The same at every seed."""
    return lambda _: rule


def untrained(rng: np.random.Generator) -> Rule:
    """A convolution and a dense layer as they are initialised."""
    torch.manual_seed(int(rng.integers(2**31)))
    net = nn.Sequential(nn.Conv1d(1, 8, 7, padding=3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * LENGTH, 1)).eval()
    return lambda s: net(s[:, None])[:, 0]


def window(start: int, end: int) -> Rule:
    """The sum over a stretch."""
    return lambda s: s[:, start:end].sum(1)


ALONE, IGNORES, LOOKS, AWAY = "function alone", "ignores function", "looks at function", "looks away from function"
OPEN, UNMOVED, UNMEASURED = "not told apart", "no single edit moves it", "not measured"


def models() -> Iterator[Known]:
    """Those of known truth."""
    core = window(*INSIDE)
    for name, rule in (
        ("function, evenly", weighted((20, 30, 1))),
        ("function, random weights", drawn(20, 30)),
        ("one functional position", weighted((25, 26, 1))),
        ("two functional positions", weighted((22, 23, 1), (27, 28, 0.6))),
        ("function, the lesser of two halves", fixed(lambda s: torch.minimum(s[:, 20:25].sum(1), s[:, 25:30].sum(1)))),
        ("function, squared", fixed(lambda s: core(s) ** 2 / 10 - 1)),
        ("function, times 1000", weighted((20, 30, 1000))),
        ("function, times 0.0001", weighted((20, 30, 1e-4), bias=0)),
        ("function, best window of four", fixed(lambda s: s[:, 20:30].unfold(1, 4, 1).sum(2).amax(1) - 2.5)),
    ):
        yield Known(name=name, rule=rule, words=(ALONE,), compact=False)
    for name, rule, compact in (
        ("all but function, evenly", weighted((0, 20, 1), (30, 60, 1)), False),
        ("all but function, a tail", weighted((30, 60, 1)), None),
        ("compact shortcut", weighted((45, 55, 1)), True),
        ("compact shortcut, random weights", drawn(40, 50), None),
        ("one position outside", weighted((50, 51, 1)), True),
        ("two compact shortcuts", weighted((3, 8, 1), (45, 50, 1)), True),
        ("shortcut, times 1000", weighted((45, 55, 1000)), True),
        ("shortcut, best window of four", fixed(lambda s: s[:, 44:54].unfold(1, 4, 1).sum(2).amax(1) - 2.5), True),
    ):
        yield Known(name=name, rule=rule, words=(IGNORES,), compact=compact)
    yield Known(
        name="function and a weaker shortcut",
        rule=weighted((20, 30, 1), (45, 55, 0.5)),
        words=(LOOKS, OPEN),
        compact=True,
    )
    yield Known(
        name="function and a little everywhere",
        rule=weighted((0, 60, 0.1), (20, 30, 0.9)),
        words=(LOOKS,),
        compact=False,
    )
    yield Known(
        name="function and one position", rule=weighted((20, 30, 1), (50, 51, 2)), words=(LOOKS, OPEN), compact=True
    )
    yield Known(
        name="shortcut and a little function",
        rule=weighted((45, 55, 1), (20, 30, 0.1)),
        words=(AWAY, OPEN),
        compact=True,
    )
    yield Known(
        name="everywhere but hardly function",
        rule=weighted((0, 60, 1), (20, 30, -0.95)),
        words=(AWAY, OPEN),
        compact=False,
    )
    for name, rule in (
        ("everywhere, evenly", weighted((0, 60, 1))),
        ("random linear", drawn(0, 60)),
        ("random linear, times 1000", drawn(0, 60, 1000.0)),
        ("untrained network", untrained),
        ("best window of six anywhere", fixed(lambda s: s.unfold(1, 6, 1).sum(2).amax(1) - 4.5)),
    ):
        yield Known(name=name, rule=rule, words=(OPEN,), compact=False)
    either = fixed(lambda s: torch.maximum(s[:, 20:23].sum(1), s[:, 45:48].sum(1)) - 0.5)
    yield Known(name="function or its copy outside", rule=either, words=(LOOKS, OPEN, UNMOVED, AWAY))
    both = fixed(lambda s: torch.minimum(s[:, 20:23].sum(1), torch.maximum(s[:, 40:43].sum(1), s[:, 50:53].sum(1))))
    yield Known(name="function and either of two copies", rule=both, words=(LOOKS, OPEN, AWAY))
    yield Known(name="constant", rule=fixed(lambda s: 0 * s.sum(1) + 0.3), words=(UNMOVED,), compact=False)
    yield Known(
        name="rounded, steps of ten", rule=fixed(lambda s: torch.round(s.sum(1) / 10) + 0.3), words=(OPEN, UNMOVED)
    )
    yield Known(name="all wrong", rule=weighted((45, 55, 1)), words=(UNMEASURED,), compact=False, wrong=True)


def said(known: Known, seed: int) -> tuple[str, bool]:
    """The word of one probe, and whether a compact place is named."""
    rng = np.random.default_rng(seed)
    module = ByRule(known.rule(rng))
    model = sr.wrap(module, alphabet="DNA", task="classification", labels=["lo", "hi"])
    texts = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(RECORDS)]
    more: dict[str, Any] = {}
    if known.wrong:
        signs = torch.tensor([[1.0 if letter in "GC" else -1.0 for letter in text] for text in texts])
        more["targets"] = ["lo" if z > 0 else "hi" for z in module.rule(signs).tolist()]
    records = sr.records(texts, alphabet="DNA", regions=[{"core": INSIDE}] * RECORDS, **more)
    found = sr.probe(model, records, sr.Substitutions(2), attacks=["greedy"], random_draws=2, seed=seed)
    return found.metrics["reading"]["word"], found.metrics["reading"]["compact"] is not None


def row(known: Known, seeds: int) -> str:
    """A line of the table."""
    found = [said(known, seed) for seed in range(seeds)]
    words = Counter(word for word, _ in found)
    right = sum(word in known.words and known.compact in (None, place) for word, place in found)
    others = ", ".join(f"{word} ({count})" for word, count in words.most_common())
    places = sum(place for _, place in found)
    wanted = {None: "either", True: "named", False: "none"}[known.compact]
    return f"| {known.name} | {' or '.join(known.words)} | {wanted} | {right} of {seeds} | {others} | {places} |"


def main(seeds: int) -> None:
    """Write the table."""
    known = list(models())
    lines = [
        "# Verdicts of the probe on models of known truth",
        "",
        f"`python benchmarks/verdicts.py {seeds}`, {date.today().isoformat()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}. {len(known)} models, {seeds} seeds each, {RECORDS} records of {LENGTH} letters, "
        "budget 2. Right: one of the words that are true of the model, and a compact place outside named where there "
        "is one and only there.",
        "",
        "| model reads | right is | compact place | right | said | places named |",
        "|---|---|---|---|---|---|",
        *(row(one, seeds) for one in known),
        "",
    ]
    Path(__file__).with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
