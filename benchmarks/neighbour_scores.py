"""Neighbour scores beside plain batches and beside tangermeme: time, exactness, memory.

Each table is printed by itself:

    python benchmarks/neighbour_scores.py ism         # all single substitutions, also by tangermeme if it is installed
    python benchmarks/neighbour_scores.py greedy      # greedy search that scores every single edit exactly
    python benchmarks/neighbour_scores.py exactness   # largest difference from plain outputs over random edits
    python benchmarks/neighbour_scores.py memory      # peak memory against the budget asked for

Every repeat times all ways one after the other on new random sequences, in an order that rotates, so that a busy
machine slows them alike; figures are medians over repeats, ratios medians of ratios within a repeat. tangermeme comes
with the extra ``bench``. The last tables kept are in ``benchmarks/neighbour_scores.md``.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import importlib
import importlib.util
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from models import ARCHITECTURES, build
from torch import Tensor, nn

from seqrobust.allocation import keep_freed_memory
from seqrobust.alphabet import DNA
from seqrobust.errors import SeqRobustError
from seqrobust.models import Predictor, load_module
from seqrobust.neighbours import Edits, NeighbourScores, PlainScores
from seqrobust.resources import data_root

BATCHES = (16, 32, 64, 128, 256)
PROBED = 256
"""Candidates that a batch size is tried with."""
WARM = 1500
"""Candidates that our own way is started with; it does not trace a network for a handful."""
NARROWEST = 100
"""Positions at least that tangermeme edits, where a whole sequence would take too long."""
TOLERANCE = 1e-3
"""Largest difference between two ways, in units of the outputs' spread, above which nothing is timed."""
LONG = 60.0
"""Seconds after which no more batch sizes are tried with tangermeme: capturing a recurrent model may take minutes."""
EXACT = 2000
"""Candidates also computed in double precision."""
MEGABYTE = 1 << 20

Options = argparse.Namespace
Figures = dict[str, float]
Way = Callable[[int], Figures]
"""What is timed: from the number of the repeat to figures by name."""


# Sequences and edits


