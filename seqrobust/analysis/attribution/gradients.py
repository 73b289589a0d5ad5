"""Methods that read a gradient, as it is or corrected."""

from __future__ import annotations

import torch
from torch import Tensor

from seqrobust.analysis.attribution.found import Found, at_known, at_present, centred
from seqrobust.analysis.attribution.question import Question
from seqrobust.attacks.streams import RecordStreams

_SMALLEST = 2.0**-53


def saliency(question: Question) -> Found:
    """The gradient at every letter (Simonyan et al. 2014, arXiv:1312.6034), with its sign."""
    return Found(at_known(question, question.gradient(question.encoded)))


def input_x_gradient(question: Question) -> Found:
    """The gradient at the letter that is there, zeros elsewhere (Shrikumar et al. 2016, arXiv:1605.01713)."""
    return Found(at_present(question, question.gradient(question.encoded)))


def saliency_corrected(question: Question) -> Found:
    """The gradient less its mean over the letters of each position.

    One-hot columns lie on a simplex. What points off it is fixed by no data and is noise; taking the mean away leaves
    the part along the simplex (Majdandzic et al. 2023, "Correcting gradient-based interpretations of deep neural
    networks for genomics", Genome Biology 24:109).
    """
    return Found(at_known(question, centred(question.gradient(question.encoded))))


def input_x_gradient_corrected(question: Question) -> Found:
    """The corrected gradient at the letter that is there, zeros elsewhere."""
    return Found(at_present(question, centred(question.gradient(question.encoded))))


def smoothgrad(question: Question) -> Found:
    """The mean gradient at noisy copies of the record (Smilkov et al. 2017, arXiv:1706.03825).

    The noise is each record's own, so that it depends on no other; captum's comes from torch's global generator and
    changes with the batch.
    """
    settings, total = question.settings, torch.zeros_like(question.encoded)
    streams = [RecordStreams(settings.seed, [name], "smoothgrad") for name in question.sequences.ids]
    for _ in range(settings.draws):
        total += question.gradient(question.encoded + settings.noise * _noise(question, streams))
    return Found(at_known(question, total / settings.draws))


def _noise(question: Question, streams: list[RecordStreams]) -> Tensor:
    """(M, K, L) standard normal numbers at known letters; a record draws as many as it is long."""
    letters = question.encoded.shape[1]
    drawn = torch.zeros_like(question.encoded)
    for row, (stream, length) in enumerate(zip(streams, question.lengths.tolist(), strict=True)):
        uniforms = stream.uniforms(letters * length).clamp(min=_SMALLEST)
        drawn[row, :, :length] = torch.special.ndtri(uniforms).float().reshape(letters, length)
    return drawn * question.known
