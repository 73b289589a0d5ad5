"""Exact outputs of edited sequences from cached layers: only what an edit changes is computed.

All candidates of all records go through together, in chunks; every layer is a gather from the cache and one ordinary
operation. The idea is that of fastISM (Nair et al. 2022) and of yuzu (Schreiber et al. 2022), taken from saturation
mutagenesis of one sequence to any edits of many, to changes instead of values where a layer is linear, to recurrent
layers, and to a base that moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, fx, nn

from seqrobust.graph import Kind, operation, operator_of, trace
from seqrobust.models.predictor import ROWS
from seqrobust.neighbours.edits import Edits
from seqrobust.neighbours.heads import Window
from seqrobust.neighbours.layers import Recogniser
from seqrobust.neighbours.layout import Layout, layout_for, whole_macs
from seqrobust.neighbours.operations import Offset, Shift
from seqrobust.neighbours.plan import Step
from seqrobust.neighbours.recurrent_heads import RecurrentHeads
from seqrobust.neighbours.reference import Reference
from seqrobust.neighbours.simplify import simplify
from seqrobust.neighbours.windows import Chunk, cut, place_

Node = fx.Node
SAME_PLACE = Offset(np.zeros(1, np.int64))


class Incremental:
    """The network at one input length.

    Args:
        function: given a number of rows, the function from one-hot (rows, K, L) to logits (rows, outputs).
        encode: tokens (n, L) to one-hot.
        module: the module behind, for the names of its layers.
        example: (1, L) tokens.
        alphabet_size: K.
        memory: bytes that a chunk of candidates may take.

    Attributes:
        found: the graph and its local layers.
        plain_macs, plain_cells: multiply-adds of a full pass, and the numbers it writes.
        plain_recurrent_macs: those of ``plain_macs`` that are recurrent.

    Raises CannotTraceError where the module cannot be traced.
    """

    def __init__(
        self,
        function: Callable[[int], Callable[[Tensor], Tensor]],
        encode: Callable[[Tensor], Tensor],
        module: nn.Module,
        example: Tensor,
        *,
        alphabet_size: int,
        memory: int = 1 << 30,
    ) -> None:
        self.encode = encode
        self._memory = memory
        traced = trace(function, encode(example), module)
        self.found = Recogniser(traced)
        simplify(self.found)
        self._recurrent = RecurrentHeads(self.found)
        self._layouts: dict[int, Layout] = {}
        tokens = torch.arange(alphabet_size + 2, dtype=torch.uint8, device=example.device)
        self._letters = encode(tokens[None])[0].t().contiguous()
        self.plain_macs = sum(whole_macs(traced, node) for node in traced.nodes)
        self.plain_recurrent_macs = sum(
            whole_macs(traced, node) for node in traced.nodes if operator_of(node).kind is Kind.RECURRENT
        )
        self.plain_cells = sum(math.prod(traced.shapes.get(node, (0,))[1:]) for node in traced.nodes)

    def layout(self, span: int) -> Layout:
        """The work for edits of a span, found once."""
        if span not in self._layouts:
            self._layouts[span] = layout_for(self.found, self._recurrent, span, self._memory)
        return self._layouts[span]

    def obstacle(self) -> str:
        """Why this network gains nothing, in words: the first layer that is computed whole, if there is one."""
        layout, traced = self.layout(1), self.found.traced
        heads = {head.node for head in layout.heads}
        for node in layout.tail:
            behind = any(i in heads or i in layout.tail for i in node.all_input_nodes)
            if behind and operator_of(node).kind is not Kind.MOVING:
                layer = traced.layers.get(node)
                where = f"in or behind layer {layer!r}" if layer else "at the input"
                return f"{operation(node)} {where} reads every position"
        return "an edit reaches most of every layer"

    def kept_cells(self, spans: set[int]) -> int:
        """Numbers a record that a reference for edits of those spans holds."""
        layouts = [self.layout(span) for span in spans]
        local = self.found.local
        columns = sum(local[n].length * local[n].channels for n in set[Node]().union(*(x.cached for x in layouts)))
        return columns + max(sum(head.kept(self.found) for head in layout.heads) for layout in layouts)

    def reference(self, tokens: Tensor, spans: set[int]) -> Reference:
        """Caches for (N, L) base tokens, not yet computed, with all that edits of those spans need."""
        layouts = [self.layout(span) for span in spans]
        return Reference(
            self.found,
            self.encode,
            tokens,
            columns=set[Node]().union(*(layout.cached for layout in layouts)),
            whole={self.found.traced.output}.union(*(layout.cached_whole for layout in layouts)),
        )

    def logits(self, reference: Reference, edits: Edits, span: int, *, commit: bool = False) -> Tensor:
        """(M, outputs) of candidates whose edits all lie within ``span`` letters.

        Args:
            reference: the caches, computed for every record that is edited.
            edits: of each candidate at least one, no position twice.
            commit: make the candidates, at most one a record, the new base.
        """
        layout = self.layout(span)
        far = torch.iinfo(torch.int64).max
        first = torch.where(edits.position < 0, far, edits.position).amin(1)
        places = first.cpu().numpy()
        order = np.argsort(layout.rank[places], kind="stable")
        parts: list[Tensor] = []
        for start in range(0, len(order), layout.rows):
            chosen = order[start : start + layout.rows]
            rows = torch.as_tensor(chosen, device=first.device)
            taken = edits.take(rows)
            change = self._change(reference.tokens, taken, first[rows], span)
            chunk = Chunk(taken.record, first[rows], change, places[chosen], commit)
            parts.append(self._outputs(layout, chunk, reference))
            if commit:
                reference.whole[self.found.traced.output][chunk.record] = parts[-1]
        if commit:
            self._commit(reference, edits)
        out = torch.empty_like(joined := torch.cat(parts))
        out[torch.as_tensor(order, device=first.device)] = joined
        return out

    def _commit(self, reference: Reference, edits: Edits) -> None:
        row, slot = torch.nonzero(edits.position >= 0, as_tuple=True)
        letters = edits.letter[row, slot].to(reference.tokens.dtype)
        reference.tokens[edits.record[row], edits.position[row, slot]] = letters
        reference.patched(edits.record)

    def _change(self, tokens: Tensor, edits: Edits, first: Tensor, span: int) -> Tensor:
        """(M, span, K) change of the one-hot input from each candidate's first edit on."""
        old = self._letters[tokens[edits.record[:, None], edits.position.clamp(min=0)].long()]
        step = self._letters[edits.letter] - old
        if span == 1:
            return (
                step[:, :1] if step.shape[1] == 1 else (step * (edits.position >= 0)[:, :, None]).sum(1, keepdim=True)
            )
        change = step.new_zeros(len(first), span, step.shape[2])
        row, slot = torch.nonzero(edits.position >= 0, as_tuple=True)
        change[row, edits.position[row, slot] - first[row]] = step[row, slot]
        return change

    # One chunk through the network --------------------------------------------------------------------------------

    def _outputs(self, layout: Layout, chunk: Chunk, reference: Reference) -> Tensor:
        changes: dict[Node, Tensor] = {}
        values: dict[Node, Window] = {}
        for step in layout.steps:
            self._step(step, chunk, reference, changes, values)
        outputs: dict[Node, Tensor] = {}
        for head in layout.heads:
            if head.takes_change:
                windows = [Window(layout.changed[i], changes[i]) for i in head.sources]
            else:
                windows = [values[i] for i in head.sources]
            outputs[head.node] = head(chunk, reference, windows)
        return self._tail(layout, outputs, len(chunk))

    def _tail(self, layout: Layout, outputs: dict[Node, Tensor], count: int) -> Tensor:
        missing = -count % ROWS
        if missing and layout.tail:
            # Filled up with the last candidate, as a predictor fills its batches.
            axes = {head.node: head.row_axis for head in layout.heads}
            last = {node: value.narrow(axes[node], count - 1, 1) for node, value in outputs.items()}
            outputs = {node: torch.cat([value, *[last[node]] * missing], axes[node]) for node, value in outputs.items()}
        self.found.traced.replay(layout.tail, outputs, count + missing)
        return outputs[self.found.traced.output][:count]

    def _step(
        self,
        step: Step,
        chunk: Chunk,
        reference: Reference,
        changes: dict[Node, Tensor],
        values: dict[Node, Window],
    ) -> None:
        if step.linear:
            changes[step.node] = change = self._changed_output(step, chunk, changes)
            if step.wanted is not None and step.put is not None:
                columns = reference.columns[step.node].windows(chunk, step.wanted)
                values[step.node] = Window(step.wanted, place_(columns, change, chunk, step.put, add=True))
        elif step.wanted is not None:
            values[step.node] = Window(step.wanted, self._value_output(step, chunk, values))
            if step.gives_change:
                changes[step.node] = self._as_change(step, chunk, reference, values[step.node].columns)
        if chunk.commit and step.node in reference.columns:
            self._write(step, chunk, reference, changes, values)

    def _changed_output(self, step: Step, chunk: Chunk, changes: dict[Node, Tensor]) -> Tensor:
        """The change of a linear layer's output, over its changed columns."""
        if step.local.operation is None:
            return chunk.change
        if step.into is not None:
            return self._summed(step, chunk, changes)
        inputs = []
        for i, want, move in zip(step.local.inputs, step.taken, step.moved, strict=True):
            change = changes[i]
            if move is not None:
                wide = change.new_zeros(len(chunk), want.width, change.shape[2])
                change = place_(wide, change, chunk, move)
            inputs.append(change)
        change = step.run(*inputs, *self._constants(step, chunk))
        if not step.clear:
            return change
        own = not isinstance(step.local.operation, Shift)
        return chunk.filled(change, step.changed, step.local.length, 0, own=own)

    def _summed(self, step: Step, chunk: Chunk, changes: dict[Node, Tensor]) -> Tensor:
        """A sum, made in the place of the input that has all its columns."""
        assert step.into is not None
        total = changes[step.local.inputs[step.into]]
        other, move = 1 - step.into, step.moved[1 - step.into]
        return place_(total, changes[step.local.inputs[other]], chunk, move or SAME_PLACE, add=True)

    def _value_output(self, step: Step, chunk: Chunk, values: dict[Node, Window]) -> Tensor:
        """Values of a layer that is not linear, over the columns that are wanted."""
        inputs = []
        for i, want, move in zip(step.local.inputs, step.taken, step.moved, strict=True):
            columns = values[i].columns
            if move is not None:
                columns = cut(columns, chunk, move, want.width)
            if step.fill:
                columns = chunk.filled(columns, want, self.found.local[i].length, -torch.inf)
            inputs.append(columns)
        return step.run(*inputs, *self._constants(step, chunk))

    def _as_change(self, step: Step, chunk: Chunk, reference: Reference, value: Tensor) -> Tensor:
        assert step.put is not None
        columns = cut(value, chunk, step.put, step.changed.width)
        change = reference.columns[step.node].windows(chunk, step.changed)
        torch.sub(columns, change, out=change)
        return chunk.filled(change, step.changed, step.local.length, 0, own=True)

    def _constants(self, step: Step, chunk: Chunk) -> list[Tensor]:
        """Columns of constants that stand beside the operation's input columns."""
        if not step.local.constants:
            return []
        taken = step.taken[0]
        column = chunk.starts(taken)[:, None] + torch.arange(taken.width, device=chunk.place.device)
        return [c[column.clamp(0, len(c) - 1)] for c in step.local.constants]

    def _write(
        self,
        step: Step,
        chunk: Chunk,
        reference: Reference,
        changes: dict[Node, Tensor],
        values: dict[Node, Window],
    ) -> None:
        """Make the candidates' columns the cached ones."""
        columns = reference.columns[step.node]
        if step.node in values:
            columns.write(chunk, values[step.node].stretch, values[step.node].columns)
        else:
            columns.write(chunk, step.changed, columns.windows(chunk, step.changed) + changes[step.node])
