"""One function an analysis: a model and records in memory in, a :class:`~seqrobust.api.result.Result` out.

They share ``model``, which is a wrapped model, an ``nn.Module`` (with ``task``, and ``alphabet`` where it cannot be
guessed) or what names one; ``given``: records, a list of texts, a one-hot array (N, K, L), or a file; and ``settings``:
the fields of the settings class that the function names, and the keywords of :func:`seqrobust.api.asking.ask`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqrobust.api.asking import ask
from seqrobust.api.result import Result
from seqrobust.api.subjects import Model, Records
from seqrobust.api.threats import Threat

if TYPE_CHECKING:
    from seqrobust.analysis.attack import AttackFindings


def attack(model: Model, given: Records, threat: Threat | int | str, **settings: Any) -> Result[AttackFindings]:
    """How few letters must change to flip a prediction; see :class:`seqrobust.attacks.settings.AttackSettings`.

    >>> import torch
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(32, 1, bias=False))
    >>> _ = nn.init.constant_(net[1].weight, 0.0)
    >>> net[1].weight.data[0, :8] = 1.0  # counts the letter A
    >>> net[1].weight.data[0, 8:16] = -1.0  # less those of C
    >>> found = attack(net, ["AACGTGTG", "ACCGTGTG"], 1, task="binary", alphabet="DNA", attacks="quick")
    >>> found.table[["id", "success", "n_edits"]].values.tolist()
    [['seq1', True, 1], ['seq2', True, 1]]
    """
    return ask("attack", model, given, threat, **settings)
