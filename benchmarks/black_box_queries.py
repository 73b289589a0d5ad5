"""Success against queries: the searches that see scores or labels only, at equal numbers of queries.

    python benchmarks/attack_frontier.py train runs --models basset,splice_cnn_1
    python benchmarks/black_box_queries.py runs --models basset,splice_cnn_1 --ks 3,5

A query is one evaluation of the network on one sequence; that of the clean sequence is not counted. *success*: share of
records (of those the network reads correctly) whose prediction is wrong at the sequence found; *drop*: mean share of
the largest fall of the margin that any row, or the preset ``standard``, which sees gradients, found on the record. Each
row is a search that is told how many queries it has; what it used may be a little less. The settings of
``block_search`` were chosen on other records than these: the first 64 are skipped. The last tables kept are in
``benchmarks/black_box_queries.md``.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from attack_frontier import named, number
from attack_measure import Outcome, Subject, attacked, header, one_thread, opened, table
from torch import Tensor

from seqrobust.allocation import keep_freed_memory
from seqrobust.attacks import (
    PRESETS,
    Annealing,
    Attack,
    BlockSearch,
    DecisionBased,
    Genetic,
    RandomSubstitutions,
)

SKIPPED = 64
"""Records on which settings were chosen."""

Options = argparse.Namespace


def genetic(queries: int) -> Attack:
    """A population of a quarter of the queries, forty at most, and as many generations as there is room for."""
    population = max(min(queries // 4, 40), 6)
    elite = min(4, population // 3)
    return Genetic(
        population=population, elite=elite, generations=max((queries - population) // (population - elite), 1)
    )


SEARCHES: dict[str, Callable[[int], Attack]] = {
    "random": lambda queries: RandomSubstitutions(draws=queries),
    "genetic": genetic,
    "annealing": lambda queries: Annealing(chains=4, steps=max(queries // 4 - 1, 1)),
    "block_search": lambda queries: BlockSearch(queries=queries),
    "decision_based (labels)": lambda queries: DecisionBased(queries=queries),
}


def compared(subject: Subject, k: int, options: Options) -> None:
    """Print one network's table at k."""
    rows = range(len(subject.sequences))
    found: dict[tuple[str, int], Outcome] = {}
    for name, made in SEARCHES.items():
        for queries in options.queries:
            found[name, queries] = attacked(subject, [made(queries)], k, rows, search_on=True)
            print(f"{subject.name} k = {k}: {name}, {queries}", file=sys.stderr, flush=True)
    reference = attacked(subject, PRESETS["standard"], k, rows, search_on=True)
    best = torch.stack([outcome.value for outcome in (*found.values(), reference)]).amax(0)
    lines = []
    for name in SEARCHES:
        cells = [shares(subject, found[name, queries], best) for queries in options.queries]
        lines.append([name, *cells])
    lines.append(["standard (gradients)", *[""] * (len(options.queries) - 1), shares(subject, reference, best)])
    table(["success / drop at queries", *(f":{queries}" for queries in options.queries)], lines)


def shares(subject: Subject, outcome: Outcome, best: Tensor) -> str:
    """Success, drop, and what was used."""
    whole = (best - subject.clean).clamp(min=1e-6)
    drop = float(((outcome.value - subject.clean) / whole).double().mean())
    success = float((outcome.value > 0).double().mean())
    used = float(outcome.cost.double().mean())
    return f"{success:.2f} / {drop:.2f} ({number(math.ceil(used))})"


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="of training runs")
    parser.add_argument(
        "--models", type=lambda text: text.split(",") if text else [], default=["basset", "splice_cnn_1"]
    )
    parser.add_argument("--model", type=named, action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--ks", type=lambda text: [int(part) for part in text.split(",")], default=[3, 5])
    parser.add_argument(
        "--queries", type=lambda text: [int(part) for part in text.split(",")], default=[25, 50, 100, 200, 400, 800]
    )
    parser.add_argument("--records", type=int, default=64)
    options = parser.parse_args()
    one_thread()
    keep_freed_memory()
    print(header(), flush=True)
    for name, folder in ({name: options.folder / name for name in options.models} | dict(options.model)).items():
        subject = opened(name, folder, records=SKIPPED + options.records).without(SKIPPED)
        for k in options.ks:
            print(f"\n## {name}, k = {k}\n\n{subject.describe()}\n", flush=True)
            compared(subject, k, options)


if __name__ == "__main__":
    main()
