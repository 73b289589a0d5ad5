"""Membership attacks where the truth is known: in a world of normal scores, of memorised records, of unseen records.

    python benchmarks/privacy_oracles.py                        # all parts, ten minutes on one core
    python benchmarks/privacy_oracles.py --parts world,rates --repeats 50

*world*: phi of members and non-members as :mod:`privacy_truth` describes it, made into logits, and every attack on
them, with 256 shadow models where nothing else is said. Its area under the ROC and the share of members found at a
false-positive rate of 1 % are known beforehand; *covered* counts the repeats in which the 95 % interval holds them.

*rates*: the same share read from few non-members, by a threshold on two normals. *expected* is what is read on average,
by the law of order statistics; *threshold's* counts the intervals that hold the true share at the very threshold that
was used; *safe* is an interval that assumes nothing.

*relatives*: nothing leaks, and whole families are on one side; the area's interval and p-values that take records as
independent, then those that take families, and an exchange of families written out here.

*memorised*: a CNN trained on random labels until it knows them all. *unseen*: a CNN that saw neither the members nor
the non-members; *excludes* counts intervals of the area without 0.5, *p* one-sided p-values below 0.05, each of which
should be wrong once in twenty. Shadow models train on halves of members and non-members together, as in ``seqrobust
privacy``. The last tables kept are in ``benchmarks/privacy_oracles.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np
import torch
from attack_measure import header, one_thread, table
from numpy.typing import NDArray
from privacy_networks import Floats, Options, print_memorised, print_unseen, scores_of
from privacy_truth import (
    Truth,
    World,
    by_beta,
    by_entropy,
    by_offline,
    by_online,
    by_phi,
    by_rmia,
    by_survival,
    expected_found,
    safe_interval,
    separated,
)
from scipy.special import expit
from scipy.stats import norm, rankdata

from seqrobust.analysis.membership import (
    assign_records,
    auc,
    balanced_accuracy,
    lira_offline,
    lira_online,
    permutation_p_value,
    roc,
    signals,
    survival_score,
    tpr_at_fpr,
)
from seqrobust.statistics import wilson

FEW, MANY, VERSIONS = 16, 256, 30
"""Shadow models of the world, and versions of a record that answers alone are asked of."""
SHARE = 0.3
"""What the offline RMIA of the world takes for a."""
COUNTS = (100, 300, 1000, 3000, 10_000)
"""Non-members that a rate is read from."""
LIKENESS = (0.0, 0.1, 0.3, 0.6)
"""Correlation of the scores of two relatives."""


# The world of normal scores


def truths(world: World) -> dict[str, Truth]:
    """What is known of every attack in the world."""
    phi = by_phi(world)
    return {
        **dict.fromkeys(("loss", "confidence", "margin", "modified_entropy"), phi),
        "entropy": by_entropy(world),
        "label_only": by_survival(world, VERSIONS),
        "shadow_beta": by_beta(world),
        "shadow_gaussian": phi,
        "rmia": by_rmia(world, MANY),
        "rmia_offline": by_rmia(world, MANY, SHARE),
        "lira_offline": by_offline(world, MANY, own=True),
        "lira_online": by_online(world, MANY, own=True),
        f"lira_offline, {FEW} models": by_offline(world, FEW, own=False),
        f"lira_online, {FEW} models": by_online(world, FEW, own=False),
    }


def drawn(world: World, records: int, seed: int) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """Scores of so many members and as many non-members, and who is which."""
    # Not the seed alone, from which the first shadow model's half is drawn as well.
    rng = np.random.default_rng([seed, records])
    members = np.repeat([True, False], records)
    inside = assign_records(2 * records, MANY, seed=seed)
    shift = world.base + world.shifts * rng.standard_normal(2 * records)
    phi = shift + world.gain * members + rng.standard_normal(2 * records)
    shadows = shift + world.gain * inside + rng.standard_normal(inside.shape)
    classes = rng.integers(0, world.classes, 2 * records)
    own, models = (signals(_logits(one, classes, world.classes), classes, "classification") for one in (phi, shadows))
    found = scores_of(own, models, inside, classes, members, share=SHARE)
    few = models.margin[:FEW], inside[:FEW]
    found[f"lira_offline, {FEW} models"] = lira_offline(own.margin, *few)
    found[f"lira_online, {FEW} models"] = lira_online(own.margin, *few)
    found["label_only"] = survival_score(rng.random((2 * records, VERSIONS)) < expit(phi)[:, None])
    return found, members


def _logits(phi: Floats, classes: NDArray[np.int64], count: int) -> Floats:
    """(..., N, C) logits in which the true class leads the logsumexp of the others, all alike, by phi."""
    made = np.zeros((*phi.shape, count))
    true = np.broadcast_to(classes[:, None], (*phi.shape, 1))
    np.put_along_axis(made, true, phi[..., None] + np.log(count - 1), -1)
    return made


def print_world(options: Options) -> None:
    """Truth and measurement side by side."""
    world, repeats = World(), options.repeats
    known = truths(world)
    measured: dict[str, list[list[float]]] = {name: [] for name in known}
    balanced = []
    for seed in range(repeats):
        scores, members = drawn(world, options.records, seed)
        for name, truth in known.items():
            measured[name].append(_measured(scores[name][members], scores[name][~members], truth, world.rate))
        gaussian = scores["shadow_gaussian"]
        balanced.append(balanced_accuracy(gaussian[members], gaussian[~members], 0.0))
    lines = []
    for name, truth in known.items():
        area, area_in, found, found_in = np.array(measured[name]).mean(0)
        cells = [f"{truth.auc:.4f}", f"{area:.4f}", f"{100 * area_in:.0f}"]
        lines.append([name, *cells, f"{100 * truth.found:.2f}", f"{100 * found:.2f}", f"{100 * found_in:.0f}"])
    print(f"## World: {options.records} members and as many non-members, {repeats} repeats\n")
    heads = [":AUC", ":mean", ":covered, %", ":found at 1 %, %", ":mean", ":covered, %"]
    table(["attack", *heads], lines)
    low, high = wilson(round(0.95 * repeats), repeats) or (0.0, 1.0)
    best = 100 * norm.cdf(world.gain / world.total / 2)
    print(f"Of {repeats} repeats, 95 % means {100 * low:.0f} to {100 * high:.0f} %. Balanced accuracy of ", end="")
    print(f"shadow_gaussian at even odds, %: {best:.2f} in truth, {100 * np.mean(balanced):.2f} on average.\n")


def _measured(held: Floats, others: Floats, truth: Truth, rate: float) -> list[float]:
    """Area, whether its interval holds the truth, share found, whether its interval does."""
    area, found = auc(held, others), tpr_at_fpr(roc(held, others), rate)
    if found.tpr is None or found.interval is None:
        raise SystemExit(f"{len(others)} non-members are too few")
    return [area.auc, _holds(area.interval, truth.auc), found.tpr, _holds(found.interval, truth.found)]


# Rates of few non-members


def print_rates(options: Options) -> None:
    """A small false-positive rate, read from few non-members."""
    world, lines = World(), []
    for distance in (0.0, world.gain):
        truth = separated(world, distance)
        for count in COUNTS:
            repeats = min(options.draws, 4_000_000 // count)
            rows = np.array([_read(distance, count, world.rate, seed) for seed in range(repeats)])
            mean, covered, at, width, safe, safe_width, area = 100 * rows.mean(0)
            expected = 100 * expected_found(distance, world.rate, count)
            cells = [f"{distance:g}", f"{count:,}", f"{100 * truth.found:.2f}", f"{expected:.2f}", f"{mean:.2f}"]
            cells += [f"{covered:.0f}", f"{at:.0f}", f"{width:.1f}", f"{safe:.0f}", f"{safe_width:.1f}", f"{area:.0f}"]
            lines.append(cells)
    print("## Rates: the share found at 1 %, read from few non-members (as many members)\n")
    heads = ["gain", "non-members", "true, %", "expected, %", "mean, %", "covered, %", "threshold's, %", "width"]
    table([f":{name}" for name in (*heads, "safe, %", "width", "AUC covered, %")], lines)
    print(f"{options.draws} draws, of 3,000 and more non-members 4,000,000 in all; widths in points.\n")


def _read(distance: float, count: int, rate: float, seed: int) -> list[float]:
    """Share found; whether its interval holds the true one, and that at the threshold; its width; whether the safe
    interval holds the true one; its width; whether the area's does."""
    rng = np.random.default_rng([seed, count])
    held, others = distance + rng.standard_normal(count), rng.standard_normal(count)
    one, area = tpr_at_fpr(roc(held, others), rate), auc(held, others)
    if one.tpr is None or one.interval is None or one.threshold is None:
        raise SystemExit(f"{count} non-members are too few")
    truth = separated(World(rate=rate), distance)
    at, safe = float(norm.sf(one.threshold - distance)), safe_interval(held, others, rate)
    covered = [_holds(one.interval, truth.found), _holds(one.interval, at), one.interval[1] - one.interval[0]]
    return [one.tpr, *covered, _holds(safe, truth.found), safe[1] - safe[0], _holds(area.interval, truth.auc)]


