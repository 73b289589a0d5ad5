"""Membership attacks beside other people's, on the same answers of the same models; and beside formulas by scipy.

    python benchmarks/privacy_peers.py runs                      # trains once and keeps the models there
    python benchmarks/privacy_peers.py runs --lira plot.py --rmia rmia.py

Needs ``pip install 'seqrobust[bench]' privacy-meter``; what is not installed is left out. ``--lira`` is
``research/mi_lira_2021/plot.py`` of github.com/tensorflow/privacy, ``--rmia`` is ``modules/mia/attacks/rmia.py`` of
github.com/privacytrustlab/ml_privacy_meter: the code published with those attacks.

Two networks of the config ``splice`` are audited, one *as shipped* and one *overfitted* (40 epochs, no dropout, no
weight decay), each trained on 1,000 of 2,000 splice junctions without exact copies; 16 shadow models were trained on
halves of these 2,000 by the same recipe. Of what is left over, which no model was trained on, 1,000 are the population.

*AUC*, and the shares of members found at false-positive rates of 1 and 10 %, with 95 % intervals (DeLong;
Clopper-Pearson), are computed here from everybody's scores. *beside ours* compares an attack with the last row above
that is ours: *same order* if the two put all records in one order (*other ties* where one calls some of them equal),
else their rank correlation, and whether the intervals of the AUC overlap. The last table kept is in
``benchmarks/privacy_peers.md``.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attack_measure import header, one_thread, table
from numpy.typing import NDArray
from peer_runs import MissingPeerError
from privacy_peer_attacks import (
    Audit,
    Floats,
    art_boundary,
    art_rate,
    art_rule,
    art_trained,
    meter_population,
    meter_reference,
    meter_rmia,
    meter_shadow,
    published_lira,
)
from privacy_peer_formulas import largest_differences, shifted_offline
from scipy.stats import spearmanr

from seqrobust.alphabet import DNA
from seqrobust.analysis.membership import (
    assign_records,
    auc,
    fit_shadows,
    lira_offline,
    lira_online,
    rmia,
    roc,
    shadow_logits,
    signals,
    survival_score,
    tpr_at_fpr,
    train_shadows,
)
from seqrobust.models import SequenceModel, build_model
from seqrobust.resources import data_root
from seqrobust.run.config import find_config, read_config
from seqrobust.sequences import SequenceSet, encode_targets
from seqrobust.sequences.readers import read_sequences
from seqrobust.training import Labelled, TrainingSettings

SIDE, POPULATION = 1000, 1000
SHADOWS = 16
TARGETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as shipped": ({}, {}),
    "overfitted": ({"dropout": 0.0}, {"epochs": 40, "weight_decay": 0.0}),
}
"""What is changed of the model and of its training."""
RATES = (0.01, 0.1)
OFFLINE = 0.3
"""a of RMIA."""
SUBSTITUTED, DRAWS = (1, 3, 6), 10
"""Letters that random versions differ by, and how many there are of each."""

Options = argparse.Namespace


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """An attack: its name, whose it is, scores, the records it was asked of (None for all), and ours that it is set
    beside.
    """

    attack: str
    whose: str
    scores: Floats
    beside: str | None = None
    rows: NDArray[np.int64] | None = None


# What is audited


def records() -> Labelled:
    """Splice junctions in random order, each once."""
    root = data_root()
    path = None if root is None else root / "uci_splice" / "splice.tsv.gz"
    if path is None or not path.exists():
        raise SystemExit("needs uci_splice/splice.tsv.gz of SEQROBUST_DATA")
    sequences = read_sequences(path, alphabet=DNA).sequences
    once = np.unique(np.asarray(sequences.texts), return_index=True)[1]
    sequences = sequences.take(np.random.default_rng(0).permutation(once)[: 2 * SIDE + POPULATION])
    assert sequences.targets is not None
    return Labelled(sequences=sequences, targets=encode_targets(sequences.targets[["label"]], "classification"))


def audited(name: str, data: Labelled, folder: Path) -> Audit:
    """A target, its shadow models' answers, and the signals of both; trained, or read back."""
    changes, training = TARGETS[name]
    told = read_config(find_config("splice"))
    settings = TrainingSettings(**{key: getattr(told.training, key) for key in TrainingSettings.__dataclass_fields__})
    build = partial(
        build_model,
        told.model.architecture,
        alphabet_size=DNA.size,
        outputs=data.targets.outputs,
        input_length=data.sequences.width,
        **{**told.model.hyperparameters, **changes},
    )
    made = _made(build, replace(settings, **training), data, folder / f"{name.replace(' ', '-')}.pt")
    model = build()
    model.load_state_dict(made["target"])
    pool = np.arange(2 * SIDE)
    classes, logits = data.targets.values.astype(np.int64), made["logits"].numpy()
    seen = [signals(part, classes, "classification") for part in (logits[0], logits[1:])]
    own, shadows = ([_of(one, rows) for rows in (slice(2 * SIDE), slice(2 * SIDE, None))] for one in seen)
    return Audit(
        sequences=data.sequences.take(pool),
        model=model.eval(),
        classes=classes[pool],
        members=pool < SIDE,
        logits=logits[0, pool],
        shadow_logits=logits[1:, pool],
        inside=made["inside"].numpy(),
        own=own[0],
        shadows=shadows[0],
        others=own[1],
        other_shadows=shadows[1],
    )


