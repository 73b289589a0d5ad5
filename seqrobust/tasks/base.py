"""What a task has to know: how outputs are read, when an answer is right, and what training minimises.

What only answers have that are right or wrong, a measured task refuses with ValueError.

Callers ask the value instead of comparing a task's name, so that a fifth task would be one more file here. Names are
strings wherever people or files meet them (``--task``, a config, a checkpoint, ``metrics.json``);
:func:`~seqrobust.tasks.registry.task_of` turns one into its value.

A tie is the adversary's: an answer is right only where it leads, by whatever little.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from seqrobust.tasks.names import Task


class TaskValue(ABC):
    """One task. Logits are (M, outputs); targets (M,) int64 class indices, or (M, T) float32 labels or values.

    Attributes:
        name: as people and files name it.
        measured: targets are numbers, so that a prediction is near or far rather than right or wrong; an adversary
            shifts it ``up`` or ``down``.
        exclusive: a record is of one class, and of no other.
        independent: a record has several labels, each of which is answered by itself.
        softmax: the outputs are one distribution, an output a class; else every output is a logit or value by itself.
        two_sided: one logit stands for two classes, positive for the second.
        score: key of the number by which models are compared.
        fewest_labels, most_labels: how many names it may have.
        most_columns: how many columns a user-supplied model may return.
        quantity: what an explanation explains, in words.
        output_words: what stands before an output's name where its number is spoken of.
    """

    name: ClassVar[Task]
    measured: ClassVar[bool] = False
    exclusive: ClassVar[bool] = False
    independent: ClassVar[bool] = False
    softmax: ClassVar[bool] = False
    two_sided: ClassVar[bool] = False
    score: ClassVar[str] = "accuracy"
    fewest_labels: ClassVar[int] = 1
    most_labels: ClassVar[float] = math.inf
    most_columns: ClassVar[float] = math.inf
    quantity: ClassVar[str]
    output_words: ClassVar[str] = "the logit of "

    # Names and outputs ------------------------------------------------------------------------------------------------

    def output_names(self, labels: Sequence[str]) -> tuple[str, ...]:
        """A name for each output."""
        return tuple(labels)

    def outputs(self, labels: int) -> int:
        """How many outputs a model has per record, of so many labels."""
        return labels

    @property
    def fewest_outputs(self) -> int:
        """The fewest outputs that a model of the task has."""
        return self.outputs(self.fewest_labels)

    @property
    def most_outputs(self) -> float:
        """The most outputs that a model of the task has."""
        return math.inf

    def default_labels(self, outputs: int) -> tuple[str, ...]:
        """Names where nobody gave any: numbers from 0."""
        return tuple(str(index) for index in range(outputs))

    def joined(self, matrix: Tensor) -> Tensor:
        """(M, outputs) of the (M, columns) logits that a module returned."""
        return matrix

    # Predictions ------------------------------------------------------------------------------------------------------

    def class_logits(self, logits: Tensor) -> Tensor:
        """(M, C) logits of classes that exclude each other; the logits themselves for other tasks."""
        return logits

    @abstractmethod
    def predictions(self, logits: Tensor) -> Tensor:
        """Class index (M,) int64, label matrix (M, T) float32, or values (M, T).

        Of classes that tie, the first; whether a prediction is right is not read off this but off :meth:`right`.
        """

    def margin(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(M,) by how much the true answer leads: positive where the prediction is right, 0 at a tie, which is not."""
        raise ValueError(f"a {self.name} is not right or wrong")

    def right(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(M,) bool: the true answer leads, every label of it."""
        return self.margin(logits, targets) > 0

    def attackable(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(M,) bool: records whose prediction an adversary could spoil: the right ones, or all where it is measured."""
        return self.right(logits, targets)

    @abstractmethod
    def lead(self, logits: Tensor) -> Tensor:
        """(M,) by how much the prediction leads over what else it could be; of values, their spread over records."""

    def differ(self, one: Tensor, other: Tensor) -> Tensor:
        """(M,) bool: two (M, outputs) logits predict something else. Never, where the task is measured."""
        return (self.predictions(one) != self.predictions(other)).reshape(len(one), -1).any(1)

    def answers(self, logits: Tensor, labels: Sequence[str]) -> list[str]:
        """What (M, outputs) logits say, in words; all answers that tie, so that a tie never reads like a right one."""
        raise ValueError(f"a {self.name} is not right or wrong")

    def answer_name(self, prediction: Tensor, labels: Sequence[str]) -> str:
        """One record's prediction, () or (T,), in words."""
        raise ValueError(f"a {self.name} is not right or wrong")

    def unusable(self, outputs: Tensor) -> Tensor:
        """(M, T) bool: NaN. An infinite logit is an answer that is never given, or always."""
        return outputs.isnan()

    # Rivals of an answer ----------------------------------------------------------------------------------------------

    def rivals(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(M, W) by how much each rival class leads over the target, minus infinity for the target; or each label's
        signed logit, positive where it is wrong."""
        raise ValueError(f"a {self.name} is not right or wrong")

    def rival_sizes(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(M, W) of the numbers that each of :meth:`rivals` is made of."""
        raise ValueError(f"a {self.name} is not right or wrong")

    def margin_size(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(M, W) of the numbers that :meth:`margin` is made of."""
        raise ValueError(f"a {self.name} is not right or wrong")

    # Scales -----------------------------------------------------------------------------------------------------------

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of logits (..., outputs); of a two-sided task, that of the second class."""
        return logits.sigmoid()

    def comparable(self, logits: Tensor) -> Tensor:
        """On the scale on which outputs of several models are compared: probabilities, or the values themselves."""
        return self.probabilities(logits)

    def centred(self, logits: Tensor) -> Tensor:
        """(M, outputs) logits less what changes no prediction."""
        return logits

    def logits_of(self, probabilities: Tensor) -> Tensor:
        """(M, columns) logits of as many probabilities; inexact where float32 probabilities are saturated."""
        tiny = torch.finfo(probabilities.dtype).tiny
        if self.exclusive and probabilities.shape[1] > 1:
            return probabilities.clamp(min=tiny).log()
        none = (1 - probabilities).clamp(min=torch.finfo(probabilities.dtype).eps / 2)
        return probabilities.clamp(min=tiny).log() - none.log()

    # Explanations -----------------------------------------------------------------------------------------------------

    def explained_output(self, logits: Tensor) -> Tensor:
        """(M,) index of the output that is explained where nobody named one: the largest, or the first value."""
        return logits.argmax(1)

    def contrast(self, chosen: Tensor, outputs: int) -> Tensor:
        """(M, outputs) weights of the quantity that stands for the chosen outputs (M,)."""
        return torch.nn.functional.one_hot(chosen, outputs).float()

    def output_weights(self, weights: Tensor) -> Tensor:
        """(M, outputs) weights of the outputs, of as many weights of :meth:`class_logits`."""
        return weights

    # Training ---------------------------------------------------------------------------------------------------------

    def margins(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """(B, W) leads of the true score: over each class, infinite over itself; over 0 where it is a single logit."""
        raise ValueError(f"a {self.name} is not right or wrong")

    def log_loss(self, logits: Tensor, wanted: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
        """(B,) cross-entropy.

        Args:
            logits, wanted: of B records.
            weights: (C,) of classes, or (2,) or (2, T) of absent and present labels; None for 1.
            smoothing: share of a target's mass that is spread over all classes.
        """
        raise ValueError(f"a {self.name} is not right or wrong")

    def divergence(self, before: Tensor, after: Tensor) -> Tensor:
        """(B,) Kullback-Leibler divergence between two (B, outputs) logits."""
        raise ValueError(f"a {self.name} is not right or wrong")
