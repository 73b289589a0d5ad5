"""The work for edits of one span: local layers by windows, heads, and the tail that is computed whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, fx

from seqrobust.graph import Traced, arguments, operation
from seqrobust.models.predictor import ROWS
from seqrobust.neighbours.heads import Flattened, Head, Written, head_at
from seqrobust.neighbours.layers import Recogniser
from seqrobust.neighbours.operations import Convolution, Ints, Stretch
from seqrobust.neighbours.plan import Step, changed_stretches, classes, steps_of
from seqrobust.neighbours.recurrent import CELLS
from seqrobust.neighbours.recurrent_heads import Pooled, RecurrentHeads, States

Node = fx.Node


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """What is computed, in order.

    Attributes:
        span: letters from the first edited one to the last.
        changed: changed columns of the local layers.
        steps, heads, tail: local layers, what reads them, and the nodes behind.
        rank: (L,) order in which candidates are taken, by position.
        macs: multiply-adds a candidate.
        cells: numbers read or written a candidate, the rest of its cost.
        recurrent_macs: those of ``macs`` that are recurrent, step after step.
        rows: candidates that are taken together.
    """

    span: int
    changed: dict[Node, Stretch]
    steps: tuple[Step, ...]
    heads: tuple[Head, ...]
    tail: tuple[Node, ...]
    rank: Ints
    macs: int
    cells: int
    recurrent_macs: int
    rows: int

    @property
    def cached(self) -> set[Node]:
        """Local layers whose columns must be cached."""
        nodes = {step.node for step in self.steps if step.cached}
        return nodes.union(*(head.sources for head in self.heads if head.needs_columns))

    @property
    def cached_whole(self) -> set[Node]:
        """Heads whose outputs must be cached."""
        return {head.node for head in self.heads if head.needs_output}


def layout_for(found: Recogniser, recurrent: RecurrentHeads, span: int, memory: int) -> Layout:
    """The layout for edits of a span, whose chunks stay within so many bytes."""
    traced = found.traced
    changed = changed_stretches(found, span)
    heads, tail = _heads_and_tail(found, recurrent, changed, span)
    as_changes = {source for head in heads if head.takes_change for source in head.sources}
    as_values = {source for head in heads if not head.takes_change for source in head.sources}
    steps = steps_of(found, changed, as_changes, as_values)
    windows = sum(
        (step.wanted or step.changed).width * step.local.channels * (3 if step.cached else 2) for step in steps
    )
    whole = sum(int(math.prod(traced.shapes.get(node, (0,))[1:])) for node in tail)
    written = sum(2 * h.local.length * h.local.channels for h in heads if isinstance(h, Written))
    return Layout(
        span=span,
        changed=changed,
        steps=tuple(steps),
        heads=tuple(heads),
        tail=tuple(tail),
        rank=classes(_offsets(steps, heads, changed), found.local[traced.input].length),
        macs=sum(_step_macs(found, changed, step) for step in steps)
        + sum(head.macs([changed[source] for source in head.sources]) for head in heads)
        + sum(whole_macs(traced, node) for node in tail),
        cells=windows + whole + written,
        recurrent_macs=sum(whole_macs(traced, node) for node in tail if operation(node) in CELLS)
        + sum(h.macs([changed[s] for s in h.sources]) for h in heads if isinstance(h, (Pooled, States))),
        rows=_rows(traced, steps, tail, memory),
    )


BUFFER = {"cpu": 8 << 20, "cuda": 256 << 20}
"""Bytes that the largest window of a chunk may take. On a CPU it should stay in the cache of a core."""

MOST_ROWS = {"cpu": 512, "cuda": 16384}


def _rows(traced: Traced, steps: list[Step], tail: list[Node], memory: int) -> int:
    """Candidates in a chunk: as many as fit the buffer."""
    kind = traced.device.type
    widest = max(((step.wanted or step.changed).width * step.local.channels for step in steps), default=1)
    whole = max((int(math.prod(traced.shapes.get(node, (0,))[1:])) for node in tail), default=1)
    # Some sixteen windows of that size are alive at a time.
    rows = min(BUFFER.get(kind, BUFFER["cuda"]), memory // 16) // (4 * max(widest, whole, 1))
    return max(min(rows, MOST_ROWS.get(kind, MOST_ROWS["cuda"])) // ROWS, 1) * ROWS


def _heads_and_tail(
    found: Recogniser, recurrent: RecurrentHeads, changed: dict[Node, Stretch], span: int
) -> tuple[list[Head], list[Node]]:
    """Backwards from the output: what is needed, and how it is had."""
    traced = found.traced
    widest = max(stretch.width for stretch in changed.values())
    needed, heads, tail = {traced.output}, list[Head](), list[Node]()
    for node in (*reversed(traced.nodes), traced.input):
        if node not in needed:
            continue
        head: Head | None = recurrent.at(node) or head_at(found, node, widest)
        if head is not None and all(source in changed for source in head.sources):
            heads.append(head)
        elif node in changed:
            heads.append(Written(node, node, found.local[node]))
        else:
            tail.append(node)
            needed.update(i for i in node.all_input_nodes if i not in traced.constants)
    return heads[::-1], tail[::-1]


def _offsets(steps: list[Step], heads: list[Head], changed: dict[Node, Stretch]) -> list[Ints]:
    """Everything by which candidates at different positions are moved differently, what costs most first."""
    first = [changed[head.sources[0]].start for head in heads if isinstance(head, (Flattened, Pooled, States))]
    shifts: list[Ints] = []
    for step in steps:
        if step.wanted is not None:
            shifts.append(step.changed.start - step.wanted.start)
        shifts += [stretch.start - changed[i].start for i, stretch in zip(step.local.inputs, step.taken, strict=True)]
    return first + shifts


def _step_macs(found: Recogniser, changed: dict[Node, Stretch], step: Step) -> int:
    op = step.local.operation
    if not isinstance(op, Convolution):
        return 0
    return op.macs(min(changed[step.local.inputs[0]].width, found.local[step.local.inputs[0]].length))


def whole_macs(traced: Traced, node: Node) -> int:
    """Multiply-adds a record of a node computed whole; only those with weights count."""
    name = operation(node)
    shape = traced.shapes.get(node, ())
    constants = [traced.constants.get(i) for i in node.all_input_nodes]
    weights: list[int] = [constant.numel() for constant in constants if isinstance(constant, Tensor)]
    if not weights:
        return 0
    if name in ("conv1d", "convolution", "conv2d") and shape:
        return int(math.prod(shape[2:])) * max(weights)
    if name in ("linear", "addmm", "mm", "matmul") and shape:
        # Shapes are those of two records, wherever a module puts them.
        return math.prod(shape[:-1]) * max(weights) // 2
    if name in CELLS:
        steps = traced.shapes[node.all_input_nodes[0]][1 if arguments(node)["batch_first"] else 0]
        return int(steps * sum(w for w in weights if w > max(weights) // 8))
    return 0