def random_tokens(records: int, length: int, seed: int) -> Tensor:
    """(N, L) letters."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 4, (records, length), generator=generator).to(torch.uint8)


def single_edits(tokens: Tensor) -> Edits:
    """All 3 L single substitutions of every record, by record, position and letter."""
    records, length = tokens.shape
    letters = (tokens.long()[:, :, None] + torch.arange(1, 4, device=tokens.device)) % 4
    place = torch.arange(length, device=tokens.device).repeat_interleave(3).repeat(records)
    record = torch.arange(records, device=tokens.device).repeat_interleave(3 * length)
    return Edits(record, place[:, None], letters.reshape(-1, 1))


def some_edits(tokens: Tensor, count: int, seed: int) -> Edits:
    """So many of all single substitutions, drawn at random (with replacement where there are not so many)."""
    edits = single_edits(tokens)
    generator = torch.Generator().manual_seed(seed)
    total = len(edits.record)
    rows = torch.randperm(total, generator=generator) if count <= total else torch.randint(total, (count,))
    return edits.take(rows[:count].to(tokens.device))


def edits_within(tokens: Tensor, span: tuple[int, int]) -> Edits:
    """Those single substitutions that are in an interval of positions."""
    edits = single_edits(tokens)
    return edits.take((edits.position[:, 0] >= span[0]) & (edits.position[:, 0] < span[1]))


def random_edits(tokens: Tensor, count: int, seed: int) -> Edits:
    """Candidates with one to three edits in any of three slots: anywhere, at both ends, close together, twice at the
    same place, and back to the letter that is there."""
    records, length = tokens.shape
    generator = torch.Generator().manual_seed(seed)
    draw = partial(torch.randint, generator=generator)
    record, place = draw(0, records, (count,)), draw(0, length, (count, 3))
    kind = draw(0, 5, (count,))[:, None]
    ends = draw(-3, 3, (count, 3)) % length
    close = (place[:, :1] + draw(-8, 9, (count, 3))).clamp(0, length - 1)
    same = place[:, :1].expand(-1, 3)
    place = torch.where(kind == 1, ends, torch.where(kind == 2, close, torch.where(kind == 3, same, place)))
    letter = draw(0, 4, (count, 3))
    back = draw(0, 10, (count, 3)) == 0
    letter = torch.where(back, tokens.cpu().long()[record[:, None], place].clamp(max=3), letter)
    empty = torch.rand(count, 3, generator=generator) < 0.4
    empty[torch.arange(count), draw(0, 3, (count,))] = False
    return Edits(*(x.to(tokens.device) for x in (record, place.masked_fill(empty, -1), letter)))


# Models and timing


@contextmanager
def attached(module: nn.Module, length: int, options: Options, batch: int = 64) -> Iterator[Predictor]:
    """A predictor that is checked and on its device."""
    predictor = Predictor(module, alphabet=DNA, task="regression", device=options.device, batch_size=batch)
    predictor.check(random_tokens(16, length, 0))
    with predictor.attached():
        yield predictor


def seconds(job: Callable[[], object]) -> float:
    """That a job takes."""
    start = time.perf_counter()
    job()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def timed(ways: list[Way], repeats: int) -> list[Figures]:
    """The figures of all ways in every repeat."""
    rows: list[Figures] = []
    for repeat in range(repeats):
        turn = repeat % len(ways)
        rows.append({})
        for way in ways[turn:] + ways[:turn]:
            rows[-1].update(way(repeat + 1))
    return rows


def median_of(rows: list[Figures], name: str, other: str | None = None) -> float:
    """Of a figure, or of its ratio to another; nan where it was not taken."""
    if name not in rows[0] or (other and other not in rows[0]):
        return float("nan")
    return statistics.median(row[name] / row[other] if other else row[name] for row in rows)


def shown(value: float, digits: int = 1) -> str:
    """A figure as it stands in a table."""
    return "-" if value != value else f"{value:.{digits}f}"


def table_row(*cells: object) -> None:
    """Print one."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def table_head(*names: str) -> None:
    """Print it; names of figures, as opposed to words, begin with a colon."""
    table_row(*(name.lstrip(":") for name in names))
    print("|" + "|".join("---:" if name.startswith(":") else "---" for name in names) + "|", flush=True)


