"""A predictor: any module from one-hot to outputs, with what is needed to attack it and to believe the answer.

It owns the device, the batch size, evaluation mode and the counters, and turns whatever shape the module returns into
logits (N, outputs). The module is given back in the mode and on the device it came with.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ModelError
from seqrobust.models.outputs import OutputScale, as_logits, detect_scale, outputs_matrix
from seqrobust.sequences.encoding import Unknown, one_hot
from seqrobust.sequences.targets import Task

ROWS = 16
"""Every batch is filled up to a multiple of so many rows. CPU kernels for matrix products take other code paths, and
round otherwise, for the rows left over (and for eight rows, in convolutions of width one); filled up, a record's
outputs are the same bits whatever stands beside it, for layers of usual width."""


class Gradient(NamedTuple):
    """Outputs (M, outputs), an objective (M,) and its gradient (M, K, L) with respect to the one-hot input."""

    logits: Tensor
    value: Tensor
    gradient: Tensor


def resolve_device(name: str) -> torch.device:
    """The device of a name; ``auto`` takes a CUDA device where there is one. Raises ModelError for an absent one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError("the device cannot be used", found=f"{name}: {str(error).splitlines()[0]}") from None
    return device


def _takes_lengths(module: nn.Module) -> bool:
    try:
        return "lengths" in inspect.signature(module.forward).parameters
    except ValueError:  # a compiled module, such as one of TorchScript, has no signature
        return False


