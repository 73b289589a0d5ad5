"""Do attacks tell the truth? Predicted effects of adversarial edits against measured ones, on four sites of GB1.

    python benchmarks/measured_effects.py runs                               # trains and attacks; resumes
    python benchmarks/measured_effects.py runs --ways ordinary --seeds 1
    python benchmarks/measured_effects.py runs --table                       # only print what is there

Models are those of the shipped config ``gb1`` (split ``sampled``), with ordinary training; with adversarial training at
k = 1 on the same four sites; with no double mutant shown; and trained on FLIP's splits ``two_vs_rest`` (up to doubles:
381 records) and ``low_vs_high`` (none fitter than the wild type), where the test asks for extrapolation. Test records
are attacked by the default preset with the goals up and down at k = 1, 2, sites 39, 40, 41 and 54 only, any letter.
Everything else is then looked up: what the model says of each variant (all 160,000 are predicted), and what the
experiment said of the very same (Wu et al. 2016, eLife 5:e16965, as selected by FLIP: Dallago et al. 2021). The table
has only 8,733 of them: every one of the 149,361 measured whose fitness is above 0.5, and 2,911 of the others. So a
variant that is not there was measured at 0.5 or less with a probability of 93 %, or else never measured.

Sets: *free*, what the attack found; *first of two*, the better of its two edits alone; *second of two*, the step from
there; *held-out only*, the same attack (and every pair tried) confined to measured variants that no training saw;
*random*, measured held-out variants as many edits from the same records, three for each. The test split by itself is in
the first table. A variant counts in a comparison with measurements only where it was held out from training and
validation.

*distinct*: variants; many records lead to the same few, and intervals that take records for independent (Wilson's, of
the mean count over seeds) are too narrow for it. *optimum*: share of records for which no other edits do better by
more than 0.01, by enumeration of the predictions. *truly*: of the variants predicted above 0.5, training's included,
those that are. *gap*: predicted less measured fitness. *sign*: share of pairs whose measured change has the predicted
sign. Agreement is left out where fewer than ten pairs or variants tell of it.

A *success* moves the prediction by one standard deviation of the test fitness. It is *confirmed* where the measured
change is at least half of the predicted one, and *contradicted* where there is none or it goes the other way. *of equal
predictions*: what the 50 variants with the nearest predictions have, for gaps among the test split, for absences among
all that are held out or absent and as many edits from the same records. *beyond*: how much larger the gap towards the
goal is than that: what an adversary finds of a model's errors over and above preferring large predictions (± half the
95 % interval over seeds). Figures are means over seeds. The last tables kept are in ``benchmarks/measured_effects.md``.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from attack_measure import header, one_thread, table
from measured_landscape import (
    CUTOFF,
    GOALS,
    agreement,
    named,
    uniform,
)
from measured_runs import WAYS, Model, models
from robust_objectives import cell

from seqrobust.statistics import wilson

Page: TypeAlias = tuple[list[str], list[list[object]]]
"""Head and lines of a table."""
FEWEST = 5


def mean(values: Sequence[float], digits: int) -> str:
    """A cell; of seeds, those where the figure is defined."""
    defined = [value for value in values if np.isfinite(value)]
    return f"{statistics.mean(defined):.{digits}f}" if defined else ""


def share(hits: Sequence[int], totals: Sequence[int]) -> str:
    """Per cent over seeds, with the interval of one seed's count; nothing of fewer than five."""
    n = round(statistics.mean(totals))
    if n < FEWEST:
        return ""
    part = sum(hits) / sum(totals)
    low, high = wilson(round(part * n), n) or (0.0, 1.0)
    return f"{100 * part:.0f} [{100 * low:.0f}, {100 * high:.0f}]"


def print_models(found: dict[str, list[Model]]) -> None:
    """Ways of training by themselves."""
    lines = []
    for way, group in found.items():
        scores = []
        for model in group:
            test = model.landscape.test
            said = agreement(model.predicted[test], model.landscape.fitness[test])
            high = model.predicted > CUTOFF
            truly = float((model.landscape.fitness[high] > CUTOFF).mean())
            scores.append([*said, 100 * float(high.mean()), 100 * truly, float(model.predicted.max())])
        lines.append([way, len(group), *(mean(column, 2) for column in zip(*scores, strict=True))])
    head = [
        "training",
        ":seeds",
        ":Spearman",
        ":Pearson",
        ":R2",
        ":RMSE",
        ":gap",
        ":predicted > 0.5, %",
        ":truly, %",
        ":largest",
    ]
    table(head, lines)