def machine() -> str:
    """Its processor."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found.group(1) if found else platform.machine()


def header(options: Options) -> None:
    """Print when, where and with what."""
    peer = f", tangermeme {version('tangermeme')}" if importlib.util.find_spec("tangermeme") else ""
    threads = f"{options.threads} thread{'s' if options.threads > 1 else ''} of {os.cpu_count()} cores"
    print(
        f"{date.today()}, {machine()}, {threads}, Python {platform.python_version()}, torch {torch.__version__}{peer}"
    )


# tangermeme


def _imported(name: str) -> Any:
    return importlib.import_module(name)


class Tangermeme:
    """Its saturation mutagenesis for one module, asked for raw outputs.

    By itself it uses the fast path only for calls that would take thirty seconds without, and only where a batch was
    faster with it. The first rule is put aside here; the second is kept for the trial of batch sizes, and put aside
    after it, for it decides by a single batch each call.

    Attributes:
        batch: size for the fast path and for the plain one.
        refusal: why the fast path is not used; empty where it is.
    """

    def __init__(self, predictor: Predictor, options: Options) -> None:
        self._library = _imported("tangermeme.saturation_mutagenesis")
        self._warning: type[Warning] = _imported("tangermeme.utils").TangermemeWarning
        torch.set_num_threads(options.threads)  # numba, which it imports, resets it
        self._library._FAST_MIN_SECONDS = 0.0
        self._library._FAST_MAX_RELATIVE_TIME = 1.0
        self._predictor = predictor
        self.batch = {True: 64, False: 64}
        self.refusal = ""

    def outputs(self, tokens: Tensor, *, fast: bool, span: tuple[int, int]) -> Tensor:
        """(N, 4, positions, outputs)."""
        start, end = span
        with warnings.catch_warnings():
            # It warns, and takes plain batches, where the fast path cannot be had.
            warnings.simplefilter("error", self._warning)
            result = self._library.saturation_mutagenesis(
                self._predictor.module,
                self._predictor.encode(tokens),
                start=start,
                end=end,
                batch_size=self.batch[fast],
                raw_outputs=True,
                device=str(self._predictor.device),
                fast=fast,
            )
        found: Tensor = result.y_hat
        return found

    def fit_batch(self, length: int) -> float:
        """Choose the batch size of both paths by a short trial; about the seconds a sequence takes by the fast one."""
        span = _middle(length, PROBED // 3)
        spent: dict[int, float] = {}
        for fast in (False, True):
            spent, start = {}, time.perf_counter()
            for size in reversed(BATCHES[1:]):
                self.batch[fast] = size
                try:
                    spent[size] = min(self.timed(random_tokens(3, length, 0), fast=fast, span=span))
                except self._warning as warning:
                    self.refusal = str(warning)
                if time.perf_counter() - start > LONG:
                    break
            self.batch[fast] = min(spent, key=lambda size: spent[size]) if spent else 0
        self.refusal = "" if spent else self.refusal
        self._library._FAST_MAX_RELATIVE_TIME = float("inf")
        return min(spent.values(), default=0.0) * length / (span[1] - span[0])

    def timed(self, tokens: Tensor, *, fast: bool, span: tuple[int, int]) -> list[float]:
        """Seconds from the edits of one sequence to those of the next, or to the end, for all but the first one; the
        first time in a call the model is also captured and tried."""
        kind, name = (self._library._FastISM, "predict_edits") if fast else (self._library, "predict")
        original, starts = getattr(kind, name), []

        def watched(*args: Any, **kwargs: Any) -> Any:
            starts.append(time.perf_counter())
            return original(*args, **kwargs)

        setattr(kind, name, watched)
        try:
            self.outputs(tokens, fast=fast, span=span)
        finally:
            setattr(kind, name, original)
        stops = [*starts[1:], time.perf_counter()]
        return [stop - start for start, stop in zip(starts, stops, strict=True)][1 - len(tokens) :]


def _middle(length: int, positions: int) -> tuple[int, int]:
    first = (length - min(positions, length)) // 2
    return first, first + min(positions, length)


def plain_by_tangermeme(peer: Tangermeme, length: int, candidates: int) -> Way:
    """Milliseconds a sequence, from whole sequences, or scaled up from some positions of one."""
    records, span = max(candidates // (3 * length), 1), _middle(length, candidates // 3)
    share = records * (span[1] - span[0]) / length

    def run(repeat: int) -> Figures:
        tokens = random_tokens(records, length, repeat)
        return {"tm plain": 1e3 * seconds(partial(peer.outputs, tokens, fast=False, span=span)) / share}

    return run


def fast_by_tangermeme(peer: Tangermeme, length: int, each: float, options: Options) -> Way:
    """Milliseconds that one sequence more costs, and seconds that the same call costs besides.

    Args:
        each: seconds a sequence, about.
    """
    many = int(min(max(options.seconds / each, 3), options.sequences))
    span = _middle(length, max(int(length * options.seconds / each), NARROWEST))  # of every sequence
    share = (span[1] - span[0]) / length

    def run(repeat: int) -> Figures:
        start = time.perf_counter()
        each = statistics.mean(peer.timed(random_tokens(many, length, repeat), fast=True, span=span))
        fixed = time.perf_counter() - start - many * each
        return {"tm fast": 1e3 * each / share, "tm fixed": fixed}

    return run


# Table 1: all single substitutions


def fit_batch(predictor: Predictor, length: int) -> float:
    """Set the batch size that is best for plain scores; seconds a candidate with it."""
    tokens = random_tokens(1, length, 0).to(predictor.device)
    edits = some_edits(tokens, PROBED, 0)
    spent = dict.fromkeys(BATCHES, float("inf"))
    PlainScores(predictor).logits(tokens, edits.take(torch.arange(64, device=tokens.device)))
    for _ in range(2):
        for size in BATCHES:
            predictor.batch_size = size
            job = partial(PlainScores(predictor).logits, tokens, edits)
            spent[size] = min(spent[size], seconds(job) / PROBED)
    predictor.batch_size = min(spent, key=lambda size: spent[size])
    return spent[predictor.batch_size]


def plain_way(predictor: Predictor, length: int, candidates: int) -> Way:
    """Milliseconds a sequence, scaled up from some of its candidates."""

    def run(repeat: int) -> Figures:
        tokens = random_tokens(1, length, repeat).to(predictor.device)
        edits = some_edits(tokens, candidates, repeat)
        spent = seconds(lambda: PlainScores(predictor).logits(tokens, edits))
        return {"plain": 1e3 * spent * 3 * length / candidates}

    return run


def our_way(predictor: Predictor, scores: NeighbourScores, length: int, options: Options) -> Way:
    """Milliseconds a sequence, all in one call, and seconds that a new object takes more for its first sequence."""

    def spent(scores: NeighbourScores, records: int, seed: int) -> float:
        tokens = random_tokens(records, length, seed).to(predictor.device)
        edits = single_edits(tokens)
        return seconds(lambda: scores.logits(tokens, edits))

    def fresh(seed: int) -> float:
        made: list[NeighbourScores] = []
        construction = seconds(lambda: made.append(NeighbourScores(predictor, way=options.way)))
        return construction + spent(made[0], few, seed)

    few = -(-WARM // (3 * length))
    spent(scores, few, 0)
    records = int(min(max(options.seconds * few / spent(scores, few, 1), 1), options.sequences))

    def run(repeat: int) -> Figures:
        setup = max(fresh(2 * repeat) - spent(scores, few, 2 * repeat + 1), 0.0)
        return {"ours": 1e3 * spent(scores, records, repeat) / records, "setup": setup}

    return run


def largest_difference(predictor: Predictor, peer: Tangermeme | None, scores: NeighbourScores, length: int) -> float:
    """Between plain scores and every other way, in units of the outputs' spread. Stops where it is too large."""
    tokens = random_tokens(2, length, 12345).to(predictor.device)
    edits = some_edits(tokens, PROBED, 0)
    truth = PlainScores(predictor).logits(tokens, edits)
    spread = float(predictor.logits(random_tokens(256, length, 1)).std(0).max())
    found = [(scores.logits(tokens, edits), truth)]
    span = _middle(length, 16)
    inside = edits_within(tokens, span)
    paths = (
        [] if peer is None else [partial(peer.outputs, fast=fast) for fast in (False, True)[: 1 + (not peer.refusal)]]
    )
    for path in paths:
        grid = path(tokens, span=span).to(truth.device)
        theirs = grid[inside.record, inside.letter[:, 0], inside.position[:, 0] - span[0]]
        found.append((theirs, PlainScores(predictor).logits(tokens, inside)))
    largest = max(float((one - other).abs().max()) for one, other in found) / spread
    if not largest <= TOLERANCE:
        raise SystemExit(f"the ways disagree by {largest:.2g} of the outputs' spread: nothing is timed")
    return largest


