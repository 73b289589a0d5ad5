"""Two textbook searches of our own writing, where no library has one for letters: a first-order beam, a genetic one.

Both move among members of the threat, so there is nothing to round, and ask the predictor itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from peer_runs import Found, at_budget, checked
from torch import Tensor

from seqrobust.attacks.goals import true_margin
from seqrobust.models import Predictor
from seqrobust.threats.substitution import BoundThreat

BEAM = 10
"""Sequences kept by the first-order beam; TextAttack's HotFlip recipe keeps as many."""
POPULATION, GENERATIONS = 40, 15
"""Of the genetic algorithm; generations count the first, random one."""


def hotflip_beam(
    predictor: Predictor,
    tokens: Tensor,
    lengths: Tensor,
    targets: Tensor,
    threat: BoundThreat,
    budget: int,
    seed: int,
) -> Found:
    """First-order beam search after HotFlip (Ebrahimi et al. 2018, section 3.2), our own writing.

    Each step adds one flip to every kept sequence and keeps those whose value plus first-order gain is largest; a
    sequence's own value comes with its gradient. The value is the margin, not the cross-entropy. The answer is the
    sequence of the largest value after any number of flips, the last ones scored by a forward pass.
    """
    threat = at_budget(predictor, threat, budget)
    before = predictor.forwards, predictor.gradients
    device, records = predictor.device, len(tokens)
    targets, lengths = targets.to(device), lengths.to(device)
    beam = threat.tokens.to(device)[:, None]  # (N, B, L)
    best, best_value = threat.tokens.to(device), torch.full((records,), -torch.inf, device=device)
    for _ in range(budget):
        owner = torch.arange(records, device=device).repeat_interleave(beam.shape[1])
        flat, here = beam.flatten(0, 1), threat.take(owner)
        lose = partial(_negative_margin, predictor, targets[owner])
        answer = predictor.gradient(predictor.encode(flat), lengths[owner], lose)
        best, best_value = _better(best, best_value, beam, answer.value.view(records, -1))
        beam = _flipped(beam, answer.value, answer.gradient, here)
    owner = torch.arange(records, device=device).repeat_interleave(beam.shape[1])
    value = -true_margin(predictor.task, predictor.logits(beam.flatten(0, 1)), targets[owner])
    best, _ = _better(best, best_value, beam, value.view(records, -1))
    return checked(_counted(predictor, before, best.to(tokens.device)), threat)


def _negative_margin(predictor: Predictor, targets: Tensor, logits: Tensor, rows: Tensor) -> Tensor:
    return -true_margin(predictor.task, logits, targets[rows])


