"""What is computed around an edit: which columns of every local layer, and in which form.

For edits that span a given number of letters the plan fixes, by position, the stretch of columns that change in every
layer, and the stretch whose values are needed. A layer that is changed almost everywhere is taken whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor, fx

from seqrobust.neighbours.layers import Local, Recogniser
from seqrobust.neighbours.operations import AveragePool, Convolution, Ints, Offset, Stretch, Sum, hull, offset, whole

DENSE = 0.9
"""Share of a layer's columns above which all of them are taken."""

Node = fx.Node


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One local layer.

    Attributes:
        node, local: the layer.
        run: the operation, on the columns taken.
        changed: columns that an edit changes.
        wanted: columns whose values are needed; None if only the change is.
        taken: for each input the columns that the operation takes.
        moved: for each input the offset between the columns that there are and those taken; None if they are the same.
        put: offset of the changed columns in the wanted ones.
        clear: whether columns outside the layer must be cleared, because a later layer would mix them in.
        fill: whether columns outside the input must be filled, because columns of the output are computed from them.
        gives_change: whether some later layer takes the change.
        into: for a sum the number of the input whose change nothing else takes and that has all columns of the sum, so
            that the other can be added to it in place.
    """

    node: Node
    local: Local
    run: Callable[..., Tensor]
    changed: Stretch
    wanted: Stretch | None
    taken: tuple[Stretch, ...]
    moved: tuple[Offset | None, ...]
    put: Offset | None
    clear: bool
    fill: bool
    gives_change: bool
    into: int | None

    @property
    def linear(self) -> bool:
        """Whether it works on changes."""
        return self.local.operation is None or self.local.operation.linear

    @property
    def cached(self) -> bool:
        """Whether going from change to value, or back, needs the layer's own columns."""
        return self.wanted is not None if self.linear else self.gives_change


def changed_stretches(found: Recogniser, span: int) -> dict[Node, Stretch]:
    """Changed columns of the local layers, for edits of ``span`` letters."""
    length = found.local[found.traced.input].length
    changed: dict[Node, Stretch] = {}
    for node, local in found.local.items():
        if local.operation is None:
            changed[node] = Stretch(np.arange(length), span)
            continue
        out = local.operation.reached(hull([changed[i] for i in local.inputs]))
        changed[node] = whole(local.length, length) if out.width > DENSE * local.length else out
    return changed


def steps_of(
    found: Recogniser, changed: dict[Node, Stretch], as_changes: set[Node], as_values: set[Node]
) -> list[Step]:
    """The local layers that heads and tail stand on, in order.

    Args:
        found: the local layers.
        changed: their changed columns.
        as_changes, as_values: layers whose change, or whose changed columns' values, are taken by heads.
    """
    wants: dict[Node, list[Stretch]] = {node: [changed[node]] for node in as_values}
    gives, mixed = Counter(dict.fromkeys(as_changes, 2)), set(as_changes)
    wanted_of: dict[Node, Stretch | None] = {}
    drafts: list[tuple[Node, tuple[Stretch, ...], Callable[..., Tensor]]] = []
    for node in reversed(changed):
        if node not in gives and node not in wants:
            continue
        local = found.local[node]
        op = local.operation
        linear = op is None or op.linear
        requests = wants.get(node, [])
        if requests or not linear:
            # A change is cut out of values, and values are made by adding a change.
            requests = [*requests, changed[node]]
        wanted = wanted_of[node] = hull(requests) if requests else None
        taken: tuple[Stretch, ...] = ()
        run: Callable[..., Tensor] = op if op is not None else _nothing
        if op is not None and linear:
            taken, run = _linear_inputs(found, local, changed, changed[node])
            gives.update(local.inputs)
            if op.mixes or node in mixed:
                mixed.update(local.inputs)
        elif op is not None and wanted is not None:
            taken = (op.needed(wanted),) * len(local.inputs)
            for i in local.inputs:
                wants.setdefault(i, []).append(taken[0])
        drafts.append((node, taken, run))
    return [_step(found, changed, wanted_of, gives, mixed, *draft) for draft in reversed(drafts)]


def _nothing(*inputs: Tensor) -> Tensor:
    return inputs[0]


def _linear_inputs(
    found: Recogniser, local: Local, changed: dict[Node, Stretch], out: Stretch
) -> tuple[tuple[Stretch, ...], Callable[..., Tensor]]:
    """The columns that a linear operation takes of its inputs, and the form in which it then runs."""
    op = local.operation
    assert op is not None
    source = local.inputs[0]
    have = changed[source]
    if isinstance(op, Convolution) and op.full:
        if out.same(op.reached(have)):
            return (have,), op.of_changed
        all_in, size = found.local[source].length, op.sliding
        if out.width == local.length == all_in and 2 * size.padding == size.reach:
            return (whole(all_in, len(out.start)),), op.of_whole
    return (op.needed(out),) * len(local.inputs), op


def _step(
    found: Recogniser,
    changed: dict[Node, Stretch],
    wanted_of: dict[Node, Stretch | None],
    gives: Counter[Node],
    mixed: set[Node],
    node: Node,
    taken: tuple[Stretch, ...],
    run: Callable[..., Tensor],
) -> Step:
    local, wanted = found.local[node], wanted_of[node]
    op = local.operation
    have = [changed[i] if op is None or op.linear else wanted_of[i] for i in local.inputs]
    moved = [
        None if there is None or there.same(want) else (offset(there, want) if op.linear else offset(want, there))
        for there, want in zip(have, taken, strict=True)
        if op is not None
    ]
    return Step(
        node=node,
        local=local,
        run=run,
        changed=changed[node],
        wanted=wanted,
        taken=taken,
        moved=tuple(moved),
        put=None if wanted is None else offset(changed[node], wanted),
        clear=op is not None and op.mixes and node in mixed,
        fill=op is not None and not op.linear and op.mixes and _overhangs(found, local),
        gives_change=node in gives,
        into=_owned(found, local, moved, gives),
    )


def _owned(found: Recogniser, local: Local, moved: list[Offset | None], gives: Counter[Node]) -> int | None:
    if not isinstance(local.operation, Sum) or local.operation.factor != 1:
        return None
    for number, source in enumerate(local.inputs):
        op = found.local[source].operation
        # Other operations may hand on a tensor that is not theirs.
        fresh = isinstance(op, (Convolution, Sum, AveragePool)) or (op is not None and not op.linear)
        if moved[number] is None and gives[source] == 1 and fresh:
            return number
    return None


def _overhangs(found: Recogniser, local: Local) -> bool:
    """Whether columns of a layer are computed from columns outside its input."""
    op = local.operation
    assert op is not None
    read = op.needed(whole(local.length, 1))
    return bool(read.start[0] < 0 or read.stop[0] > found.local[local.inputs[0]].length)


def classes(offsets: list[Ints], length: int) -> Ints:
    """(L,) the rank of each position in an order where positions whose windows lie alike stand side by side.

    Args:
        offsets: by position, the most important first.
    """
    positions = np.arange(length)
    varying = [o for o in offsets if len(np.unique(o)) > 1]
    order = np.lexsort([positions, *varying[::-1]])
    rank = np.empty(len(positions), np.int64)
    rank[order] = positions
    return rank
