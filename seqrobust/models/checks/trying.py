"""A stranger's module asked in one way after the other, and what its answers could be read as."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.errors import ModelError
from seqrobust.models.bare import BareModel
from seqrobust.models.checks.calling import number_type
from seqrobust.models.checks.kinds import Given, Several, Taken, parts_of, tensor_of
from seqrobust.models.outputs import outputs_matrix
from seqrobust.sequences.targets import Task

_N = 3
"""Records for which a module is asked; two are asked as well, so that an axis of records is known as such."""
_SECONDS = 20.0
AS_IS = Taken(says="", code="x", make=lambda x: x)


@dataclass(kw_only=True)
class Asked:
    """A module, and one-hot records of any length to ask it about.

    Attributes:
        bare: the module.
        width: channels of its input.
        until: when it has been asked for long enough.
    """

    bare: BareModel
    width: int
    until: float = field(default_factory=lambda: time.monotonic() + _SECONDS)

    @property
    def late(self) -> bool:
        """Whether it has been asked for long enough."""
        return time.monotonic() > self.until

    def answer(self, taken: Taken, count: int, length: int) -> object:
        """What the module returns for so many records, given so. Raises whatever it raises."""
        x = self._records(count, length)
        return [self._called(taken.make(one)) for one in x] if taken.alone else self._called(taken.make(x))

    def error(self, taken: Taken, length: int) -> str | None:
        """What the module raises for two records given so; None where it answers."""
        try:
            self.answer(taken, 2, length)
        except Exception as error:  # a stranger's code may raise anything
            return str(error)
        return None

    def readings(self, taken: Taken, length: int, task: Task | None = None) -> list[Given]:
        """Ways to read its answers as outputs of a task, else its own; none where it fails."""
        try:
            several, pair = self.answer(taken, _N, length), self.answer(taken, 2, length)
        except Exception:
            return []
        if taken.alone:
            several, pair = _stacked(several), _stacked(pair)
        other = dict(parts_of(pair))
        read = _Read(task=task or self.bare.task, length=length)
        found = [one for code, part in parts_of(several) for one in read.of("{}" + code, part, other.get(code))]
        found += read.listed(several, pair)
        return sorted(found, key=lambda one: (bool(one.choice), one.code.endswith(")")))

    def other_tasks(self, taken: Taken, length: int) -> list[Task]:
        """Tasks that its answers are outputs of as they are."""
        tasks: tuple[Task, ...] = get_args(Task)
        return [task for task in tasks if any(one.plain for one in self.readings(taken, length, task))]

    def joins(self, length: int) -> bool:
        """Whether it gives as large an answer for three records as for two."""
        try:
            several, pair = (self.answer(AS_IS, count, length) for count in (_N, 2))
        except Exception:
            return False
        if not isinstance(several, Tensor) or not isinstance(pair, Tensor):
            return False
        return several.shape == pair.shape and several.ndim > 0

    def unreadable(self, length: int) -> bool:
        """Whether what it answers is a tensor, if none that can be read."""
        try:
            return isinstance(self.answer(AS_IS, _N, length), Tensor) and not self.readings(AS_IS, length)
        except Exception:
            return False

    def one_works(self, length: int) -> bool:
        """Whether it answers as it should for one record, if not for several."""
        try:
            outputs_matrix(self.answer(AS_IS, 1, length), 1, self.bare.task)
        except Exception:
            return False
        return True

    def _records(self, count: int, length: int) -> Tensor:
        """(count, K, length) random one-hot."""
        generator = torch.Generator().manual_seed(length)
        letters = self.bare.alphabet.size
        drawn = torch.randint(letters, (count, length), generator=generator)
        encoded = functional.one_hot(drawn, letters).transpose(1, 2).float()
        encoded = functional.pad(encoded, (0, 0, 0, max(0, self.width - letters)))[:, : self.width]
        weights = [*self.bare.module.parameters(), *self.bare.module.buffers()]
        return encoded.to(weights[0].device) if weights else encoded

    def _called(self, given: object) -> object:
        """By the usual way where that is what is asked, else plainly; in the module's number type if it needs that."""
        if isinstance(given, Several):
            return self.bare.module(*given)
        if not isinstance(given, Tensor) or not given.is_floating_point():
            return self.bare.module(given)
        own = given.contiguous()
        try:
            return self.bare.caller(own, None) if own.ndim == 3 else self.bare.module(own)
        except Exception:
            dtype = number_type(self.bare.module)
            if dtype in (None, torch.float32):
                raise
            return self.bare.module(own.to(dtype))


