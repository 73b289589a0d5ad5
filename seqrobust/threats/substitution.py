"""The substitution threat: at most k letters change, only where and to what is permitted.

A sequence of length L over K letters is a one-hot matrix X (K, L); changing a letter moves it by 2 in l1, so at most k
substitutions are the l1 ball of radius 2k cut with the one-hot matrices:

    S_k(X) = { one-hot Z : Z within the permitted letters, at most k columns changed }

Its convex hull { P : columns in the simplex of their permitted letters, sum_i (1 - P[x_i, i]) <= k } is integral: the
corners are exactly the sequences of S_k. So a linear function with gradient G is largest over either at a sequence,

    gain_i = max over permitted letters a of G[a, i] - G[x_i, i]        (never negative: staying is permitted)
    max    = <G, X> + the sum of the k largest gains                     (the dual norm of the threat)

This file owns that closed form; attacks, training and certificates call it. Unequal costs per switch turn the sum into
a knapsack (:mod:`seqrobust.threats.knapsack`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.threats.constraints.base import BoundConstraint
from seqrobust.threats.counting import draw, log_counts
from seqrobust.threats.knapsack import best_edits
from seqrobust.threats.projection import multiplier, project_onto_simplex, weighted_multiplier

EDITABLE, UNKNOWN, PADDING, PROTECTED, OUTSIDE, NOT_CODING, FIXED_CODON, NO_SYNONYM = range(8)
"""Why a position may not be changed; :data:`EDITABLE` where it may."""

_TABLE_CELLS = 1 << 23
"""Cells of a table of counts that are held at once: 64 MiB."""

_TRIED_PER_EDIT = 16
"""Edits that are tried for each one of the budget where a constraint refuses the best ones together."""
_STRETCH = 7919.0
"""Makes several random numbers of one."""
_REASONS = {
    UNKNOWN: "the clean letter is unknown",
    PADDING: "it lies behind the end of the sequence",
    PROTECTED: "it is protected",
    OUTSIDE: "it lies outside the regions the adversary is confined to",
    NOT_CODING: "it is not part of a codon",
    FIXED_CODON: "its codon has to stay (a start, an exception to the code, or an unclear one)",
    NO_SYNONYM: "no other codon that is permitted keeps the protein of every frame",
}


class Response(NamedTuple):
    """The sequences (N, L) at which a linear function is largest, and its values (N,) there."""

    tokens: Tensor
    value: Tensor


class Gains(NamedTuple):
    """Per column: the largest gain (N, L), never negative, and the letter (N, L, int64) that gives it."""

    gain: Tensor
    letter: Tensor


def bind(
    tokens: Tensor,
    editable: Tensor,
    switches: Tensor,
    budget: Tensor,
    *,
    units: Tensor | None = None,
    unit: float = 1.0,
    blocked: Tensor | None = None,
) -> BoundThreat:
    """A threat on a batch, from tensors on one device.

    Args:
        tokens: (N, L) uint8 clean tokens.
        editable: (N, L) bool.
        switches: (K, K) bool, row = letter now, column = letter put there.
        budget: (N,) int64, in units.
        units: (K, K) int64 cost of each switch in units, -1 where forbidden; None where every switch costs one.
        unit: what one unit stands for.
        blocked: (N, L) uint8 reasons, for :meth:`BoundThreat.explain`.
    """
    letters = switches.shape[0]
    table = torch.zeros(letters + 2, letters, dtype=torch.bool, device=tokens.device)
    table[:letters] = switches
    staying = tokens[:, None, :] == torch.arange(letters, dtype=torch.uint8, device=tokens.device)[None, :, None]
    permitted = (table[tokens.long()].transpose(1, 2) & editable[:, None, :]) | staying
    costs = None
    if units is not None:
        prices = torch.full((letters + 2, letters), -1, dtype=torch.int64, device=tokens.device)
        prices[:letters] = units
        costs = prices[tokens.long()].transpose(1, 2).masked_fill(~permitted, -1)
    reasons = torch.where(editable, EDITABLE, PROTECTED).to(torch.uint8) if blocked is None else blocked
    return BoundThreat(
        tokens=tokens, permitted=permitted, clean=staying, budget=budget, costs=costs, unit=unit, blocked=reasons
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundThreat:
    """The sets S_k of N records.

    Attributes:
        tokens: (N, L) uint8 clean tokens.
        permitted: (N, K, L) bool; the clean letter always, nothing at unknown letters and padding.
        clean: (N, K, L) bool one-hot of the clean tokens.
        budget: (N,) int64 units that may be spent; substitutions where ``costs`` is None.
        costs: (N, K, L) int64 units a letter costs at a column, 0 at the clean one, -1 where not permitted; None
            where every switch costs one.
        unit: what one unit stands for.
        blocked: (N, L) uint8 why a position may not change.
        constraint: what members must still look like; None for anything. The hull and the count of members are those
            of the set without it.
    """

    tokens: Tensor
    permitted: Tensor
    clean: Tensor
    budget: Tensor
    costs: Tensor | None
    unit: float
    blocked: Tensor
    constraint: BoundConstraint | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def prices(self) -> Tensor:
        """(N, K, L) int64 units, -1 where not permitted, whether or not they are equal."""
        if self.costs is not None:
            return self.costs
        return (~self.clean).long().masked_fill(~self.permitted, -1)

    def take(self, records: Tensor) -> BoundThreat:
        """The threat on those records (int64 indices)."""
        return replace(
            self,
            tokens=self.tokens[records],
            permitted=self.permitted[records],
            clean=self.clean[records],
            budget=self.budget[records],
            costs=None if self.costs is None else self.costs[records],
            blocked=self.blocked[records],
            constraint=None if self.constraint is None else self.constraint.take(records),
        )

    def with_budget(self, budget: Tensor) -> BoundThreat:
        """The same sets at another (N,) budget."""
        return replace(self, budget=budget)

    # The closed form ---------------------------------------------------------------------------------------------

    def gains(self, gradient: Tensor) -> Gains:
        """Per column, the most a permitted letter adds to a linear function of the one-hot matrix.

        Args:
            gradient: (N, K, L).
        """
        best, letter = gradient.masked_fill(~self.permitted, -torch.inf).max(dim=1)
        now = (gradient * self.clean).sum(1)
        return Gains((best - now).clamp(min=0), letter)

    def best_response(self, gradient: Tensor) -> Response:
        """The members at which <gradient, one-hot> is largest, and its largest values: the dual norm.

        Args:
            gradient: (N, K, L).

        Ties go to the earliest position, so that the answer depends on the gradient alone. Exact also for unequal
        costs, where it takes time in proportion to the budget. Under a constraint that refuses the maximiser, edits are
        put in one by one, the largest gain first, as long as the constraint allows it: a member, not the largest.
        """
        response = self._maximiser(gradient)
        if self.constraint is None or not len(self):
            return response
        return self._allowed(response, gradient)

    def _maximiser(self, gradient: Tensor) -> Response:
        """The closed form, whatever the constraint."""
        value = (gradient * self.clean).sum((1, 2))
        if self.costs is not None:
            now = (gradient * self.clean).sum(1, keepdim=True)
            chosen, total = best_edits(gradient - now, self.costs, self.budget)
            tokens = torch.where(chosen >= 0, chosen, self.tokens.long()).to(torch.uint8)
            return Response(tokens, value + total.to(value.dtype))
        gain, letter = self.gains(gradient)
        ordered, order = gain.sort(dim=1, descending=True, stable=True)
        rank = torch.arange(gain.shape[1], device=gain.device)
        taken = (rank < self.budget[:, None]) & (ordered > 0)
        switched = torch.zeros_like(taken).scatter_(1, order, taken)
        tokens = torch.where(switched, letter.to(torch.uint8), self.tokens)
        return Response(tokens, value + (ordered * taken).sum(1))

    def _allowed(self, response: Response, gradient: Tensor) -> Response:
        """The response where the constraint allows it, elsewhere what can be put together edit by edit."""
        refused = torch.nonzero(
            ~self.allows(response.tokens, torch.arange(len(self), device=gradient.device))
        ).flatten()
        if not len(refused):
            return response
        some, slope = self.take(refused), gradient[refused]
        gain = slope - (slope * some.clean).sum(1, keepdim=True)
        letters = gain.shape[1]
        gain = gain.masked_fill(~some.permitted | some.clean, -torch.inf).transpose(1, 2).flatten(1)
        tried = _TRIED_PER_EDIT * int(some.budget.max().item())
        ordered, order = (part[:, :tried] for part in gain.sort(dim=1, descending=True, stable=True))
        tokens, rows = some.tokens.clone(), torch.arange(len(some), device=gradient.device)
        for rank in range(ordered.shape[1]):
            position, letter = order[:, rank] // letters, order[:, rank] % letters
            pays = (ordered[:, rank] > 0) & (tokens == some.tokens)[rows, position]
            if not bool(pays.any()):
                continue
            candidate = tokens.clone()
            # Behind the last letter that pays stand those that are not permitted, of which nothing may be asked.
            candidate[rows[pays], position[pays]] = letter[pays].to(torch.uint8)
            taken = pays & some.contains(candidate)
            tokens[taken] = candidate[taken]
        everything, value = response.tokens.clone(), response.value.clone()
        everything[refused] = tokens
        one_hot = tokens.long()[:, None] == torch.arange(letters, device=tokens.device)[None, :, None]
        value[refused] = (slope * one_hot).sum((1, 2)).to(value.dtype)
        return Response(everything, value)

    # The set -----------------------------------------------------------------------------------------------------

    def edited(self, tokens: Tensor) -> Tensor:
        """(N, L) bool: positions of (N, L) tokens that differ from the clean ones."""
        return tokens != self.tokens

    def spent(self, tokens: Tensor) -> Tensor:
        """(N,) int64 units that (N, L) tokens cost; a switch that is not permitted counts as one."""
        changed = self.edited(tokens)
        if self.costs is None:
            return changed.sum(1)
        letters = tokens.long().clamp(max=self.permitted.shape[1] - 1)
        price = self.costs.gather(1, letters[:, None]).squeeze(1).clamp(min=1)
        return (price * changed).sum(1)

    def moves(self, tokens: Tensor) -> Tensor:
        """(N, K, L) bool: letters that may be put at a column of (N, L) member tokens without leaving the set.

        Constraints are not asked here but for each candidate by itself; see :meth:`allows`.
        """
        prices = self.prices
        letters = tokens.long().clamp(max=prices.shape[1] - 1)
        now = prices.gather(1, letters[:, None])
        left = (self.budget - self.spent(tokens))[:, None, None]
        is_current = torch.zeros_like(self.permitted).scatter_(1, letters[:, None], True)
        return self.permitted & ~is_current & (prices - now.clamp(min=0) <= left)

    def contains(self, tokens: Tensor) -> Tensor:
        """(N,) bool: whether (N, L) tokens are members."""
        changed = self.edited(tokens)
        is_letter = tokens < self.permitted.shape[1]
        letters = tokens.long().clamp(max=self.permitted.shape[1] - 1)
        allowed = self.permitted.gather(1, letters[:, None]).squeeze(1) & is_letter
        inside = (allowed | ~changed).all(1) & (self.spent(tokens) <= self.budget)
        if self.constraint is None:
            return inside
        return inside & self.allows(tokens, torch.arange(len(self), device=tokens.device))

    def allows(self, tokens: Tensor, records: Tensor) -> Tensor:
        """(M,) bool: whether the constraint allows (M, L) tokens that are edits of ``records`` (M,)."""
        if self.constraint is None:
            return torch.ones(len(tokens), dtype=torch.bool, device=tokens.device)
        return self.constraint.allows(tokens, records)

    def explain(self, tokens: Tensor, alphabet: Alphabet) -> list[str | None]:
        """Why each of (N, L) tokens is outside the set; None for a member."""
        inside = self.contains(tokens).tolist()
        return [None if member else self._reason(row, tokens[row], alphabet) for row, member in enumerate(inside)]

    def _reason(self, row: int, tokens: Tensor, alphabet: Alphabet) -> str:
        names = alphabet.letters + alphabet.any_letter + "-"
        for column in torch.nonzero(tokens != self.tokens[row]).flatten().tolist():
            old, new = names[int(self.tokens[row, column])], names[int(tokens[column])]
            edit = f"{old}{column + 1}{new}"
            if (code := int(self.blocked[row, column])) != EDITABLE:
                return f"{edit}: the position may not change: {_REASONS[code]}"
            if int(tokens[column]) >= alphabet.size or not self.permitted[row, int(tokens[column]), column]:
                return f"{edit}: the switch from {old} to {new} is not permitted"
        spent = int(self.take(torch.tensor([row], device=tokens.device)).spent(tokens[None]))
        if spent <= int(self.budget[row]) and self.constraint is not None:
            return str(self.constraint.reason(tokens, row))
        return f"it costs {spent * self.unit:g}, the budget is {int(self.budget[row]) * self.unit:g}"

    def log_size(self) -> Tensor:
        """(N,) float64 natural logarithm of the number of members."""
        largest = int(self.budget.max().item()) if len(self) else 0
        ways = [log_counts(self.prices[i], largest)[:, 0] for i in self._pieces()]
        amounts = torch.arange(largest + 1, device=self.tokens.device)
        return torch.cat(ways).masked_fill(amounts > self.budget[:, None], -torch.inf).logsumexp(1)

    def sample(self, uniforms: Tensor, *, full: bool) -> Tensor:
        """Uniform draws.

        Args:
            uniforms: (N, L + 1) float64 in [0, 1), the randomness.
            full: draw among the members that spend the whole budget, rather than among all members.

        Returns:
            (N, L) uint8 tokens. Of a draw that a constraint refuses, as many edits as it allows, in random order, with
            others in place of those that it does not: random members, but not uniform ones.
        """
        drawn = self._drawn(uniforms, full=full)
        if self.constraint is None or not len(self):
            return drawn
        # Each letter gets a random gain, those of the draw the largest.
        letters = self.permitted.shape[1]
        stretch = torch.arange(1, letters + 1, device=uniforms.device)[None, :, None] * _STRETCH
        gain = (uniforms[:, None, :-1] * stretch) % 1 + 1e-9
        gain = gain + (drawn.long()[:, None] == torch.arange(letters, device=drawn.device)[None, :, None])
        return self._allowed(Response(drawn, torch.zeros_like(gain[:, 0, 0])), gain.masked_fill(self.clean, 0)).tokens

    def _drawn(self, uniforms: Tensor, *, full: bool) -> Tensor:
        """Uniform draws, whatever the constraint."""
        spend = self.budget if full else -1 - self.budget
        parts = [draw(self.prices[i], self.tokens[i], uniforms[i], spend[i]) for i in self._pieces()]
        return torch.cat(parts) if parts else self.tokens.clone()

    def _pieces(self) -> list[slice]:
        """Rows in pieces whose tables of counts, (rows, L + 1, budget + 1), stay small."""
        largest = int(self.budget.max().item()) if len(self) else 0
        size = max(_TABLE_CELLS // ((self.tokens.shape[1] + 1) * (largest + 1)), 1)
        return [slice(first, first + size) for first in range(0, len(self), size)]

    # The hull ----------------------------------------------------------------------------------------------------

    def project(self, points: Tensor) -> Tensor:
        """The nearest point of the hull to each of (N, K, L) points, in Euclidean distance.

        Exact up to float64 rounding. Columns of unknown letters and padding are zeros. With unequal costs the set is
        the linear relaxation {sum cost * P <= budget}, which holds the hull.
        """
        values = points.double()
        if self.costs is None:
            at_clean = (values * self.clean).sum(1)
            factor = multiplier(values, at_clean, self.permitted & ~self.clean, self.budget.double())
            shifted = values + factor[:, None, None] * self.clean
        else:
            costs = self.costs.clamp(min=0).double()
            factor = weighted_multiplier(values, self.permitted, costs, self.budget.double())
            shifted = values - factor[:, None, None] * costs
        return project_onto_simplex(shifted, self.permitted).to(points.dtype)


def edits_as_text(clean: str, edited: str) -> str:
    """Edits between two texts of one length, 1-based as geneticists write them.

    >>> edits_as_text("ACGT", "GCGA")
    'A1G;T4A'
    """
    return ";".join(f"{a}{i + 1}{b}" for i, (a, b) in enumerate(zip(clean, edited, strict=True)) if a != b)
