"""Does an explanation depend on what the model has learnt? Randomised weights tell (Adebayo et al. 2018).

Layers are given random weights one after the other, from the output down, each stage keeping those before it; and all
at once. An explanation of the model must come apart on the way. One that does not shows the input, or the architecture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqrobust.analysis.stability.measures import similarity
from seqrobust.models.expectation import seeded
from seqrobust.models.modes import evaluation_mode
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet
from seqrobust.statistics import mean_interval, mean_of

Explain = Callable[[str], NDArray[np.float32]]
"""From the name of a method to importances (N, L) of the model as its weights are now."""

REPEATS = 3
"""Draws of random weights for the whole model."""

ALL_AT_ONCE = "all at once"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is randomised: ``layer`` and all those nearer to the output.

    Attributes:
        name: what it is called: the last layer that is random.
        layers: names of the random ones.
        seed: of their weights.
    """

    name: str
    layers: tuple[str, ...]
    seed: int


def layers_from_output(predictor: Predictor, tokens: Tensor) -> tuple[str, ...]:
    """Names of the layers with weights of their own, from the one that is called last to the first.

    Those that one forward pass of (M, L) tokens does not call come at the end. The predictor must be attached.
    """
    own = {name: part for name, part in predictor.module.named_modules() if _weights(part)}
    called: list[str] = []

    def noted(name: str) -> Callable[[nn.Module, object, object], None]:
        return lambda *_: called.append(name)

    hooks = [part.register_forward_hook(noted(name)) for name, part in own.items()]
    try:
        predictor.logits(tokens)
    finally:
        for hook in hooks:
            hook.remove()
    # A layer's place is that of its last call; parts of another layer that no hook sees follow those that one does.
    place = {name: number for number, name in enumerate(called)}
    return tuple(sorted(own, key=lambda name: -place.get(name, -1)))


def stages(layers: Sequence[str], seed: int = 0) -> tuple[Stage, ...]:
    """One stage a layer from the output down, then the whole model at once, :data:`REPEATS` times."""
    cascade = [Stage(name=name, layers=tuple(layers[: number + 1]), seed=seed) for number, name in enumerate(layers)]
    whole = [Stage(name=ALL_AT_ONCE, layers=tuple(layers), seed=seed + 1 + draw) for draw in range(REPEATS)]
    return (*cascade, *whole)


@contextmanager
def randomised(predictor: Predictor, stage: Stage) -> Iterator[None]:
    """Within it those layers have random weights; after it, their own again.

    A layer that knows how to start anew does so, as before training; other weights are drawn from the normal
    distribution of their own mean and spread.
    """
    module = predictor.module
    before = {name: value.detach().clone() for name, value in module.state_dict().items()}
    parts = dict(module.named_modules())
    try:
        with torch.no_grad():
            for number, name in enumerate(stage.layers):
                with seeded(predictor.device, stage.seed * 10_007 + number):
                    _randomise(parts[name])
        # Layers that keep what they compute from their weights compute it again.
        evaluation_mode(module)
        yield
    finally:
        module.load_state_dict(before)
        evaluation_mode(module)


def _weights(part: nn.Module) -> list[nn.Parameter]:
    return list(part.parameters(recurse=False))


def _randomise(part: nn.Module) -> None:
    anew = getattr(part, "reset_parameters", None)
    if callable(anew) and not hasattr(part, "parametrizations"):
        anew()
        return
    for weight in _weights(part):
        spread = weight.std(correction=0) if weight.numel() > 1 else weight.abs().mean()
        weight.copy_(weight.mean() + spread * torch.randn_like(weight))


def sanity_metrics(
    predictor: Predictor, sequences: SequenceSet, methods: Sequence[str], explain: Explain, *, seed: int = 0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Per stage and method, how like the explanations of the trained model those of the randomised one are.

    Args:
        predictor: attached and checked.
        sequences: N records.
        methods: names.
        explain: their explanations, asked for again at every stage.
        seed: of the weights.

    Yields:
        Name of the method, and ``{"stage", "layers" (how many are random), "spearman", "spearman_ci", "correlation"}``;
        nothing for a model without weights.
    """
    layers = layers_from_output(predictor, torch.tensor(sequences.tokens[:1]))
    if not layers:
        return
    clean = {method: explain(method) for method in methods}
    known = sequences.tokens < sequences.alphabet.size
    for stage in stages(layers, seed):
        with randomised(predictor, stage):
            for method in methods:
                found = similarity(clean[method], explain(method), known)
                yield (
                    method,
                    {
                        "stage": stage.name,
                        "layers": len(stage.layers),
                        "spearman": mean_of(found.spearman),
                        "spearman_ci": mean_interval(found.spearman, sequences.units, (-1, 1)),
                        "correlation": mean_of(found.correlation),
                    },
                )


def sanity_summary(found: Sequence[dict[str, Any]], unrelated_above: float) -> dict[str, Any]:
    """Of one method's stages: the cascade, the whole model at once, and whether the explanation moved.

    ``passed`` is false where, on average over draws of the whole model, ranks of importances still correlate by more
    than ``unrelated_above`` with those of the trained one.
    """
    whole = [stage["spearman"] for stage in found if stage["stage"] == ALL_AT_ONCE and stage["spearman"] is not None]
    mean = float(np.mean(whole)) if whole else None
    return {
        "cascade": [stage for stage in found if stage["stage"] != ALL_AT_ONCE],
        "all_at_once": {"spearman": mean, "draws": whole},
        "passed": None if mean is None else mean <= unrelated_above,
    }
