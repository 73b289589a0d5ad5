"""Other people's membership attacks, asked about answers that are already there: for ``privacy_peers.py``.

Every function takes an :class:`Audit` and gives (N,) scores, large for members, in the order of its records. Peers are
the Adversarial Robustness Toolbox (ART) and ML Privacy Meter, which come from the package index, and two files that do
not: the code published with LiRA, and the RMIA of Privacy Meter's later version, whose functions are read from where
the user has put them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from peer_runs import needed
from scipy.special import ndtr

from seqrobust.analysis.membership import Signals
from seqrobust.models import SequenceModel
from seqrobust.sequences import SequenceSet, one_hot

Floats: TypeAlias = NDArray[np.float64]
ART = "adversarial-robustness-toolbox"
LEVELS = np.concatenate([[0.0], ndtr(np.linspace(-8, 8, 2001)), [1.0]])
"""False-positive rates that Privacy Meter is asked for: evenly spaced in a normal's deviations, up to where 1 less the
rate is 1 in a number of 64 bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """What all attacks are told.

    Attributes:
        sequences: N records, members first.
        model: the target.
        classes: (N,) true ones.
        members: (N,) bool.
        logits: (N, C) of the target.
        shadow_logits: (M, N, C).
        inside: (M, N) who trained on what.
        own, shadows: signals of these, (N,) and (M, N).
        others, other_shadows: of Z records that no model was trained on, (Z,) and (M, Z).
    """

    sequences: SequenceSet
    model: SequenceModel
    classes: NDArray[np.int64]
    members: NDArray[np.bool_]
    logits: Floats
    shadow_logits: Floats
    inside: NDArray[np.bool_]
    own: Signals
    shadows: Signals
    others: Signals
    other_shadows: Signals


# ART


def art_rule(audit: Audit) -> Floats:
    """Right or wrong."""
    attack = _inference().MembershipInferenceBlackBoxRuleBased(_answering(audit))
    return np.asarray(attack.infer(_numbers(audit), audit.classes), np.float64)


def art_trained(audit: Audit, kind: str) -> Floats:
    """A classifier of membership, trained on what shadow models answer to their members and to the others.

    Args:
        audit: is told.
        kind: ``lr``, ``gb``, ``rf`` or ``nn`` (ART's default).
    """
    attack = _inference().MembershipInferenceBlackBox(_answering(audit), attack_model_type=kind)
    if kind != "nn":
        attack.attack_model.set_params(random_state=0)
    wanted = np.broadcast_to(audit.classes, audit.inside.shape)
    held, aside = audit.inside, ~audit.inside
    with torch.random.fork_rng():
        torch.manual_seed(0)
        attack.fit(
            pred=audit.shadow_logits[held], y=wanted[held], test_pred=audit.shadow_logits[aside], test_y=wanted[aside]
        )
    found = attack.infer(None, audit.classes, pred=audit.logits, probabilities=True)
    return np.asarray(found, np.float64).ravel()


class _Asked(torch.nn.Module):
    """A model that counts what it is asked, in whichever numbers."""

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.model, self.rows = model, 0

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        self.rows += len(points)
        found: torch.Tensor = self.model(points.float())
        return found


def art_boundary(audit: Audit, rows: NDArray[np.int64], steps: int) -> tuple[Floats, float, float]:
    """How far the decision boundary is from some one-hot records, by HopSkipJump.

    And forward passes a record, and the share of records that it answers with a distance of 0: those that are answered
    wrongly, and those for which no random image that it begins with is of another class.
    """
    estimators = needed("art.estimators.classification", ART)
    sequences, model = audit.sequences.take(rows), _Asked(audit.model).eval()
    points = one_hot(torch.tensor(sequences.tokens), sequences.alphabet, "zeros").numpy()
    classifier = estimators.PyTorchClassifier(
        model=model,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=points.shape[1:],
        nb_classes=audit.logits.shape[1],
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )
    # The threshold does not matter: the score is the distance, in a form that rises with it.
    attack = _inference().LabelOnlyDecisionBoundary(classifier, distance_threshold_tau=1.0)
    settings = {"max_iter": steps, "max_eval": 1000, "verbose": False}
    # HopSkipJump begins at images of a generator that cannot be seeded: another run gives other distances.
    found = attack.infer(points, audit.classes[rows], probabilities=True, norm=2, **settings)
    scores: Floats = np.asarray(found[:, 1], np.float64)
    return scores, model.rows / len(rows), float((scores == scores.min()).mean())


def art_rate(scores: Floats, members: NDArray[np.bool_], wanted: float) -> float:
    """The true-positive rate at a false-positive rate, as ART's worst-case score has it."""
    metric = needed("art.metrics.privacy.worst_case_mia_score", ART)
    (found,) = metric.get_roc_for_fpr(attack_proba=scores, attack_true=members, targeted_fpr=wanted)
    return float(found[1])


def _inference() -> Any:
    return needed("art.attacks.inference.membership_inference", ART)


def _numbers(audit: Audit) -> Floats:
    """Records as ART is given them: their numbers."""
    return np.arange(len(audit.classes), dtype=np.float64)[:, None]


def _answering(audit: Audit) -> Any:
    """A classifier of ART's that gives the target's answers by the records' numbers."""
    estimators = needed("art.estimators.classification", ART)

    def answer(numbers: NDArray[Any]) -> Floats:
        return audit.logits[numbers.ravel().astype(np.int64)]

    return estimators.BlackBoxClassifier(answer, input_shape=(1,), nb_classes=audit.logits.shape[1])


# Privacy Meter 1.0.1