def fates(way: str, group: list[Model]) -> Page:
    """Where adversarial variants lie."""
    lines: list[list[object]] = []
    for goal, budget in group[0].found:
        for name in ("free", "random in the threat"):
            counts = []
            for model in group:
                of, pairs = model.landscape, model.found[goal, budget]["free"]
                ends = pairs.end if name == "free" else uniform(pairs.start, budget)
                splits = [100 * float((of.split[ends] == one).mean()) for one in ("train", "valid", "test", "absent")]
                reached = pairs.sign * pairs.predicted[ends]
                best = 100 * float((reached >= pairs.optimum(budget) - 0.01).mean()) if name == "free" else np.nan
                counts.append([len(ends), len(np.unique(ends)), *splits, best])
            cells = [mean(column, 0 if i < 2 else 1) for i, column in enumerate(zip(*counts, strict=True))]
            lines.append([way, goal, budget, name, *cells])
    head = ["training", "goal", ":k", "set", ":pairs", ":distinct", ":train %", ":valid %", ":test %", ":absent %"]
    return [*head, ":optimum %"], lines


def agreements(way: str, group: list[Model]) -> Page:
    """Predicted against measured fitness, and changes."""
    lines: list[list[object]] = []
    for goal, budget in group[0].found:
        for name in group[0].found[goal, budget]:
            rows = []
            for model in group:
                pairs = model.found[goal, budget][name].held_out
                ends = np.unique(pairs.end)
                values = agreement(model.predicted[ends], model.landscape.fitness[ends])
                moved = agreement(pairs.promised, pairs.kept)
                signs = np.sign(pairs.promised) == np.sign(pairs.kept)
                rows.append(
                    [len(pairs.end), len(ends), *values, *moved[:3], 100 * float(signs.sum()) / max(len(signs), 1)]
                )
            if statistics.mean(row[0] for row in rows) < 10:
                continue
            cells = [mean(c, 0 if i in (0, 1, 10) else 2) for i, c in enumerate(zip(*rows, strict=True))]
            lines.append([way, goal, budget, name, *cells])
    head = ["training", "goal", ":k", "set", ":pairs", ":distinct"]
    head += [":Spearman", ":Pearson", ":R2", ":RMSE", ":gap"]
    return [*head, ":Spearman of change", ":Pearson of change", ":R2 of change", ":sign %"], lines


def successes(way: str, group: list[Model]) -> Page:
    """What the experiment says of successes that were measured and held out."""
    lines: list[list[object]] = []
    for goal, budget in group[0].found:
        for name in ("free", "held-out only", "random"):
            known = [model.found[goal, budget][name] for model in group]
            measured = [pairs.successes.held_out for pairs in known]
            totals = [len(pairs.end) for pairs in measured]
            if name != "free" and statistics.mean(totals) < FEWEST:
                continue
            confirmed = [int((pairs.kept >= pairs.promised / 2).sum()) for pairs in measured]
            against = [int((pairs.kept <= 0).sum()) for pairs in measured]
            promised = mean([float(pairs.promised.mean()) for pairs in measured if len(pairs.end) >= FEWEST], 2)
            kept = mean([float(pairs.kept.mean()) for pairs in measured if len(pairs.end) >= FEWEST], 2)
            success = [len(pairs.successes.end) for pairs in known]
            distinct = mean([len(np.unique(pairs.end)) for pairs in measured], 0)
            cells = [f"{100 * sum(success) / sum(len(pairs.end) for pairs in known):.0f}", mean(totals, 0), distinct]
            cells += [share(confirmed, totals), share(against, totals), promised, kept]
            lines.append([way, goal, budget, name, *cells])
    head = ["training", "goal", ":k", "set", ":success %", ":measured", ":distinct", ":confirmed %", ":contradicted %"]
    return [*head, ":predicted change", ":measured change"], lines