class Predictor:
    """A module made ready for questions.

    Args:
        module: maps one-hot (M, K, L) to outputs. If its ``forward`` has a parameter ``lengths``, padded batches are
            passed with their (M,) lengths; otherwise records of different lengths go in separate batches, unpadded.
        alphabet, task: what it reads and what it says.
        labels: class names in output order (binary: negative, positive), or value names. None until the first check,
            which numbers the outputs.
        unknown: what an unknown letter's column holds.
        input_length: pad every record with zero columns to this length, for a module of fixed input size.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
        batch_size: records per forward pass, rounded up to a multiple of :data:`ROWS`; None for as many as suit the
            device. It changes speed and memory, not results.
        scale: whether outputs are logits or probabilities; ``auto`` finds out at the first check.

    Attributes:
        forwards: sequences scored without a gradient so far.
        gradients: sequences scored with their gradient so far.
        notices: what was noticed about the module and should be said.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        alphabet: Alphabet,
        task: Task,
        labels: Sequence[str] | None = None,
        unknown: Unknown = "zeros",
        input_length: int | None = None,
        device: str = "auto",
        batch_size: int | None = None,
        scale: OutputScale | Literal["auto"] = "auto",
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ModelError("a batch holds at least one record", found=f"batch size {batch_size}")
        self.module = module
        self.alphabet = alphabet
        self.task: Task = task
        self.labels: tuple[str, ...] | None = tuple(labels) if labels else None
        self.unknown: Unknown = unknown
        self.input_length = input_length
        self.device = resolve_device(device)
        self.scale: OutputScale | Literal["auto"] = "logits" if task == "regression" else scale
        self.forwards = 0
        self.gradients = 0
        self.notices: list[str] = []
        self._takes_lengths = _takes_lengths(module)
        self._recurrent = any(isinstance(part, nn.RNNBase) for part in module.modules())
        # On a CPU a convolution's batch should stay in the cache; a recurrence has little work a step, and wants rows.
        suits = 64 if self.device.type == "cpu" and not self._recurrent else 256
        self.batch_size = -(-(batch_size or suits) // ROWS) * ROWS

    @property
    def outputs(self) -> int:
        """Logits per record. Known once labels are."""
        if self.labels is None:
            raise ModelError("the number of outputs is not known yet", fix="call check() with a few sequences first")
        return 1 if self.task == "binary" else len(self.labels)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Within it the module is on the device, in evaluation mode, its parameters frozen; after it, as before."""
        modes = {part: part.training for part in self.module.modules()}
        frozen = {weight: weight.requires_grad for weight in self.module.parameters()}
        home = next((weight.device for weight in [*frozen, *self.module.buffers()]), self.device)
        self.module.to(self.device).eval()
        for weight in self.module.parameters():
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for part, mode in modes.items():
                part.training = mode
            for weight, needed in zip(self.module.parameters(), frozen.values(), strict=True):
                weight.requires_grad_(needed)
            self.module.to(home)

    def encode(self, tokens: Tensor) -> Tensor:
        """One-hot (M, K, L) of (M, L) tokens, on the tokens' device."""
        return one_hot(tokens, self.alphabet, self.unknown)

    def lengths(self, tokens: Tensor) -> Tensor:
        """(M,) int64 letters of each row of tokens."""
        return (tokens != self.alphabet.padding).sum(1)

    def check(self, tokens: Tensor) -> None:
        """Try the module on (M, L) tokens: shape, finiteness, logits or probabilities, number of labels.

        Raises ModelError for a module that fails, or returns what its task does not allow.
        """
        tokens = tokens.to(self.device)
        with self.attached(), torch.no_grad():
            try:
                raw = self._call(self.encode(tokens), self.lengths(tokens))
            except ModelError:
                raise
            except Exception as error:  # a stranger's code may raise anything
                raise ModelError(
                    "the model fails on a batch of sequences",
                    expected=f"forward(one-hot ({len(tokens)}, {self.alphabet.size}, {tokens.shape[1]}) float32)",
                    found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
                    fix="check alphabet, orientation (letters before positions) and input length (--input-length)",
                ) from error
            matrix = outputs_matrix(raw, len(tokens), self.task)
            self.check_finite(matrix)
            if self.scale == "auto":
                self.scale, notice = detect_scale(matrix, self.task, self.module)
                self.notices += [notice] if notice else []
            self._check_labels(as_logits(matrix, self.task, self.scale).shape[1])

    def _check_labels(self, outputs: int) -> None:
        if self.labels is None:
            self.labels = ("0", "1") if self.task == "binary" else tuple(str(index) for index in range(outputs))
        if outputs != self.outputs:
            raise ModelError(
                "the model's outputs do not fit its labels",
                expected=f"{self.outputs} outputs for task {self.task} with labels {', '.join(self.labels[:8])}",
                found=f"{outputs} outputs",
                fix="check --task and --labels",
            )

    def logits(self, tokens: Tensor) -> Tensor:
        """(M, outputs) logits of (M, L) tokens, without gradients. Raises ModelError where one is not finite."""
        if not len(tokens):
            return torch.zeros(0, self.outputs, device=self.device)
        with torch.no_grad():
            parts = [self._logits(self.encode(part), self.lengths(part)) for part, _ in self._batches(tokens)]
        self.forwards += len(tokens)
        return torch.cat(parts)[: len(tokens)]

    def gradient(self, points: Tensor, lengths: Tensor, objective: Callable[[Tensor, Tensor], Tensor]) -> Gradient:
        """Outputs, objective and its gradient at (M, K, L) points.

        Args:
            points: one-hot or relaxed input.
            lengths: (M,) letters of each row.
            objective: from logits (m, outputs) and their rows (m,) among the M to (m,) values.

        Raises ModelError where an output or a gradient is not finite.
        """
        logits, values, gradients = [], [], []
        for part, rows in self._batches(points):
            inputs = part.clone().requires_grad_(True)
            with torch.enable_grad(), self._differentiable():
                output = self._logits(inputs, lengths.to(self.device)[rows])
                value = objective(output, rows)
                if not value.requires_grad:
                    raise ModelError(
                        "the model passes no gradient to its input",
                        found="an arg-max, a rounding, detach() or no_grad() inside",
                        fix="compute on the one-hot input itself (an embedding is a matrix product with it)",
                    )
                (gradient,) = torch.autograd.grad(value.sum(), inputs)
            logits.append(output.detach())
            values.append(value.detach())
            gradients.append(gradient)
        self.gradients += len(points)
        joined = Gradient(*(torch.cat(parts)[: len(points)] for parts in (logits, values, gradients)))
        if not bool(joined.gradient.isfinite().all()):
            row = int(torch.nonzero(~joined.gradient.isfinite())[0, 0])
            raise ModelError("the model's gradient is not finite", found=f"in row {row + 1} of a batch")
        return joined

    def _batches(self, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches on the device with the rows' numbers, the last filled up to a multiple of ROWS with its last row."""
        for start in range(0, len(rows), self.batch_size):
            stop = min(start + self.batch_size, len(rows))
            filled = start + -(-(stop - start) // ROWS) * ROWS
            index = torch.arange(start, filled).clamp(max=stop - 1)
            yield rows[index.to(rows.device)].to(self.device), index.to(self.device)

    def _differentiable(self) -> AbstractContextManager[object]:
        # cuDNN cannot back-propagate through a recurrent layer in evaluation mode; its plain kernels can.
        if self._recurrent and self.device.type == "cuda":
            return torch.backends.cudnn.flags(enabled=False)
        return nullcontext()

    def _logits(self, encoded: Tensor, lengths: Tensor) -> Tensor:
        matrix = outputs_matrix(self._call(encoded, lengths), len(encoded), self.task)
        self.check_finite(matrix)
        return as_logits(matrix, self.task, "logits" if self.scale == "auto" else self.scale)

    def function(self, rows: int, length: int) -> Callable[[Tensor], Tensor]:
        """The bare function from one-hot (rows, K, length) of records without padding to logits (rows, outputs)."""
        lengths = torch.full((rows,), length, device=self.device)

        def logits(encoded: Tensor) -> Tensor:
            if self.input_length is not None and self.input_length != length:
                raw: object = self._call_fixed(encoded, lengths, self.input_length)
            else:
                raw = self.module(encoded, lengths=None) if self._takes_lengths else self.module(encoded)
            matrix = outputs_matrix(raw, len(encoded), self.task)
            return as_logits(matrix, self.task, "logits" if self.scale == "auto" else self.scale)

        return logits

    def check_finite(self, outputs: Tensor) -> None:
        """Raise ModelError where an output is not finite."""
        if not bool(outputs.isfinite().all()):
            row = int(torch.nonzero(~outputs.isfinite())[0, 0])
            raise ModelError(
                "the model returned a value that is not finite",
                found=f"{outputs[row].tolist()} in row {row + 1} of a batch",
                fix="check the weights and how the model treats unknown letters (all-zero columns)",
            )

    def _call(self, encoded: Tensor, lengths: Tensor) -> object:
        """The module's raw output; records of different lengths one length at a time where it cannot be told them."""
        width = encoded.shape[2]
        if self.input_length is not None:
            return self._call_fixed(encoded, lengths, self.input_length)
        full = bool((lengths == width).all())
        if self._takes_lengths:
            return self.module(encoded, lengths=None if full else lengths)
        if full:
            return self.module(encoded)
        return self._call_by_length(encoded, lengths)

    def _call_fixed(self, encoded: Tensor, lengths: Tensor, size: int) -> object:
        if encoded.shape[2] > size and (longest := int(lengths.max())) > size:
            raise ModelError(
                "a record is longer than the model's input",
                expected=f"at most {size}",
                found=str(longest),
                fix="cut the records (data.max_length) or drop the long ones",
            )
        if encoded.shape[2] == size and self._takes_lengths and bool((lengths == size).all()):
            return self.module(encoded, lengths=None)
        encoded = nn.functional.pad(encoded, (0, size - encoded.shape[2]))
        return self.module(encoded, lengths=lengths) if self._takes_lengths else self.module(encoded)

    def _call_by_length(self, encoded: Tensor, lengths: Tensor) -> Tensor:
        order, parts = [], []
        for length in sorted(set(lengths.tolist())):
            rows = torch.nonzero(lengths == length).flatten()
            filled = torch.cat([rows, rows[-1:].expand(-len(rows) % ROWS)])
            raw = self.module(encoded[filled, :, :length])
            parts.append(outputs_matrix(raw, len(filled), self.task)[: len(rows)])
            order.append(rows)
        return torch.cat(parts)[torch.cat(order).argsort()]
