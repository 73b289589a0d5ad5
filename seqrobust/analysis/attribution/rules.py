"""DeepLIFT's rules: how an operation hands a difference of its output on to its inputs.

Each rule turns multipliers g of an operation's output into multipliers m of its inputs with sum of m (x - x0) = sum of
g (y - y0), so that contributions add up through a network (Shrikumar, Greenside & Kundaje 2017, "Learning important
features through propagating activation differences"). Which rule an operation has follows from its kind in the table of
operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import comb
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from seqrobust.analysis.attribution.calls import Call, difference, is_number
from seqrobust.analysis.attribution.maxima import maxima
from seqrobust.errors import ModelError
from seqrobust.graph import Kind

NEAR = 1e-6
"""Differences of an input below which a quotient of differences is replaced by the derivative."""
_POINTS = 20
"""Points of the path through a function that mixes its inputs."""
_RANKED = 50
"""Points of the path through one that sorts, whose derivative jumps on the way."""
_PLAYERS = 4
"""Arguments between which a difference is shared out exactly."""

NO_RECURRENCE = "DeepLIFT has no rule for a recurrent layer"
Rule = Callable[[Call], list[Tensor]]


def passed(call: Call) -> list[Tensor]:
    """Of what changes nothing."""
    return [call.multipliers[0]]


def straight(call: Call) -> list[Tensor]:
    """Of what is linear in its inputs, or in each of them: the derivative along the straight line from baseline to
    record, averaged. For one input it is the derivative anywhere, for a product the derivative half-way."""
    if not all(map(is_number, call.outputs(call.output))) and not all(
        map(is_number, call.outputs(call(*call.numbers(call.inputs))))
    ):
        return elementwise(call)  # rounded to whole numbers, or to a truth
    if call.degree == 1:
        return call.slopes(call.numbers(call.inputs))
    return _path(call, -(-call.degree // 2))


def path(call: Call) -> list[Tensor]:
    """Of what mixes its inputs: the derivative averaged along the straight line (Aumann & Shapley 1974). What so many
    points miss of the sum, as a norm's do that starts from equal numbers, is shared out by how far each has moved."""
    found = _path(call, _POINTS)
    dims = _mixed(call)
    if dims is None or len(call.inputs) != 1 or list(call.given) != [0]:
        return found
    return [_completed(call, found[0], dims)]


def _mixed(call: Call) -> list[int] | None:
    """Dimensions of the input that a function mixes, where that is plain."""
    if "layer_norm" in call.name or call.name == "rms_norm":
        return [-1 - number for number in range(len(call.argument("normalized_shape")))]
    if call.name in ("group_norm", "instance_norm"):
        return list(range(1, call.inputs[0].ndim))
    dim = call.argument("dim", None)
    return [dim] if isinstance(dim, int) else list(dim) if dim else None


def _completed(call: Call, found: Tensor, dims: Sequence[int]) -> Tensor:
    """Multipliers with what they miss of the sum over some dimensions, shared out by how far each number has moved."""
    x, x0 = call.inputs[0], call.before[0]
    (y,), (y0,), (given,) = call.outputs(call.output), call.outputs(call.output_before), call.multipliers
    dims = sorted(dim % x.ndim for dim in dims)
    gained, way = given * difference(y, y0), difference(x, x0)
    if "quantile" in call.name and gained.ndim == x.ndim:
        gained = gained.sum(0).unsqueeze(dims[0])
    elif gained.ndim == x.ndim:
        gained = gained.sum(dims, keepdim=True)
    else:
        for dim in dims:
            gained = gained.unsqueeze(dim)
    missed = gained - (found * way).sum(dims, keepdim=True)
    moved = way.abs().sum(dims, keepdim=True)
    return found + torch.where(moved > NEAR, missed / moved, 0) * way.sign()


def _path(call: Call, points: int, *, even: bool = False) -> list[Tensor]:
    inputs, before = call.numbers(call.inputs), call.numbers(call.before)
    if even:
        places, shares = (2 * np.arange(points) + 1) / points - 1, np.full(points, 2 / points)
    else:
        places, shares = np.polynomial.legendre.leggauss(points)
    totals = [torch.zeros_like(x, dtype=x.dtype if is_number(x) else torch.float32) for x in inputs]
    for place, share in zip((places + 1) / 2, shares / 2, strict=True):
        at = [
            x if not is_number(x) else x0 + float(place) * (x - x0) if points > 1 else (x + x0) / 2
            for x, x0 in zip(inputs, before, strict=True)
        ]
        # Where both are the same infinity there is no way between them.
        at = [torch.where(x == x0, x, one) for one, x, x0 in zip(at, inputs, before, strict=True)]
        for total, slope in zip(totals, call.slopes(at), strict=True):
            total += float(share) * slope
    return totals