def _stacked(answers: object) -> object:
    """Answers to single records as one, whatever they consist of."""
    assert isinstance(answers, list)
    first = [tensor_of(part) for _, part in parts_of(answers[0])]
    # Several axes for one record are positions or heads, and no outputs in a row.
    if len(first) != 1 or first[0] is None or sum(size > 1 for size in first[0].shape) > 1:
        return None
    return torch.stack([torch.as_tensor(parts_of(one)[0][1]).flatten() for one in answers])


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    try:
        return torch.stack([part.flatten() for part in parts if part is not None])
    except RuntimeError:
        return None


@dataclass(frozen=True, kw_only=True)
class _Read:
    """How outputs of a task are read out of what a module returned for records of a length."""

    task: Task
    length: int

    def of(self, code: str, several: object, pair: object) -> Iterator[Given]:
        """Readings of one part, for three records and for two."""
        many, two = tensor_of(several), tensor_of(pair)
        if many is None or two is None or many.ndim != two.ndim or many.is_complex():
            return
        axes = [axis for axis in range(many.ndim) if (many.shape[axis], two.shape[axis]) == (_N, 2)]
        if len(axes) != 1:
            return
        if axes[0]:
            code += f".movedim({axes[0]}, 0)"
            many = many.movedim(axes[0], 0)
        if self._fits(many):
            yield Given(code=code)
        elif sum(size > 1 for size in many.shape[1:]) <= 1 and self._fits(many.flatten(1)):
            yield Given(code=code + ".flatten(1)")
        else:
            yield from self._of_positions(code, many)

    def listed(self, several: object, pair: object) -> Iterator[Given]:
        """Of a list with something for each record."""
        if not (isinstance(several, (list, tuple)) and isinstance(pair, (list, tuple))):
            return
        if (len(several), len(pair)) != (_N, 2):
            return
        parts = [[tensor_of(part) for part in answer] for answer in (several, pair)]
        if any(part is None for answer in parts for part in answer):
            return
        many, two = (_joined(answer) for answer in parts)
        if many is not None and two is not None and self._fits(many) and self._fits(two):
            yield Given(code="torch.stack([part.flatten() for part in {}])")

    def _of_positions(self, code: str, many: Tensor) -> Iterator[Given]:
        """Where there is an output for every position, that of the middle one."""
        sizes = list(many.shape[1:])
        axis = (sizes.index(self.length) if self.length in sizes else sizes.index(max(sizes))) + 1
        middle = many.select(axis, many.shape[axis] // 2)
        middle = middle.flatten(1) if middle.ndim > 2 else middle
        if many.shape[axis] < 2 or not self._fits(middle) or (many.ndim == 2 and many.shape[1] != self.length):
            return
        take = ", ".join(":" if place != axis else str(many.shape[axis] // 2) for place in range(axis + 1))
        flat = ".flatten(1)" if many.ndim > 3 else ""
        yield Given(
            code=f"{code}[{take}]{flat}",
            choice=f"it answers for {many.shape[axis]} positions: this takes the middle one, .mean({axis}) the mean "
            "of all; which of them is asked about is yours to say",
        )

    def _fits(self, found: Tensor) -> bool:
        try:
            outputs_matrix(found, len(found), self.task)
        except ModelError:
            return False
        return True
