"""What is checked of a saturation map at the end of a run: it is full where it should be, and the model's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from seqrobust.analysis.audit.numbers import counts_add_up, equal_numbers, finite, metrics_sound
from seqrobust.analysis.audit.outcome import Outcome, not_checked
from seqrobust.analysis.ism.findings import IsmFindings
from seqrobust.analysis.ism.storage import SaturationMap
from seqrobust.analysis.ism.study import IsmReady
from seqrobust.analysis.saturation import Scored
from seqrobust.analysis.subject import Subject
from seqrobust.sequences.encoding import tokens_from_texts

_SAMPLE = 16
_FORWARDS = "plain forward passes over sequences written out as text, against the map"


def invariants(subject: Subject, ready: IsmReady, findings: IsmFindings) -> Iterator[Outcome]:
    """Numbers where letters were put and nowhere else, references and some substitutions asked again, and counts."""
    found = findings.store.opened()
    yield finite("references are numbers", found.reference, "the model's outputs for every record")
    filled = sum(int(np.isfinite(scored.scores[..., 0]).sum()) for scored in found.read(ready.blocks))
    letters = ready.sequences.alphabet.size
    what = "numbers of the map against positions scanned times letters"
    yield counts_add_up("the map is full", what, [filled], int(ready.scanned.sum()) * letters)
    if ready.predictor.stochastic:
        yield not_checked("the map asked again", _FORWARDS, "the model is random")
    else:
        yield from _asked_again(ready, found)
    yield from metrics_sound(findings.metrics)


def _asked_again(ready: IsmReady, found: SaturationMap) -> Iterator[Outcome]:
    """References of some records, and a substitution of each, at places drawn from all over the map."""
    texts, alphabet, predictor = ready.sequences.texts, ready.sequences.alphabet, ready.predictor
    usable = np.flatnonzero(ready.scanned.any(1))
    records = usable[np.unique(np.linspace(0, len(usable) - 1, min(len(usable), _SAMPLE)).astype(np.int64))]
    edited, kept = [], []
    for number, record in enumerate(records.tolist()):
        places = np.flatnonzero(ready.scanned[record])
        place, letter = int(places[len(places) * number // len(records)]), number % alphabet.size
        edited.append(texts[record][:place] + alphabet.letters[letter] + texts[record][place + 1 :])
        kept.append(_of(ready, found, record, letter, place))
    if not edited:
        yield not_checked("the map asked again", _FORWARDS, "no position was scanned")
        return
    tokens = tokens_from_texts([*edited, *(texts[record] for record in records.tolist())], alphabet)
    with predictor.attached():
        again = predictor.logits(torch.tensor(tokens)).float().cpu().numpy()
    share = 10 * predictor.rounding
    asked = replace(
        equal_numbers("the map asked again", _FORWARDS, np.stack(kept), again[: len(kept)], share), forwards=len(again)
    )
    yield asked
    yield equal_numbers("references asked again", _FORWARDS, found.reference[records], again[len(kept) :], share)


def _of(ready: IsmReady, found: SaturationMap, record: int, letter: int, place: int) -> np.ndarray:
    """(outputs,) of one cell, read from the block that holds it."""
    block = next(one for one in ready.blocks if one.start <= record < one.stop and one.left <= place < one.right)
    scored: Scored = next(iter(found.read([block])))
    return np.asarray(scored.scores[record - block.start, letter, place - block.left])
