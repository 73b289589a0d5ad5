"""Neighbour scores as a service: exact outputs for edited sequences, by whichever way is cheaper."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from seqrobust.errors import InternalError
from seqrobust.graph import CannotTraceError
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours.cost import REFERENCE, Cost, predicted_cost
from seqrobust.neighbours.edits import Edits, apply_edits, differences, effective_edits, spans
from seqrobust.neighbours.incremental import Incremental
from seqrobust.neighbours.plain import PlainScores
from seqrobust.neighbours.reference import Reference

Way: TypeAlias = Literal["auto", "plain", "incremental"]

SPANS = (1, 2, 4, 8, 16, 32, 64)
"""Spans that candidates are sorted into; each has its own windows."""

FEWEST = 1000
"""Candidates of one length below which a network is not even traced."""

MOST_PATCHES = 32
"""Commits after which a record's layers are computed afresh, so that rounding does not add up."""

PATCHED_EDITS = 4
"""Changed letters up to which a record's layers are patched rather than computed."""

ULPS = 500
"""Units in the last place of an output's largest value by which the two may differ, and do not in networks of any depth
that was tried."""

CHECKED = 32
"""Candidates that are compared with plain batches before a network is trusted."""


@dataclass(eq=False)
class _Network:
    """What is known of the model at one length."""

    network: Incremental | None
    reference: Reference | None = None
    rows: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    checked: set[int] = field(default_factory=set)