def _of(one: Any, rows: slice) -> Any:
    return replace(one, **{name: getattr(one, name)[..., rows] for name in one.__dataclass_fields__})


def _made(build: Callable[[], SequenceModel], settings: TrainingSettings, data: Labelled, kept: Path) -> dict[str, Any]:
    """The target's weights, who trained on what, and (1 + M, records, C) logits, the target's first."""
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        pool = np.arange(2 * SIDE)
        labelled = Labelled(sequences=data.sequences.take(pool), targets=data.targets.take(pool))
        inside = assign_records(len(pool), SHADOWS, seed=1)
        # The target and its shadow models differ in nothing but what they were trained on, and draws.
        trained = train_shadows(build, labelled, np.vstack([pool[None] < SIDE, inside]), settings=settings, seed=1)
        logits = shadow_logits(trained.models, data.sequences, [data.sequences.tokens])[:, 0]
        told = {"target": trained.models[0].state_dict(), "inside": inside, "logits": logits}
        torch.save({key: torch.from_numpy(one) if key != "target" else one for key, one in told.items()}, kept)
    found: dict[str, Any] = torch.load(kept)
    return found


# Attacks


def ours(audit: Audit) -> list[Entry]:
    """Ours."""
    own, shadows, inside = audit.own, audit.shadows, audit.inside
    phi, flat, tiled = shadows.margin.ravel(), inside.ravel(), np.tile(audit.classes, len(inside))
    right = audit.logits.argmax(1) == audit.classes
    found = {"right or wrong": survival_score(right[:, None]), "loss": -own.loss}
    for family in ("beta", "gaussian"):
        fitted = fit_shadows(phi, flat, tiled, family="beta" if family == "beta" else "gaussian")
        found[f"shadow, {family}"] = fitted.log_ratio(own.margin, audit.classes)
    found["LiRA offline"] = lira_offline(own.margin, shadows.margin, inside)
    found["LiRA offline, own spread"] = lira_offline(own.margin, shadows.margin, inside, spread="own")
    found["LiRA online"] = lira_online(own.margin, shadows.margin, inside)
    found["LiRA online, own spread"] = lira_online(own.margin, shadows.margin, inside, spread="own")
    found["RMIA online"] = our_rmia(audit, None)
    found["RMIA offline"] = our_rmia(audit, OFFLINE)
    found["RMIA offline, half"] = our_rmia(audit, OFFLINE, SHADOWS // 2)
    return [Entry(attack=name, whose="seqrobust", scores=scores) for name, scores in found.items()]


def our_rmia(audit: Audit, offline: float | None, population: int | None = None) -> Floats:
    """With some of the references for the population, None for all."""
    own, references = audit.others.log_confidence, audit.other_shadows.log_confidence[:population]
    target, shadows, inside = audit.own.log_confidence, audit.shadows.log_confidence, audit.inside
    if population is None:
        return rmia(target, shadows, inside, own, references, offline=offline).scores
    # The means are taken apart, so that the population may have other references than the records.
    blank = np.vstack([references, np.zeros((len(shadows) - population, references.shape[1]))])
    used = np.arange(len(shadows)) >= population
    marks = np.repeat(used[:, None], references.shape[1], axis=1)
    return rmia(target, shadows, inside, own, blank, population_inside=marks, offline=offline).scores


def theirs(audit: Audit, options: Options) -> list[Entry]:
    """Other people's, as far as they are there."""
    art, meter = "ART", "Privacy Meter"
    listed: list[tuple[str, str, str, Callable[[], Floats]]] = [
        ("rule-based (gap)", art, "right or wrong", partial(art_rule, audit)),
        ("population", meter, "loss", partial(meter_population, audit)),
        ("shadow", meter, "loss", partial(meter_shadow, audit)),
    ]
    run: Callable[[], Floats]
    listed += [
        (f"black box, {kind}", art, "shadow, gaussian", partial(art_trained, audit, kind)) for kind in options.kinds
    ]
    for test in ("logit_rescale", "linear_itp"):
        run = partial(meter_reference, audit, f"{test}_threshold_func")
        listed.append((f"reference, {test}", meter, "LiRA offline, own spread", run))
    for way, name in (("offline", "generate_ours_offline"), ("online", "generate_ours")) if options.lira else ():
        for ending, fixed in ((", own spread", False), ("", True)):
            run = partial(published_lira, audit, options.lira, name, fixed=fixed)
            listed.append((f"LiRA {way}{', one spread' if fixed else ending}", "published", f"LiRA {way}{ending}", run))
    for ending, population in (("", None), (", half", SHADOWS // 2)) if options.rmia else ():
        run = partial(meter_rmia, audit, options.rmia, OFFLINE, population)
        listed.append((f"RMIA offline{ending}", f"{meter}, later", f"RMIA offline{ending}", run))
    made = []
    for attack, whose, beside, run in listed:
        began = time.perf_counter()
        try:
            made.append(Entry(attack=attack, whose=whose, scores=run(), beside=beside))
        except MissingPeerError as error:
            print(f"{whose}, {attack}: {error}", file=sys.stderr)
        print(f"{whose}, {attack}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return made


def label_only(audit: Audit, options: Options) -> list[Entry]:
    """Answers without numbers, of a few records, for the peer asks many thousand times of each."""
    rows = np.concatenate([np.arange(options.few), SIDE + np.arange(options.few)])
    queries = len(SUBSTITUTED) * DRAWS
    name = f"random substitutions ({queries} queries)"
    made = [Entry(attack=name, whose="seqrobust", scores=survived(audit, rows), rows=rows)]
    began = time.perf_counter()
    try:
        scores, asked, zero = art_boundary(audit, rows, options.boundary_steps)
    except MissingPeerError:
        return made
    print(f"ART, boundary: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    attack = f"decision boundary ({asked:,.0f} queries; 0 of {100 * zero:.0f} %)"
    return [*made, Entry(attack=attack, whose="ART", scores=scores, beside=name, rows=rows)]


def survived(audit: Audit, rows: NDArray[np.int64]) -> Floats:
    """Share of versions with random substitutions that are answered rightly."""
    tokens, rng = audit.sequences.tokens[rows], np.random.default_rng(0)
    sequences: SequenceSet = audit.sequences.take(rows)
    versions = []
    for count in SUBSTITUTED:
        for _ in range(DRAWS):
            chosen = rng.random(tokens.shape).argsort(1).argsort(1) < count
            moved = (tokens + rng.integers(1, DNA.size, tokens.shape)) % DNA.size
            versions.append(np.where(chosen & (tokens < DNA.size), moved, tokens).astype(np.uint8))
    logits = shadow_logits([audit.model], sequences, versions)[0]
    return survival_score((logits.argmax(-1) == audit.classes[rows]).T)


# Tables


def side_by_side(entries: list[Entry], members: NDArray[np.bool_]) -> list[list[str]]:
    """Rows: each attack of ours, followed by those that are set beside it."""
    rows = []
    for ours_ in (entry for entry in entries if entry.beside is None):
        rows.append([*row(ours_, members), ""])
        beside = [entry for entry in entries if entry.beside == ours_.attack]
        rows += [[*row(entry, members), compared(entry, ours_, members)] for entry in beside]
    return rows


def row(entry: Entry, members: NDArray[np.bool_]) -> list[str]:
    """Cells of an attack."""
    held = _held(entry, members)
    inside, outside = entry.scores[held], entry.scores[~held]
    area, curve = auc(inside, outside), roc(inside, outside)
    found = [tpr_at_fpr(curve, rate) for rate in RATES]
    shares = [_interval(one.tpr, one.interval) for one in found]
    return [entry.attack, entry.whose, _interval(area.auc, area.interval), *shares]


def _held(entry: Entry, members: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return members if entry.rows is None else members[entry.rows]


def _interval(value: float | None, interval: list[float] | None) -> str:
    return "" if value is None or interval is None else f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def compared(entry: Entry, base: Entry, members: NDArray[np.bool_]) -> str:
    """An attack beside ours, in words."""
    held, scores, ours_ = _held(entry, members), entry.scores, base.scores
    in_order = scores[np.lexsort((scores, ours_))]
    # Formulas that are the same are rounded differently.
    if (np.maximum.accumulate(in_order) - in_order).max() <= 1e-12 * np.abs(scores).max():
        return "same order" if _steps(scores) == _steps(ours_) else "same order, other ties"
    areas = [auc(one[held], one[~held]).interval for one in (scores, ours_)]
    apart = areas[0][1] < areas[1][0] or areas[1][1] < areas[0][0]
    return f"{float(spearmanr(scores, ours_).statistic):.3f}, {'apart' if apart else 'overlap'}"


def _steps(scores: Floats) -> int:
    """How many values can be told apart."""
    return int((np.diff(np.sort(scores)) > 1e-12 * np.abs(scores).max()).sum())


def rates_apart(entries: list[Entry], members: NDArray[np.bool_]) -> str:
    """By how much ART's rates differ from ours, on every attack's scores of all records."""
    found = []
    for entry in entries:
        curve = roc(entry.scores[members], entry.scores[~members])
        for wanted in (0.001, 0.01, 0.05, 0.1):
            our_rate = tpr_at_fpr(curve, wanted).tpr
            assert our_rate is not None
            their_rate = art_rate(entry.scores, members, wanted)
            found.append((abs(their_rate - our_rate), f"{entry.whose}, {entry.attack}, at {100 * wanted:g} %"))
    # A rate is a count over the members.
    apart = [one for one in found if one[0] > 1e-9]
    worst = f"; the largest {max(apart)[0]:.1e} ({max(apart)[1]})" if apart else ""
    return f"{len(found)} comparisons, {len(apart)} differences{worst}"


def checks(audit: Audit, entries: list[Entry]) -> Iterator[str]:
    """What is compared beside the tables."""
    right = audit.logits.argmax(1) == audit.classes
    shares = [f"{100 * right[side].mean():.1f} %" for side in (audit.members, ~audit.members)]
    yield f"right on {shares[0]} of the members and {shares[1]} of the others"
    try:
        yield f"rates at 0.1, 1, 5 and 10 % by ART's worst-case score, {rates_apart(entries, audit.members)}"
    except MissingPeerError as error:
        yield str(error)
    scores = {entry.attack: entry.scores for entry in entries if entry.beside is None}
    for name, apart in largest_differences(audit, scores, OFFLINE):
        yield f"by formula, {name}: {apart}"
    for entry in entries:
        if entry.attack == "reference, logit_rescale":
            like = float(spearmanr(entry.scores, shifted_offline(audit, 1e-6)).statistic)
            yield f"{entry.attack}, beside ours with 1e-6 added to the references' losses: rank correlation {like:.6f}"


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lira", type=Path, help="plot.py as published with LiRA")
    parser.add_argument("--rmia", type=Path, help="rmia.py of Privacy Meter's later version")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=["lr", "gb", "rf", "nn"])
    parser.add_argument("--few", type=int, default=200, help="members, and others, that the boundary is looked for of")
    parser.add_argument("--boundary-steps", type=int, default=5, help="of HopSkipJump")
    options = parser.parse_args()
    one_thread()
    # HopSkipJump says of every record that it could not begin.
    logging.getLogger("art").setLevel(logging.ERROR)
    data, told = records(), []
    for target in TARGETS:
        audit = audited(target, data, options.folder)
        entries = [*ours(audit), *theirs(audit, options)]
        notes = list(checks(audit, entries))
        entries += label_only(audit, options)
        told.append((target, side_by_side(entries, audit.members), notes))
    print(header(["adversarial-robustness-toolbox", "privacy-meter", "scikit-learn", "scipy"]))
    rates = [f":at {100 * rate:g} %" for rate in RATES]
    for target, rows, notes in told:
        print(f"\nThe network {target}\n")
        table(["attack", "whose", ":AUC", *rates, "beside ours"], rows)
        print("\n".join(f"- {note}" for note in notes))


if __name__ == "__main__":
    main()
