"""Weights made smaller: rounded to a few levels, or the smallest set to zero; always on a copy.

Rounding is symmetric and per output channel: channel c with largest magnitude m goes to multiples of m / (2^(b-1) - 1),
so that zero stays zero, there are at most 2^b - 1 levels and no weight moves by more than half a step (Nagel et al.
2021, "A white paper on neural network quantization", section 2.2). Pruning takes the smallest magnitudes, of all layers
together or of each by itself (Han et al. 2015, "Learning both weights and connections").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqrobust.errors import ConfigError, ModelError

KNOWN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.RNNBase, nn.Embedding, nn.Bilinear)
"""Layers whose matrices are weights for certain."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """What of a module can be compressed.

    Attributes:
        weights: by path of the layer, its weights by name: parameters of two or more dimensions. Biases and norms
            stay.
        kinds: class of each layer.
        unknown: paths of layers of other classes than the usual ones, whose matrices are taken for weights.
        held: paths of layers whose weights are computed from others (a parametrisation), which are left alone.
    """

    weights: Mapping[str, Mapping[str, nn.Parameter]]
    kinds: Mapping[str, str]
    unknown: tuple[str, ...]
    held: tuple[str, ...]

    @property
    def count(self) -> int:
        """Weights in all."""
        return sum(weight.numel() for layer in self.weights.values() for weight in layer.values())

    def chosen(self, names: Sequence[str] | None) -> dict[str, Mapping[str, nn.Parameter]]:
        """The weights of those layers, of all where there are no names. Raises ConfigError for an unknown one."""
        if names is None:
            return dict(self.weights)
        if missing := [name for name in names if name not in self.weights]:
            raise ConfigError(
                "no layer has that name, or it has no weights",
                expected=", ".join(list(self.weights)[:20]),
                found=", ".join(missing),
            )
        return {name: self.weights[name] for name in names}


def layers_of(module: nn.Module) -> Layers:
    """Layers with weights. Raises ModelError where there are none."""
    weights: dict[str, dict[str, nn.Parameter]] = {}
    kinds, unknown, held = dict[str, str](), list[str](), list[str]()
    seen: set[int] = set()
    for name, part in module.named_modules():
        if ".parametrizations." in f".{name}.":
            owner = name.split(".parametrizations")[0].removesuffix("parametrizations") or type(module).__name__
            held += [owner] if owner not in held else []
            continue
        own = {
            key: weight
            for key, weight in part.named_parameters(recurse=False)
            if weight.ndim >= 2 and weight.is_floating_point() and id(weight) not in seen
        }
        if not own:
            continue
        seen |= {id(weight) for weight in own.values()}
        path = name or type(module).__name__
        weights[path], kinds[path] = own, type(part).__name__
        if not isinstance(part, KNOWN):
            unknown.append(path)
    if not weights:
        raise ModelError(
            "the model has no weights that can be compressed",
            expected="a layer with a parameter of two dimensions or more",
            found="parametrised layers alone: " + ", ".join(held[:5]) if held else "none",
        )
    return Layers(weights=weights, kinds=kinds, unknown=tuple(unknown), held=tuple(held))


def rounded(weight: Tensor, bits: int) -> Tensor:
    """A weight whose first dimension is the output channels, rounded to ``bits`` bits.

    Raises ConfigError for fewer than two bits.

    >>> rounded(torch.tensor([[1.0, 0.4, -0.6, 0.0]]), 2).tolist()
    [[1.0, 0.0, -1.0, 0.0]]
    """
    step = steps(weight, bits)
    return torch.where(step > 0, torch.round(weight / step.clamp(min=torch.finfo(weight.dtype).tiny)) * step, weight)


def steps(weight: Tensor, bits: int) -> Tensor:
    """Step of each output channel, shaped to be multiplied with the weight; 0 for a channel of zeros."""
    if bits < 2:
        raise ConfigError("weights are rounded to two bits or more", found=f"{bits} bits")
    largest = weight.abs().flatten(1).amax(1)
    step: Tensor = largest / (2 ** (bits - 1) - 1)
    return step.reshape(-1, *[1] * (weight.ndim - 1))


@torch.no_grad()
def round_weights(chosen: Mapping[str, Mapping[str, nn.Parameter]], bits: int) -> None:
    """Round those weights in place."""
    for layer in chosen.values():
        for weight in layer.values():
            weight.copy_(rounded(weight, bits))


@torch.no_grad()
def prune(chosen: Mapping[str, Mapping[str, nn.Parameter]], share: float, *, together: bool) -> None:
    """Set the smallest magnitudes to zero in place: exactly ``round(share * n)`` of n weights.

    Args:
        chosen: the weights by layer.
        share: between 0 and 1.
        together: rank the weights of all layers together, rather than each layer's by itself.

    Raises ConfigError for what is no share.
    """
    if not 0 <= share <= 1:
        raise ConfigError("weights are pruned by a share", expected="0 to 100 %", found=f"{100 * share:g} %")
    layers = [list(layer.values()) for layer in chosen.values()]
    for weights in [[weight for layer in layers for weight in layer]] if together else layers:
        size = torch.cat([weight.abs().flatten() for weight in weights])
        keep = torch.ones_like(size)
        # Sorted stably, so that equal weights go in their order, and always the same ones.
        keep[size.argsort(stable=True)[: round(share * len(size))]] = 0
        for weight, part in zip(weights, torch.split(keep, [weight.numel() for weight in weights]), strict=True):
            weight.mul_(part.reshape(weight.shape))


def zero_share(chosen: Mapping[str, Mapping[str, nn.Parameter]]) -> float:
    """Share of those weights that are zero."""
    weights = [weight for layer in chosen.values() for weight in layer.values()]
    return sum(int((weight == 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights)