class NeighbourScores:
    """Answers for one predictor, which must be attached and checked.

    Incrementally from cached layers where the model can be traced and that is cheaper, in plain batches otherwise; both
    give the same outputs but for rounding. Layers are cached from call to call: where the base of a record has changed
    by a few letters only what they reach is computed again.

    Args:
        predictor: the model.
        memory: bytes that caches and candidate batches may take; None for a gigabyte, on a GPU a quarter of it.
        way: ``auto`` takes the cheaper way; ``plain`` and ``incremental`` insist.

    Attributes:
        notices: what should be said, such as the layer that forces plain batches.
        counts: candidates answered by each way so far.
    """

    def __init__(self, predictor: Predictor, *, memory: int | None = None, way: Way = "auto") -> None:
        self.notices: list[str] = []
        self.counts = {"plain": 0, "incremental": 0}
        self._predictor = predictor
        self._plain = PlainScores(predictor)
        self._way = way
        self._memory = memory if memory is not None else default_memory(predictor.device)
        self._networks: dict[int, _Network] = {}
        self._asked: dict[int, int] = {}

    def logits(self, base: Tensor, edits: Edits) -> Tensor:
        """(M, outputs) of M edited sequences of (N, L) base tokens, exact to rounding.

        Raises ModelError where an output is not finite.
        """
        if self._way == "plain" or self._predictor.one_by_one or not len(edits.record):
            self.counts["plain"] += len(edits.record)
            return self._plain.logits(base, edits)
        base, edits = base.to(self._predictor.device), Edits(*(part.to(self._predictor.device) for part in edits))
        clean = effective_edits(base, edits)
        lengths = self._predictor.lengths(base)
        of_candidate = lengths[clean.record]
        parts = _Parts()
        for length in sorted(set(of_candidate.tolist())):
            chosen = torch.nonzero(of_candidate == length).flatten()
            parts.add(chosen, self._one_length(base, clean.take(chosen), int(length), lengths))
        out = parts.joined()
        self._predictor.check_finite(out)
        return out

    def renewed(self) -> NeighbourScores:
        """A service for other records: what is known of the model is kept, everything else begins anew.

        So the answers do not depend on what was asked before.
        """
        fresh = NeighbourScores(self._predictor, memory=self._memory, way=self._way)
        fresh.notices, fresh.counts = self.notices, self.counts
        fresh._networks = self._networks
        for known in self._networks.values():
            known.reference = None
        return fresh

    def cost(self, length: int, span: int = 1) -> Cost | None:
        """What a candidate of that length costs; None if the model cannot be traced."""
        known = self._network(length)
        return None if known.network is None else predicted_cost(known.network, known.network.layout(span))

    # One length ----------------------------------------------------------------------------------------------------

    def _one_length(self, base: Tensor, edits: Edits, length: int, lengths: Tensor) -> Tensor:
        self._asked[length] = self._asked.get(length, 0) + len(edits.record)
        if self._way == "auto" and self._asked[length] < FEWEST:
            return self._in_plain_batches(base, edits)
        known = self._network(length)
        if known.network is None:
            return self._in_plain_batches(base, edits)
        span = spans(edits)
        bucket = torch.zeros_like(span)
        for size in reversed(SPANS):
            bucket[(span > 0) & (span <= size)] = size
        bucket[span > SPANS[-1]] = -1
        usable = self._usable(known.network, bucket, len(torch.unique(edits.record)))
        parts = _Parts()
        by_cache = torch.isin(bucket, torch.tensor([0, *usable], device=bucket.device)) if usable else bucket < -1
        if usable:
            chosen = torch.nonzero(by_cache).flatten()
            rows = torch.nonzero(lengths == length).flatten()
            answers = self._from_caches(known, base[:, :length], rows, edits.take(chosen), bucket[chosen], usable)
            parts.add(chosen, answers)
        rest = torch.nonzero(~by_cache).flatten()
        if len(rest):
            parts.add(rest, self._in_plain_batches(base, edits.take(rest)))
        return parts.joined()

    def _in_plain_batches(self, base: Tensor, edits: Edits) -> Tensor:
        self.counts["plain"] += len(edits.record)
        return self._plain.logits(base, edits)

    def _usable(self, network: Incremental, bucket: Tensor, records: int) -> list[int]:
        """Spans worth answering from caches, together with the caches that they need."""
        sizes, counts = torch.unique(bucket[bucket > 0], return_counts=True)
        costs = {int(size): predicted_cost(network, network.layout(int(size))) for size in sizes}
        if self._way == "incremental":
            return list(costs)
        gain = 0.0
        usable = []
        for size, count in zip(costs, counts.tolist(), strict=True):
            saved = costs[size].plain - costs[size].incremental
            if saved > 0:
                gain += saved * count
                usable.append(size)
        return usable if usable and gain > REFERENCE * records * next(iter(costs.values())).plain else []

    # Caches ----------------------------------------------------------------------------------------------------------

    def _from_caches(
        self, known: _Network, base: Tensor, rows: Tensor, edits: Edits, bucket: Tensor, usable: list[int]
    ) -> Tensor:
        """Answers from the caches of the records that are edited, so many records at a time as memory allows.

        Args:
            known: the network at the length of base (N, length).
            rows: records of that length.
            edits: candidates of such records; ``bucket`` (M,) holds their spans, out of ``usable`` and 0.
        """
        network, sizes = known.network, set(usable) | {1}
        assert network is not None
        parts = _Parts()
        most = max(self._memory // 2 // (4 * max(network.kept_cells(sizes), 1)), 1)
        groups = [rows] if len(rows) <= most else list(torch.split(torch.unique(edits.record), most))
        for group in groups:
            reference = self._reference(known, network, base, group, sizes, keep=len(groups) == 1)
            slot = torch.full((len(base),), -1, device=base.device)
            slot[group] = torch.arange(len(group), device=base.device)
            mine = torch.nonzero(slot[edits.record] >= 0).flatten()
            taken = Edits(slot[edits.record[mine]], edits.position[mine], edits.letter[mine])
            self._bring_up(network, reference, base[group], torch.unique(taken.record))
            for size in [0, *usable]:
                part = torch.nonzero(bucket[mine] == size).flatten()
                if len(part):
                    parts.add(mine[part], self._answers(known, network, reference, taken.take(part), size))
        return parts.joined()

    def _answers(self, known: _Network, network: Incremental, reference: Reference, edits: Edits, size: int) -> Tensor:
        if size and size not in known.checked and known.network is not None:
            known.checked.add(size)
            wrong = self._disagreement(network, reference, torch.unique(edits.record), size)
            if wrong is not None and self._way == "incremental":
                raise InternalError(wrong)
            if wrong is not None:
                self._say(f"neighbours are scored in plain batches: {wrong}")
                known.network, known.reference = None, None
        if known.network is None:
            return self._in_plain_batches(reference.tokens, edits)
        self.counts["incremental"] += len(edits.record)
        self._predictor.forwards += len(edits.record)
        if size == 0:
            return reference.whole[network.found.traced.output][edits.record]
        return network.logits(reference, edits, size)

    def _reference(
        self, known: _Network, network: Incremental, base: Tensor, rows: Tensor, sizes: set[int], *, keep: bool
    ) -> Reference:
        """Caches for those rows of the base: those of the last call, if they are for the same."""
        old = known.reference
        wanted = set().union(*(network.layout(size).cached for size in sizes))
        if old is not None and torch.equal(known.rows, rows) and wanted <= set(old.columns):
            return old
        reference = network.reference(base[rows], sizes)
        if keep:
            known.reference, known.rows = reference, rows
        return reference

    def _bring_up(self, network: Incremental, reference: Reference, base: Tensor, slots: Tensor) -> None:
        """Make the caches of some records those of the base, by patches where few letters differ."""
        differ = (reference.tokens[slots] != base[slots]).sum(1)
        on_host = slots.cpu()
        fresh = (reference.stale[on_host] | (reference.patches[on_host] >= MOST_PATCHES)).to(base.device)
        few = (differ > 0) & (differ <= PATCHED_EDITS) & ~fresh
        patch = slots[few]
        if len(patch):
            found = differences(reference.tokens[patch], base[patch], PATCHED_EDITS)
            edits = Edits(patch, found.position, found.letter)
            span = spans(edits)
            for size in SPANS:
                chosen = torch.nonzero((span <= size) & (span > size // 2)).flatten()
                if len(chosen) and network.layout(size).cached == set(reference.columns):
                    network.logits(reference, edits.take(chosen), size, commit=True)
            differ = (reference.tokens[slots] != base[slots]).sum(1)
        compute = slots[(differ > 0) | fresh]
        if len(compute):
            reference.tokens[compute] = base[compute]
            reference.compute(compute)

    # The model -----------------------------------------------------------------------------------------------------

    def _network(self, length: int) -> _Network:
        if length not in self._networks:
            self._networks[length] = _Network(self._traced(length))
        return self._networks[length]

    def _traced(self, length: int) -> Incremental | None:
        predictor = self._predictor
        try:
            network = Incremental(
                partial(predictor.function, length=length),
                predictor.encode,
                predictor.module,
                torch.zeros(1, length, dtype=torch.uint8, device=predictor.device),
                alphabet_size=predictor.alphabet.size,
                memory=self._memory // 2,
            )
        except CannotTraceError as error:
            self._say(f"neighbours are scored in plain batches: the model cannot be traced ({error})")
            return None
        cost = predicted_cost(network, network.layout(1))
        if self._way == "auto" and cost.incremental > cost.plain:
            self._say(f"neighbours are scored in plain batches: {network.obstacle()}")
            return None
        return network

    def _say(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)

    def _disagreement(self, network: Incremental, reference: Reference, slots: Tensor, size: int) -> str | None:
        """Compare edits from one end to the other with plain batches; what is wrong where they differ too much."""
        edits = _spread_edits(reference.tokens, slots, size, self._predictor.alphabet.size)
        forwards, sent = self._predictor.forwards, self._predictor.rows_sent
        plain = self._predictor.logits(apply_edits(reference.tokens, edits))
        self._predictor.forwards, self._predictor.rows_sent = forwards, sent
        answers = network.logits(reference, edits, size)
        # Each output by its own size: a small one beside a large one has to be right as well.
        same = (plain == answers) | (plain.isnan() & answers.isnan())
        error = torch.where(same, 0.0, (plain - answers).abs())
        allowed = ULPS * torch.finfo(answers.dtype).eps * plain.abs().nan_to_num(posinf=0).amax(0)
        if bool((error <= allowed).all()):
            return None
        worst = int((error - allowed).nan_to_num(nan=torch.inf).amax(0).argmax())
        return (
            f"those of edits within {size} letters differ from incremental ones by {error[:, worst].max().item():.2g}, "
            f"{allowed[worst].item():.2g} allowed; please report the model's layers"
        )


def _spread_edits(tokens: Tensor, slots: Tensor, size: int, letters: int) -> Edits:
    """Edits of the first and the last of ``size`` letters, at places from one end of the records to the other."""
    length = tokens.shape[1]
    first = torch.linspace(0, max(length - size, 0), CHECKED).round().long().to(tokens.device)
    record = slots[torch.arange(CHECKED, device=slots.device) % len(slots)]
    position = torch.stack([first, (first + size - 1).clamp(max=length - 1)], 1)
    old = tokens[record[:, None], position].long()
    letter = (old + 1 + torch.arange(CHECKED, device=slots.device)[:, None] % (letters - 1)) % letters
    return effective_edits(tokens, Edits(record, position, letter))


class _Parts:
    """Answers to some of the candidates each, to be put in their order."""

    def __init__(self) -> None:
        self._index: list[Tensor] = []
        self._values: list[Tensor] = []

    def add(self, index: Tensor, values: Tensor) -> None:
        """The answers (m, outputs) to candidates of those numbers (m,)."""
        self._index.append(index)
        self._values.append(values)

    def joined(self) -> Tensor:
        """All answers."""
        return torch.cat(self._values)[torch.cat(self._index).argsort()]


def default_memory(device: torch.device) -> int:
    """Bytes to use where nobody says: the same on every run of a machine, whatever else it is doing."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory) // 4
    return 1 << 30
