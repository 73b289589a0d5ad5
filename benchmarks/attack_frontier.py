"""What every search finds and what it costs, beside other people's attacks.

    python benchmarks/attack_frontier.py train runs                    # networks that are missing, by seqrobust train
    python benchmarks/attack_frontier.py run runs                      # all tables
    python benchmarks/attack_frontier.py run runs --models basset --ks 3 --records 64

``runs`` is a folder of training runs; ``--model NAME=FOLDER`` adds any other. A table has a row for each search and, in
its cells, a figure for each number of substitutions k, every k searched from the clean record. *FE*:
forward-equivalents a record, see ``attack_measure.py``, with the search carried on to its end; *FE, stopped*: when it
stops at success; *drop*: mean share of the largest fall of the margin that any row found on the record; *time*: of the
search to its end, in plain forward passes over the record. Dear rows get fewer records, the first ones; n says how
many. Peers need the extra ``bench``. The last tables kept are in ``benchmarks/attack_frontier.md``.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attack_measure import (
    GRADIENT,
    RECIPES,
    SHIPPED,
    Outcome,
    Search,
    Subject,
    attacked,
    header,
    one_thread,
    opened,
    pieces,
    searches,
    table,
    train,
    within,
)
from torch import Tensor

from seqrobust.allocation import keep_freed_memory

PACKAGES = ("adversarial-robustness-toolbox", "foolbox", "ledidi")
MODELS = [*RECIPES, "splice_cnn_1", "enzymes"]

Options = argparse.Namespace
Cells = dict[int, tuple[Outcome, Outcome | None]]
"""What a row found at each k: searched to the end, and stopped at success where that can be asked for."""


def found_by(subject: Subject, search: Search, k: int, options: Options) -> tuple[Outcome, Outcome]:
    """By a search of ours."""
    run = partial(attacked, subject, search, k)
    full = within(partial(run, search_on=True), len(subject.sequences), options.seconds, options.trial)
    return full, run(range(len(full.value)), search_on=False)


def peer_outcome(subject: Subject, peer: Any, k: int, rows: range) -> Outcome:
    """By somebody else's attack."""
    values, costs = [], []
    began = time.perf_counter()
    with subject.predictor.attached():
        for piece in pieces(rows):
            sequences, targets = subject.sequences.take(np.asarray(piece)), subject.targets.take(np.asarray(piece))
            tokens, truth = torch.tensor(sequences.tokens), torch.tensor(targets.values)
            lengths = subject.predictor.lengths(tokens)
            threat = subject.threat.bind(sequences)
            found = peer.attack(subject.predictor, tokens, lengths, truth, threat, k, 0)
            values.append(subject.value(found.tokens, truth))
            costs.append(found.forwards + GRADIENT * found.gradients)
    return Outcome(value=torch.cat(values), cost=torch.cat(costs), seconds=time.perf_counter() - began)


def measured(subject: Subject, options: Options) -> dict[str, Cells]:
    """All rows; those that there is no time left for, or no library, are named on stderr."""
    rows: dict[str, Cells] = {}
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - began:6.0f} s {subject.name}: {text}", file=sys.stderr, flush=True)

    jobs: dict[str, Any] = {}
    for name, search in searches().items():
        if subject.has_rivals or "nearest" not in name:
            jobs[name] = partial(found_by, subject, search, options=options)
    if options.peers:
        peers = importlib.import_module("peers").PEERS
        for name, peer in peers.items():
            jobs[f"peer {name}"] = partial(peer_row, subject, peer, options=options)
    for name, job in jobs.items():
        if options.only and not any(part in name for part in options.only):
            continue
        if time.perf_counter() - began > 60 * options.minutes:
            say(f"no time left for {name}")
            continue
        try:
            rows[name] = {k: job(k=k) for k in options.ks}
        except ImportError as error:
            say(f"{name} left out: {error}")
            continue
        say(", ".join([name, *(f"{len(cell[0].value)} in {cell[0].seconds:.1f} s" for cell in rows[name].values())]))
    return rows


def peer_row(subject: Subject, peer: Any, k: int, options: Options) -> tuple[Outcome, None]:
    """A peer searches its own way; whether it stops is its own affair."""
    run = partial(peer_outcome, subject, peer, k)
    run(range(1))  # a library is imported, and may set itself up
    return within(run, len(subject.sequences), options.seconds, options.peer_trial), None


