"""Models whose explanations are known, and records for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.stability import StabilitySettings, explained_problem
from seqrobust.analysis.stability.tables import scores_of
from seqrobust.attacks import Problem, ShardRun, Untargeted, attacks_named, run_shard
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Region, SequenceSet, Targets, Task, one_hot
from seqrobust.threats import SubstitutionThreat, parse_budgets

LENGTH = 16


def centre(module: nn.Module, head: nn.Linear) -> None:
    """Set the head's bias so that no class is favoured on random records."""
    tokens = torch.tensor(records(200, seed=9).tokens)
    with torch.no_grad():
        head.bias -= module(one_hot(tokens, DNA)).mean(0)


class Linear(nn.Module):
    """Its gradient is the same everywhere."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weight = nn.Parameter(torch.randn(outputs, 4, LENGTH, generator=generator))

    def forward(self, encoded: Tensor) -> Tensor:
        return torch.einsum("nkl,okl->no", encoded, self.weight[:, :, : encoded.shape[2]])


class Switched(nn.Module):
    """A T in the first place switches on a term that is zero for a record of A and C alone, but has a gradient."""

    def forward(self, encoded: Tensor) -> Tensor:
        near = torch.linspace(1.0, 2.0, LENGTH)
        far = 40 * torch.linspace(1.0, 0.0, LENGTH) ** 2
        own = (encoded[:, 0] + encoded[:, 1]) @ near
        hidden = (encoded[:, 0] + encoded[:, 1] - 1) @ (far * (torch.arange(LENGTH) > 0))
        return (own + encoded[:, 3, 0] * hidden)[:, None]


class Smooth(nn.Module):
    """Convolutions with a smooth activation, so that gradients of gradients are what they seem."""

    def __init__(self, outputs: int = 3, seed: int = 0, activation: Callable[[], nn.Module] = nn.GELU) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            # Registered from the output down, which says nothing of the order in which they are called.
            self.head = nn.Linear(8, outputs)
            self.body = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), activation(), nn.Conv1d(8, 8, 3, padding=1))
            self.body[0].weight.data *= 3
            self.head.weight.data *= 4
            centre(self, self.head)

    def forward(self, encoded: Tensor) -> Tensor:
        hidden: Tensor = self.body(encoded)
        out: Tensor = self.head(hidden.tanh().mean(2))
        return out


class Recurrent(nn.Module):
    """A GRU."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.gru = nn.GRU(4, 8, batch_first=True)
            self.head = nn.Linear(8, outputs)
            for weight in self.gru.parameters():
                weight.data *= 4
            centre(self, self.head)

    def forward(self, encoded: Tensor) -> Tensor:
        hidden: Tensor = self.gru(encoded.transpose(1, 2))[0]
        out: Tensor = self.head(hidden.mean(1))
        return out


def records(n: int = 6, *, ragged: bool = False, letters: str = "ACGT", seed: int = 0) -> SequenceSet:
    """Random DNA with a region ``core``; ragged ones hold an unknown letter too."""
    rng = np.random.default_rng(seed)
    texts = []
    for number in range(n):
        drawn = rng.choice(list(letters), LENGTH - (number % 3 if ragged else 0))
        if ragged:
            drawn[4] = "N"
        texts.append("".join(drawn))
    regions = [[Region("core", 5, 8)] for _ in texts]
    return SequenceSet.from_texts(texts, DNA, regions=regions)


def problem_for(
    module: nn.Module,
    sequences: SequenceSet,
    *,
    task: Task = "classification",
    budget: str = "1",
    protect: tuple[str, ...] = (),
    targets: Targets | None = None,
) -> Problem:
    """A problem about a checked predictor; without targets its own predictions stand for the truth."""
    predictor = Predictor(module, alphabet=DNA, task=task, device="cpu", scale="logits")
    predictor.check(torch.tensor(sequences.tokens))
    budgets = parse_budgets(budget)
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=SubstitutionThreat(budget=budgets[-1], protect=protect),
        budgets=budgets,
        goal=Untargeted(),
        control_draws=2,
    )


def searched(
    problem: Problem, method: str, goal: str, settings: StabilitySettings, attacks: Sequence[str] = ("greedy_all",)
) -> tuple[ShardRun, Problem]:
    """One shard attacked."""
    made = explained_problem(problem, method, goal, settings, (1.0,) * 8)  # type: ignore[arg-type]
    with made.predictor.attached():
        run = run_shard(
            made,
            attacks_named(attacks),
            np.arange(len(problem.sequences)),
            scores=scores_of(made.predictor),  # type: ignore[arg-type]
        )
    return run, made
