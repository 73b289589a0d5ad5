"""A user's step before a model: by which derivative gradients pass it.

Its own, wherever it has one: then attacks and attributions are those of a module that holds the step. Only a step that
cuts the gradient off is passed straight through, by the identity's. Which it is, is tried on records: at them, and at
points between them and other letters, where finite differences tell whether what torch says of the step is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqrobust.errors import ModelError
from seqrobust.memory import lacks_memory
from seqrobust.models.wrappers import StraightThrough

Function = Callable[[Tensor], Tensor]

_RECORDS = 16
"""Records of each length for which a derivative is compared, and tried at once."""
_LENGTHS = 4
"""Different lengths for which it is compared."""
_PART = 0.01
"""Share of what edits change from which on a part that the derivative does not see is told."""
_APART = 0.05
"""Share of the derivative by which finite differences may depart from it: they have rounding errors, and kinks."""


class Step(nn.Module):
    """A step with its own derivative where it has one, and the identity's where not.

    Args:
        forward: the step, from one-hot (M, K, L) of records without padding to (M, K', L').
        name: how the user named it.

    Attributes:
        cut: why the step's own derivative cannot be used; None where it is. Known once settled.
    """

    def __init__(self, forward: Function, name: str) -> None:
        super().__init__()
        self.step = forward
        self.name = name
        self.cut: str | None = None
        self._through = StraightThrough(self._own)
        self._settled = False

    def forward(self, values: Tensor) -> Tensor:
        """The step's values, with its own derivative or the identity's."""
        if self.cut is not None:
            out: Tensor = self._through(values)
            return out
        made: object = self._own(values)
        return made.to(values.dtype) if isinstance(made, Tensor) else made  # type: ignore[return-value]

    def settle(self, encoded: Tensor, lengths: Tensor) -> str | None:
        """Choose the derivative by what the step does to (N, K, L) records, and say which; at the first call only."""
        pieces = list(_pieces(encoded, lengths))
        if self._settled or not pieces:
            return None
        self._settled = True
        self.cut = cut_by(self._own, pieces)
        few = [records[:_RECORDS] for records in pieces[-_LENGTHS:]]
        if self.cut is None:
            return f"gradients pass {self.name} by its own derivative{_doubt(compared(self._own, few))}"
        passed = f"{self.name} has no derivative of its own ({self.cut}), so gradients pass it by the identity's"
        if _is_identity(self._own, few):
            return f"{passed}, as it leaves sequences as they are"
        return (
            f"{passed} (BPDA, Athalye et al. 2018); scores are its own. --backward file.py:function names a function "
            "that resembles it better"
        )

    def _own(self, values: Tensor) -> Tensor:
        """The step on a copy, for some change what they are given."""
        return self.step(values.clone())


# Whether there is a derivative ---------------------------------------------------------------------------------------


def cut_by(step: Function, pieces: Iterable[Tensor]) -> str | None:
    """Why no gradient comes back through a step, None where one does at any record or between records."""
    alive = False
    for records in (part for piece in pieces for part in torch.split(piece, _RECORDS)):
        for points in () if alive else (records, _between(records)):
            try:
                slope = _pulled_back(step, points)
            except Exception as error:  # whatever a stranger's function raises for tensors that require gradients
                if lacks_memory(error):
                    raise
                return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            if slope is None:
                return "it returns a tensor that does not depend on its input in a way torch can follow"
            if not bool(slope.isfinite().all()):
                return "its derivative is infinite or undefined at some records"
            alive = alive or bool(slope.any())
    return None if alive else "its derivative is exactly zero wherever tried, as of a rounding"


def _pulled_back(step: Function, points: Tensor) -> Tensor | None:
    """The derivative at (M, K, L) points of a random combination of what the step makes of them; None without one."""
    points = points.clone().requires_grad_(True)
    with torch.enable_grad():
        made = _matrices(step(points))
        if not made.requires_grad:
            return None
        (slope,) = torch.autograd.grad((made * _weights(made)).sum(), points, allow_unused=True)
    return torch.zeros_like(points) if slope is None else slope


# Whether it is the true one ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A step's own derivative beside what the step does.

    Attributes:
        apart: by which share of its size the derivative departs from finite differences; the median over records.
        unseen: share of what single edits change in parts of the result whose derivative is zero everywhere.
    """

    apart: float
    unseen: float


