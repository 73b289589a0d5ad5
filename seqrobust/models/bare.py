"""A module as a function from one-hot to logits, with all that stands around it: preprocessing, lengths, strands.

Of batches, devices, gradients and counts it knows nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ModelError
from seqrobust.models.adapters.form import Side
from seqrobust.models.adapters.padding import padded
from seqrobust.models.checks.calling import Caller
from seqrobust.models.outputs import OutputScale, as_logits, outputs_matrix
from seqrobust.models.unsquashed import Unsquashed, agrees, count_squashes, log_probabilities
from seqrobust.models.wrappers import reverse_complement
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of

Function: TypeAlias = Callable[[Tensor], Tensor]

ROWS = 16
"""Every batch is filled up to a multiple of so many rows. CPU kernels for matrix products take other code paths, and
round otherwise, for the rows left over (and for eight rows, in convolutions of width one); filled up, a record's
outputs are the same bits whatever stands beside it, for layers of usual width."""


@dataclass(kw_only=True, eq=False)
class BareModel:
    """See :class:`~seqrobust.models.predictor.Predictor` for what its attributes mean.

    Attributes:
        most: rows that the module is sent at once, at most.
        rows: that it was sent so far, filled-up ones and both strands included.
        tolerant: outputs that are no number are handed on, for a caller that tells them apart by :func:`lost`.
        odds: reads log-odds of probabilities at full precision; None where they cannot be read. See
            :meth:`settle_odds`.
    """

    module: nn.Module
    alphabet: Alphabet
    task: Task
    scale: OutputScale | Literal["auto"]
    input_length: int | None
    average_strands: bool
    preprocess: Function | None
    one_by_one: bool = False
    pad: Side = "right"
    most: int = 256
    rows: int = 0
    tolerant: bool = False
    odds: Unsquashed | None = None

    def __post_init__(self) -> None:
        if self.average_strands and not self.alphabet.complement:
            raise ModelError(
                f"{self.alphabet.name} has no other strand",
                fix="average strands (--average-strands) of DNA or RNA only",
            )
        self.caller = Caller(module=self.module)

    @property
    def fill(self) -> int:
        """Batches are filled up to a multiple of so many rows: :data:`ROWS`, or as many as the module may be sent."""
        return min(ROWS, self.most)

    def twin(self) -> BareModel:
        """The same of a copy of the module. Raises what copying raises."""
        return self.of(copy.deepcopy(self.module))

    def of(self, module: nn.Module) -> BareModel:
        """The same of another module."""
        made = replace(self, module=module)
        made.caller.like(self.caller)
        return made

    def logits(self, encoded: Tensor, lengths: Tensor) -> Tensor:
        """(M, outputs) of (M, K, L) input; the mean of both strands if so asked. Raises ModelError where not finite."""
        own = self._strand(encoded, lengths)
        if not self.average_strands:
            return own
        mean = (own + self._strand(reverse_complement(encoded, lengths, self.alphabet), lengths)) / 2
        self.check(mean)  # Infinities of both signs have no mean.
        return mean

    def outputs(self, encoded: Tensor, lengths: Tensor) -> Tensor:
        """(M, T) of the module itself, for one strand, on its own scale. Raises ModelError where not finite."""
        matrix = self.raw_outputs(encoded, lengths)
        self.check(matrix)
        return matrix

    def check(self, outputs: Tensor) -> None:
        """Raise ModelError as :func:`check_finite` does, unless tolerant."""
        if not self.tolerant:
            check_finite(outputs, self.task)

    def raw_outputs(self, encoded: Tensor, lengths: Tensor) -> Tensor:
        """(M, T) as :meth:`outputs` gives them, finite or not."""
        if self.one_by_one and len(encoded) > 1:
            sizes = lengths.tolist()
            alone = [self.raw_outputs(encoded[i : i + 1, :, :size], lengths[i : i + 1]) for i, size in enumerate(sizes)]
            return torch.cat(alone)
        if len(encoded) > self.most:
            parts = zip(torch.split(encoded, self.most), torch.split(lengths, self.most), strict=True)
            return torch.cat([self.raw_outputs(*part) for part in parts])
        return outputs_matrix(self._call(*self.prepared(encoded, lengths)), len(encoded), self.task)

    def function(self, rows: int, length: int) -> Function:
        """From one-hot (rows, K, length) of records without padding to logits (rows, outputs), for tracing."""

        def strand(encoded: Tensor) -> Tensor:
            if self.odds is not None:
                with self.odds.read():
                    return self._of_odds(asked(encoded))
            return self._as_logits(asked(encoded))

        def asked(encoded: Tensor) -> Tensor:
            encoded = encoded if self.preprocess is None else self._preprocessed(encoded)
            size = encoded.shape[2]
            if self.input_length is not None and self.input_length != size:
                lengths = torch.full((rows,), size, device=encoded.device)
                raw: object = self._call_fixed(encoded, lengths, self.input_length)
            else:
                raw = self._called(encoded, None)
            return outputs_matrix(raw, len(encoded), self.task)

        def both(encoded: Tensor) -> Tensor:
            return (strand(encoded) + strand(reverse_complement(encoded, None, self.alphabet))) / 2

        return both if self.average_strands else strand

    def _strand(self, encoded: Tensor, lengths: Tensor) -> Tensor:
        if self.odds is None or self.odds.resting:
            return self._as_logits(self.outputs(encoded, lengths))
        with self.odds.read():
            return self._of_odds(self.outputs(encoded, lengths))

    def settle_odds(self, encoded: Tensor, lengths: Tensor, matrix: Tensor) -> bool:
        """Find out whether log-odds of the module's probabilities can be read, on records (M, K, L) of known outputs.

        They are kept in :attr:`odds` where they agree with those outputs (M, T).
        """
        self.odds = None
        size = int(lengths[0])
        one = encoded[:1, :, :size], lengths[:1]
        try:
            count = count_squashes(lambda: self.raw_outputs(*one))
            if not count:
                return False
            self.odds = Unsquashed(number=count - 1)
            with self.odds.read():
                found = self.raw_outputs(encoded, lengths)
            if not self.odds.failed and agrees(found, matrix):
                return True
        except Exception:  # whatever a stranger's module does when it is looked into
            self.odds = None
            return False
        self.odds = None
        return False

    def _of_odds(self, odds: Tensor) -> Tensor:
        several = task_of(self.task).exclusive and odds.shape[1] > 1
        return as_logits(log_probabilities(odds) if several else odds, self.task, "logits")

    def _called(self, encoded: Tensor, lengths: Tensor | None) -> object:
        """The raw output of a call, or log-odds while those are read."""
        if self.odds is None or not self.odds.reading:
            return self.caller(encoded, lengths)
        return self.odds.of(lambda: self.caller(encoded, lengths))

    def _as_logits(self, matrix: Tensor) -> Tensor:
        return as_logits(matrix, self.task, "logits" if self.scale == "auto" else self.scale)

    # Preprocessing ---------------------------------------------------------------------------------------------------

    def prepared(self, encoded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What the preprocessing makes of each record, zeros behind its end, and the lengths it has then."""
        if self.preprocess is None:
            return encoded, lengths
        sizes, parts, order = torch.empty_like(lengths), [], []
        for rows, length in _lengths_apart(lengths):
            parts.append(self._preprocessed(encoded[rows, :, :length]))
            sizes[rows] = parts[-1].shape[2]
            order.append(rows)
        widest = max(part.shape[2] for part in parts)
        joined = torch.cat([nn.functional.pad(part, (0, widest - part.shape[2])) for part in parts])
        return joined[torch.cat(order).argsort()], sizes

    def _preprocessed(self, encoded: Tensor) -> Tensor:
        """The step's result for records without padding. Raises ModelError where it is not one matrix per record."""
        assert self.preprocess is not None
        made: object = self.preprocess(encoded)
        if not isinstance(made, Tensor) or made.ndim != 3 or len(made) != len(encoded):
            found = str(tuple(made.shape)) if isinstance(made, Tensor) else type(made).__name__
            expected = f"a tensor of shape ({len(encoded)}, letters, positions)"
            raise ModelError("the preprocessing returns something else", expected=expected, found=found)
        return made

    # The module ------------------------------------------------------------------------------------------------------

    def _call(self, encoded: Tensor, lengths: Tensor) -> object:
        """The module's raw output; records of different lengths one length at a time where it cannot be told them."""
        width = encoded.shape[2]
        if self.input_length is not None:
            return self._call_fixed(encoded, lengths, self.input_length)
        full = bool((lengths == width).all())
        if full or self.caller.told != "never":
            return self._sent(encoded, None if full else lengths)
        alike = lambda part: outputs_matrix(self._sent(part, None), len(part), self.task)  # noqa: E731
        return by_length(alike, encoded, lengths, fill=self.fill)

    def _call_fixed(self, encoded: Tensor, lengths: Tensor, size: int) -> object:
        if encoded.shape[2] > size and (longest := int(lengths.max())) > size:
            raise ModelError(
                "a record is longer than the model's input",
                expected=f"at most {size}",
                found=str(longest),
                fix=f"cut the records with --max-length {size} (data.max_length in a config), or drop the long ones",
            )
        full = encoded.shape[2] == size and bool((lengths == size).all())
        if full:
            return self._sent(encoded, None)
        if self.pad != "right" and self.caller.told != "never":
            raise ModelError(
                "the model takes lengths, so that what it does not read stands behind a record",
                expected="--pad right",
                found=f"--pad {self.pad}",
            )
        return self._sent(padded(encoded, lengths, size, self.pad), lengths)

    def _sent(self, encoded: Tensor, lengths: Tensor | None) -> object:
        self.rows += len(encoded)
        return self._called(encoded, lengths)


