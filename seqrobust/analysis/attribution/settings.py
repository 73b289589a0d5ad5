"""Settings of attribution methods. Loads nothing heavy: options are made of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from seqrobust.errors import ConfigError
from seqrobust.options import Option

Quantity = Literal["contrast", "logit"]
"""Of a classifier: a class's logit less the mean of the others', or the logit by itself."""

Baseline = Literal["uniform", "zeros", "shuffled"]
"""Columns of 1/K; columns of zeros; dinucleotide shuffles of the record."""

USUAL = ("saliency_corrected", "input_x_gradient_corrected", "integrated_gradients", "deeplift", "ism")
"""Methods where none is named."""


@dataclass(frozen=True, kw_only=True)
class MethodSettings:
    """How methods attribute, whatever the seed.

    Attributes:
        output: name of what is explained; None for what :func:`~.explained.explain` chooses.
        quantity: what of a class is explained; nothing to other tasks.
        baseline: what integrated gradients, DeepLIFT and occlusion compare a record with.
        shuffles: of each record, for the ``shuffled`` baseline.
        steps: points of the path of integrated gradients.
        draws: noisy copies of a record that SmoothGrad averages over.
        noise: standard deviation of that noise, where a letter is 1 and its absence 0.
        window: positions that occlusion takes away together.
    """

    output: Annotated[str | None, Option(help="The output explained; else what is predicted.")] = None
    quantity: Annotated[
        Quantity, Option(help="A class's logit less the others' mean (contrast), or its own (logit).")
    ] = "contrast"
    baseline: Annotated[Baseline, Option(help="What is compared with: uniform, zeros or shuffled.")] = "uniform"
    shuffles: Annotated[int, Option(help="Dinucleotide shuffles a record.", least=1)] = 10
    steps: Annotated[int, Option(help="Points of integrated gradients.", least=1)] = 50
    draws: Annotated[int, Option(help="Noisy copies for SmoothGrad.", least=1)] = 25
    noise: Annotated[float, Option(help="Their standard deviation.")] = 0.15
    window: Annotated[int, Option(help="Positions occluded together.", least=1)] = 1

    def __post_init__(self) -> None:
        if self.baseline not in get_args(Baseline):
            known = ", ".join(get_args(Baseline))
            raise ConfigError("unknown baseline", expected=known, found=repr(self.baseline), where="--baseline")
        if self.quantity not in get_args(Quantity):
            known = ", ".join(get_args(Quantity))
            raise ConfigError("unknown quantity", expected=known, found=repr(self.quantity), where="--quantity")
        for name in ("shuffles", "steps", "draws", "window"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    "a number is too small", expected="1 or more", found=str(getattr(self, name)), where=name
                )
        if not 0 < self.noise < float("inf"):
            raise ConfigError("noise has a size", expected="more than 0", found=str(self.noise), where="noise")


@dataclass(frozen=True, kw_only=True)
class AttributionSettings(MethodSettings):
    """How methods attribute.

    Attributes:
        seed: of shuffles and noise.
    """

    seed: int = 0
