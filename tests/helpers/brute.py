"""The truth by plain loops: every sequence within a budget, written out letter by letter and scored by the bare module.

Nothing here knows of threats, goals, neighbour scores or certificates.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from attacks_zoo import predictor_for, records
from torch import Tensor, nn

from seqrobust.alphabet import DNA, Alphabet
from seqrobust.attacks import Goal, Problem, Shift, Targeted, Untargeted, attacks_named, scores_for
from seqrobust.certification import Method, Standing, certify_shard, methods_named
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets, Task
from seqrobust.threats import Budget, SubstitutionThreat

Cost = Callable[[str, str], float]
DELTA = 0.4
ANY = SubstitutionThreat(budget=Budget(1))
"""Any letter anywhere."""


def one_each(old: str, new: str) -> float:
    """Every switch costs one."""
    return 1.0


def edited(text: str, free: list[int], letters: str, cost: Cost, most: float) -> Iterator[tuple[float, str]]:
    """Every text that costs at most ``most``, with its cost, the text itself included."""
    for size in range(len(free) + 1):
        for places in itertools.combinations(free, size):
            choices = [[new for new in letters if new != text[place]] for place in places]
            for news in itertools.product(*choices):
                total = sum(cost(text[place], new) for place, new in zip(places, news, strict=True))
                if total <= most + 1e-9:
                    made = list(text)
                    for place, new in zip(places, news, strict=True):
                        made[place] = new
                    yield total, "".join(made)
        if size >= most:
            return


def one_hot(texts: list[str], letters: str) -> Tensor:
    """(M, K, L) of texts of one length; zeros for other letters."""
    out = torch.zeros(len(texts), len(letters), len(texts[0]))
    for row, text in enumerate(texts):
        for place, letter in enumerate(text):
            if letter in letters:
                out[row, letters.index(letter), place] = 1
    return out


def is_bad(task: Task, logits: np.ndarray, truth: np.ndarray, clean: np.ndarray, goal: Goal) -> bool:
    """Whether one (outputs,) answer is what the adversary wants."""
    if task == "regression":
        assert isinstance(goal, Shift)
        sign = 1 if goal.up else -1
        return bool(np.float32(sign) * (logits[goal.output] - clean[goal.output]) >= goal.delta)
    if task == "multilabel":
        return bool(((logits > 0) != (truth > 0)).any() or (logits == 0).any())
    scores = np.array([0.0, logits[0]]) if task == "binary" else logits
    if isinstance(goal, Targeted):
        return bool(all(scores[goal.label] >= score for score in scores))
    return bool(any(scores[other] >= scores[truth] for other in range(len(scores)) if other != truth))


def _own(task: Task, clean: np.ndarray) -> np.ndarray:
    """What a model itself says, as the truth where there is no other."""
    if task == "regression":
        return clean
    if task == "multilabel":
        return (clean > 0).astype(np.float32)
    return np.int64(clean[0] > 0) if task == "binary" else clean.argmax()


def fewest(problem: Problem, module: nn.Module, row: int, most: float, cost: Cost = one_each) -> float | None:
    """What the cheapest adversarial sequence of a record costs; None beyond ``most``, 0 where it is wrong at once."""
    sequences, threat = problem.sequences, problem.threat
    letters = sequences.alphabet.letters
    text = sequences.texts[row]
    regions = [(region.name, region.start, region.end) for region in sequences.regions.of(row)]
    free = []
    for place, letter in enumerate(text):
        inside = {name for name, start, stop in regions if start <= place < stop}
        if letter not in letters or inside & set(threat.protect):
            continue
        if not threat.only or inside & set(threat.only):
            free.append(place)
    found = sorted(edited(text, free, letters, cost, most))
    task = problem.predictor.task
    with torch.no_grad():
        parts = [module(one_hot([one for _, one in found[i : i + 4096]], letters)) for i in range(0, len(found), 4096)]
        answers = torch.cat(parts).numpy()
        clean = module(one_hot([text], letters)).numpy()[0]
    truth = _own(task, clean) if problem.targets is None else problem.targets.values[row]
    for (spent, _), answer in zip(found, answers, strict=True):
        if is_bad(task, answer, truth, clean, problem.goal):
            return spent
    return None


def problem_of(
    module: nn.Module,
    task: Task,
    texts: list[str],
    threat: SubstitutionThreat,
    most: int,
    *,
    alphabet: Alphabet = DNA,
    goal: Goal | None = None,
    regions: list[list[object]] | None = None,
) -> Problem:
    """A problem about a module's own predictions on some texts."""
    sequences = SequenceSet.from_texts(texts, alphabet, **({} if regions is None else {"regions": regions}))
    predictor = Predictor(module, alphabet=alphabet, task=task, device="cpu", scale="logits")
    tokens = torch.tensor(sequences.tokens)
    predictor.check(tokens)
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=None,
        threat=threat,
        budgets=tuple(Budget(k) for k in range(1, most + 1)),
        goal=goal or (Shift(up=True, delta=DELTA) if task == "regression" else Untargeted()),
        control_draws=1,
    )  # fmt: skip


def zoo_problem(
    kind: str,
    task: Task,
    threat: SubstitutionThreat,
    most: int,
    *,
    alphabet: Alphabet = DNA,
    n: int = 5,
    length: int = 9,
    goal: Goal | None = None,
) -> tuple[Problem, Targets]:
    """A problem with a module of the zoo, and targets that are wrong on a third of the records."""
    sequences = records(alphabet, n, length, ragged=kind != "linear", seed=5)
    predictor, targets = predictor_for(kind, task, sequences)
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=threat,
        budgets=tuple(Budget(k) for k in range(1, most + 1)),
        goal=goal or (Shift(up=True, delta=DELTA) if task == "regression" else Untargeted()),
        seed=3,
        control_draws=1,
    )  # fmt: skip
    return problem, targets


def certified(
    problem: Problem, methods: list[str] | list[Method], *, attack: str = "random", seconds: float = 1e9
) -> list[Standing]:
    """What methods (names, or themselves) say of every record; the attack is a weak one, so that they have work."""
    chosen = methods_named(methods) if isinstance(methods[0], str) else methods
    with problem.predictor.attached():
        done = certify_shard(
            problem, attacks_named([attack]), chosen, np.arange(len(problem.sequences)), seconds=seconds,
            scores=scores_for(problem.predictor),
        )  # fmt: skip
    return done.standings


def check(problem: Problem, standings: list[Standing], *, exact: bool, cost: Cost = one_each, unit: float = 1.0) -> int:
    """Compare with the truth; gives the number of certificates that were checked.

    No certificate is beaten; with ``exact`` every record is known, and its fewest edits are the true ones.
    """
    module, checked = problem.predictor.module.eval(), 0
    most = problem.budgets[-1].amount
    for row, standing in enumerate(standings):
        truth = fewest(problem, module, row, most, cost)
        if not standing.attackable:
            assert truth == 0
            continue
        beyond = float("inf") if truth is None else truth
        assert standing.certified * unit < beyond, (row, standing, truth)
        assert standing.broken is None or standing.broken * unit >= beyond - 1e-9, (row, standing, truth)
        if exact:
            assert not standing.open, (row, standing)
            assert standing.broken is None or standing.broken * unit == beyond, (row, standing, truth)
            assert (truth is None) == (standing.broken is None)
        checked += standing.certified
    return checked
