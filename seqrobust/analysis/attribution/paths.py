"""Methods of captum: gradients along a path from a baseline, and letters taken away."""

from __future__ import annotations

import torch
from torch import Tensor

from seqrobust.analysis.attribution.found import Found, at_present, contributions, summed
from seqrobust.analysis.attribution.question import Question, finite
from seqrobust.models.gradients import told


def integrated_gradients(question: Question) -> Found:
    """The gradient averaged along the straight line from the baseline to the record, times the way (Sundararajan et al.
    2017, arXiv:1703.01365), by Gauss-Legendre quadrature; with several baselines the mean over them."""
    from captum.attr import IntegratedGradients

    # Multipliers alone: what each letter would contribute follows from them.
    method = IntegratedGradients(question.value, multiply_by_inputs=False)
    values, differences = [], []
    for baseline in question.baselines:
        with torch.enable_grad(), told():
            multipliers = method.attribute(
                question.encoded,
                baselines=baseline,
                additional_forward_args=(question.weights, question.lengths),
                n_steps=question.settings.steps,
                method="gausslegendre",
                internal_batch_size=max(question.predictor.batch_size, len(baseline)),
            )
        values.append(contributions(finite(multipliers.float()), baseline))
        differences.append(_plain_value(question, question.encoded) - _plain_value(question, baseline))
    return summed(question, torch.stack(values).mean(0), torch.stack(differences).mean(0))


def occlusion(question: Question) -> Found:
    """By how much the number falls when a position is replaced by the baseline's (Zeiler & Fergus 2014), at the letter
    that is there; with a window of several positions, the mean over the windows that cover it."""
    from captum.attr import Occlusion

    letters, longest = question.encoded.shape[1:]
    method, total = Occlusion(question.value), torch.zeros_like(question.encoded)
    for baseline in question.baselines:
        with torch.no_grad():
            total += method.attribute(
                question.encoded,
                sliding_window_shapes=(letters, min(question.settings.window, longest)),
                baselines=baseline,
                additional_forward_args=(question.weights, question.lengths),
                perturbations_per_eval=max(question.predictor.batch_size // len(baseline), 1),
            )
    return Found(at_present(question, total / len(question.baselines)))


def _plain_value(question: Question, points: Tensor) -> Tensor:
    with torch.no_grad():
        return question.value(points, question.weights, question.lengths)
