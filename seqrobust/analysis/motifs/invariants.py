"""What is checked of marginalisation and ablation at the end of a run."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from seqrobust.analysis.audit.numbers import equal_numbers, finite, metrics_sound
from seqrobust.analysis.audit.outcome import Outcome, not_checked
from seqrobust.analysis.motifs.findings import MotifsFindings
from seqrobust.analysis.motifs.study import MotifsReady
from seqrobust.analysis.subject import Subject

_ASKED = "the model's outputs for the records as they are, against those before the edits"


def invariants(subject: Subject, ready: MotifsReady, findings: MotifsFindings) -> Iterator[Outcome]:
    """Numbers are numbers, and what stands before an edit is what the model says of the record."""
    table = findings.table
    yield finite("changes are numbers", table[["before", "after", "change"]].to_numpy(), "outputs and their changes")
    if ready.predictor.stochastic or findings.shuffled:
        why = "the model is random" if ready.predictor.stochastic else "backgrounds are shuffles"
        yield not_checked("the outputs before", _ASKED, why)
    else:
        rows = {name: number for number, name in enumerate(ready.sequences.ids)}
        with ready.predictor.attached():
            logits = ready.predictor.logits(torch.tensor(ready.sequences.tokens).to(ready.predictor.device))
        places = {name: number for number, name in enumerate(findings.outputs)}
        again = logits.cpu().numpy()[table.id.map(rows), table.output.map(places)]
        yield equal_numbers("the outputs before", _ASKED, table.before.to_numpy(), again, 1e-4)
    yield from metrics_sound(findings.plain())