def _flipped(beam: Tensor, value: Tensor, gradient: Tensor, threat: BoundThreat) -> Tensor:
    """(N, BEAM, L) sequences one flip further by the largest value (N B,) plus first-order gain; never twice one."""
    records, length = beam.shape[0], beam.shape[2]
    flat = beam.flatten(0, 1)
    now = gradient.gather(1, flat.long().clamp(max=gradient.shape[1] - 1)[:, None])
    fresh = threat.permitted & ~threat.edited(flat)[:, None] & ~threat.clean
    score = (value[:, None, None] + gradient - now).masked_fill(~fresh, -torch.inf)
    # As many from a member as the beam holds, twice over for flips that two members arrive at in another order.
    first = score.flatten(1).topk(min(2 * BEAM, score[0].numel()), dim=1)
    ranked = first.values.view(records, -1).sort(dim=1, descending=True, stable=True)
    cells = first.indices.view(records, -1).gather(1, ranked.indices)
    parent = ranked.indices // first.indices.shape[1]
    children = beam.gather(1, parent[..., None].expand(-1, -1, length)).clone()
    place = (cells % length)[..., None]
    letter = (cells // length).to(torch.uint8)[..., None]
    possible = ranked.values.isfinite()[..., None]
    children.scatter_(2, place, torch.where(possible, letter, children.gather(2, place)))
    same = (children[:, :, None] == children[:, None]).all(-1)
    repeated = same.tril(-1).any(-1)
    order = repeated.long().sort(dim=1, stable=True).indices[:, :BEAM]
    return children.gather(1, order[..., None].expand(-1, -1, length))


def _better(best: Tensor, value: Tensor, tokens: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """The best so far, (N, L) and (N,), or the best of (N, B, L) tokens with (N, B) values where that is better."""
    top = values.max(1)
    chosen = tokens[torch.arange(len(tokens), device=tokens.device), top.indices]
    better = top.values > value
    return torch.where(better[:, None], chosen, best), torch.where(better, top.values, value)


def _counted(predictor: Predictor, before: tuple[int, int], tokens: Tensor) -> Found:
    """With what the predictor counted since, shared among the records."""
    spent = (predictor.forwards - before[0], predictor.gradients - before[1])
    each = torch.tensor(spent, dtype=torch.float64) / max(len(tokens), 1)
    return Found(tokens, *each[:, None].repeat(1, len(tokens)))


def genetic(
    predictor: Predictor,
    tokens: Tensor,
    lengths: Tensor,
    targets: Tensor,
    threat: BoundThreat,
    budget: int,
    seed: int,
) -> Found:
    """A textbook genetic algorithm, of our own writing.

    Members of full budget; binary tournaments, uniform crossover of edits, one new random edit in every second child,
    edits above the budget dropped at random, the best member kept. Fitness is the margin.
    """
    threat = at_budget(predictor, threat, budget)
    before = predictor.forwards, predictor.gradients
    records, device = len(tokens), threat.tokens.device
    owner = torch.arange(records, device=device).repeat_interleave(POPULATION)
    crowd, generator = threat.take(owner), torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64).to(device)

    def fitness(of: Tensor) -> Tensor:
        logits = predictor.logits(of)
        return -true_margin(predictor.task, logits, targets.to(logits.device)[owner.to(logits.device)]).to(device)

    members = crowd.sample(uniform(len(owner), tokens.shape[1] + 1), full=True)
    value = fitness(members)
    for _ in range(GENERATIONS - 1):
        table = value.view(records, POPULATION)
        elite = table.argmax(1) + POPULATION * torch.arange(records, device=device)
        mother, father = (_tournament(table, uniform(2, records, POPULATION)) for _ in range(2))
        children = _offspring(crowd, members[mother], members[father], uniform)
        children[::POPULATION] = members[elite]  # scored again, as in textbooks
        members = children
        value = fitness(members)
    best = value.view(records, POPULATION).argmax(1) + POPULATION * torch.arange(records, device=device)
    return checked(_counted(predictor, before, members[best].to(tokens.device)), threat)


def _tournament(value: Tensor, uniforms: Tensor) -> Tensor:
    """(N P,) indices: for each place the better of two drawn from the record's own (N, P) population."""
    records, size = value.shape
    one, other = (uniforms * size).long()
    winner = torch.where(value.gather(1, one) >= value.gather(1, other), one, other)
    return (winner + size * torch.arange(records, device=value.device)[:, None]).flatten()


def _offspring(threat: BoundThreat, mother: Tensor, father: Tensor, uniform: Callable[..., Tensor]) -> Tensor:
    """(M, L) members from two parents each."""
    crossed = torch.where(uniform(*mother.shape) < 0.5, mother, father)
    urge = uniform(*mother.shape) * (crossed != threat.tokens)  # edits are kept by a random order
    single = threat.with_budget(threat.budget.clamp(max=1))
    fresh = single.sample(uniform(len(mother), mother.shape[1] + 1), full=True)
    mutated = (uniform(len(mother), 1) < 0.5) & (fresh != threat.tokens)
    crossed, urge = torch.where(mutated, fresh, crossed), urge.masked_fill(mutated, 2.0)
    letters = torch.arange(threat.permitted.shape[1], dtype=torch.uint8, device=crossed.device)
    wish = urge[:, None] * (crossed[:, None] == letters[:, None]) * ~threat.clean
    return threat.best_response(wish).tokens
