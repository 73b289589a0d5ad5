"""Every search against the truth: the worst of all sequences one or two substitutions away, by enumeration.

    python benchmarks/attack_frontier.py train runs --models splice_cnn_1,splice_cnn_2,splice_gru_1,splice_gru_2
    python benchmarks/attack_exact.py runs
    python benchmarks/attack_exact.py runs --models basset --ks 2 --records 20

Each network is attacked with the protection its config asks for and, where it asks for any, without. *exact*: robust
accuracy over the records looked at, those counted that the network is wrong on anyway, with Wilson's 95 % interval. Of
a search, over the records the network is right on: *misses*, points by which its success falls short of the exact one;
*optimum*, share of records at which it finds the largest fall of the margin there is; *drop*, mean share of that fall;
*FE*, forward-equivalents a record, carried on to the end. Every k is searched from the clean record. The last tables
kept are in ``benchmarks/attack_exact.md``.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import torch
from attack_frontier import named, number
from attack_measure import Outcome, Subject, attacked, header, one_thread, opened, searches, table
from torch import Tensor

from seqrobust.allocation import keep_freed_memory
from seqrobust.analysis import wilson
from seqrobust.attacks import Exhaustive

MODELS = ["splice_cnn_1", "splice_cnn_2", "splice_gru_1", "splice_gru_2"]
THREATS = ["unrestricted", "protected"]
MEMBERS = 200_000
"""Sequences of a record that are enumerated at most: two substitutions in 200 letters of DNA."""
ROUNDING = 1e-4
"""Share of the largest fall by which a search may miss it and still be said to attain it."""

Options = argparse.Namespace


def enumerated(subject: Subject, k: int) -> Outcome:
    """The worst of every record's sequences. Raises ValueError for a record that has too many."""
    attack = Exhaustive(limit=MEMBERS)
    bound = subject.threat.bind(subject.sequences)
    if not bool(attack.covers(bound.with_budget(torch.full_like(bound.budget, k))).all()):
        raise ValueError(f"{subject.name}: a record has more than {MEMBERS:,} sequences at k = {k}")
    return attacked(subject, [attack], k, range(len(subject.sequences)), search_on=True)


def exact_lines(subject: Subject, exact: dict[int, Outcome]) -> None:
    """Print the robust accuracy at every k."""
    lines: list[list[object]] = [["0", *accuracy(len(subject.sequences), subject.total), ""]]
    for k, outcome in exact.items():
        standing = int((outcome.value <= 0).sum())
        lines.append([str(k), *accuracy(standing, subject.total), number(float(outcome.cost.double().mean()))])
    table(["k", ":exact, %", ":95 % interval", ":sequences a record"], lines)


def accuracy(right: int, total: int) -> list[str]:
    """A share and its interval, in per cent."""
    low, high = wilson(right, total) or (0.0, 1.0)
    return [f"{100 * right / total:.1f}", f"[{100 * low:.1f}, {100 * high:.1f}]"]


def shares(subject: Subject, found: Outcome, optimum: Tensor) -> list[str]:
    """Misses, optimum, drop, FE."""
    whole = (optimum - subject.clean).clamp(min=1e-6)
    missed = float(((optimum > 0).double().mean() - (found.value > 0).double().mean()) * 100)
    attained = float((optimum - found.value <= ROUNDING * whole).double().mean() * 100)
    drop = float(((found.value - subject.clean) / whole).double().mean())
    return [f"{missed:.1f}", f"{attained:.0f}", f"{drop:.3f}", number(float(found.cost.double().mean()))]


def compared(subject: Subject, options: Options) -> None:
    """Print both tables of a network."""
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - began:6.0f} s {subject.name}: {text}", file=sys.stderr, flush=True)

    exact = {}
    for k in options.ks:
        exact[k] = enumerated(subject, k)
        say(f"k = {k} enumerated")
    exact_lines(subject, exact)
    lines = []
    for name, search in searches(presets=("quick", "standard")).items():
        if not subject.has_rivals and "nearest" in name:
            continue
        if options.only and not any(part in name for part in options.only):
            continue
        run = partial(attacked, subject, search, rows=range(len(subject.sequences)), search_on=True)
        columns = zip(*(shares(subject, run(k), exact[k].value) for k in options.ks), strict=True)
        lines.append([name, *(" / ".join(column) for column in columns)])
        say(name)
    table(["search", ":misses", ":optimum, %", ":drop", ":FE"], lines)


def run(options: Options) -> None:
    """Print everything."""
    print(header(), flush=True)
    print(f"\nCells: k = {' / '.join(map(str, options.ks))}.\n", flush=True)
    for name, folder in ({name: options.folder / name for name in options.models} | dict(options.model)).items():
        if not (folder / "model.ckpt").exists():
            print(f"{name} left out: {folder} has no model.ckpt; train it first", file=sys.stderr)
            continue
        for threat in options.threats:
            subject = opened(name, folder, free=threat == THREATS[0], looked=options.records)
            if threat == THREATS[0] or subject.threat.protect:
                print(f"## {name}, {threat}\n\n{subject.describe()}\n", flush=True)
                compared(subject, options)


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="of training runs")
    parser.add_argument("--models", type=lambda text: text.split(",") if text else [], default=MODELS)
    parser.add_argument("--model", type=named, action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--ks", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2])
    parser.add_argument("--records", type=int, help="of the test split, drawn at random; by default all")
    parser.add_argument("--threats", type=lambda text: text.split(","), default=THREATS)
    parser.add_argument("--only", type=lambda text: text.split(","), help="searches whose name holds one of these")
    options = parser.parse_args()
    one_thread()
    keep_freed_memory()
    run(options)


if __name__ == "__main__":
    main()
