"""What is explained: one number per record, a weighted sum of its logits, so that every method explains the same."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.analysis.attribution.settings import Quantity
from seqrobust.analysis.saturation import output_names
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.tasks import task_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """The number explained of each of N records.

    Attributes:
        weights: (N, outputs) float32; the number is the sum of a record's logits times these.
        names: N names of the output that is meant.
        quantity: what the number is, in words.
    """

    weights: Tensor
    names: tuple[str, ...]
    quantity: str

    def of(self, logits: Tensor) -> Tensor:
        """(N,) numbers of (N, outputs) logits."""
        return (logits * self.weights.to(logits.device)).sum(1)


def explain(
    predictor: Predictor, logits: Tensor, output: str | None = None, quantity: Quantity = "contrast"
) -> Explained:
    """Choose what is explained.

    For classification it is the logit of a class less the mean of the other classes' logits, which a constant added to
    all logits does not move, or with the quantity ``logit`` that logit alone; the class is the predicted one. For
    ``binary`` it is the logit of the positive class whatever is predicted, for ``multilabel`` the highest logit, for
    ``regression`` the first value.

    Args:
        predictor: checked.
        logits: (N, outputs) of the records, from which predictions are read.
        output: name of a class, label or value that is explained for every record instead. For ``binary`` either
            class: the logit of the negative one is the other's with its sign turned.
        quantity: of a class, where there are several outputs of which one is true.

    Raises ConfigError for a name that is none of the outputs.
    """
    names = output_names(predictor)
    count = len(logits)
    task = task_of(predictor.task)
    if task.two_sided:
        return _binary(predictor, count, output)
    if output is not None and output not in names:
        known = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
        raise ConfigError("no output has that name", expected=known, found=repr(output), where="--output")
    if output is not None:
        chosen = torch.full((count,), names.index(output))
    else:
        chosen = task.explained_output(logits.detach().cpu())
    named = tuple(names[row] for row in chosen.tolist())
    weights = task.contrast(chosen, len(names))
    alone = torch.nn.functional.one_hot(chosen, len(names)).float()
    if quantity == "logit" and not torch.equal(weights, alone):
        return Explained(weights=alone, names=named, quantity="the class's logit")
    return Explained(weights=weights, names=named, quantity=task.quantity)


def _binary(predictor: Predictor, count: int, output: str | None) -> Explained:
    negative, positive = predictor.labels or ("0", "1")
    if output not in (None, negative, positive):
        raise ConfigError(
            "no class has that name", expected=f"{negative}, {positive}", found=repr(output), where="--output"
        )
    sign = -1.0 if output == negative else 1.0
    name = negative if output == negative else positive
    return Explained(
        weights=torch.full((count, 1), sign), names=(name,) * count, quantity=task_of(predictor.task).quantity
    )