def by_length(function: Function, encoded: Tensor, lengths: Tensor, *, fill: int = ROWS) -> Tensor:
    """(M, outputs) of a function of records without padding, which sees one length at a time, rows filled up.

    The rows of one length are filled up to a multiple of ``fill``, and are never more than those given, filled up.
    """
    order, parts = [], []
    for rows, length in _lengths_apart(lengths):
        filled = torch.cat([rows, rows[-1:].expand(-len(rows) % fill)])
        parts.append(function(encoded[filled, :, :length])[: len(rows)])
        order.append(rows)
    return torch.cat(parts)[torch.cat(order).argsort()]


def lost(outputs: Tensor, task: Task = "regression") -> Tensor:
    """(M,) bool: rows of (M, T) outputs in which one is NaN, or infinite and no logit.

    A logit of minus infinity says that a class is never predicted (a mask), one of plus infinity that it always is. Of
    several outputs one has to be finite: a model that gives nothing but infinities has divided by zero or diverged.
    """
    wrong = task_of(task).unusable(outputs).any(1)
    return wrong | ~outputs.isfinite().any(1) if outputs.shape[1] > 1 else wrong


def check_finite(outputs: Tensor, task: Task = "regression") -> None:
    """Raise ModelError where a row is :func:`lost`."""
    wrong = lost(outputs, task)
    if bool(wrong.any()):
        row = int(torch.nonzero(wrong)[0, 0])
        raise ModelError(
            "the model returned a value that is not finite",
            found=f"{outputs[row].tolist()} in row {row + 1} of a batch",
            fix="check the weights and how the model treats unknown letters (all-zero columns)",
        )


def _lengths_apart(lengths: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Rows of each length among (M,) lengths, and that length."""
    for length in sorted(set(lengths.tolist())):
        yield torch.nonzero(lengths == length).flatten(), length
