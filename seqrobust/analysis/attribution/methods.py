"""The methods by name.

==============================  ==============================================  =====================================
name                            value of letter a at position i                 importance of position i
==============================  ==============================================  =====================================
``saliency``                    gradient at a                                   largest absolute value over letters
``saliency_corrected``          gradient at a less its mean over letters        largest absolute value over letters
``smoothgrad``                  mean gradient at a under noise                  largest absolute value over letters
``input_x_gradient``            gradient at the present letter, else 0          value at the present letter
``input_x_gradient_corrected``  corrected gradient at the present letter        value at the present letter
``integrated_gradients``        contribution, were a there                      value at the present letter
``deeplift``                    contribution, were a there                      value at the present letter
``occlusion``                   fall without the present letter, else 0         value at the present letter
``ism``                         output with a less its mean over letters        value at the present letter
==============================  ==============================================  =====================================

Values are zero where an unknown letter or padding stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from torch import nn

from seqrobust.analysis.attribution.deeplift import deeplift
from seqrobust.analysis.attribution.found import Found
from seqrobust.analysis.attribution.gradients import (
    input_x_gradient,
    input_x_gradient_corrected,
    saliency,
    saliency_corrected,
    smoothgrad,
)
from seqrobust.analysis.attribution.mutagenesis import ism
from seqrobust.analysis.attribution.paths import integrated_gradients, occlusion
from seqrobust.analysis.attribution.question import Question
from seqrobust.analysis.attribution.rules import NO_RECURRENCE
from seqrobust.analysis.attribution.settings import AttributionSettings
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor

_ALL = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to attribute.

    Attributes:
        name: in the registry.
        attribute: from a question to what is found.
        importance: how a position's importance is read off the values of its letters.
        adds_up: whether values at present letters sum to the difference from the baseline.
        records: how many to ask about at once, of a predictor and settings.
        why_not: why it does not apply to a predictor, where that is known without a try; else None.
    """

    name: str
    attribute: Callable[[Question], Found]
    importance: Literal["present", "largest"] = "present"
    adds_up: bool = False
    records: Callable[[Predictor, AttributionSettings], int] = lambda predictor, _: predictor.batch_size
    why_not: Callable[[Predictor], str | None] = lambda _: None


def _along_a_path(predictor: Predictor, settings: AttributionSettings) -> int:
    return max(predictor.batch_size // settings.steps, 1)


def _no_rules(predictor: Predictor) -> str | None:
    recurrent = (nn.RNNBase, nn.RNNCellBase)
    if named := [type(part).__name__ for part in predictor.module.modules() if isinstance(part, recurrent)]:
        return f"{NO_RECURRENCE}, and the model has {named[0]}"
    return "DeepLIFT compares two runs of the model, whose outputs are random" if predictor.stochastic else None


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            Method(name="saliency", attribute=saliency, importance="largest"),
            Method(name="saliency_corrected", attribute=saliency_corrected, importance="largest"),
            Method(name="input_x_gradient", attribute=input_x_gradient),
            Method(name="input_x_gradient_corrected", attribute=input_x_gradient_corrected),
            Method(name="smoothgrad", attribute=smoothgrad, importance="largest"),
            Method(name="integrated_gradients", attribute=integrated_gradients, adds_up=True, records=_along_a_path),
            Method(name="deeplift", attribute=deeplift, adds_up=True, why_not=_no_rules),
            Method(name="occlusion", attribute=occlusion),
            Method(name="ism", attribute=ism, records=lambda *_: _ALL),
        )
    }
)


def methods_named(names: tuple[str, ...]) -> tuple[Method, ...]:
    """Methods by name, each once; ``all`` for every one. Raises ConfigError for an unknown name, and for none."""
    if names == ("all",):
        return tuple(METHODS.values())
    known = ", ".join(METHODS)
    if not names:
        raise ConfigError("no method is named", expected=known, where="--methods")
    for name in names:
        if name not in METHODS:
            raise ConfigError(
                "no method has that name", expected=f"{known}, or all", found=repr(name), where="--methods"
            )
    return tuple(METHODS[name] for name in dict.fromkeys(names))