# Relatives on one side


def print_relatives(options: Options) -> None:
    """False alarms where whole families are members or non-members, and nothing leaks."""
    sizes, repeats = (30, 20), options.alarms
    lines = []
    for likeness in LIKENESS:
        rows = np.array([_alarmed(likeness, *sizes, seed) for seed in range(repeats)])
        shares = [f"{100 * share:.0f}" for share in rows.mean(0)]
        lines.append([f"{likeness:g}", *shares])
    print(f"## Relatives: {sizes[0]} families of {sizes[1]} on either side, no leak, {repeats} repeats\n")
    heads = ["correlation", "AUC excludes 0.5, %", "p < 0.05, %", "p of the rate < 0.05, %"]
    heads += ["families: AUC excludes 0.5, %", "p < 0.05, %", "p by ranks < 0.05, %"]
    table([f":{name}" for name in heads], lines)


def _alarmed(likeness: float, families: int, size: int, seed: int) -> list[float]:
    """Whether the area's interval and p-values see a leak that take records as independent, those that take families,
    and an exchange of families written out here."""
    rng = np.random.default_rng([seed, size])
    own = np.sqrt(1 - likeness) * rng.standard_normal((2 * families, size))
    scores = own + np.sqrt(likeness) * rng.standard_normal((2 * families, 1))
    members = np.repeat([True, False], families * size)
    flat = scores.ravel()
    found = [1 - _holds(auc(flat[members], flat[~members]).interval, 0.5)]
    found += [float(permutation_p_value(flat, members, fpr=fpr, draws=199) < 0.05) for fpr in (None, 0.01)]
    own_family = np.repeat(np.arange(2 * families), size)
    area = auc(flat[members], flat[~members], (own_family[members], own_family[~members]))
    p = permutation_p_value(flat, members, clusters=own_family, draws=199)
    found += [1 - _holds(area.interval, 0.5), float(p < 0.05)]
    # With families of one size the area rises with the members' ranks, which each family adds to by itself.
    ranks = rankdata(flat).reshape(scores.shape).sum(1)
    drawn = rng.permuted(np.tile(ranks, (199, 1)), axis=1)[:, :families].sum(1)
    p = (1 + (drawn >= ranks[:families].sum()).sum()) / 200
    return [*found, float(p < 0.05)]


def _holds(interval: Sequence[float], value: float) -> float:
    return float(interval[0] <= value <= interval[1])


PARTS: dict[str, Callable[[Options], None]] = {
    "world": print_world,
    "rates": print_rates,
    "relatives": print_relatives,
    "memorised": print_memorised,
    "unseen": print_unseen,
}


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=100, help="of the world")
    parser.add_argument("--records", type=int, default=2000, help="members of the world, and as many non-members")
    parser.add_argument("--draws", type=int, default=2000, help="of each number of non-members")
    parser.add_argument("--alarms", type=int, default=400, help="repeats of families on one side")
    parser.add_argument("--seeds", type=int, default=3, help="memorised networks")
    parser.add_argument("--memorised", type=int, default=300, help="members of each")
    parser.add_argument("--trials", type=int, default=100, help="networks that saw neither kind")
    parser.add_argument("--unseen", type=int, default=200, help="members of each")
    options = parser.parse_args()
    one_thread()
    torch.set_num_threads(1)
    print(header(["numpy", "scipy"]) + "\n", flush=True)
    for name in options.parts:
        PARTS[name](options)


if __name__ == "__main__":
    main()
