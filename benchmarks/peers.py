"""Other people's attacks, brought to our threat: for the tables of ``attack_frontier.py``.

Every adapter is called alike,

    found = PEERS["foolbox_l1_pgd"].attack(predictor, tokens, lengths, targets, threat, budget, seed)

within ``predictor.attached()``, and answers with members of the threat and what they cost. A peer gets the clean
one-hot matrix and the logits of the predictor's module, and the l1 radius 2 k where it takes one. Entries that may not
change are put back before the module reads them, so a peer sees a zero gradient there rather than waste its budget.

A peer that ends at a relaxed point P is rounded once, and as well as we know how: with D = P - X, the k columns are
taken at which D[a, i] - D[x_i, i] is largest and positive, a being the best permitted letter. A column so counts even
though the clean letter's entry is still its largest; asked to have overtaken it, the dense perturbations of l1 descent
would give no edit at all.

Costs are counted at the logits: rows of a forward pass that a backward pass followed are gradients, all others
forwards, those included that a library makes to check its own success. The libraries come with the extra ``bench``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from peer_baselines import BEAM, GENERATIONS, POPULATION, genetic, hotflip_beam
from peer_runs import Adapter, Found, Logits, MissingPeerError, Part, needed, relaxed
from torch import Tensor, nn

from seqrobust.attacks.goals import true_margin
from seqrobust.models import Predictor
from seqrobust.threats.substitution import BoundThreat

__all__ = ["PEERS", "Found", "MissingPeerError", "Peer"]

STEPS = 40
"""Gradient steps of the l1 descents."""
ART_STEP = 1.0
"""Length of a step of ART's descent, a whole entry: the best of 0.375, 0.6, 1 and 2 that were tried."""
ELASTIC_ROUNDS, ELASTIC_STEPS = 5, 100
"""Binary-search rounds of the elastic-net attack, and steps in each (it gives up earlier where the loss stalls)."""
EAD_CONST = 1.0
"""Weight of the margin that its search begins with. On a network of convolutions it flipped as many records as the
default, 0.001, and moved the margin further."""
LEDIDI_STEPS = 200
"""Optimiser steps of ledidi, each on its default of 16 samples."""
LEDIDI_PENALTY = 0.5
"""What an edit must be worth to ledidi, in k-th parts of the clean lead. Its default, 0.1 of a logit, edits most
columns at once, and the k of them that round best then say little."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """An attack for a table.

    Attributes:
        attack: the adapter; raises MissingPeerError without the peer's library.
        package: distribution that is needed, None for a method written here.
        settings: what it ran with, in words.
    """

    attack: Adapter
    package: str | None
    settings: str


def art_pgd(model: Logits, part: Part, budget: int) -> Tensor:
    """Projected gradient descent of the Adversarial Robustness Toolbox with norm 1, from the clean point.

    Its step goes along the one entry of the largest gradient.
    """
    evasion = needed("art.attacks.evasion", "adversarial-robustness-toolbox")
    estimators = needed("art.estimators.classification", "adversarial-robustness-toolbox")
    classes = 2 if model.predictor.task == "binary" else model.predictor.outputs
    estimator = estimators.PyTorchClassifier(
        model=model,
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(part.points.shape[1:]),
        nb_classes=classes,
        clip_values=(0.0, 1.0),
        device_type="gpu" if part.points.is_cuda else "cpu",
    )
    attack = evasion.ProjectedGradientDescent(
        estimator,
        norm=1,
        eps=2.0 * budget,
        eps_step=ART_STEP,
        max_iter=STEPS,
        batch_size=len(part.points),
        verbose=False,
    )
    labels = nn.functional.one_hot(part.targets, classes)
    return torch.from_numpy(attack.generate(x=part.points.cpu().numpy(), y=labels.cpu().numpy()))


def foolbox_attack(make: Callable[[Any], Any], has_radius: bool, model: Logits, part: Part, budget: int) -> Tensor:
    """An attack of foolbox on the box [0, 1], against misclassification.

    Args:
        make: from the module ``foolbox.attacks`` to the attack.
        has_radius: whether it searches an l1 ball of given radius, rather than the nearest wrong prediction.
    """
    foolbox, attacks = needed("foolbox", "foolbox"), needed("foolbox.attacks", "foolbox")
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=part.points.device)
    radius = 2.0 * budget if has_radius else None
    criterion = foolbox.criteria.Misclassification(part.targets)
    points, _, success = make(attacks)(wrapped, part.points, criterion, epsilons=radius)
    # The elastic-net attack answers zeros where it failed, which rounded would be edits that nobody proposed.
    answered: Tensor = points if has_radius else torch.where(success[:, None, None], points, part.points)
    return answered


def foolbox_l1_pgd(attacks: Any) -> Any:
    """Descent along the whole normalised gradient, from a random start, with steps that together make the radius."""
    return attacks.L1ProjectedGradientDescentAttack(steps=STEPS)


def foolbox_sparse_l1(attacks: Any) -> Any:
    """Descent along the signs of the largest one in a hundred gradient entries (Tramèr & Boneh 2019)."""
    return attacks.SparseL1DescentAttack(steps=STEPS)


def foolbox_ead(attacks: Any) -> Any:
    """Elastic-net attack (Chen et al. 2018)."""
    return attacks.EADAttack(binary_search_steps=ELASTIC_ROUNDS, steps=ELASTIC_STEPS, initial_const=EAD_CONST)


class Lead(nn.Module):
    """(M, 1) by how much the true class of one record leads in each of M sequences."""

    def __init__(self, logits: Logits, target: Tensor) -> None:
        super().__init__()
        self.logits, self.target = logits, target

    def forward(self, points: Tensor) -> Tensor:
        """Of (M, K, L) points."""
        logits = self.logits(points)
        return true_margin("classification", logits, self.target.expand(len(logits)))[:, None]


def ledidi_design(seed: int, model: Logits, part: Part, budget: int) -> Tensor:
    """ledidi, one record at a time: mean lead of the true class over its samples plus its penalty on edits,
    which is set so that k edits cost :data:`LEDIDI_PENALTY` of the clean lead (one more forward).

    The relaxed point is the distribution that was learnt. Letters that are not permitted start at a weight they do not
    come back from; columns that may not change, unknown letters among them, are put back before the model reads them.
    """
    engine = needed("ledidi.ledidi", "ledidi")
    points = []
    for row in range(len(part.points)):
        record = slice(row, row + 1)
        columns = (part.threat.permitted & ~part.threat.clean)[record].any(1, keepdim=True)
        view = Logits(model.predictor, part.points[record], columns.expand_as(part.points[record]))
        letters = part.threat.clean[record].float()
        banned = ~part.threat.permitted[record] & (letters.sum(1, keepdim=True) > 0)
        lead = Lead(view, part.targets[record])
        with torch.no_grad():
            worth = LEDIDI_PENALTY * float(lead(part.points[record]).clamp(min=0)) / budget
        designer = engine.Ledidi(
            lead,
            tuple(part.points.shape[1:]),
            output_loss=lambda lead, wanted: (lead - wanted).mean(),
            l=worth,
            max_iter=LEDIDI_STEPS,
            initial_weights=torch.zeros_like(letters).masked_fill(banned, -1e4),
            verbose=False,
            random_state=seed * 1_000_003 + row,
        )
        designer.fit_transform(letters, torch.zeros(1, 1, device=letters.device))
        weights = designer.weights.detach()
        points.append((torch.log(letters + designer.eps) + weights).softmax(1))
        model.forwards += view.forwards
        model.gradients += view.gradients
    return torch.cat(points)


def ledidi_attack(
    predictor: Predictor,
    tokens: Tensor,
    lengths: Tensor,
    targets: Tensor,
    threat: BoundThreat,
    budget: int,
    seed: int,
) -> Found:
    """See :func:`ledidi_design`."""
    return relaxed(partial(ledidi_design, seed), predictor, tokens, lengths, targets, threat, budget, seed)


def _foolbox(make: Callable[[Any], Any], has_radius: bool) -> Adapter:
    return partial(relaxed, partial(foolbox_attack, make, has_radius))


PEERS: dict[str, Peer] = {
    "art_pgd_l1": Peer(
        attack=partial(relaxed, art_pgd),
        package="adversarial-robustness-toolbox",
        settings=f"ProjectedGradientDescent, norm 1, eps 2k, {STEPS} iterations of {ART_STEP:g}, no restarts",
    ),
    "foolbox_l1_pgd": Peer(
        attack=_foolbox(foolbox_l1_pgd, True),
        package="foolbox",
        settings=f"L1ProjectedGradientDescentAttack, epsilon 2k, {STEPS} steps of epsilon/40, random start",
    ),
    "foolbox_sparse_l1": Peer(
        attack=_foolbox(foolbox_sparse_l1, True),
        package="foolbox",
        settings=f"SparseL1DescentAttack, epsilon 2k, {STEPS} steps of epsilon/5, quantile 0.99",
    ),
    "foolbox_ead": Peer(
        attack=_foolbox(foolbox_ead, False),
        package="foolbox",
        settings=f"EADAttack, {ELASTIC_ROUNDS} rounds of up to {ELASTIC_STEPS} steps, initial constant {EAD_CONST:g}",
    ),
    "ledidi": Peer(
        attack=ledidi_attack,
        package="ledidi",
        settings=f"{LEDIDI_STEPS} steps of 16 samples, mean lead + {LEDIDI_PENALTY:g} of the clean lead per k edits",
    ),
    "hotflip_beam": Peer(attack=hotflip_beam, package=None, settings=f"first-order beam of {BEAM}, our own writing"),
    "genetic": Peer(
        attack=genetic,
        package=None,
        settings=f"textbook, {POPULATION} members, {GENERATIONS} generations, our own writing",
    ),
}
"""Every peer by name."""
