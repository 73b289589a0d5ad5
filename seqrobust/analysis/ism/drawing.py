"""Which records of a saturation map are drawn, and which number of each substitution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqrobust.report.words import figure as figure_text
from seqrobust.report.words import one_line
from seqrobust.sequences import SequenceSet, Task
from seqrobust.tasks import task_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """What is drawn.

    Attributes:
        sequences, task, outputs: the records, and what the model says of them.
        records: rows of the records drawn.
        output: the output drawn; None for what the model predicts.
    """

    sequences: SequenceSet
    task: Task
    outputs: tuple[str, ...]
    records: tuple[int, ...]
    output: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Values:
    """The number drawn: its name, the record's own value in words, and the change (K, l) of it."""

    quantity: str
    text: str
    delta: NDArray[np.float32]


def drawn_values(drawing: Drawing, scores: NDArray[np.float32], reference: NDArray[np.float32]) -> Values:
    """One number per substitution.

    Args:
        drawing: which one.
        scores: (K, l, outputs) of a record.
        reference: (outputs,).

    For classification it is the margin of the predicted class over the highest other one, since a logit of a class says
    nothing without the others; for multilabel the logit of the likeliest label.
    """
    names = [one_line(name, 24) for name in drawing.outputs]
    task = task_of(drawing.task)
    if drawing.output is None and task.softmax and len(names) > 1:
        chosen = int(reference.argmax())
        others = np.delete(np.arange(len(names)), chosen)
        rival = names[int(others[reference[others].argmax()])]
        own = reference[chosen] - reference[others].max()
        change = scores[..., chosen] - scores[..., others].max(-1) - own
        return Values(
            quantity="the predicted class's margin",
            text=f"predicted {names[chosen]}, margin {figure_text(own)} over {rival}",
            delta=change,
        )
    chosen = drawing.output if drawing.output is not None else 0
    if drawing.output is None and task.independent:
        chosen = int(reference.argmax())
    return Values(
        quantity=f"{task.output_words}{names[chosen]}",
        text=f"{task.output_words}{names[chosen]} is {figure_text(reference[chosen])}",
        delta=scores[..., chosen] - reference[chosen],
    )
