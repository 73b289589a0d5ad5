"""Whether a module says the same of a record whenever it is asked, and whatever stands beside it.

Three things spoil that. Randomness: the generators of torch, of NumPy and of Python, and those that the module's parts
hold, are looked at before and after, so that a module which drew from one is known to be random however rarely that
shows. Memory: the same question is asked again after others; where no generator explains another answer, two copies of
the module tell memory (their answers change alike) from random numbers taken from elsewhere. And the batch: some
records are asked about alone, among others, in another order and among strangers.

What can be missed: random numbers from a source that is not looked at (the operating system, a generator in a closure)
and that changes a whole batch with probability p are missed with probability (1 - p) ** n, n the number of times that
the same record is asked about, :data:`ASKED` for short records: 0.04 for p = 0.05.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from seqrobust.errors import ModelError
from seqrobust.models.bare import BareModel
from seqrobust.models.expectation import differ, seeded

Ask = Callable[[Tensor, Tensor], Tensor]
"""From one-hot (m, K, L) and lengths (m,) to outputs (m, T)."""

ASKED = 64
"""How often a single record is asked about."""
_LETTERS = 20_000
_STRANGERS = 11


@dataclass(frozen=True, kw_only=True)
class Randomness:
    """What is known of a module's random numbers.

    Attributes:
        found: whether it has any.
        elsewhere: whether its answer changes though torch's generators start from the same seed.
        shown: whether two answers differed.
    """

    found: bool
    elsewhere: bool
    shown: bool

    def notices(self, samples: int | None, *, alone: bool) -> Iterator[str]:
        """What to say of it.

        Args:
            samples: draws that answers are means of, None for single ones.
            alone: whether every record meets the draws of one that stands alone.
        """
        if not self.found:
            return
        if not self.shown:
            yield "the model draws random numbers, though all its answers agreed; it is taken for random"
        if samples is None:
            yield (
                "the model is random: asked again, it gives another answer. Every score is a single draw, and searches "
                "keep lucky ones; average over draws (--samples 10)"
            )
            return
        yield f"the model is random: its logits and gradients are means over {samples} draws (--samples), " + (
            "the same for all sequences" if alone else "which depend on a sequence's place in its batch"
        )
        if self.elsewhere:
            yield (
                "the model's random numbers are not torch's own, or it remembers what it was asked: the same sequence "
                "may get another answer when asked again"
            )


def randomness(
    bare: BareModel, encoded: Tensor, lengths: Tensor, device: torch.device, seeds: tuple[int, int], share: float
) -> Randomness:
    """Ask about (m, K, L) input with lengths (m,) again and again, with torch's generators at those seeds.

    Answers differ by ``share``, as in :func:`~seqrobust.models.expectation.differ`.

    Raises ModelError for a module that remembers what it was asked.
    """
    module, ask = bare.module, bare.raw_outputs

    def seen(seed: int) -> tuple[Tensor, _Drawn]:
        with seeded(device, seed):
            before = _states(module, device)
            answer = ask(encoded, lengths)
            return answer, _Drawn(before, _states(module, device))

    first, drawn = seen(seeds[0])
    other, drawn_then = seen(seeds[1])
    single = _asked_often(ask, encoded, lengths, partial(seeded, device, seeds[0]), share)
    again, _ = seen(seeds[0])
    by_torch, by_others = _draws(drawn, drawn_then)
    elsewhere = differ(first, again, share) or single
    shown = elsewhere or differ(first, other, share)
    if shown and not (by_torch or by_others):
        _refuse_memory(lambda: bare.twin().raw_outputs, encoded, lengths, device, seeds[0])
    return Randomness(found=shown or by_torch or by_others, elsewhere=elsewhere, shown=shown)


def _asked_often(
    ask: Ask, encoded: Tensor, lengths: Tensor, seeding: Callable[[], AbstractContextManager[None]], share: float
) -> bool:
    """Whether a single record gets several answers, torch's generators starting anew each time."""
    size = int(lengths[0])
    record, length = encoded[:1, :, :size], lengths[:1]
    first: Tensor | None = None
    for _ in range(min(ASKED, max(_LETTERS // max(size, 1), 1))):
        with seeding():
            try:
                answer = ask(record, length)
            except Exception:  # a module that cannot take a single record
                return False
        if first is not None and differ(first, answer, share):
            return True
        first = answer if first is None else first
    return False


# Generators ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Drawn:
    """States of torch's own generators and of others, before a question and after it."""

    before: tuple[bytes, bytes]
    after: tuple[bytes, bytes]


def _draws(one: _Drawn, other: _Drawn) -> tuple[bool, bool]:
    """Whether torch's generators, and others, were drawn from in two questions.

    A module that sets a seed of its own leaves the same state behind each time, and is not random.
    """
    by_torch = one.before[0] != one.after[0] and one.after[0] != other.after[0]
    by_others = one.before[1] != one.after[1] and one.after[1] != other.after[1]
    return by_torch, by_others


def _states(module: nn.Module, device: torch.device) -> tuple[bytes, bytes]:
    own = [torch.default_generator.get_state().numpy().tobytes()]
    if device.type == "cuda":
        own.append(torch.cuda.get_rng_state(device).numpy().tobytes())
    others = [pickle.dumps(np.random.get_state()), pickle.dumps(random.getstate())]  # noqa: NPY002
    others += [pickle.dumps(_state(item)) for item in _generators(module)]
    return b"".join(own), b"".join(others)


def _generators(module: nn.Module) -> Iterator[object]:
    kinds = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
    for part in module.modules():
        yield from (value for value in vars(part).values() if isinstance(value, kinds))


def _state(generator: object) -> object:
    if isinstance(generator, torch.Generator):
        return generator.get_state().numpy().tobytes()
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.getstate()  # type: ignore[attr-defined]


# Memory --------------------------------------------------------------------------------------------------------------


def _refuse_memory(twin: Callable[[], Ask], encoded: Tensor, lengths: Tensor, device: torch.device, seed: int) -> None:
    """Raise ModelError where a module's answers change from call to call, and those of two copies in the same way."""
    turned = encoded.flip(1)

    def history() -> Tensor:
        """Answers to the same question behind itself, behind another one, and behind one of another size."""
        ask, answers = twin(), []
        for between in ("", "", "another", "", "smaller", "", "another", "smaller"):
            with seeded(device, seed):
                if between == "another":
                    ask(turned, lengths)
                elif between:
                    ask(encoded[: len(encoded) // 2 + 1], lengths[: len(encoded) // 2 + 1])
                answers.append(ask(encoded, lengths))
        return torch.stack(answers).flatten(1)

    try:
        one, other = history(), history()
    except Exception:  # not everything can be copied
        return
    if differ(one[:1].expand_as(one), one) and not differ(one, other):
        raise ModelError(
            "the model remembers what it was asked: the same question later gets another answer",
            expected="an answer that depends on the sequence alone",
            found="a hidden state or another value that is kept from call to call",
            fix="set it anew at the start of forward",
        )


# The batch -----------------------------------------------------------------------------------------------------------


def refuse_dependence(ask: Ask, encoded: Tensor, lengths: Tensor, strangers: Tensor, share: float) -> None:
    """Raise ModelError where what a module says of a record depends on what stands beside it in the batch.

    Args:
        ask: the module.
        encoded, lengths: (m, K, L) records and their lengths.
        strangers: (s, K, L) other sequences, without padding.
        share: of the outputs' size by which answers may differ; see :func:`~seqrobust.models.expectation.differ`.
    """
    count = min(len(encoded), 16)
    rows = torch.linspace(0, len(encoded) - 1, count, device=encoded.device).long()
    some = rows[:: max(count // 4, 1)][:4]
    answers = [("alone", _alone(ask, encoded, lengths, some))]
    answers.append(("among others", _among(ask, encoded, lengths, rows, some)))
    answers.append(("in another order", _among(ask, encoded, lengths, rows.flip(0)[: max(count - 3, 1)], some)))
    full = torch.full((len(strangers[:_STRANGERS]),), encoded.shape[2], dtype=lengths.dtype, device=lengths.device)
    joined = torch.cat([strangers[:_STRANGERS], encoded[some]]), torch.cat([full, lengths[some]])
    answers.append(("among random sequences", _tried(lambda: ask(*joined)[len(full) :])))
    known = [(name, answer) for name, answer in answers if answer is not None]
    if not known:
        return
    for name, answer in known[1:]:
        shared = answer.isfinite().all(1) & known[0][1].isfinite().all(1)
        if differ(known[0][1][shared], answer[shared], share):
            _refuse(known[0], (name, answer))


def _alone(ask: Ask, encoded: Tensor, lengths: Tensor, some: Tensor) -> Tensor | None:
    def each() -> Tensor:
        sizes = lengths.tolist()
        return torch.cat([ask(encoded[i : i + 1, :, : sizes[i]], lengths[i : i + 1]) for i in some.tolist()])

    return _tried(each)


def _among(ask: Ask, encoded: Tensor, lengths: Tensor, rows: Tensor, some: Tensor) -> Tensor | None:
    """Answers for some records in a batch of certain rows, to which those that are missing are added."""
    rows = torch.cat([rows, some[~torch.isin(some, rows)]])
    place = [int(torch.nonzero(rows == row)[0]) for row in some.tolist()]
    return _tried(lambda: ask(encoded[rows], lengths[rows])[place])


def _tried(answer: Callable[[], Tensor]) -> Tensor | None:
    """An answer, None where the module fails, as some do on a single record."""
    try:
        return answer()
    except Exception:
        return None


def _refuse(one: tuple[str, Tensor], other: tuple[str, Tensor]) -> None:
    apart = (one[1] - other[1]).abs()
    row, column = divmod(int(apart.nan_to_num().argmax()), apart.shape[1])
    raise ModelError(
        "the model's answer for a record depends on the other records of its batch",
        expected="the same outputs whatever stands beside a record",
        found=f"output {column + 1} is {one[1][row, column]:.6g} {one[0]} and {other[1][row, column]:.6g} {other[0]}",
        fix="reduce and normalise over outputs or positions, not over records (softmax(1), batch_first=True, running "
        "statistics, a mask by lengths); or score records one by one (--one-by-one, in Python one_by_one=True)",
    )
