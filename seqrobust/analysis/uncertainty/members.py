"""Several models of one task side by side, as one module whose outputs are all of theirs.

An attack on what members disagree about, or on a detector beside a model, is then an ordinary attack on one module,
with a goal that knows which column is whose. Draws of Monte Carlo dropout (Gal and Ghahramani 2016) are made members
too: each is the network with one set of units left out, the same for every record, so that it is a function.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqrobust.errors import ModelError
from seqrobust.models.bare import BareModel
from seqrobust.models.modes import evaluation_mode
from seqrobust.models.predictor import Predictor
from seqrobust.sequences.targets import Task

_LARGEST = 2**31 - 1


class FixedDropout(nn.Module):
    """Dropout that leaves out the same units for every record, whatever the mode.

    Args:
        rate: share left out.
        seed: of which.
    """

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__()
        self.rate, self.seed = rate, seed

    def forward(self, values: Tensor) -> Tensor:
        """(N, ...) with what is left scaled up."""
        generator = torch.Generator().manual_seed(self.seed)
        kept = torch.rand(values.shape[1:], generator=generator) >= self.rate
        return values * (kept.to(values) / (1 - self.rate))


def dropout_members(module: nn.Module, draws: int, *, seed: int = 0) -> list[nn.Module]:
    """So many draws of a module's dropout, each a module that shares its weights.

    Raises ModelError for a module without dropout (``nn.Dropout`` of a rate above 0), or fewer than two draws.
    """
    rates = [part.p for part in module.modules() if isinstance(part, nn.Dropout)]
    if not any(rates):
        raise ModelError(
            "the model has no dropout, so that its draws are all one",
            expected="an nn.Dropout of a rate above 0",
            fix="name several checkpoints with --members instead",
        )
    if draws < 2:
        raise ModelError("draws differ from one another", expected="2 or more draws", found=str(draws))
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(draws):
        shared: dict[int, object] = {id(one): one for one in (*module.parameters(), *module.buffers())}
        thinned = copy.deepcopy(module, shared)
        for name, part in list(thinned.named_modules()):
            if isinstance(part, nn.Dropout) and part.p > 0:
                own = int(torch.randint(_LARGEST, (), generator=generator))
                _replace(thinned, name, FixedDropout(part.p, own))
        made.append(evaluation_mode(thinned))
    return made


def _replace(module: nn.Module, name: str, part: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, part)


class Scorer(nn.Module):
    """A score of a sequence that a panel gives beside its members' logits: from one-hot (N, K, L) to (N,)."""

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N,) large where a record is suspicious."""
        raise NotImplementedError


class SideBySide(nn.Module):
    """Outputs of all members, then the scores: (N, M * outputs + scores).

    Args:
        members: functions of one-hot input and lengths to logits (N, outputs).
        scorers: whose scores stand behind.
    """

    def __init__(self, members: Sequence[nn.Module], scorers: Sequence[Scorer] = ()) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.scorers = nn.ModuleList(scorers)

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """See :class:`SideBySide`."""
        scores = [score(encoded, lengths)[:, None] for score in self.scorers]
        return torch.cat([*(member(encoded, lengths) for member in self.members), *scores], dim=1)


class AsMember(nn.Module):
    """Any module, on the terms of a predictor: its lengths, its fixed input length, its probabilities as logits.

    Args:
        module: the module itself.
        like: a checked predictor whose policies hold.
        own: its own checked predictor, which says how it is called and what its outputs are; else ``like``.
    """

    def __init__(self, module: nn.Module, like: Predictor, own: Predictor | None = None) -> None:
        super().__init__()
        self.module, own = module, own or like
        self._bare = BareModel(
            module=module,
            alphabet=like.alphabet,
            task=like.task,
            scale=own.scale,
            input_length=like.input_length,
            average_strands=like.average_strands,
            preprocess=None,
            one_by_one=like.one_by_one or own.one_by_one,
        )
        self._bare.caller.like(own.caller)

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N, outputs) logits."""
        if lengths is None:
            lengths = torch.full((len(encoded),), encoded.shape[2], device=encoded.device)
        return self._bare.logits(encoded, lengths)


class Mean(nn.Module):
    """The mean of the members' logits: what an ensemble says."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N, outputs)."""
        return torch.stack([member(encoded, lengths) for member in self.members]).mean(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """Which columns of a side-by-side module are whose.

    Attributes:
        task: of the members.
        members, outputs: how many, and columns of each.
        scores: names of the scores behind.
    """

    task: Task
    members: int
    outputs: int
    scores: tuple[str, ...] = ()

    def each(self, columns: Tensor) -> Tensor:
        """(M, N, outputs) logits of the members."""
        own = columns[:, : self.members * self.outputs]
        return own.reshape(len(columns), self.members, self.outputs).transpose(0, 1)

    def mean(self, columns: Tensor) -> Tensor:
        """(N, outputs) mean logits."""
        return self.each(columns).mean(0)

    def score(self, columns: Tensor, name: str) -> Tensor:
        """(N,) a score by name."""
        return columns[:, self.members * self.outputs + self.scores.index(name)]


def predictor_of(module: nn.Module, like: Predictor, *, columns: int | None = None, **more: object) -> Predictor:
    """A predictor of another module in place of a checked one.

    Args:
        module: takes lengths, and gives logits.
        like: whose alphabet, device, batch size and policies hold.
        columns: its outputs, where they are those of a panel; None where it answers as ``like`` does.
        more: keywords of :class:`~seqrobust.models.predictor.Predictor`.
    """
    panel = columns is not None
    made = Predictor(
        module,
        alphabet=like.alphabet,
        # The columns of a panel are numbers of several kinds; a goal knows which.
        task="regression" if panel else like.task,
        labels=tuple(f"column {i + 1}" for i in range(columns)) if columns is not None else like.labels,
        unknown=like.unknown,
        device=str(like.device),
        batch_size=like.batch_size,
        scale="logits",
        **more,  # type: ignore[arg-type]
    )
    made.target_spread = {} if panel else like.target_spread
    return made