def elementwise(call: Call) -> list[Tensor]:
    """Of a function of one number each the rescale rule, (y - y0) / (x - x0) in place of the derivative. Between
    several arguments y - y0 is shared out by their Shapley values (1953): the mean, over the orders in which they go
    from baseline to record, of what the step of each one changes. For a product that is the derivative half-way."""
    if len(call.inputs) > _PLAYERS:
        return path(call)
    (given,) = call.multipliers
    shares = _shares(call)
    plain: list[Tensor] | None = None
    found = []
    for number, (x, x0, share) in enumerate(zip(call.inputs, call.before, shares, strict=True)):
        way = difference(x, x0)
        near = way.abs() <= NEAR
        if plain is None and bool(near.any()):
            plain = call.slopes(call.inputs)
        quotient = torch.where(near, 0, given * share / torch.where(near, 1, way))
        quotient = torch.where((given == 0) | (share == 0), 0, quotient).sum_to_size(x.shape)
        found.append(quotient if plain is None else torch.where(near, plain[number].nan_to_num(0, 0, 0), quotient))
    return found


def _shares(call: Call) -> list[Tensor]:
    """What each argument adds to the difference of the output."""
    count = len(call.inputs)
    total = difference(call.output, call.output_before)
    if count == 1:
        return [total]
    worth: dict[tuple[int, ...], Tensor] = {}
    for chosen in product((0, 1), repeat=count):
        mixed = [x if there else x0 for there, x, x0 in zip(chosen, call.inputs, call.before, strict=True)]
        worth[chosen] = call(*mixed)
    shares = [torch.zeros_like(total) for _ in range(count)]
    for chosen, value in worth.items():
        for number in range(count):
            if not chosen[number]:
                joined = (*chosen[:number], 1, *chosen[number + 1 :])
                weight = 1 / (count * comb(count - 1, sum(chosen)))
                shares[number] += weight * difference(worth[joined], value)
    # A branch that is not taken may be infinite: then all is laid to the first argument, which is the condition.
    whole = torch.isfinite(torch.stack(shares).sum(0))
    return [torch.where(whole, share, total if number == 0 else 0) for number, share in enumerate(shares)]


def largest(call: Call) -> list[Tensor]:
    """The rule for maxima. Let c be the larger of the two maxima, the record's y and the baseline's y0. What the
    record's maximum has above the baseline's goes to where the record has its own (c - y0), what it lacks to where the
    baseline has its own (y - c), as in SHAP's DeepExplainer (Lundberg & Lee 2017). Either place differs by at least as
    much, so no multiplier exceeds 1 but for overlapping windows."""
    if len(call.inputs) == 1 and call.name in ("maximum", "minimum", "fmax", "fmin"):
        return elementwise(call)
    taken = maxima(call)
    if taken is None:
        return ranked(call)
    x, x0 = taken.of(call.inputs), taken.of(call.before)
    found, earlier = taken.find(x), taken.find(x0)
    given = taken.sign * taken.like(call.multipliers[0]).reshape(found.values.shape)
    y, y0, index, index0 = found.values, earlier.values, found.place, earlier.place
    shape = x.shape
    if taken.flat > 1:
        x, x0, given, y, y0, index, index0 = (p.flatten(-taken.flat) for p in (x, x0, given, y, y0, index, index0))
    top, way = torch.maximum(y, y0), difference(x, x0)
    # Maxima of nothing but -inf, behind a record's end, differ by NaN.
    share = torch.zeros_like(x).scatter_add_(taken.dim, index, torch.nan_to_num(given * (top - y0), 0, 0, 0))
    share.scatter_add_(taken.dim, index0, torch.nan_to_num(given * (y - top), 0, 0, 0))
    plain = torch.zeros_like(x).scatter_add_(taken.dim, index, given)
    multipliers = torch.where(way.abs() > NEAR, share / way, plain).reshape(shape)
    return taken.back(multipliers)


def ranked(call: Call) -> list[Tensor]:
    """Of what sorts, or picks by rank: the derivative averaged along the straight line, which jumps wherever two
    numbers pass each other; what so many points miss of the sum is shared out by how far each number has moved."""
    found = _path(call, _RANKED, even=True)
    dim = call.argument("dim", 0 if call.name == "msort" else None)
    if not isinstance(dim, int) or len(call.inputs) != 1 or list(call.given) != [0]:
        return found
    return [_completed(call, found[0], [dim])]


def place(call: Call) -> list[Tensor]:
    """Of what tells places: nothing, for a place is no number that could be shared out."""
    return [torch.zeros_like(x, dtype=x.dtype if is_number(x) else torch.float32) for x in call.inputs]


def recurrence(call: Call) -> list[Tensor]:
    """Refuses recurrent layers."""
    raise ModelError(NO_RECURRENCE)


RULES: Mapping[Kind, Rule] = MappingProxyType(
    {
        Kind.IDENTITY: passed,
        Kind.MOVING: straight,
        Kind.LINEAR: straight,
        Kind.PRODUCT: straight,
        Kind.ELEMENTWISE: elementwise,
        Kind.MAXIMUM: largest,
        Kind.SORTING: ranked,
        Kind.MIXING: path,
        Kind.PLACE: place,
        Kind.CONSTANT: place,
        Kind.LOOKUP: path,
        Kind.RECURRENT: recurrence,
        Kind.UNKNOWN: path,
    }
)
"""By kind of operation."""


def multipliers_of(call: Call) -> list[Tensor]:
    """Multipliers of a call's inputs. Raises ModelError for a recurrent layer."""
    return RULES[call.kind](call)