def ism_case(name: str, length: int, options: Options) -> list[str]:
    """Print one row; notes on it."""
    with attached(build(name, length), length, options) as predictor:
        each = fit_batch(predictor, length)
        scores = NeighbourScores(predictor, way=options.way)
        batch = predictor.batch_size
        candidates = min(-(-int(options.seconds / each) // batch), -(-3 * length * options.sequences // batch)) * batch
        ways = [plain_way(predictor, length, candidates), our_way(predictor, scores, length, options)]
        peer = Tangermeme(predictor, options) if options.tangermeme else None
        if peer is not None:
            each = peer.fit_batch(length)
            ways.append(plain_by_tangermeme(peer, length, candidates))
            if not peer.refusal:
                ways.append(fast_by_tangermeme(peer, length, each, options))
        try:
            differ = largest_difference(predictor, peer, scores, length)
            rows = timed(ways, options.repeats)
        except UserWarning as warning:  # tangermeme's, when its own check of the fast path fails in the middle
            if peer is None:
                raise
            peer.refusal = str(warning)
            ways = [way for way in ways if way is not ways[-1]]
            differ = largest_difference(predictor, None, scores, length)
            rows = timed(ways, options.repeats)
    cost = getattr(scores, "cost", None)
    macs = cost(length) if cost else None
    middle = partial(median_of, rows)
    theirs = min(("tm plain", "tm fast"), key=lambda way: middle(way) if way in rows[0] else float("inf"))
    table_row(
        name,
        length,
        f"{batch}" + (f" / {peer.batch[False]} / {peer.batch[True] or '-'}" if peer else ""),
        shown(middle("plain")),
        shown(middle("tm plain")),
        shown(middle("tm fast")),
        shown(middle("tm fixed"), 2),
        shown(middle("ours"), 2),
        shown(middle("setup"), 2),
        shown(middle("plain", "ours")),
        shown(middle(theirs, "ours")),
        shown(macs.plain_macs / macs.incremental_macs if macs else float("nan")),
        f"{differ:.0e}",
    )
    return [*scores.notices, *([peer.refusal] if peer is not None and peer.refusal else [])]


def ism(options: Options) -> None:
    """All single substitutions of random sequences."""
    print(
        f"Milliseconds a sequence for all its 3 L single substitutions; median of {options.repeats}. plain and\n"
        f"tangermeme (tm) plain: timed on some candidates, about {options.seconds:g} s of them, and scaled up.\n"
        "tm fast: what one sequence more costs; fixed: seconds a call costs besides. ours: at most\n"
        f"{options.sequences} sequences and about {options.seconds:g} s in one call; set-up: seconds that a new\n"
        "object takes more for its first call. Fixed cost and set-up are those of a process that did it before.\n"
        "batch: plain / tm plain / tm fast, the best of a few. tm/ours: the faster of tangermeme's paths.\n"
        "arithmetic: multiply-adds plain over ours. differ: largest difference between ways, in units of the\n"
        "outputs' spread.\n"
    )
    table_head(
        "model", ":L", "batch", ":plain", ":tm plain", ":tm fast", ":fixed, s", ":ours", ":set-up, s", ":plain/ours",
        ":tm/ours", ":arithmetic", ":differ",
    )  # fmt: skip
    notes = [""]
    for name in options.models:
        for length in options.lengths:
            notes += [f"{name}, L {length}: {note}" for note in ism_case(name, length, options)]
    print(*notes, sep="\n- ", end="\n")


# Table 2: greedy search


def greedy_edits(scores: NeighbourScores, base: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """(N, steps) chosen edits, as position * 4 + letter, and (N, steps) the first output after each.

    Every step scores all single edits of the current sequences in one call, and commits the one with the largest first
    output at a position that is still as it was.
    """
    tokens, rows, chosen, values = base.clone(), torch.arange(len(base), device=base.device), [], []
    for _ in range(steps):
        edits = single_edits(tokens)
        gain = scores.logits(tokens, edits)[:, 0]
        edited = (tokens != base)[edits.record, edits.position[:, 0]]
        value, best = gain.masked_fill(edited, -torch.inf).view(len(base), -1).max(1)
        picked = edits.take(rows * 3 * base.shape[1] + best)
        tokens[rows, picked.position[:, 0]] = picked.letter[:, 0].to(tokens.dtype)
        chosen.append(picked.position[:, 0] * 4 + picked.letter[:, 0])
        values.append(value)
    return torch.stack(chosen, 1), torch.stack(values, 1)


def greedy_case(name: str, length: int, options: Options) -> None:
    """Print one row."""
    with attached(build(name, length), length, options) as predictor:
        fit_batch(predictor, length)
        scores = {way: NeighbourScores(predictor, way=way) for way in ("plain", options.way)}
        warm = random_tokens(-(-WARM // (3 * length)), length, 0).to(predictor.device)
        scores[options.way].logits(warm, single_edits(warm))
        chosen: dict[str, list[Tensor]] = {way: [] for way in scores}
        values: dict[str, list[Tensor]] = {way: [] for way in scores}

        def run(way: str, repeat: int) -> Figures:
            base = random_tokens(options.sequences, length, repeat).to(predictor.device)
            start = time.perf_counter()
            edits, value = greedy_edits(scores[way], base, options.steps)
            spent = time.perf_counter() - start
            chosen[way].append(edits.cpu())
            values[way].append(value.cpu())
            return {way: spent / options.sequences}

        rows = timed([partial(run, way) for way in scores], options.repeats)
    plain, ours = (torch.cat(chosen[way]) for way in scores)
    apart = float((torch.cat(values["plain"]) - torch.cat(values[options.way])).abs().max())
    same = f"{int((plain == ours).sum())} of {plain.numel()}"
    figures = [shown(median_of(rows, way), 3) for way in scores]
    table_row(name, length, *figures, shown(median_of(rows, "plain", options.way)), same, f"{apart:.0e}")


def greedy(options: Options) -> None:
    """Greedy search by exact scores of all single edits."""
    print(
        f"Seconds a sequence for {options.steps} greedy steps, each scoring all 3 L single edits; "
        f"{options.sequences} sequences together,\nmedian of {options.repeats}, without set-up. "
        "apart: largest difference of the first output after any step.\n"
    )
    table_head("model", ":L", ":plain", f":{options.way}", ":ratio", ":edits the same", ":apart")
    for name in options.models:
        for length in options.lengths:
            greedy_case(name, length, options)


# Table 3: exactness


def exactness_row(name: str, make: Callable[[int], nn.Module], lengths: list[int], options: Options) -> None:
    """Print one row: the largest difference over random edits, and rounding of both against double precision."""
    plain, ours, wide = [], [], []
    for seed, length in enumerate(lengths):
        with attached(make(length), length, options) as predictor:
            fit_batch(predictor, length)
            base = random_tokens(16, length, seed)
            base[8:][random_tokens(8, 4 * length, seed + 1).view(8, length, 4).sum(2) == 0] = DNA.unknown
            base = base.to(predictor.device)
            edits = random_edits(base, -(-options.edits // len(lengths)), seed)
            plain.append(PlainScores(predictor).logits(base, edits))
            try:
                ours.append(NeighbourScores(predictor, way=options.way).logits(base, edits))
            except SeqRobustError as error:
                return table_row(name, "/".join(map(str, lengths)), f"not computed: {error}", *["-"] * 5)
            wide.append(
                in_double(predictor, base, edits.take(torch.arange(min(EXACT, len(edits.record)), device=base.device)))
            )
    differ = max(float((a - b).abs().max()) for a, b in zip(plain, ours, strict=True))
    spread = float(torch.cat(plain).std(0).max())
    rounding = [
        max(float((a[:EXACT] - exact).abs().max()) for a, exact in zip(of, wide, strict=True)) for of in (plain, ours)
    ]
    table_row(
        name,
        "/".join(map(str, lengths)),
        sum(map(len, plain)),
        f"{differ:.1e}",
        f"{spread:.2f}",
        f"{differ / spread:.1e}",
        *(f"{value:.1e}" for value in rounding),
    )


def in_double(predictor: Predictor, base: Tensor, edits: Edits) -> Tensor:
    """Outputs of the candidates, the module in double precision."""

    class Double(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = copy.deepcopy(predictor.module).double()

        def forward(self, encoded: Tensor) -> Tensor:
            out: Tensor = self.inner(encoded.double())
            return out

    exact = Predictor(Double(), alphabet=DNA, task="regression", labels=predictor.labels, device=str(predictor.device))
    return PlainScores(exact).logits(base, edits)


def _loaded(reference: str, weights: Path, length: int) -> nn.Module:
    return load_module(reference, weights)


def published() -> Iterator[tuple[str, Callable[[int], nn.Module] | str]]:
    """OpenSpliceAI networks by name, or why one is missing."""
    example = Path(__file__).resolve().parents[1] / "docs" / "examples" / "openspliceai.py"
    root = data_root()
    for name in ("model_80nt", "model_400nt"):
        weights = root / "openspliceai_mane" / f"{name}_rs10.pt" if root else None
        if weights is None:
            yield name, "no data folder; set SEQROBUST_DATA to one that has openspliceai_mane"
        elif not weights.is_file():
            yield name, f"the data folder has no {weights.parent.name}/{weights.name}"
        else:
            yield name, partial(_loaded, f"{example}:{name}", weights)


def exactness(options: Options) -> None:
    """Largest difference from plain outputs."""
    print(
        "Largest difference between neighbour scores and plain outputs over random candidates of one to three edits\n"
        "(at the ends, close together, twice at one place, back to the letter that was there; in sequences with and\n"
        "without unknown letters), also relative to the outputs' spread; and of both from outputs in double\n"
        f"precision, for {EXACT} candidates a length.\n"
    )
    table_head("model", "L", ":edits", ":largest", ":spread", ":relative", ":plain, double", ":ours, double")
    for name in options.models:
        exactness_row(name, partial(build, name), options.lengths, options)
    if not options.published:
        return
    for name, found in published():
        if isinstance(found, str):
            print(f"\nOpenSpliceAI {name} left out: {found}")
        else:
            exactness_row(f"OpenSpliceAI {name.removeprefix('model_')}", found, [60], options)


# Table 4: memory


def resident(name: str) -> int:
    """Bytes under ``VmRSS`` (now) or ``VmHWM`` (the peak) of this process; Linux only."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise SystemExit("the kernel does not tell resident memory in /proc/self/status")
    return int(found.group(1)) * 1024


def measure_memory(options: Options) -> None:
    """In a process of its own: print peak above the level before the call, in bytes, and seconds."""
    (name,), (length,), (budget,) = options.models, options.lengths, options.budgets
    with attached(build(name, length), length, options) as predictor:
        warm = random_tokens(-(-WARM // (3 * length)), length, 0)
        NeighbourScores(predictor, way=options.way).logits(warm, single_edits(warm))  # imports and code paths
        tokens = random_tokens(options.sequences, length, 1)
        edits = single_edits(tokens)
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        level = resident("VmRSS")
        start = time.perf_counter()
        NeighbourScores(predictor, memory=budget * MEGABYTE, way=options.way).logits(tokens, edits)
        spent = time.perf_counter() - start
        print(json.dumps({"level": level, "peak": resident("VmHWM") - level, "seconds": spent}))


def memory(options: Options) -> None:
    """Peak resident memory against the budget asked for."""
    print(
        f"All single substitutions of {options.sequences} sequences in one call, a new process for each row; median of "
        f"{options.repeats}.\npeak: resident memory above the level before, in MB of 2^20 bytes, results included.\n"
    )
    table_head("model", ":L", ":budget, MB", ":peak, MB", ":peak/budget", ":level before, MB", ":s a sequence")
    for name in options.models:
        for length in options.lengths:
            ways: list[Way] = [partial(memory_run, name, length, budget, options) for budget in options.budgets]
            rows = timed(ways, options.repeats)
            for budget in options.budgets:
                peak, level, spent = (median_of(rows, f"{kind} {budget}") for kind in ("peak", "level", "seconds"))
                figures = (shown(peak), shown(peak / budget, 2), shown(level), shown(spent / options.sequences, 3))
                table_row(name, length, budget, *figures)


def memory_run(name: str, length: int, budget: int, options: Options, repeat: int) -> Figures:
    """Figures of one process."""
    command = [sys.executable, __file__, "memory-of-one", "--models", name, "--lengths", str(length)]
    for option in ("threads", "sequences", "way", "device"):
        command += [f"--{option}", str(getattr(options, option))]
    command += ["--budgets", str(budget)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    figures = {"peak": found["peak"] / MEGABYTE, "level": found["level"] / MEGABYTE, "seconds": found["seconds"]}
    return {f"{kind} {budget}": value for kind, value in figures.items()}


# Command line


def numbers(text: str) -> list[int]:
    """From ``200,600``."""
    return [int(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    """From ``basset,gru``."""
    found = text.split(",")
    if unknown := set(found) - set(ARCHITECTURES):
        raise argparse.ArgumentTypeError(f"one of {', '.join(ARCHITECTURES)} expected, not {', '.join(unknown)}")
    return found


def parsed() -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    commands = parser.add_subparsers(required=True)

    def add(run: Callable[[Options], None], name: str, models: str, lengths: str, **defaults: int) -> Any:
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--threads", type=int, default=1)
        command.add_argument("--device", default="cpu")
        command.add_argument("--models", type=names, default=names(models), metavar="NAMES")
        command.add_argument("--lengths", type=numbers, default=numbers(lengths))
        command.add_argument("--sequences", type=int, default=defaults.get("sequences", 64))
        command.add_argument("--repeats", type=int, default=defaults.get("repeats", 5))
        choices = ("auto", "incremental", *(["plain"] if name.startswith("memory") else []))
        command.add_argument("--way", choices=choices, default="auto", help="of our own scores")
        return command

    every = ",".join(ARCHITECTURES)
    command = add(ism, "ism", every, "200,249,600,1000,2114")
    command.add_argument("--seconds", type=float, default=5.0, help="that one measurement should take at most")
    command.add_argument("--no-tangermeme", dest="tangermeme", action="store_false")
    command.set_defaults(tangermeme=importlib.util.find_spec("tangermeme") is not None)
    command = add(greedy, "greedy", "basset,deepstarr,gru", "600", sequences=8, repeats=3)
    command.add_argument("--steps", type=int, default=10)
    command = add(exactness, "exactness", every, "200,249,300")
    command.add_argument("--edits", type=int, default=100_000)
    command.add_argument("--no-published", dest="published", action="store_false")
    command.set_defaults(way="incremental")
    for run, name in ((memory, "memory"), (measure_memory, "memory-of-one")):
        command = add(run, name, "basset,deepstarr", "1000", repeats=1)
        command.add_argument("--budgets", type=numbers, default=[64, 256, 1024], help="in MB of 2^20 bytes")
    return parser.parse_args()


def main() -> None:
    """Print the table asked for."""
    options = parsed()
    if os.environ.get("OMP_NUM_THREADS") != str(options.threads):
        # Libraries read it when they are loaded, so it must be there from the beginning.
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
        os.execv(sys.executable, [sys.executable, *sys.argv])
    keep_freed_memory()  # as the command line does; every way gains
    torch.set_num_threads(options.threads)
    if options.run is not measure_memory:
        header(options)
    options.run(options)


if __name__ == "__main__":
    main()
