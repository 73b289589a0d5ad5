"""Bounds over a whole threat: never beneath the truth, which plain loops and a mixed-integer program tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from attacks_zoo import SmallCNN, SmallGRU
from brute import ANY, certified, check, edited, one_each, one_hot, problem_of
from scipy.optimize import Bounds as Box
from scipy.optimize import LinearConstraint, milp
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.attacks import Problem
from seqrobust.certification.bounds import Bounds, method
from seqrobust.certification.bounds.ball import Ball, ball_of
from seqrobust.certification.bounds.first_layer import first_layer
from seqrobust.certification.bounds.lines import relu_lines, smooth_lines
from seqrobust.certification.bounds.method import upper_bounds
from seqrobust.certification.network import network_of
from seqrobust.errors import InternalError
from seqrobust.models.architectures.convolutional import CNN
from seqrobust.sequences import Region
from seqrobust.threats.constraints import parse_constraint

LENGTH = 8
TEXTS = ["ACGTACGT", "TTGACCNA", "GGGATTAC", "CATCATCA"]


class Exponential(nn.Module):
    """Grows without bound."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.exp(0.5 * values)


class Deep(nn.Module):
    """Branches, a residual sum, means and maxima over all positions."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(4, 6, 3, padding=1), nn.Conv1d(6, 6, 3, padding=1)
        self.norm, self.activation = nn.BatchNorm1d(6), activation
        self.head = nn.Sequential(nn.Linear(12, 5), activation, nn.Linear(5, 3))

    def forward(self, encoded: Tensor) -> Tensor:
        hidden = self.activation(self.norm(self.first(encoded)))
        hidden = hidden + 0.5 * self.activation(self.second(hidden))
        return self.head(torch.cat([hidden.amax(2), hidden.mean(2)], 1))


MODULES: dict[str, Callable[[], nn.Module]] = {
    "global maximum": lambda: SmallCNN(4, 3),
    "relu": lambda: Deep(nn.ReLU()),
    "gelu": lambda: Deep(nn.GELU()),
    "silu": lambda: Deep(nn.SiLU()),
    "tanh": lambda: Deep(nn.Tanh()),
    "sigmoid": lambda: Deep(nn.Sigmoid()),
    "softplus": lambda: Deep(nn.Softplus()),
    "leaky": lambda: Deep(nn.LeakyReLU(0.1)),
    "pools": lambda: nn.Sequential(
        nn.Conv1d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(6, 6, 3), nn.ReLU(),
        nn.MaxPool1d(2, stride=1), nn.Flatten(), nn.Linear(6, 3),
    ),
    "exponential": lambda: Deep(Exponential()),
    "ours, two blocks": lambda: CNN(
        4, 3, input_length=LENGTH, head="global", blocks=2, pool=2, channels=6, first_kernel=3, kernel=3, hidden=4
    ),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 3)),
}  # fmt: skip


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = make().eval()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
    return module


def problem(module: nn.Module, most: int = 2, texts: list[str] = TEXTS, **more: object) -> Problem:
    return problem_of(module, "classification", texts, ANY, most, **more)  # type: ignore[arg-type]


def ways(outputs: int = 3) -> Tensor:
    """Differences and single logits, up and down."""
    eye = torch.eye(outputs, dtype=torch.float64)
    return torch.cat([eye, -eye, eye[1:] - eye[:1], eye[:1] - eye[1:]])


def truth(module: nn.Module, text: str, k: int) -> Tensor:
    """(W,) largest values over all sequences within k edits, in double precision."""
    free = [place for place, letter in enumerate(text) if letter in "ACGT"]
    texts = [one for _, one in edited(text, free, "ACGT", one_each, k)]
    with torch.no_grad():
        logits = module.double()(one_hot(texts, "ACGT").double())
    module.float()
    return (logits @ ways().T).amax(0)


@pytest.mark.parametrize("kind", MODULES)
def test_never_beneath_the_truth(kind: str) -> None:
    for seed in range(2):
        module = seeded(MODULES[kind], seed)
        asked = problem(module)
        tokens = torch.tensor(asked.sequences.tokens)
        network = network_of(asked.predictor, tokens[:1])
        first = first_layer(network)
        threat = asked.threat.bind(asked.sequences)
        for row in range(2):
            encoded = asked.predictor.encode(tokens[row : row + 1])[0]
            for k in (1, 2):
                ball = ball_of(threat.take(torch.tensor([row])), encoded, k)
                most, error = upper_bounds(network, first, ball, ways())
                exact = truth(module, TEXTS[row], k)
                assert (most >= exact - 1e-9).all(), (seed, row, k)
                assert (error > 0).all()
                if kind == "linear":
                    torch.testing.assert_close(most, exact, rtol=1e-9, atol=1e-9)


def test_certificates_hold_and_there_are_some() -> None:
    counts = 0
    for kind in ("relu", "tanh", "pools", "ours, two blocks", "global maximum"):
        asked = problem(seeded(MODULES[kind], 1), texts=TEXTS[:3])
        counts += check(asked, certified(asked, ["bounds"]), exact=False)
    assert counts > 3


def test_a_constraint_only_takes_members_away() -> None:
    asked = problem(seeded(MODULES["pools"], 1))
    bound = replace(asked, threat=replace(ANY, constraints=(parse_constraint("gc:+-0.01", DNA),)))
    free, kept = certified(asked, ["bounds"]), certified(bound, ["bounds"])
    assert [one.certified for one in free if one.open] == [
        one.certified for one, other in zip(kept, free, strict=True) if other.open
    ]


def test_protected_letters_stay() -> None:
    asked = problem(seeded(MODULES["relu"], 2), regions=[[Region("core", 2, 6)] for _ in TEXTS])
    asked = replace(asked, threat=replace(ANY, protect=("core",)))
    assert check(asked, certified(asked, ["bounds"]), exact=False) > 0


def test_a_recurrent_network_is_left_to_enumeration() -> None:
    asked = problem(seeded(lambda: SmallGRU(4, 3)), texts=TEXTS[:2], most=1)
    standings = certified(asked, ["bounds"])
    assert not any(one.certified for one in standings)
    check(asked, certified(asked, ["bounds", "enumeration"]), exact=True)


class Ties(nn.Module):
    """Whole numbers: the margin of the worst pair of edits is exactly 0."""

    def forward(self, encoded: Tensor) -> Tensor:
        return torch.relu(encoded[:, 0].sum(1, keepdim=True) - 1) - 3


def test_an_exact_tie_is_not_certified() -> None:
    asked = problem_of(Ties(), "binary", ["AACCGGTT"], ANY, 3)
    assert certified(asked, ["bounds"], attack="one_step")[0].certified <= 1
    check(asked, certified(asked, ["auto"]), exact=True)


# Lines ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [torch.relu, torch.tanh, torch.sigmoid, nn.functional.gelu, nn.functional.silu])
def test_activations_lie_between_their_lines(function: Callable[[Tensor], Tensor]) -> None:
    generator = torch.Generator().manual_seed(0)
    ends = 4 * torch.randn(2, 200, generator=generator, dtype=torch.float64)
    low, high = ends.amin(0), ends.amax(0)
    high[:5] = low[:5]
    lines = relu_lines(low, high) if function is torch.relu else smooth_lines(function, 1.13, low, high)
    for share in torch.linspace(0, 1, 101, dtype=torch.float64):
        point = low + share * (high - low)
        value = function(point)
        assert (value <= lines.slope_above * point + lines.above + 1e-9).all()
        assert (value >= lines.slope_below * point + lines.below - 1e-9).all()


# A mixed-integer program ---------------------------------------------------------------------------------------------


def by_program(net: nn.Sequential, encoded: Tensor, k: int, weights: Tensor) -> float:
    """The largest value of a linear function of ``Flatten, Linear, ReLU, Linear`` over k edits, by HiGHS.

    Variables: one-hot entries (whole), pre-activations, activations, and on/off of each ReLU (whole).
    """
    first, last = net[1], net[3]
    w1, b1 = (part.detach().double().numpy() for part in (first.weight, first.bias))
    w2, b2 = (part.detach().double().numpy() for part in (last.weight, last.bias))
    clean = encoded.double().numpy()
    length = clean.shape[1]
    inputs, units = clean.size, len(b1)
    big = np.abs(w1).sum(1) + np.abs(b1)
    eye, none = np.eye(units), np.zeros((units, units))
    rows, lower, upper = [], [], []

    def add(row: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> None:
        rows.append(row)
        lower.append(np.broadcast_to(low, len(row)))
        upper.append(np.broadcast_to(high, len(row)))

    per_column = np.zeros((length, inputs + 3 * units))
    for place in range(length):
        per_column[place, place:inputs:length] = 1
    add(per_column, 1, 1)
    kept = np.concatenate([clean.flatten(), np.zeros(3 * units)])[None]
    add(kept, length - k, length)
    add(np.concatenate([w1, -eye, none, none], 1), -b1, -b1)
    add(np.concatenate([np.zeros_like(w1), -eye, eye, none], 1), 0, np.inf)
    add(np.concatenate([np.zeros_like(w1), -eye, eye, np.diag(big)], 1), -np.inf, big)
    add(np.concatenate([np.zeros_like(w1), none, eye, -np.diag(big)], 1), -np.inf, 0)
    goal = np.concatenate([np.zeros(inputs + units), weights.numpy() @ w2, np.zeros(units)])
    box = Box(
        np.concatenate([np.zeros(inputs), -big, np.zeros(2 * units)]),
        np.concatenate([np.ones(inputs), big, big, np.ones(units)]),
    )
    whole = np.concatenate([np.ones(inputs), np.zeros(2 * units), np.ones(units)])
    held = LinearConstraint(np.concatenate(rows), np.concatenate(lower), np.concatenate(upper))
    found = milp(-goal, integrality=whole, bounds=box, constraints=held)
    assert found.success
    return float(-found.fun + weights.numpy() @ b2)


def test_as_a_mixed_integer_program_says() -> None:
    net = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 6), nn.ReLU(), nn.Linear(6, 3)), 3)
    texts = ["ACGTACGT", "GGGATTAC"]
    asked = problem(net, texts=texts)
    tokens = torch.tensor(asked.sequences.tokens)
    network = network_of(asked.predictor, tokens[:1])
    threat = asked.threat.bind(asked.sequences)
    for row, text in enumerate(texts):
        encoded = asked.predictor.encode(tokens[row : row + 1])[0]
        for k in (1, 2):
            exact = truth(net, text, k)
            ball = ball_of(threat.take(torch.tensor([row])), encoded, k)
            most, _ = upper_bounds(network, first_layer(network), ball, ways())
            for way in (0, 3, 6, 8):
                program = by_program(net, encoded, k, ways()[way])
                assert abs(program - float(exact[way])) < 1e-5
                assert most[way] >= program - 1e-6


# Faults --------------------------------------------------------------------------------------------------------------

FAULTS = {
    "a budget off by one": lambda threat, encoded, units: replace(ball_of(threat, encoded, units), edits=units - 1),
    "protection of letters that are free": lambda threat, encoded, units: replace(
        ball_of(threat, encoded, units), permitted=ball_of(threat, encoded, units).permitted & (encoded > 0)
    ),
}


@pytest.mark.parametrize("fault", [*FAULTS, "rounding inward", "a feasible value used as a bound"])
def test_faults_are_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [problem(seeded(MODULES[kind], seed)) for kind, seed in (("pools", 1), ("linear", 0), ("linear", 1))]
    if fault in FAULTS:
        monkeypatch.setattr(method, "ball_of", FAULTS[fault])
    elif fault == "rounding inward":
        monkeypatch.setattr(method, "upper_bounds", lambda *given: (upper_bounds(*given)[0] - 0.3, torch.zeros(3)[:1]))
    else:
        # The value of the best single edit, which a constraint may leave, is no bound over pairs of edits.
        monkeypatch.setattr(Ball, "most", lambda ball, weights: (weights * ball.clean).sum((1, 2)))
    caught = 0
    for one in problems:
        try:
            check(one, certified(one, [Bounds()]), exact=False)
        except (AssertionError, InternalError):
            caught += 1
    assert caught


@pytest.mark.parametrize("method", ["bounds", "window_sums"])
def test_a_softplus_that_falls_at_its_threshold_is_not_taken_to_grow(method: str) -> None:
    """One letter moves its input from above the threshold to just below it, where the value is larger."""
    module = nn.Sequential(
        nn.Conv1d(4, 1, 1, bias=False), nn.Softplus(threshold=0.2), nn.Flatten(), nn.Linear(6, 1)
    ).eval()
    with torch.no_grad():
        module[0].weight[0, :, 0] = torch.tensor([0.5, 0.19, 0.5, 0.5])
        module[3].weight.fill_(1.0)
        module[3].bias.fill_(-3.2)
    asked = problem_of(module, "binary", ["AGTAGT"], ANY, 1)
    check(asked, certified(asked, [method]), exact=False)
