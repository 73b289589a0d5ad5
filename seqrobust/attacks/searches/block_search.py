"""Block search: few queries, each of which teaches something about all edits, by a linear model with a spatial prior.

The score of a sequence is taken to be linear in its edits. An edit's weight is the sum of four parts, normal and
independent a priori: one shared by all edits, one that changes slowly along the sequence, one of the position, one of
the letter put there. So a query about one place says something about the block around it, and the search closes in on
blocks, then positions, then letters, without deciding when to pass from one to the next. Each proposal draws weights
from what is known (Thompson 1933) and takes the sequence that is best for them, which the threat's closed form gives.
Queries near the best sequence found count for more, since edits interact and the model need only be right there.

Score-based attacks by Bayesian regression on discrete data: Lee et al. 2022. Draws from the posterior by Matheron's
rule (Wilson et al. 2020): a draw from the prior, corrected by what the queries say, at one solve in their number.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.search import Access, Answer, AskSequences, Question, Search, View, rounding_of
from seqrobust.attacks.variation import Variation, owners, random_members, ranked
from seqrobust.neighbours.edits import differences

_EXACT = 0.01
"""Variance of what the model cannot explain of the best sequence itself, which keeps the solves well posed."""

_AGAIN = 2
"""Times that a proposal which was asked about before is moved by a random edit."""


@dataclass(frozen=True, kw_only=True)
class BlockSearch:
    """Thompson sampling over edits; ``queries`` sequences per record and no more.

    Attributes:
        queries: sequences scored per record.
        first: share of the queries that are random members, before the model is asked.
        batch: sequences proposed from one state of knowledge.
        local: share of the proposals that keep all but one to three edits of the best sequence so far.
        block: standard deviation, in letters, of the smoothing that makes the slow part.
        shares: prior variances of the parts of a weight: shared, slow, position, letter.
        noise: variance of what the model cannot explain, per edit by which a sequence differs from the best one.
        boldness: factor on the spread of the draws; 0 proposes what is best on average.
    """

    queries: int = 200
    first: float = 0.1
    batch: int = 8
    local: float = 0.5
    block: float = 2.8
    shares: tuple[float, float, float, float] = (0.2, 0.1, 0.2, 0.6)
    noise: float = 0.3
    boldness: float = 0.5
    name: str = "block_search"
    access: Access = "scores"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        known = _Knowledge(view, self)
        asked = min(max(round(self.first * self.queries), 1), self.queries)
        yield from known.begin(asked)
        while asked < self.queries:
            count = min(self.batch, self.queries - asked)
            yield from known.round(count)
            asked += count


class _Knowledge:
    """What q queries about each of n records have taught.

    An edit is numbered letter * L + position. ``edits`` (n, q, E) are those of the queries, ``counts`` (n, q, E) is 1
    where there is one; ``gain`` (n, q) is what each query scored above the clean sequence, ``slack`` (n, q) by how much
    that may be off for rounding, ``kernel`` (n, q, q) their prior covariance.
    """

    def __init__(self, view: View, settings: BlockSearch) -> None:
        self.view, self.settings, self.threat = view, settings, view.threat
        self.variation = Variation(view.threat)
        self.records, self.letters, self.length = view.threat.permitted.shape
        self.device = device = view.threat.tokens.device
        self.rows = torch.arange(self.records, device=device)
        cheapest = int(self.variation.cheapest.amin().item()) if self.length else 1
        self.most = min(int(view.threat.budget.amax().item()) // max(cheapest, 1), self.length)
        self.clean = view.ways.amax(1).double()
        self.tokens = view.threat.tokens[:, None][:, :0]
        self.edits = torch.zeros(self.records, 0, self.most, dtype=torch.int64, device=device)
        self.counts = torch.zeros(self.edits.shape, dtype=torch.float64, device=device)
        self.gain = torch.zeros(self.records, 0, dtype=torch.float64, device=device)
        self.slack = torch.zeros_like(self.gain)
        self.kernel = torch.zeros(self.records, 0, 0, dtype=torch.float64, device=device)
        place = torch.arange(self.length, dtype=torch.float64, device=device)
        bell = torch.exp(-0.5 * ((place[:, None] - place) / settings.block) ** 2)
        self.smoothing = bell / bell.square().sum(1, keepdim=True).sqrt()

    def begin(self, count: int) -> Generator[Question, Answer, None]:
        """Random members, and the best of smaller budgets with an edit more."""
        members = random_members(self.view, self.variation, count)
        members[:, 0] = self.variation.exchange(self.rows, self.view.start, self.view.uniforms(7))
        yield from self._ask(members)

    def round(self, count: int) -> Generator[Question, Answer, None]:
        """``count`` proposals from what is known."""
        best = self.tokens[self.rows, ranked(self.gain, self.slack)[:, 0]]
        noise = self.settings.noise * (self.tokens != best[:, None]).sum(2) + _EXACT
        factor = torch.linalg.cholesky(self.kernel + torch.diag_embed(noise))
        white = torch.linalg.solve_triangular(factor, self.gain[:, :, None], upper=False)
        # The scale of the weights under which the scores are likeliest.
        scale = white.square().mean((1, 2)).sqrt()[:, None] * self.settings.boldness
        proposals = self.tokens[:, :0]
        for _ in range(count):
            weights = self._posterior_draw(factor, noise.sqrt(), scale)
            held = self._held(best)
            bonus = (2 * weights.abs().amax((1, 2)) + 1)[:, None] * held
            index = best.long().clamp(max=self.letters - 1)[:, None]
            proposal = self.threat.best_response(weights.scatter_add(1, index, bonus[:, None])).tokens
            proposal = self._unasked(proposal, torch.cat([self.tokens, proposals], dim=1))
            proposals = torch.cat([proposals, proposal[:, None]], dim=1)
        yield from self._ask(proposals)

    # Proposals ---------------------------------------------------------------------------------------------------

    def _held(self, best: Tensor) -> Tensor:
        """(n, L) bool: edits of the best sequence that a proposal keeps; none of them for one that goes anywhere."""
        uniforms = self.view.uniforms(self.length + 2)
        released = 1 + (uniforms[:, 0] < 0.4).long() + (uniforms[:, 0] < 0.12).long()
        edited = self.threat.edited(best)
        rank = torch.where(edited, uniforms[:, 2:], 2.0).argsort(dim=1, stable=True).argsort(dim=1, stable=True)
        return edited & (rank >= released[:, None]) & (uniforms[:, 1] < self.settings.local)[:, None]

    def _unasked(self, proposal: Tensor, asked: Tensor) -> Tensor:
        for _ in range(_AGAIN):
            again = (proposal[:, None] == asked).all(2).any(1)
            moved = self.variation.exchange(self.rows, proposal, self.view.uniforms(7))
            proposal = torch.where(again[:, None], moved, proposal)
        return proposal

    def _posterior_draw(self, factor: Tensor, noise: Tensor, scale: Tensor) -> Tensor:
        """(n, K, L) weights, drawn from what is known with their spread times (n, 1) ``scale``."""
        weights, errors = self._prior_draw()
        weights = weights * scale[:, :, None]
        surprise = self.gain - self._at_queries(weights) - errors[:, : noise.shape[1]] * noise * scale
        solved = torch.cholesky_solve(surprise[:, :, None], factor)
        flat = torch.zeros(self.records, self.letters * self.length, dtype=torch.float64, device=self.device)
        flat.scatter_add_(1, self.edits.flatten(1), (self.counts * solved).flatten(1))
        return weights + self._covariance(flat.reshape(weights.shape))

    def _prior_draw(self) -> tuple[Tensor, Tensor]:
        """(n, K, L) weights of unit scale, and (n, queries) standard normal errors."""
        edits, length = self.letters * self.length, self.length
        uniforms = self.view.uniforms(edits + 2 * length + 1 + self.settings.queries)
        normal = torch.special.ndtri(uniforms.clamp(1e-12, 1 - 1e-12))
        letter, position, slow, rest = normal.split([edits, length, length, 1 + self.settings.queries], dim=1)
        a, b, c, d = (share**0.5 for share in self.settings.shares)
        column = a * rest[:, :1] + b * (slow @ self.smoothing.T) + c * position
        return column[:, None] + d * letter.reshape(-1, self.letters, length), rest[:, 1:]

    def _covariance(self, values: Tensor) -> Tensor:
        """(n, K, L) prior covariance of the weights times (n, K, L) values."""
        shared, slow, position, letter = self.settings.shares
        column = values.sum(1)
        smooth = (column @ self.smoothing) @ self.smoothing.T
        return (shared * column.sum(1, keepdim=True) + slow * smooth + position * column)[:, None] + letter * values

    # Queries -----------------------------------------------------------------------------------------------------

    def _at_queries(self, weights: Tensor) -> Tensor:
        """(n, q) sums of (n, K, L) weights over the edits of every query."""
        values = weights.flatten(1).gather(1, self.edits.flatten(1)).reshape(self.edits.shape)
        return (values * self.counts).sum(2)

    def _ask(self, tokens: Tensor) -> Generator[Question, Answer, None]:
        """Ask about (n, q, L) sequences, and learn."""
        count = tokens.shape[1]
        owner = owners(self.records, count, self.device)
        answer = yield AskSequences(owner, tokens.flatten(0, 1))
        gain = answer.value.double().reshape(self.records, count) - self.clean[:, None]
        edits = differences(self.threat.tokens[owner], tokens.flatten(0, 1), self.most)
        shape = (self.records, count, self.most)
        self.tokens = torch.cat([self.tokens, tokens], dim=1)
        # Records that are done score minus infinity; what is learnt of them does not matter.
        self.gain = torch.cat([self.gain, gain.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)], dim=1)
        slack = rounding_of(answer).double().reshape(self.records, count)
        self.slack = torch.cat([self.slack, slack], dim=1)
        number = edits.letter * self.length + edits.position
        self.edits = torch.cat([self.edits, number.masked_fill(edits.position < 0, 0).reshape(shape)], dim=1)
        self.counts = torch.cat([self.counts, (edits.position >= 0).double().reshape(shape)], dim=1)
        for _ in range(count):
            self._widen()

    def _widen(self) -> None:
        """The kernel with a row and a column more, of the next query."""
        last = self.kernel.shape[1]
        single = torch.zeros(self.records, self.letters * self.length, dtype=torch.float64, device=self.device)
        single.scatter_add_(1, self.edits[:, last], self.counts[:, last])
        row = self._at_queries(self._covariance(single.reshape(-1, self.letters, self.length)))[:, : last + 1]
        kernel = torch.cat([self.kernel, row[:, None, :last]], dim=1)
        self.kernel = torch.cat([kernel, row[:, :, None]], dim=2)