def compared(step: Function, pieces: Iterable[Tensor]) -> Compared:
    """Compare a step's own derivative with finite differences between records, and with what edits change.

    Finite differences are taken in float64 if the step allows. What changes with letters, and never where a point moves
    a little, is rounded or looked up.
    """
    departures, unseen, changed = [], 0.0, 0.0
    for records in pieces:
        points, toward = _between(records), _random_points(records, seed=2)
        moved, slope = _moved(step, points, toward - points), _pulled_back(step, points)
        if slope is None:
            continue
        weighted = (moved * _weights(moved)).flatten(1).sum(1)
        own = (slope * (toward - points)).flatten(1).sum(1)
        size = torch.maximum(weighted.abs(), own.abs()).clamp(min=1e-12)
        departures += ((weighted - own).abs() / size).tolist()
        with torch.no_grad():
            edit = (step(_edited(records)) - step(records)).square().sum(0)
        flat = (moved == 0).all(0)
        unseen, changed = unseen + float(edit[flat].sum()), changed + float(edit.sum())
    middle = float(torch.tensor(departures).median()) if departures else 0.0
    return Compared(apart=middle, unseen=unseen / changed if changed else 0.0)


def _moved(step: Function, points: Tensor, way: Tensor) -> Tensor:
    """Central finite differences of what a step makes of points, along a way for each, on the scale of the way."""
    with torch.no_grad():
        for kind, size in ((torch.float64, 1e-5), (points.dtype, 1e-3)):
            at, along = points.to(kind), size * way.to(kind)
            try:
                ahead, behind = step(at + along), step(at - along)
            except Exception:  # a step whose weights have another type
                continue
            if ahead.dtype == kind:
                return ((ahead - behind) / (2 * size)).to(points.dtype)
    return torch.zeros_like(step(points))


def _doubt(found: Compared) -> str:
    """What to add where the derivative is not the whole truth."""
    parts = []
    if found.apart > _APART:
        parts.append(f"finite differences depart from it by {100 * found.apart:.0f} % (a part that is detached?)")
    if found.unseen > _PART:
        parts.append(f"{100 * found.unseen:.0f} % of what an edit changes is in parts of which it is zero (rounded?)")
    if not parts:
        return ""
    return f", but {', and '.join(parts)}; --backward file.py:function names one that sees more"


# Points to try -------------------------------------------------------------------------------------------------------


def _pieces(encoded: Tensor, lengths: Tensor) -> Iterator[Tensor]:
    """Records of each length, without padding."""
    for length in sorted({size for size in lengths.tolist() if size}):
        yield encoded[lengths == length][:, :, :length]


def _random_points(records: Tensor, seed: int) -> Tensor:
    """Points drawn from the simplex of letters in every column of (M, K, L) records."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(records.shape, generator=generator).clamp(min=1e-6).log().neg()
    return (drawn / drawn.sum(1, keepdim=True)).to(records)


def _between(records: Tensor) -> Tensor:
    return 0.7 * records + 0.3 * _random_points(records, seed=1)


def _edited(records: Tensor) -> Tensor:
    """Records with about a quarter of their letters replaced by the next one of the alphabet."""
    generator = torch.Generator().manual_seed(3)
    chosen = torch.rand((len(records), 1, records.shape[2]), generator=generator) < 0.25
    return torch.where(chosen.to(records.device), records.roll(1, 1), records)


def _weights(made: Tensor) -> Tensor:
    return torch.randn(made.shape, generator=torch.Generator().manual_seed(4)).to(made)


def _matrices(made: object) -> Tensor:
    if not isinstance(made, Tensor) or not made.is_floating_point():
        raise ModelError("the step returns no floating-point tensor", found=type(made).__name__)
    return made


def _is_identity(step: Function, pieces: Iterable[Tensor]) -> bool:
    with torch.no_grad():
        tried = [kind for records in pieces for kind in (records, _edited(records))]
        return all(torch.equal(step(records).to(records.dtype), records) for records in tried)