def best_known(subject: Subject, rows: dict[str, Cells], k: int) -> Tensor:
    """(n,) the most that any row found on each record."""
    best = subject.clean.clone()
    for cells in rows.values():
        value = cells[k][0].value
        best[: len(value)] = torch.maximum(best[: len(value)], value)
    return best


def number(value: float) -> str:
    """A count with about two digits."""
    return "-" if math.isnan(value) else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def tabulate(subject: Subject, rows: dict[str, Cells], ks: list[int]) -> None:
    """Print the rows of a model."""
    best = {k: best_known(subject, rows, k) for k in ks}
    lines = []
    for name, cells in rows.items():
        columns: list[list[str]] = [[] for _ in range(6)]
        for k in ks:
            full, stopped = cells[k]
            n = len(full.value)
            clean = subject.clean[:n]
            drop = ((full.value - clean) / (best[k][:n] - clean).clamp(min=1e-6)).mean()
            took = full.seconds / n / subject.plain
            figures = (
                str(n),
                number(float(full.cost.double().mean())),
                number(float(stopped.cost.double().mean()) if stopped else math.nan),
                f"{float((full.value > 0).double().mean()):.2f}",
                f"{float(drop):.3f}",
                number(took),
            )
            for column, figure in zip(columns, figures, strict=True):
                column.append(figure)
        same = len(set(columns[0])) == 1
        columns[0] = columns[0][:1] if same else columns[0]
        lines.append([name, *(" / ".join(column) for column in columns)])
    known = [f"{float((best[k] > 0).double().mean()):.2f}" for k in ks]
    lines.append(["*best known*", str(len(subject.sequences)), "", "", " / ".join(known), "", ""])
    table(["search", ":n", ":FE", ":FE, stopped", ":success", ":drop", ":time"], lines)


def run(options: Options) -> None:
    """Print the tables."""
    print(header(PACKAGES), flush=True)
    print(f"\nCells: k = {' / '.join(map(str, options.ks))}.\n", flush=True)
    folders = {name: options.folder / name for name in options.models} | dict(options.model)
    for name, folder in folders.items():
        if not (folder / "model.ckpt").exists():
            print(f"{name} left out: {folder} has no model.ckpt; train it first", file=sys.stderr)
            continue
        subject = opened(name, folder, records=options.records)
        print(f"## {name}\n\n{subject.describe()}\n", flush=True)
        rows = measured(subject, options)
        tabulate(subject, rows, options.ks)


def train_all(options: Options) -> None:
    """Train what is missing."""
    for name in options.models:
        train(name, options.folder)


def named(text: str) -> tuple[str, Path]:
    """From ``NAME=FOLDER``."""
    name, equals, folder = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"NAME=FOLDER expected, not {text}")
    return name, Path(folder)


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(required=True)
    for action, name in ((train_all, "train"), (run, "run")):
        command = commands.add_parser(name, help=action.__doc__)
        command.set_defaults(action=action)
        command.add_argument("folder", type=Path, help="of training runs")
        command.add_argument("--models", type=lambda text: text.split(",") if text else [], default=MODELS)
    command.epilog = f"models known: {', '.join([*RECIPES, *SHIPPED])}"
    command.add_argument("--model", type=named, action="append", default=[], metavar="NAME=FOLDER")
    command.add_argument("--ks", type=lambda text: [int(part) for part in text.split(",")], default=[3, 5, 10])
    command.add_argument("--records", type=int, default=256)
    command.add_argument("--seconds", type=float, default=60.0, help="that a row may take at each k")
    command.add_argument("--minutes", type=float, default=math.inf, help="after which no row of a model is begun")
    command.add_argument("--trial", type=int, default=32, help="records that a row gets at least")
    command.add_argument("--peer-trial", type=int, default=8, help="records that a peer gets at least")
    command.add_argument("--only", type=lambda text: text.split(","), default=[], help="parts of names of rows")
    command.add_argument("--no-peers", dest="peers", action="store_false")
    options = parser.parse_args()
    one_thread()
    keep_freed_memory()
    options.action(options)


if __name__ == "__main__":
    main()
