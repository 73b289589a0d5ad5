"""Moves x constraints x goals x searches: violations counted outside the package, and how near the optimum they come.

    python benchmarks/constraint_grid.py [--records 3] [--seed 0]

A random network of ten letters is attacked with one edit under every move, constraint, goal and preset. Every sequence
that is written is read anew: its distance from the clean one by plain dynamic programming, GC by counting, runs of one
letter and motifs by regular expressions on the text, EcoRI's sites by Bio.Restriction. All sequences within one edit
are listed by plain Python and judged by the same code, and the best of them is what a search is held against.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from Bio.Restriction import EcoRI
from Bio.Seq import Seq
from torch import nn

import seqrobust as sr
from seqrobust.alphabet import DNA
from seqrobust.sequences import SequenceSet

LENGTH = 12
WANTED = 2
"""The class of targeted attacks."""
_STANDARD = str.maketrans("ACGT", "TGCA")
Judge = Callable[[str, str], bool]


class Net(nn.Module):
    """A convolution with an average over places, of sequences of any length."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(4, 12, 4, padding=2), nn.Tanh(), nn.Conv1d(12, outputs, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, outputs)."""
        scores: torch.Tensor = self.layers(x).mean(2)
        return scores * 6


def gc(text: str) -> float:
    """Share of G and C."""
    return sum(letter in "GC" for letter in text) / len(text)


def _gc_within(slack: float) -> Judge:
    return lambda clean, after: abs(gc(after) - gc(clean)) <= slack + 1e-9


def _runs(most: int) -> Judge:
    """No run longer than so many letters, or than the clean sequence's longest."""

    def longest(text: str) -> int:
        return max(len(run[0]) for run in re.finditer(r"(.)\1*", text))

    return lambda clean, after: longest(after) <= max(most, longest(clean))


def _motif(letters: str, *, gain: bool) -> Judge:
    def count(text: str) -> int:
        other = text.translate(_STANDARD)[::-1]
        return sum(len(re.findall(f"(?={letters})", one)) for one in (text, other))

    return lambda clean, after: count(after) <= count(clean) if gain else count(after) >= count(clean)


def _ecori(clean: str, after: str) -> bool:
    return len(EcoRI.search(Seq(after))) <= len(EcoRI.search(Seq(clean)))


CONSTRAINTS: dict[str, Judge] = {
    "": lambda clean, after: True,
    "gc:+-0": _gc_within(0),
    "gc:+-0.1": _gc_within(0.1),
    "homopolymer:2": _runs(2),
    "no-gain:TATA": _motif("TATA", gain=True),
    "no-loss:GATA": _motif("GATA", gain=False),
    "no-site:EcoRI": _ecori,
}
MOVES = ("substitutions", "indels:left", "indels:right", "indels:free", "codons")
GOALS = ("up", "down", "untargeted", "targeted")


def members(text: str, moves: str) -> Iterator[str]:
    """Every sequence within one edit, the clean one too."""
    yield text
    if moves == "codons":
        for start in range(0, LENGTH - 2, 3):
            old = text[start : start + 3]
            if start == 0 and old in ("ATG", "TTG", "CTG"):
                continue
            for new in (a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"):
                if new != old and str(Seq(new).translate()) == str(Seq(old).translate()):
                    yield text[:start] + new + text[start + 3 :]
        return
    for at, old in enumerate(text):
        yield from (text[:at] + new + text[at + 1 :] for new in "ACGT" if new != old)
    if moves == "substitutions":
        return
    anchor = moves.partition(":")[2]
    for at in range(LENGTH):
        yield _in_window(text[:at] + text[at + 1 :], anchor)
    for at in range(LENGTH + 1):
        yield from (_in_window(text[:at] + new + text[at:], anchor) for new in "ACGT")


def _in_window(text: str, anchor: str) -> str:
    if anchor == "free":
        return text
    if anchor == "left":
        return text[:LENGTH].ljust(LENGTH, "N")
    return text[-LENGTH:].rjust(LENGTH, "N")


def score(net: Net, text: str) -> np.ndarray[Any, Any]:
    """(outputs,) of a plain call."""
    one_hot = torch.tensor([[float(letter == one) for letter in text] for one in "ACGT"])
    with torch.no_grad():
        return net(one_hot[None])[0].numpy()


def value(goal: str, logits: np.ndarray[Any, Any], clean: np.ndarray[Any, Any]) -> float:
    """What a search raises."""
    if goal in ("up", "down"):
        return float(logits[0] - clean[0]) * (1 if goal == "up" else -1)
    truth = int(clean.argmax())
    if goal == "targeted":
        return float(logits[WANTED] - np.delete(logits, WANTED).max())
    return float(np.delete(logits, truth).max() - logits[truth])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    counts: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for moves in MOVES:
        for goal in GOALS:
            _cell_block(moves, goal, asked, counts)
    print("| moves | search | cells | written | violations | beyond one edit | best member missed | worst share |")
    print("|---|---|---|---|---|---|---|---|")
    for (moves, search), row in counts.items():
        numbers = [f"{row[key]:.0f}" for key in ("cells", "written", "broken", "beyond", "missed")]
        print(f"| {moves} | {search} | {' | '.join(numbers)} | {1 - row['gap']:.3f} |")


def _cell_block(moves: str, goal: str, asked: Any, counts: Any) -> None:
    torch.manual_seed(asked.seed)
    measured = goal in ("up", "down")
    net = Net(1 if measured else 3).eval()
    rng = np.random.default_rng(asked.seed)
    texts = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(asked.records)]
    texts[0] = "GAATTAGATACC"  # one edit from EcoRI's site, with GATA
    model = sr.wrap(net, alphabet="DNA", task="regression" if measured else "classification")
    clean = {text: score(net, text) for text in texts}
    if goal == "targeted":
        texts = [text for text in texts if int(clean[text].argmax()) != WANTED]
    records = SequenceSet.from_texts(texts, DNA)
    more = {"delta": 1e6} if measured else {"target_label": str(WANTED)} if goal == "targeted" else {}
    for rule, judge in CONSTRAINTS.items():
        every = {text: {one for one in members(text, moves) if judge(text, one)} for text in texts}
        for search in ("quick", "standard"):
            run = sr.attack(model, records, _threat(moves, rule), attacks=(search,), goal=goal, **more)
            written = run.table["adversarial_sequence"].astype(str)
            for text, after in zip(texts, written, strict=True):
                values = [value(goal, score(net, one), clean[text]) for one in (*every[text], after)]
                row = counts[moves, search]
                row["cells"] += 1
                row["written"] += after != text
                row["broken"] += not judge(text, after)
                row["beyond"] += after not in set(members(text, moves))
                _measure(
                    row,
                    best=max(values[:-1]),
                    reached=values[-1],
                    start=value(goal, clean[text], clean[text]),
                    flips=not measured,
                )


def _measure(row: dict[str, float], *, best: float, reached: float, start: float, flips: bool) -> None:
    """Counts what was missed: a shift that is not the largest, or a flip that there is and was not found."""
    missed = best >= 0 > reached if flips else reached < best - 1e-5
    row["missed"] += missed
    if missed:
        row["gap"] = max(row["gap"], (best - reached) / max(best - start, 1e-9))


def _threat(moves: str, rule: str) -> Any:
    constraints = [rule] if rule else []
    if moves == "substitutions":
        return sr.Substitutions(1, constraints=constraints)
    if moves == "codons":
        return sr.Codons(1, constraints=constraints)
    return sr.Indels(1, anchor=moves.partition(":")[2], constraints=constraints)


if __name__ == "__main__":
    main()
