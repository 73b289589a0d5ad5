"""Simulated annealing: chains at full budget that accept a worse sequence the more rarely the cooler they are.

Temperatures fall geometrically (Kirkpatrick, Gelatt & Vecchi 1983), in units of the score differences that a record has
shown so far, so that one schedule fits models of any scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from seqrobust.attacks.search import Access, AskSequences, Search, View
from seqrobust.attacks.variation import Variation, owners, random_members


@dataclass(frozen=True, kw_only=True)
class Annealing:
    """Parallel chains from random members; the first starts from the best of smaller budgets.

    It scores ``chains * (steps + 1)`` sequences per record.

    Attributes:
        chains: chains per record.
        steps: moves of each.
        hot, cold: first and last temperature, in mean absolute score differences of the record's moves so far.
        relabel: share of moves that change the letter of an edit rather than exchange the edit for another.
    """

    chains: int = 4
    steps: int = 150
    hot: float = 1.0
    cold: float = 0.05
    relabel: float = 0.2
    name: str = "annealing"
    access: Access = "scores"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        variation = Variation(view.threat)
        members = random_members(view, variation, self.chains)
        records, _, length = members.shape
        members[:, 0] = view.start
        owner, tokens = owners(records, self.chains, members.device), members.reshape(-1, length)
        value = (yield AskSequences(owner, tokens)).value.reshape(records, -1)
        spread = torch.zeros(records, dtype=torch.float64, device=value.device)
        for step in range(self.steps):
            draws = view.uniforms(self.chains * 11).reshape(len(owner), 11)
            relabelled = variation.relabel(owner, tokens, draws[:, 7:9])
            chosen = (draws[:, 9] < self.relabel) & (relabelled != tokens).any(1)
            moved = torch.where(chosen[:, None], relabelled, variation.exchange(owner, tokens, draws[:, :7]))
            scores = (yield AskSequences(owner, moved)).value.reshape(records, -1)
            # Records that are done score minus infinity throughout; what becomes of their chains does not matter.
            gain = (scores - value).double().nan_to_num(nan=0.0, neginf=0.0)
            spread += (gain.abs().mean(1) - spread) / (step + 1)
            cooled = self.hot * (self.cold / self.hot) ** (step / max(self.steps - 1, 1))
            # Where no move has changed anything yet, every move is as good as staying.
            odds = (gain / torch.where(spread > 0, cooled * spread, 1.0)[:, None]).exp()
            accepted = draws[:, 10].reshape(records, -1) < odds
            tokens = torch.where(accepted.flatten()[:, None], moved, tokens)
            value = torch.where(accepted, scores, value)
