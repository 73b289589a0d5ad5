"""Models whose robustness is real, and models that merely blind the attacks; and what it takes to evaluate them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.evaluate.runs import evaluation_problems
from seqrobust.analysis.evaluate.settings import EvaluateSettings
from seqrobust.analysis.evaluate.study import EvaluateFindings, EvaluateReady, study
from seqrobust.analysis.evaluate.transfer import Surrogate
from seqrobust.analysis.room import Work
from seqrobust.attacks import Problem
from seqrobust.files import write_json
from seqrobust.models.outputs import OutputScale
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Silent
from seqrobust.sequences import SequenceSet, Targets

LENGTH = 16


class Honest(nn.Module):
    """Small weights, one per letter and position: gradients tell the truth."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(0.3 * torch.randn(4, LENGTH, generator=generator))

    def score(self, x: Tensor) -> Tensor:
        centred = self.weight - self.weight.mean(0)
        return (x * centred).sum((1, 2))

    def head(self, score: Tensor) -> Tensor:
        return score

    def forward(self, x: Tensor) -> Tensor:
        score = self.head(self.score(x))
        return torch.stack([-score, score], 1)


class SteepTanh(Honest):
    """Saturated: the gradient is exactly zero."""

    def head(self, score: Tensor) -> Tensor:
        return 10 * torch.tanh(1000 * score)


class SteepSoftmax(Honest):
    """Probabilities that are 0 and 1 to the last bit, by a softmax that can be seen."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(1000 * super().forward(x), 1)


class SteepByHand(Honest):
    """The same, written by hand, so that what it squashes cannot be read off it."""

    def forward(self, x: Tensor) -> Tensor:
        p = 1 / (1 + torch.exp(-1000 * (super().forward(x) * torch.tensor([-1.0, 1.0])).sum(1, keepdim=True)))
        return torch.cat([1 - p, p], 1)


class Rounded(Honest):
    """A staircase, flat wherever one looks."""

    def head(self, score: Tensor) -> Tensor:
        return torch.round(8 * score) / 8 + 0.01


class ArgMax(Honest):
    """Reads the letters off the input, and passes no gradient to it."""

    def score(self, x: Tensor) -> Tensor:
        letters = nn.functional.one_hot(x.argmax(1), 4).transpose(1, 2)
        return super().score(letters.float())


class Misleading(Honest):
    """Right scores, and the gradient of something else."""

    def score(self, x: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(9)
        other = (x * torch.randn(4, LENGTH, generator=generator)).sum((1, 2))
        return super().score(x).detach() + other - other.detach()


class Noisy(Honest):
    """Noise about as large as what it says."""

    def head(self, score: Tensor) -> Tensor:
        return score + 0.5 * torch.randn_like(score)


class Constant(Honest):
    """One answer to everything."""

    def head(self, score: Tensor) -> Tensor:
        return 0 * score + 1


class Vote(Honest):
    """Every position votes, A and C for, G and T against: who leads by more than twice k cannot be outvoted by k."""

    def score(self, x: Tensor) -> Tensor:
        return (x * torch.tensor([1.0, 1.0, -1.0, -1.0])[:, None]).sum((1, 2))


def records(n: int, *, lopsided: bool = False) -> SequenceSet:
    """Random records; lopsided ones have thirteen or more of their sixteen letters on one side of a vote."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(n)]
    if lopsided:
        sides = ("AC", "GT")
        texts = [
            "".join(rng.permutation([*rng.choice(list(sides[i % 2]), 14), *rng.choice(list(sides[1 - i % 2]), 2)]))
            for i in range(n)
        ]
    return SequenceSet.from_texts(texts, DNA)


def evaluated(
    module: nn.Module,
    folder: Path,
    *,
    n: int = 120,
    methods: tuple[str, ...] = ("one_step", "discrete_pgd", "greedy", "greedy_all", "random"),
    lopsided: bool = False,
    scale: OutputScale = "logits",
    sister: nn.Module | None = None,
    resume: bool = False,
) -> EvaluateFindings:
    """An evaluation at budgets 1 to 3 on records whose targets are what the model says of them.

    Args:
        module: under evaluation.
        folder: of the run.
        n, lopsided: of the records.
        methods: tried.
        scale: of its outputs.
        sister: a model that sequences are taken from.
        resume: whether to go on with what the folder holds.
    """
    sequences = records(n, lopsided=lopsided)
    predictor = checked(module, sequences, scale)
    with predictor.attached():
        answers = predictor.logits(torch.tensor(sequences.tokens)).argmax(1)
    targets = Targets(task="classification", labels=("0", "1"), values=answers.numpy())
    settings = EvaluateSettings(budget="1..3", random_draws=2, methods=methods, probe_records=64)
    others = []
    if sister is not None:
        theirs = evaluation_problems(checked(sister, sequences, "logits"), sequences, targets, settings, seed=0)
        others.append(Surrogate(name="sister", problems=theirs))
    return studied(predictor, sequences, targets, settings, folder, *others, resume=resume)


def studied(
    predictor: Predictor,
    sequences: SequenceSet,
    targets: Targets,
    settings: EvaluateSettings,
    folder: Path,
    *others: Surrogate,
    resume: bool = False,
) -> EvaluateFindings:
    """An evaluation, written into the folder; unless it resumes, what is there is cleared away."""
    if not resume:
        shutil.rmtree(folder / "parts", ignore_errors=True)

    def problems(model: Predictor) -> dict[str, Problem]:
        return evaluation_problems(model, sequences, targets, settings, seed=0)

    ready = EvaluateReady(
        name="model", problems=problems(predictor), settings=settings, surrogates=others, with_model=problems
    )
    found = study(ready, Work(folder=folder, progress=Silent()))
    found.write(folder)
    write_json(folder / "metrics.json", found.plain())
    return found


def checked(module: nn.Module, sequences: SequenceSet, scale: OutputScale) -> Predictor:
    """A predictor of two classes."""
    predictor = Predictor(module, alphabet=DNA, task="classification", device="cpu", scale=scale)
    predictor.check(torch.tensor(sequences.tokens))
    return predictor


def signs(outcome: EvaluateFindings) -> dict[str, Any]:
    """Check to verdict, of those that found something."""
    evidence = outcome.metrics["masking"]["evidence"]
    return {item["check"]: item["verdict"] for item in evidence if item["verdict"] != "none"}