def meter_population(audit: Audit) -> Floats:
    """One threshold of the loss for all records, from a population's losses."""
    losses = np.concatenate([audit.own.loss, audit.others.loss])
    rows = np.arange(len(audit.classes), len(losses))
    metric = _meter("metric").PopulationMetric(
        **_target(audit),
        reference_info_source=_source([losses], {"train": rows}),
        hypothesis_test_func=_meter("hypothesis_test").linear_itp_threshold_func,
    )
    return _times_called(metric)


def meter_shadow(audit: Audit) -> Floats:
    """Logistic regression of membership on the loss, from shadow models."""
    held = [np.flatnonzero(row) for row in audit.inside]
    aside = [np.flatnonzero(~row) for row in audit.inside]
    splits = {f"train{number:03d}": rows for number, rows in enumerate(held, start=1)}
    splits |= {f"test{number:03d}": rows for number, rows in enumerate(aside, start=1)}
    metric = _meter("metric").ShadowMetric(
        **_target(audit, "000"),
        reference_info_source=_source(list(audit.shadows.loss), splits),
        hypothesis_test_func=None,
        unique_dataset=True,
    )
    metric.prepare_metric()
    return np.asarray(metric.run_metric().predictions_proba, np.float64)


def meter_reference(audit: Audit, test: str) -> Floats:
    """A threshold of the loss for each record, from the models that left it out.

    Args:
        audit: is told.
        test: ``linear_itp_threshold_func``, quantiles of those losses, or ``logit_rescale_threshold_func``, of a normal
            distribution of phi: LiRA offline, each record with a variance of its own.
    """
    losses = left_out(audit, audit.shadows.loss)
    held, aside = np.flatnonzero(audit.members), np.flatnonzero(~audit.members)
    metric = _meter("metric").ReferenceMetric(
        **_target(audit),
        reference_info_source=_source(list(losses), {"train": held, "test": aside}),
        hypothesis_test_func=getattr(_meter("hypothesis_test"), test),
    )
    # A rate of 0 or 1 has its threshold at infinity.
    with np.errstate(all="ignore"):
        return _times_called(metric)


def left_out(audit: Audit, values: Floats) -> Floats:
    """(M / 2, N) values of the models that left a record out, out of (M, N): as many did so with every record."""
    order = np.argsort(audit.inside, axis=0, kind="stable")[: int((~audit.inside).sum(0).min())]
    return np.take_along_axis(values, order, 0)


@dataclass(frozen=True)
class _Losses:
    """A model of Privacy Meter's that gives losses by the records' numbers."""

    losses: Floats

    def get_loss(self, numbers: NDArray[np.int64], _: Any) -> Floats:
        return self.losses[numbers]


def _meter(name: str) -> Any:
    """One of its modules. It imports TensorFlow and Opacus for models of theirs, which have no part in this."""
    absent = [package for package in ("tensorflow", "opacus") if find_spec(package) is None]
    for package in absent:
        sys.modules[package] = ModuleType(package)
        sys.modules[package].__dict__["GradSampleModule"] = None
    try:
        return needed(f"privacy_meter.{name}", "privacy-meter")
    finally:
        for package in absent:
            del sys.modules[package]


def _source(losses: list[Floats], splits: dict[str, NDArray[np.int64]]) -> Any:
    told = {name: {"x": rows, "y": np.zeros(len(rows))} for name, rows in splits.items()}
    data = _meter("dataset").Dataset(told, default_input="x", default_output="y")
    return _meter("information_source").InformationSource([_Losses(one) for one in losses], [data])


def _target(audit: Audit, ending: str = "") -> dict[str, Any]:
    held, aside = np.flatnonzero(audit.members), np.flatnonzero(~audit.members)
    return {
        "target_info_source": _source([audit.own.loss], {f"train{ending}": held, f"test{ending}": aside}),
        "signals": [_meter("information_source_signal").ModelLoss()],
    }


def _times_called(metric: Any) -> Floats:
    """At how many of the rates a record is called a member: thresholds rise with the rate."""
    metric.prepare_metric()
    (result,) = metric.run_metric(LEVELS)
    return np.asarray(result.predicted_labels.sum(0), np.float64)


# Published code


def functions_of(path: Path) -> dict[str, Callable[..., Any]]:
    """The functions of a file, without what else it does when it is run."""
    tree = ast.parse(path.read_text())
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    tree.body = [part for part in tree.body if isinstance(part, kept)]
    space: dict[str, Any] = {}
    exec(compile(tree, str(path), "exec"), space)
    return {name: value for name, value in space.items() if callable(value)}


def published_lira(audit: Audit, path: Path, name: str, *, fixed: bool) -> Floats:
    """``generate_ours`` (online) or ``generate_ours_offline`` of ``research/mi_lira_2021/plot.py``.

    Their scores are small for members. ``fixed`` is one spread for all records.
    """
    found, _ = functions_of(path)[name](
        audit.inside,
        audit.shadows.margin[..., None],
        audit.members[None],
        audit.own.margin[None, :, None],
        fix_variance=fixed,
    )
    return -np.asarray(found, np.float64)


def meter_rmia(audit: Audit, path: Path, offline: float, population: int | None = None) -> Floats:
    """``run_rmia`` of ``modules/mia/attacks/rmia.py``, which keeps half of the references: the largest answers.

    Args:
        audit: is told.
        path: of the file.
        offline: a.
        population: references that the population is asked of; None for all, of which half are then kept.
    """
    half = len(audit.inside) // 2
    found = functions_of(path)["run_rmia"](
        audit.own.confidence,
        audit.shadows.confidence.T,
        audit.inside.T,
        audit.others.confidence,
        audit.other_shadows.confidence[:population].T,
        offline,
        half,
    )
    return np.asarray(found, np.float64)