def resolved(way: str, group: list[Model]) -> Page:
    """Successes of the free attack whose variant is held out or absent, absent ones taken for at most the cutoff."""
    lines: list[list[object]] = []
    for goal, budget in group[0].found:
        counts, anyway = [], []
        for model in group:
            every = model.found[goal, budget]["free"].successes
            of = model.landscape
            pairs = every.where(of.held_out[every.end] | (of.split[every.end] == "absent"))
            absent = of.split[pairs.end] == "absent"
            low, high = np.where(absent, 0, of.fitness[pairs.end]), np.where(absent, CUTOFF, of.fitness[pairs.end])
            clean = of.fitness[pairs.start]
            least, most = (low - clean, high - clean) if pairs.sign > 0 else (clean - high, clean - low)
            half = pairs.promised / 2
            judged = [least >= half, most <= 0, (most < half) & (most > 0)]
            counts.append([len(pairs.end), int(absent.sum()), *(int(one.sum()) for one in judged)])
            anyway.append(100 * float(pairs.expected_absent(budget).mean()) if len(pairs.end) else np.nan)
        n, absent_n, sure, against, weak = zip(*counts, strict=True)
        left = [a - b - c - d for a, b, c, d in zip(n, sure, against, weak, strict=True)]
        cells = [
            mean(n, 0),
            share(absent_n, n),
            mean(anyway, 0),
            *(share(one, n) for one in (sure, weak, against, left)),
        ]
        lines.append([way, goal, budget, *cells])
    head = [
        "training",
        "goal",
        ":k",
        ":successes",
        ":absent %",
        ":of equal predictions %",
        ":confirmed %",
        ":less than half %",
    ]
    return [*head, ":contradicted %", ":cannot be said %"], lines


def curse(way: str, group: list[Model]) -> Page:
    """Gaps towards the goal of adversarial and random variants, and what equal predictions have anyway."""
    lines: list[list[object]] = []
    for goal, budget in group[0].found:
        for name in ("free", "held-out only", "random"):
            rows = []
            for model in group:
                pairs = model.found[goal, budget][name].held_out
                if not len(pairs.end):
                    continue
                gap, expected = pairs.sign * pairs.gap, pairs.sign * pairs.expected_gap()
                start = pairs.sign * (pairs.predicted[pairs.start] - model.landscape.fitness[pairs.start])
                level = float(model.predicted[pairs.end].mean())
                rows.append([level, *(float(one.mean()) for one in (gap, expected, gap - expected, start))])
            if not rows:
                continue
            columns = list(zip(*rows, strict=True))
            cells = [cell(list(column), 2) if i == 3 else mean(column, 2) for i, column in enumerate(columns)]
            lines.append([way, goal, budget, name, *cells])
    head = [
        "training",
        "goal",
        ":k",
        "set",
        ":predicted",
        ":gap",
        ":of equal predictions",
        ":beyond",
        ":gap of the clean",
    ]
    return head, lines


def worst(way: str, model: Model, count: int = 5) -> Page:
    """The successes that the experiment bears out least, one of each variant."""
    lines: list[list[object]] = []
    for goal in GOALS:
        parts = [model.found[goal, k][name].successes.held_out for k in (1, 2) for name in ("free", "held-out only")]
        pairs = replace(
            parts[0], start=np.concatenate([p.start for p in parts]), end=np.concatenate([p.end for p in parts])
        )
        short = pairs.promised - pairs.kept
        seen: set[int] = set()
        for row in np.argsort(-short):
            start, end = int(pairs.start[row]), int(pairs.end[row])
            if end in seen or len(seen) == count:
                continue
            seen.add(end)
            values = [f"{where[v]:.2f}" for where in (pairs.predicted, model.landscape.fitness) for v in (start, end)]
            lines.append([way, goal, named(start), named(end), *(values[i] for i in (0, 2, 1, 3))])
    head = [
        "training",
        "goal",
        "record",
        "variant",
        ":record predicted",
        ":measured",
        ":variant predicted",
        ":measured",
    ]
    return head, lines


def absent(way: str, model: Model, count: int = 8) -> Page:
    """Variants to which the free attack raises most records, and which the table has not."""
    ends = np.concatenate([model.found["up", k]["free"].successes.end for k in (1, 2)])
    values, counts = np.unique(ends[model.landscape.split[ends] == "absent"], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:count]
    lines = [[way, named(int(values[i])), int(counts[i]), f"{model.predicted[values[i]]:.2f}"] for i in order]
    return ["training", "variant", ":records raised to it", ":predicted"], lines


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS))
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--records", type=int, default=400, help="test records that are attacked")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    one_thread()
    found = {way: group for way in options.ways if (group := list(models(way, options)))}
    print(header(), "\n\n## Models\n")
    print_models(found)
    pages: dict[str, Callable[[str, list[Model]], Page]] = {
        "Where the variants lie": fates,
        "Agreement": agreements,
        "Successes, measured and held out": successes,
        "Successes, absent variants taken for 0 to 0.5": resolved,
        "Gaps towards the goal, and those of equal predictions": curse,
        "Largest shortfalls, first seed": lambda way, group: worst(way, group[0]),
        "Most frequent absent variants, first seed": lambda way, group: absent(way, group[0]),
    }
    for title, page in pages.items():
        print(f"## {title}\n")
        tables = [page(way, group) for way, group in found.items()]
        table(tables[0][0], [line for _, lines in tables for line in lines])


if __name__ == "__main__":
    main()
