"""Networks that are audited where the answer is known: one that learnt its records by heart, one that saw none of them.

What :mod:`privacy_oracles` calls *memorised* and *unseen*.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from attack_measure import table
from numpy.typing import NDArray

from seqrobust.alphabet import DNA
from seqrobust.analysis.membership import (
    Signals,
    assign_records,
    attack_numbers,
    auc,
    fit_shadows,
    lira_offline,
    lira_online,
    offline_share,
    rmia,
    roc,
    shadow_logits,
    signals,
    survival_score,
    tpr_at_fpr,
    train_shadows,
)
from seqrobust.analysis.privacy.label_only import DRAWS, EDITED, substituted
from seqrobust.analysis.privacy.metrics import best_attack
from seqrobust.models import SequenceModel, build_model
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.statistics import wilson
from seqrobust.training import TrainingSettings
from seqrobust.training.data import Labelled

Floats: TypeAlias = NDArray[np.float64]
Options = argparse.Namespace

LENGTH, WORD, PLACE = 60, "TGACTCA", 20
"""Of simulated DNA: letters, what one class holds, and where."""
CLASSES = (2, 10)
"""Of random labels: of two, half of those never seen are right by chance; of ten, a tenth."""
_LEVEL, _RATE = 0.05, "0.01"


def scores_of(
    own: Signals,
    models: Signals,
    inside: NDArray[np.bool_],
    classes: NDArray[np.int64],
    members: NDArray[np.bool_],
    *,
    share: float | None = None,
) -> dict[str, Floats]:
    """(N,) scores of every attack that needs numbers, as ``seqrobust privacy`` takes them.

    Args:
        own: (N,) of the audited model.
        models: (M, N) of shadow models.
        inside: (M, N) who trained on what.
        classes, members: (N,).
        share: a of the offline RMIA; None for the best on shadow models.
    """
    found = dict(own.as_scores())
    tiled, flat = np.tile(classes, len(inside)), inside.ravel()
    phi = models.margin.ravel()
    found["shadow_beta"] = fit_shadows(phi, flat, tiled, family="beta").log_ratio(own.margin, classes)
    found["shadow_gaussian"] = fit_shadows(phi, flat, tiled, family="gaussian").log_ratio(own.margin, classes)
    found["lira_online"] = lira_online(own.margin, models.margin, inside)
    found["lira_offline"] = lira_offline(own.margin, models.margin, inside)
    logs, references = own.log_confidence, models.log_confidence
    share = offline_share(references, inside) if share is None else share
    others = ~members
    told, aside = (logs, references, inside, logs[others], references[:, others]), inside[:, others]
    for name, offline in (("rmia", None), ("rmia_offline", share)):
        made = rmia(*told, population_inside=aside, offline=offline).scores
        # A non-member is compared with the others, and not with itself.
        count = int(others.sum())
        found[name] = np.where(members, made, (made * count - 1) / (count - 1))
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """A network that was audited: scores by attack, who is a member, and its accuracy on either kind."""

    scores: Mapping[str, Floats]
    members: NDArray[np.bool_]
    right: tuple[float, float]


def audit(records: Labelled, members: NDArray[np.bool_], trained_on: NDArray[np.bool_], **how: int) -> Audit:
    """Train a network, and attack it.

    Args:
        records: all there are.
        members: (N,) those called members; the rest that was not trained on are non-members.
        trained_on: (N,) those that the network trains on.
        how: ``epochs``, ``channels``, ``shadows`` and ``seed``.
    """

    def build() -> SequenceModel:
        size = {"channels": how["channels"], "blocks": 2, "first_kernel": 7, "kernel": 5, "hidden": 32, "dropout": 0.0}
        return build_model("cnn", alphabet_size=4, outputs=outputs, input_length=LENGTH, head="flatten", **size)

    outputs = records.targets.outputs
    settings = TrainingSettings(epochs=how["epochs"], batch_size=32, learning_rate=4e-3, weight_decay=1e-4)
    seed = 2 * how["seed"]
    (network,) = train_shadows(build, records, trained_on[None], settings=settings, seed=seed).models
    asked = np.flatnonzero(members | ~trained_on)
    pool = Labelled(sequences=records.sequences.take(asked), targets=records.targets.take(asked))
    inside = assign_records(len(asked), how["shadows"], seed=seed)
    shadows = train_shadows(build, pool, inside, settings=settings, seed=seed + 1)
    classes, is_member = pool.targets.values.astype(np.int64), members[asked]
    answers = shadow_logits((network, *shadows.models), pool.sequences, [pool.sequences.tokens])[:, 0]
    told = [signals(part, classes, "classification") for part in (answers[0], answers[1:])]
    scores = scores_of(told[0], told[1], inside, classes, is_member)
    scores["label_only"] = _survival(network, pool.sequences, classes, seed)
    right = answers[0].argmax(-1) == classes
    return Audit(scores=scores, members=is_member, right=(right[is_member].mean(), right[~is_member].mean()))


def _survival(network: SequenceModel, sequences: SequenceSet, classes: NDArray[np.int64], seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    versions = [substituted(sequences.tokens, DNA.size, share, rng) for share in EDITED for _ in range(DRAWS)]
    answers = shadow_logits([network], sequences, versions)[0].argmax(-1)
    return survival_score((answers == classes).T)


def with_word(records: int, *, seed: int) -> Labelled:
    """DNA of two classes, with a word and without; one record in five is mislabelled."""
    rng = np.random.default_rng([seed, records])
    letters, classes = rng.integers(0, 4, (records, LENGTH)), rng.integers(0, 2, records)
    letters[classes == 1, PLACE : PLACE + len(WORD)] = ["ACGT".index(letter) for letter in WORD]
    return _labelled(letters, np.where(rng.random(records) < 0.2, 1 - classes, classes), 2)


def random_labels(records: int, classes: int, *, seed: int) -> Labelled:
    """DNA of classes that mean nothing."""
    rng = np.random.default_rng([seed, records, classes])
    return _labelled(rng.integers(0, 4, (records, LENGTH)), rng.integers(0, classes, records), classes)


def _labelled(letters: NDArray[np.int64], classes: NDArray[np.int64], count: int) -> Labelled:
    texts = ["".join("ACGT"[letter] for letter in row) for row in letters]
    names = tuple(f"class {number}" for number in range(count))
    targets = Targets(task="classification", labels=names, values=classes.astype(np.int64))
    return Labelled(sequences=SequenceSet.from_texts(texts, DNA), targets=targets)


def print_memorised(options: Options) -> None:
    """Random labels, learnt by heart."""
    count = options.memorised
    members = np.repeat([True, False], count)
    columns: dict[str, list[str]] = {}
    told = []
    for classes in CLASSES:
        audits = []
        for seed in range(options.seeds):
            records = random_labels(2 * count, classes, seed=seed)
            audits.append(audit(records, members, members, epochs=40, channels=32, shadows=16, seed=seed))
        told.append(f"of {classes} classes {_rights(audits)}")
        for name in audits[0].scores:
            numbers = [_pair(one.scores[name], one.members) for one in audits]
            columns.setdefault(name, []).extend(_spread(part) for part in zip(*numbers, strict=True))
    print(f"## Memorised: random labels, {count} members and as many non-members, 16 shadow models\n")
    heads = [f":{measure}, {classes} classes" for classes in CLASSES for measure in ("AUC", "found at 1 %")]
    table(["attack", *heads], [[name, *cells] for name, cells in columns.items()])
    print(f"In per cent: mean and range of {options.seeds} seeds. Right answers: {'; '.join(told)}.\n")


def print_unseen(options: Options) -> None:
    """Members that the network never saw."""
    count, trials = options.unseen, options.trials
    numbers: list[dict[str, dict[str, float]]] = []
    audits, seconds = [], time.monotonic()
    for seed in range(trials):
        records = with_word(3 * count, seed=seed)
        part = np.repeat([0, 1, 2], count)
        # What the network trains on is neither a member nor a non-member here.
        audits.append(audit(records, part == 0, part == 2, epochs=10, channels=16, shadows=8, seed=seed))
        numbers.append({name: _tested(values, audits[-1].members) for name, values in audits[-1].scores.items()})
    print(f"## Unseen: {count} members and as many non-members, 8 shadow models, {trials} repeats\n")
    lines = []
    for name in numbers[0]:
        rows = [one[name] for one in numbers]
        mean = f"{np.mean([row['auc'] for row in rows]):.3f}"
        lines.append([name, mean, *(_alarms([row[key] for row in rows]) for key in ("excludes", "p", "rate_p"))])
    table(["attack", ":mean AUC", ":excludes 0.5", ":p < 0.05", ":p of the rate < 0.05"], lines)
    alarms = _alarms([float(_verdict(one)) for one in numbers])
    print(f"The verdict, corrected for {len(numbers[0])} attacks: {alarms}. ", end="")
    print(f"Right answers, %: {_rights(audits)}; {(time.monotonic() - seconds) / trials:.1f} s a repeat.\n")


def _tested(values: Floats, members: NDArray[np.bool_]) -> dict[str, float]:
    one = attack_numbers(values, members)
    rate = one["tpr_at_fpr_p_value"][_RATE]
    low, high = one["auc_ci"]
    return {
        "auc": one["auc"],
        "found": one["tpr_at_fpr"][_RATE],
        "excludes": float(not low <= 0.5 <= high),
        "p": float(one["p_value"] < _LEVEL),
        "rate_p": float(rate < _LEVEL),
        "least": min(one["p_value"], rate),
    }


def _verdict(numbers: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether the command would say "more than chance"."""
    shaped = {name: {"auc": one["auc"], "tpr_at_fpr": {_RATE: one["found"]}} for name, one in numbers.items()}
    return 2 * len(numbers) * numbers[best_attack(shaped)]["least"] < _LEVEL


# Cells


def _pair(values: Floats, members: NDArray[np.bool_]) -> tuple[float, float]:
    held, others = values[members], values[~members]
    return 100 * auc(held, others).auc, 100 * (tpr_at_fpr(roc(held, others), 0.01).tpr or 0.0)


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def _rights(audits: Sequence[Audit]) -> str:
    held, others = (100 * np.mean([one.right[kind] for one in audits]) for kind in (0, 1))
    return f"{held:.1f} of members, {others:.1f} of non-members"


def _alarms(flags: Sequence[float]) -> str:
    hits = int(sum(flags))
    low, high = wilson(hits, len(flags)) or (0.0, 1.0)
    return f"{hits} of {len(flags)} [{100 * low:.0f}, {100 * high:.0f} %]"
