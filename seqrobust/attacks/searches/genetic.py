"""Genetic search: a population per record, bred from scores alone.

A child takes the edits of both parents in random order, those they share first, as many as the budget pays for; some
children exchange edits at random afterwards. The best of the population live on unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.search import Access, AskSequences, Search, View, rounding_of
from seqrobust.attacks.variation import Variation, owners, random_members, ranked


@dataclass(frozen=True, kw_only=True)
class Genetic:
    """Tournaments choose parents; an elite lives on.

    It scores ``population + generations * (population - elite)`` sequences per record.

    Attributes:
        population: members per record.
        generations: rounds of breeding.
        elite: members that live on unchanged, and are not scored again.
        tournament: members drawn for each parent, of which the best is taken.
        mutation: probability that a child exchanges an edit, and that it then changes a letter. A child that equals
            a parent always exchanges one.
    """

    population: int = 40
    generations: int = 15
    elite: int = 4
    tournament: int = 3
    mutation: float = 0.5
    name: str = "genetic"
    access: Access = "scores"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        variation = Variation(view.threat)
        members = random_members(view, variation, self.population)
        records, _, length = members.shape
        everyone = owners(records, self.population, members.device)
        # The best of smaller budgets takes part, filled up where there is room.
        members[:, 0] = variation.exchange(
            torch.arange(records, device=members.device), view.start, view.uniforms(7).to(members.device)
        )
        answer = yield AskSequences(everyone, members.flatten(0, 1))
        value, slack = (part.reshape(records, -1) for part in (answer.value, rounding_of(answer)))
        born = self.population - self.elite
        for _ in range(self.generations):
            order = ranked(value, slack)
            members = members.gather(1, order[:, :, None].expand_as(members))
            value, slack = value.gather(1, order), slack.gather(1, order)
            draws = view.uniforms(born * (2 * self.tournament + 11)).reshape(records * born, -1)
            mixing = torch.cat([view.uniforms(length)[:, None] for _ in range(born)], dim=1).flatten(0, 1)
            owner = owners(records, born, members.device)
            children = self._breed(variation, members, owner, draws, mixing)
            answer = yield AskSequences(owner, children)
            members = torch.cat([members[:, : self.elite], children.reshape(records, born, length)], dim=1)
            value = torch.cat([value[:, : self.elite], answer.value.reshape(records, born)], dim=1)
            slack = torch.cat([slack[:, : self.elite], rounding_of(answer).reshape(records, born)], dim=1)

    def _breed(self, variation: Variation, members: Tensor, owner: Tensor, draws: Tensor, mixing: Tensor) -> Tensor:
        """(M, L) children of (n, P, L) members sorted from the best; (M, 2 T + 11) and (M, L) uniforms."""
        rank = (draws * members.shape[1]).long()
        first = members[owner, rank[:, : self.tournament].amin(1)]
        second = members[owner, rank[:, self.tournament : 2 * self.tournament].amin(1)]
        child = cross(variation, owner, first, second, mixing)
        rest = draws[:, 2 * self.tournament :]
        copied = (child == first).all(1) | (child == second).all(1)
        exchanged = variation.exchange(owner, child, rest[:, :7])
        child = torch.where(((rest[:, 7] < self.mutation) | copied)[:, None], exchanged, child)
        relabelled = variation.relabel(owner, child, rest[:, 8:10])
        return torch.where((rest[:, 10] < self.mutation**2)[:, None], relabelled, child)


def cross(variation: Variation, owner: Tensor, first: Tensor, second: Tensor, uniforms: Tensor) -> Tensor:
    """(M, L) children of (M, L) parents: edits of either, the shared ones first, within the budget.

    The one uniform of a column says whose letter it takes where both edit it, and where its edit stands in the queue.
    """
    one, other = variation.edited(owner, first), variation.edited(owner, second)
    takes_first = torch.where(one & other, uniforms < 0.5, one)
    order = torch.where(first == second, -1.0, (2 * uniforms) % 1)
    return variation.trim(owner, torch.where(takes_first, first, second), order)
