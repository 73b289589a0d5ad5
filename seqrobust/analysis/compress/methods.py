"""Ways to compress a trained model, by name, each applied to a copy."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from seqrobust.analysis.compress.activations import entered_layers, put_behind_rounding, ranges_seen
from seqrobust.analysis.compress.weights import layers_of, prune, round_weights, zero_share
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.predictor import Predictor

Kind: TypeAlias = Literal["int8-dynamic", "int8-static", "weights", "prune", "prune-layer"]

_BITS = 8


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to compress.

    Attributes:
        name: as the command line knows it.
        kind: what is done.
        amount: bits of a weight, or the share of weights that are pruned.
    """

    name: str
    kind: Kind
    amount: float

    @property
    def plain(self) -> bool:
        """Whether the compressed model has ordinary weights and layers, and so can be saved."""
        return not self.kind.startswith("int8")

    @property
    def bits(self) -> int:
        """Bits of a weight that is kept."""
        return 32 if self.kind.startswith("prune") else int(self.amount)


def method_named(name: str) -> Method:
    """The way of that name. Raises ConfigError for another one.

    >>> method_named("prune-layer-70").amount
    0.7
    """
    if name in ("int8-dynamic", "int8-static"):
        return Method(name=name, kind=name, amount=_BITS)  # type: ignore[arg-type]
    bits = re.fullmatch(r"weights-(\d+)", name)
    if bits and 2 <= int(bits[1]) <= 16:
        return Method(name=name, kind="weights", amount=int(bits[1]))
    share = re.fullmatch(r"(prune|prune-layer)-(\d+(?:\.\d+)?)", name)
    if share and 0 < float(share[2]) < 100:
        return Method(name=name, kind=share[1], amount=float(share[2]) / 100)  # type: ignore[arg-type]
    raise ConfigError(
        "unknown way to compress",
        expected="int8-dynamic, int8-static, weights-BITS (2 to 16), prune-PERCENT or prune-layer-PERCENT",
        found=repr(name),
        where="--method",
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Compressed:
    """A compressed copy.

    Attributes:
        predictor: asks the copy as the original is asked.
        method: how it was made.
        layer: the one layer that was compressed; None for all.
        zeros: share of the model's weights that are zero.
        bits: mean bits of a weight, of which zeros need none; positions of the others are not counted.
        notices: what should be said.
    """

    predictor: Predictor
    method: Method
    layer: str | None
    zeros: float
    bits: float
    notices: tuple[str, ...]


def compressed(
    predictor: Predictor, method: Method, *, layer: str | None = None, calibration: Tensor | None = None
) -> Compressed:
    """A copy of the model, compressed; the original is not touched.

    Args:
        predictor: checked.
        method: what is done.
        layer: to this layer alone.
        calibration: (M, L) tokens whose activations give the ranges of ``int8-static``.

    Raises ModelError for a module that cannot be copied or has no weights, ConfigError for a layer there is none of.
    """
    twin = _copied(predictor)
    layers = layers_of(twin.module)
    chosen = layers.chosen(None if layer is None else [layer])
    notices = _notices(layers.unknown, layers.held)
    if method.kind.startswith("prune"):
        prune(chosen, method.amount, together=method.kind == "prune")
    else:
        round_weights(chosen, int(method.amount))
    zeros = zero_share(layers.weights)
    count = sum(weight.numel() for part in chosen.values() for weight in part.values()) / layers.count
    bits = 32 * (1 - zeros) if method.kind.startswith("prune") else 32 * (1 - count) + method.bits * count
    if not method.plain:
        notices += _round_activations(twin, list(chosen), method, calibration)
    return Compressed(predictor=twin, method=method, layer=layer, zeros=zeros, bits=bits, notices=tuple(notices))


def _copied(predictor: Predictor) -> Predictor:
    try:
        twin = copy.deepcopy(predictor)
    except Exception as error:  # a stranger's module may hold what cannot be copied
        raise ModelError(
            "the model cannot be copied, and is never compressed itself",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200],
        ) from error
    twin.forwards, twin.gradients, twin.notices = 0, 0, []
    return twin


def _notices(unknown: Sequence[str], held: Sequence[str]) -> list[str]:
    said = []
    if unknown:
        said.append(f"layers of unknown classes, whose matrices are taken for weights: {', '.join(unknown[:8])}")
    if held:
        said.append(f"layers whose weights are computed from others are left as they are: {', '.join(held[:8])}")
    return said


def _round_activations(twin: Predictor, names: Sequence[str], method: Method, calibration: Tensor | None) -> list[str]:
    entered = entered_layers(twin.module, names)
    said = []
    if others := [name for name in names if name not in entered]:
        said.append(f"what enters these layers stays in float: {', '.join(others[:8])}")
    if method.kind == "int8-dynamic":
        put_behind_rounding(twin.module, dict.fromkeys(entered))
        return said
    if calibration is None or not len(calibration):
        raise ConfigError("static ranges need records to be found on", fix="give calibration records")
    with twin.attached(), ranges_seen(twin.module, entered) as seen, torch.no_grad():
        twin.logits(calibration)
    twin.forwards = 0
    if missed := [name for name in entered if name not in seen]:
        said.append(f"layers that the model does not call stay in float: {', '.join(missed[:8])}")
    home = {name: next(twin.module.get_submodule(name).parameters()).device for name in seen}
    put_behind_rounding(
        twin.module, {name: (low.to(home[name]), high.to(home[name])) for name, (low, high) in seen.items()}
    )
    return said
