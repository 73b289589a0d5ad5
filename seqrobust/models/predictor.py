"""A predictor: any module from one-hot to outputs, with what is needed to attack it and to believe the answer.

It owns the device, evaluation mode and the counters, and turns whatever shape the module returns into
logits (N, outputs). The module is given back in the mode and on the device it came with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ModelError
from seqrobust.models.adapters.form import Side
from seqrobust.models.bare import ROWS, BareModel, lost
from seqrobust.models.batches import Batches
from seqrobust.models.checks.calling import Caller, refuse_unmade
from seqrobust.models.checks.checking import Trial
from seqrobust.models.devices import resolve_device, suitable_batch
from seqrobust.models.draws import Draws
from seqrobust.models.expectation import SAME, sample_seed, seeded
from seqrobust.models.gradients import Gradient, blindness, joined, of_mean, of_one, without
from seqrobust.models.modes import evaluation_mode, modes_of, put_back
from seqrobust.models.outputs import OutputScale
from seqrobust.models.steps import Step
from seqrobust.sequences.encoding import Unknown, one_hot
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of

__all__ = ["ROWS", "Gradient", "Predictor"]


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
        pad: on which side.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
        batch_size: records per forward pass, at most; None for as many as suit the device. It changes speed and
            memory; results are the same bits from :data:`ROWS` on, and below the same up to rounding.
        scale: whether outputs are logits or probabilities; ``auto`` finds out at the first check.
        samples: draws of a module that the first check finds to be random; logits and gradients are their means, and
            the same input gets the same answer. None for one fresh draw at each question. Nothing to other modules.
        seed: of those draws.
        average_strands: give the mean of the logits of a record and of its reverse complement (DNA and RNA).
        one_by_one: send every record through the module by itself, for a module whose answer depends on the batch.
        preprocess: a step before the module, from one-hot (M, K, L) of records without padding to (M, K', L'); see
            :class:`~seqrobust.models.wrappers.StraightThrough` for one without a derivative.

    Attributes:
        forwards: sequences scored without a gradient so far, once per draw.
        gradients: sequences scored with their gradient so far, once per draw.
        target_spread: standard deviation of the training targets of a regression, by output; empty where not known.
        target_range: the smallest and the largest of them, likewise.
        constant: what every record tried, and every random sequence too, is predicted to be; None where predictions
            differ. Known once checked.
        gradientless: no gradient of the module is to be had. Known once checked.
        notices: what was noticed about the module and should be said.
        rounding: share of their size by which outputs may be rounded otherwise beside other records; see
            :func:`~seqrobust.models.expectation.rounding_share`. Known once checked.
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
        pad: Side = "right",
        device: str = "auto",
        batch_size: int | None = None,
        scale: OutputScale | Literal["auto"] = "auto",
        samples: int | None = None,
        seed: int = 0,
        average_strands: bool = False,
        one_by_one: bool = False,
        preprocess: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ModelError("a batch holds at least one record", found=f"batch size {batch_size}")
        if samples is not None and samples < 1:
            raise ModelError("a mean is over at least one sample", found=f"{samples} samples")
        self.module = module
        self.alphabet = alphabet
        self.task: Task = task
        self.labels: tuple[str, ...] | None = tuple(labels) if labels else None
        self.unknown: Unknown = unknown
        self.input_length = input_length
        self.pad = pad
        self.device = resolve_device(device)
        self.forwards = 0
        self.gradients = 0
        self.notices: list[str] = []
        self.target_spread: dict[str, float] = {}
        self.target_range: dict[str, tuple[float, float]] = {}
        self.rounding = SAME
        self.constant: str | None = None
        self.gradientless = False
        self.average_strands = average_strands
        self._bare = BareModel(
            module=module,
            alphabet=alphabet,
            task=task,
            scale="logits" if task_of(task).measured else scale,
            input_length=input_length,
            pad=pad,
            average_strands=average_strands,
            preprocess=preprocess,
            one_by_one=one_by_one,
        )
        self._recurrent = any(isinstance(part, nn.RNNBase) for part in module.modules())
        suits = suitable_batch(self.device, recurrent=self._recurrent)
        self._batches = Batches(self._bare, self.device, batch_size or suits, self.tell)
        self._draws = Draws(bare=self._bare, device=self.device, samples=samples, seed=seed)

    @property
    def scale(self) -> OutputScale | Literal["auto"]:
        """Whether the module's outputs are logits or probabilities. Known once checked."""
        return self._bare.scale

    @property
    def one_by_one(self) -> bool:
        """Whether every record goes through the module by itself."""
        return self._bare.one_by_one

    @property
    def caller(self) -> Caller:
        """How the module is called."""
        return self._bare.caller

    @property
    def rows_sent(self) -> int:
        """Rows that went through the module so far, with or without a gradient.

        More than :attr:`forwards` and :attr:`gradients` together: batches are filled up to a multiple of :data:`ROWS`
        (of the batch size where that is smaller),
        a strand is a row, and so is a draw. A check is free here as there, and rows that are answered from cached
        layers are not sent. It is what a model behind a meter would charge for.
        """
        return self._bare.rows

    @rows_sent.setter
    def rows_sent(self, rows: int) -> None:
        self._bare.rows = rows

    @property
    def outputs(self) -> int:
        """Logits per record. Known once labels are."""
        if self.labels is None:
            raise ModelError("the number of outputs is not known yet", fix="call check() with a few sequences first")
        return task_of(self.task).outputs(len(self.labels))

    @property
    def batch_size(self) -> int:
        """Records per forward pass: what was set, or the next smaller multiple of :data:`ROWS` where there is one."""
        return self._batches.size

    @batch_size.setter
    def batch_size(self, records: int) -> None:
        self._batches.size = records

    @property
    def draws(self) -> int:
        """Evaluations of the module that an answer is the mean of."""
        return self._draws.count

    @property
    def samples(self) -> int | None:
        """Draws of a random module; None for one fresh draw at each question."""
        return self._draws.samples

    @property
    def seed(self) -> int:
        """Of the draws."""
        return self._draws.seed

    @property
    def stochastic(self) -> bool:
        """Whether the module answers one input differently. Known once checked."""
        return self._draws.stochastic

    @property
    def reads_odds(self) -> bool:
        """Whether log-odds of the module's probabilities are read at full precision. Known once checked."""
        return self._bare.odds is not None

    @property
    def saturates(self) -> bool:
        """Whether the module's probabilities are all that is known, and may have lost what moves them."""
        return self.scale == "probabilities" and not self.reads_odds

    @property
    def preprocessed(self) -> bool:
        """Whether a step stands before the module."""
        return self._bare.preprocess is not None

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Within it the module is on the device, in evaluation mode, its parameters frozen; after it, as before."""
        step = self._bare.preprocess
        whole = nn.ModuleList([self.module, *([step] if isinstance(step, nn.Module) else [])])
        modes = modes_of(whole)
        learned = [weight for weight in whole.parameters() if weight.requires_grad]
        home = next((weight.device for weight in [*whole.parameters(), *whole.buffers()]), self.device)
        evaluation_mode(whole.to(self.device))
        for weight in learned:
            weight.requires_grad_(False)
        try:
            yield
        finally:
            put_back(modes)
            for weight in learned:
                weight.requires_grad_(True)
            whole.to(home)

    def fresh_draws(self, number: int = 0) -> AbstractContextManager[None]:
        """Within it a random module's draws are others, so that what was found on some can be judged on others.

        Each ``number`` stands for draws of its own.
        """
        return self._draws.others(number)

    @contextmanager
    def tolerant(self) -> Iterator[None]:
        """Within it outputs that are no number are handed on, so that one bad record does not end everything.

        See :meth:`lost`.
        """
        before, self._bare.tolerant = self._bare.tolerant, True
        try:
            yield
        finally:
            self._bare.tolerant = before

    def lost(self, logits: Tensor) -> Tensor:
        """(M,) bool: rows of (M, outputs) logits that are no answer; see :func:`seqrobust.models.bare.lost`."""
        return lost(logits, self.task)

    def encode(self, tokens: Tensor) -> Tensor:
        """One-hot (M, K, L) of (M, L) tokens, on the tokens' device."""
        return one_hot(tokens, self.alphabet, self.unknown)

    def lengths(self, tokens: Tensor) -> Tensor:
        """(M,) int64 letters of each row of tokens."""
        return (tokens != self.alphabet.padding).sum(1)

    def check(self, tokens: Tensor) -> None:
        """Try the module on (M, L) tokens: how it can be called, shape, finiteness, logits or probabilities, number of
        labels; whether it is random, remembers, or mixes the records of a batch; whether it says the same of all of
        them, and whether a gradient reaches its input. Torch's generators are left as they were, and nothing counts.

        Raises ModelError for a module that fails, or returns what its task does not allow, or whose scale cannot be
        told, or whose answer for a record depends on what it was asked before or beside it.
        """
        refuse_unmade(self.module)
        tokens = tokens.to(self.device)
        rows = self._bare.rows
        with self.attached(), torch.no_grad(), seeded(self.device, sample_seed(self.seed, 0)):
            self._bare.odds = None
            trial = self._batches.tried(partial(self._settled, tokens))
            self._bare.scale, notice = trial.scale()
            self.tell(notice)
            self._check_labels(trial.logits().shape[1])
            if isinstance(self._bare.preprocess, Step):
                self.tell(self._bare.preprocess.settle(trial.encoded, trial.lengths))
            self._check_repeatability(trial)
            with self._differentiable():
                blind = blindness(self._bare.logits, trial.encoded, trial.lengths)
                self.gradientless = blind is not None and blind.absent
                self.tell(blind and blind.text)
            self.constant, notice = trial.variety(self.labels or ())
            self.tell(notice)
        self._bare.rows = rows

    def _settled(self, tokens: Tensor) -> Trial:
        """A trial whose module has answered, with batches that memory is large enough for."""
        trial = Trial(self._bare, tokens, self.encode, self.batch_size)
        self.tell(trial.settle())
        return trial

    def tell(self, notice: str | None) -> None:
        """Add something that was noticed, once."""
        if notice and notice not in self.notices:
            self.notices.append(notice)

    def _check_repeatability(self, trial: Trial) -> None:
        seeds = (sample_seed(self.seed, 0), sample_seed(self.seed, 1))
        self.rounding = trial.rounding(self.device)
        found = trial.randomness(self.device, seeds)
        self._draws.stochastic = found.found
        if self.stochastic and self.samples is not None:
            self._draws.alone = trial.stands_alone(self.device, seeds[0])
        for notice in found.notices(self.samples, alone=self._draws.alone):
            self.tell(notice)

    def _check_labels(self, outputs: int) -> None:
        if self.labels is None:
            self.labels = task_of(self.task).default_labels(outputs)
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
            mean = lambda part, _: self._draws.mean(self.encode(part), self.lengths(part))  # noqa: E731
            parts = list(self._batches.answers(tokens, mean))
        self.forwards += len(tokens) * self.draws
        return torch.cat(parts)[: len(tokens)]

    def judged(self, tokens: Tensor) -> Tensor:
        """(M, outputs) logits of (M, L) tokens that say what the module's own output says.

        Those of :meth:`logits`, but where the module's probabilities are rounded to a tie, or to another answer, than
        their log-odds: there the logits of the probabilities as they come.
        """
        found = self.logits(tokens)
        odds, task = self._bare.odds, task_of(self.task)
        if odds is None or not len(tokens):
            return found
        with odds.rest():
            own = self.logits(tokens)
        other = task.differ(own, found) | (task.lead(own) <= 0)
        return torch.where(other[:, None], own, found)

    def gradient(
        self,
        points: Tensor,
        lengths: Tensor,
        objective: Callable[[Tensor, Tensor], Tensor],
        *,
        lenient: bool = False,
    ) -> Gradient:
        """Outputs, objective and its gradient at (M, K, L) points.

        Args:
            points: one-hot or relaxed input.
            lengths: (M,) letters of each row.
            objective: from logits (m, outputs) and their rows (m,) among the M to (m,) values.
            lenient: where there is no gradient, or one that is no number, zeros stand for it and the row is marked.

        Raises ModelError where an output is not finite; unless lenient, also where a gradient is not or is not there.
        """
        blind = lenient and self.gradientless

        def pulled(part: Tensor, rows: Tensor) -> Gradient:
            size = lengths.to(self.device)[rows]
            draws = [partial(self._draws.one, lengths=size, sample=sample) for sample in range(self.draws)]
            goal = partial(_at, objective, rows)
            if blind:
                return without(partial(self._draws.mean, lengths=size), part, goal)
            inputs = part.clone().requires_grad_(True)
            with torch.enable_grad(), self._differentiable():
                return of_one(draws[0], inputs, goal) if len(draws) == 1 else of_mean(draws, inputs, goal)

        answers = self._batches.answers(points, pulled)
        parts = [Gradient(*(one.detach() for one in found[:3])) for found in answers]
        self.gradients += len(points) * self.draws
        return joined(parts, rows=len(points), lenient=lenient, blind=blind)

    def differentiable(self, points: Tensor, lengths: Tensor) -> Tensor:
        """(M, outputs) logits of (M, K, L) points on the device, in one batch, through which gradients flow.

        The function that :meth:`logits` and :meth:`gradient` answer for, draws and strands included, for methods that
        need more of it than its gradient. Raises ModelError where a logit is not finite.
        """
        with self._differentiable():
            logits = self._draws.mean(points, lengths)
        if logits.requires_grad:
            self.gradients += len(points) * self.draws
        else:
            self.forwards += len(points) * self.draws
        return logits

    def _differentiable(self) -> AbstractContextManager[object]:
        # cuDNN cannot back-propagate through a recurrent layer in evaluation mode; its plain kernels can.
        if self._recurrent and self.device.type == "cuda":
            return torch.backends.cudnn.flags(enabled=False)
        return nullcontext()

    def function(self, rows: int, length: int) -> Callable[[Tensor], Tensor]:
        """The bare function from one-hot (rows, K, length) of records without padding to logits (rows, outputs).

        That of a random module raises ModelError when called: there is no function of the input alone.
        """
        if not self.stochastic:
            return self._bare.function(rows, length)

        def random(encoded: Tensor) -> Tensor:
            raise ModelError("its outputs are random")

        return random

    def check_finite(self, outputs: Tensor) -> None:
        """Raise ModelError where an output is not finite, outside :meth:`tolerant`."""
        self._bare.check(outputs)


def _at(objective: Callable[[Tensor, Tensor], Tensor], rows: Tensor, logits: Tensor) -> Tensor:
    return objective(logits, rows)
