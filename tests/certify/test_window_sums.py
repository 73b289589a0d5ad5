"""Window sums: every record's fewest edits at every budget, by one pass, are those of plain loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from attacks_zoo import SmallCNN, SmallGRU
from brute import ANY, certified, check, edited, one_each, one_hot, problem_of
from torch import Tensor, nn

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.attacks import Problem, Shift, Targeted
from seqrobust.certification import network
from seqrobust.certification.network import network_of
from seqrobust.certification.operators import UnknownNetworkError
from seqrobust.certification.windows import WindowSums, method, path
from seqrobust.certification.windows.back import members_above
from seqrobust.certification.windows.recognise import window_sum
from seqrobust.certification.windows.tables import WindowTables
from seqrobust.errors import InternalError
from seqrobust.models.architectures.convolutional import CNN
from seqrobust.sequences import Region, Task
from seqrobust.threats.constraints import parse_constraint

LENGTH = 9


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A module with random weights and running statistics."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = make().eval()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
    return module


def layers(letters: int, outputs: int, *middle: nn.Module, width: int, channels: int = 6) -> nn.Module:
    first = nn.Conv1d(letters, channels, 3, padding=1)
    return nn.Sequential(first, *middle, nn.Flatten(), nn.Linear(channels * width, outputs))


class Branches(nn.Module):
    """Two kernels side by side, one averaged over positions, one read place by place, and letters by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.short, self.long = nn.Conv1d(4, 5, 2), nn.Conv1d(4, 4, 4, padding=3, dilation=2)
        self.head, self.plain = nn.Linear(5, 3), nn.Linear(4 * LENGTH, 3)
        self.wide = nn.Linear(4 * LENGTH, 3)

    def forward(self, encoded: Tensor) -> Tensor:
        means = torch.nn.functional.silu(self.short(encoded)).mean(2)
        places = torch.tanh(self.long(encoded)).flatten(1)
        return self.head(means) + self.wide(places) - 2 * self.plain(encoded.flatten(1)) + 0.5


class Kmers(nn.Module):
    """A table of weights of 3-mers, looked up by number: no convolution, no gradient."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.weights = nn.Embedding(64, outputs)
        self.register_buffer("letters", torch.arange(4.0)[None, :, None])

    def forward(self, encoded: Tensor) -> Tensor:
        letter = (encoded * self.letters).sum(1)
        number = 16 * letter[:, :-2] + 4 * letter[:, 1:-1] + letter[:, 2:]
        return self.weights(number.long()).mean(1)


MODULES: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: layers(4, 3, nn.BatchNorm1d(6), nn.ReLU(), width=LENGTH),
    "pooled": lambda: layers(4, 3, nn.ReLU(), nn.MaxPool1d(2), width=LENGTH // 2),
    "pooled by mean": lambda: layers(4, 3, nn.GELU(), nn.AvgPool1d(2, stride=1), width=LENGTH - 1),
    "strided": lambda: nn.Sequential(
        nn.Conv1d(4, 5, 3, stride=2, padding=1), nn.Sigmoid(), nn.Flatten(), nn.Linear(25, 3)
    ),
    "two layers": lambda: layers(4, 3, nn.ReLU(), nn.Conv1d(6, 6, 2), nn.ELU(), width=LENGTH - 1),
    "branches": Branches,
    "3-mers": lambda: Kmers(3),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 3)),
    "ours, exponential": lambda: CNN(
        4, 3, input_length=LENGTH, head="flatten", blocks=1, pool=1, channels=6, first_kernel=3, hidden=0,
        first_activation="exponential",
    ),
    "ours": lambda: CNN(4, 3, input_length=LENGTH, head="flatten", blocks=1, pool=1, first_kernel=5, channels=6,
                        hidden=0),
}  # fmt: skip


def some_texts(alphabet: Alphabet = DNA, n: int = 5, length: int = LENGTH, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(alphabet.letters), length)) for _ in range(n)]


def problem(
    module: nn.Module, task: Task = "classification", *, most: int = 2, texts: list[str] | None = None, **more: object
) -> Problem:
    return problem_of(module, task, texts or some_texts(), ANY, most, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", MODULES)
def test_exact_as_plain_loops(kind: str) -> None:
    most = 3 if kind in ("relu", "branches") else 2
    asked = problem(seeded(MODULES[kind]), texts=[*some_texts(n=3), "ACGNTTACG"], most=most)
    standings = certified(asked, ["window_sums"])
    check(asked, standings, exact=True)
    assert all(one.proved_by == "window_sums" for one in standings if one.certified)


@pytest.mark.parametrize("task", ["binary", "multilabel", "regression"])
def test_tasks(task: Task) -> None:
    module = seeded(lambda: layers(4, 1 if task == "binary" else 3, nn.ReLU(), width=LENGTH), 3)
    asked = problem(module, task)
    check(asked, certified(asked, ["window_sums"]), exact=True)
    if task == "regression":
        down = problem(module, task, goal=Shift(up=False, delta=0.2, output=2))
        check(down, certified(down, ["window_sums"]), exact=True)


def test_every_budget_until_all_are_broken() -> None:
    module = seeded(lambda: layers(4, 3, nn.ReLU(), width=6), 5)
    asked = problem(module, most=6, texts=some_texts(n=3, length=6))
    check(asked, certified(asked, ["window_sums"]), exact=True)


def test_protected_letters_and_proteins() -> None:
    module = seeded(MODULES["relu"], 1)
    core = [[Region("core", 3, 5)] for _ in range(5)]
    asked = replace(problem(module, regions=core), threat=replace(ANY, protect=("core",)))
    check(asked, certified(asked, ["window_sums"]), exact=True)
    protein = seeded(lambda: layers(20, 2, nn.ReLU(), width=6))
    asked = problem(protein, alphabet=PROTEIN, texts=some_texts(PROTEIN, 2, 6), most=2)
    check(asked, certified(asked, ["window_sums"]), exact=True)


def test_unequal_costs(tmp_path: Path) -> None:
    prices = [[0, 1, 2.5, 0.5], [1, 0, 1.5, 2], [2, 1, 0, 1], [1, 1, 0.5, 0]]
    table = tmp_path / "costs.tsv"
    lines = ["\t".join(["", *"ACGT"])]
    lines += ["\t".join([letter, *map(str, row)]) for letter, row in zip("ACGT", prices, strict=True)]
    table.write_text("\n".join(lines) + "\n")
    asked = replace(problem(seeded(MODULES["relu"], 2), most=2), threat=replace(ANY, letters=str(table)))
    cost = lambda old, new: prices["ACGT".index(old)]["ACGT".index(new)]  # noqa: E731
    check(asked, certified(asked, ["window_sums"]), exact=True, cost=cost, unit=0.5)


def test_both_strands() -> None:
    asked = problem(seeded(MODULES["relu"], 4))
    asked.predictor._bare.average_strands = True
    asked.predictor.average_strands = True
    network = network_of(asked.predictor, torch.tensor(asked.sequences.tokens[:1]))
    tables = WindowTables(window_sum(network), 4)
    tables.verify(torch.randint(4, (20, LENGTH)).to(torch.uint8))
    ours = certified(asked, ["window_sums"])
    theirs = certified(asked, ["enumeration"])
    assert [(one.certified, one.broken) for one in ours] == [(one.certified, one.broken) for one in theirs]


def test_records_of_several_lengths() -> None:
    module = seeded(lambda: layers(4, 2, nn.ReLU(), nn.AdaptiveAvgPool1d(1), width=1))
    asked = problem(module, texts=["ACGTACGTA", "TTGACC", "GATTACA", "ACGTTTGCA"])
    check(asked, certified(asked, ["window_sums"]), exact=True)


def test_targeted_certificates_hold() -> None:
    asked = problem(seeded(MODULES["relu"], 6), goal=Targeted(label=1))
    ours, theirs = certified(asked, ["window_sums"]), certified(asked, ["enumeration"])
    assert any(one.certified for one in ours)
    for one, other in zip(ours, theirs, strict=True):
        assert other.broken is None or one.certified < other.broken


class FewG(nn.Module):
    """Positive while there are fewer than two Gs."""

    def forward(self, encoded: Tensor) -> Tensor:
        return 1.5 - encoded[:, 2].sum(1, keepdim=True)


def test_members_that_a_constraint_forbids_break_nothing() -> None:
    free = problem(FewG(), "binary", texts=["AATTAATTA", "CATTAATTC"], most=3)
    assert [one.broken for one in certified(free, ["window_sums"])] == [2, 2]
    # A G more needs a C less: there are none in the first record, and two in the second.
    bound = replace(free, threat=replace(ANY, constraints=(parse_constraint("gc:+-0.01", DNA),)))
    for methods in (["window_sums"], ["enumeration"]):
        assert [(one.certified, one.broken) for one in certified(bound, methods)] == [(3, None), (1, 2)]


def test_all_members_near_the_goal_are_traced_back_and_no_others() -> None:
    asked = problem(seeded(MODULES["branches"]))
    text = asked.sequences.texts[0]
    tables = WindowTables(window_sum(network_of(asked.predictor, torch.tensor(asked.sequences.tokens[:1]))), 4)
    tokens = torch.tensor(
        [[code, *(other for other in range(4) if other != code)] for code in asked.sequences.tokens[0]]
    )
    choices = path.Choices(tokens=tuple(tokens.to(torch.uint8)), costs=((0, 1, 1, 1),) * LENGTH)
    weights = torch.tensor([[1.0, -1.0, 0.0]], dtype=torch.float64)
    found = path.LongestPath().most(tables, choices, weights, 2, deadline=float("inf"), keep=True)
    pairs = [one for cost, one in edited(text, list(range(LENGTH)), "ACGT", one_each, 2) if cost == 2]
    with torch.no_grad():
        logits = asked.predictor.module.double()(one_hot(pairs, "ACGT").double())
    margin = logits[:, 0] - logits[:, 1]
    torch.testing.assert_close(found.exact[2, 0], margin.max(), atol=1e-9, rtol=1e-9)
    least = float(margin.topk(40).values[-1]) - 1e-9
    letters, whole = members_above(tables, choices, weights, found, 2, least, limit=1000)
    assert whole
    near = {"".join("ACGT"[i] for i in row) for row in letters.tolist()}
    assert near == {pair for pair, value in zip(pairs, margin.tolist(), strict=True) if value >= least}
    assert len(letters) == len(near) == 40
    few, whole = members_above(tables, choices, weights, found, 2, least, limit=5)
    assert (len(few), whole) == (5, False)


@pytest.mark.parametrize("make", [lambda: SmallCNN(4, 3), lambda: SmallGRU(4, 3)])
def test_other_networks_are_left_to_other_methods(make: Callable[[], nn.Module]) -> None:
    asked = problem(seeded(make), texts=some_texts(n=3, length=13), most=1)
    assert not any(one.proved_by for one in certified(asked, ["window_sums"]))
    check(asked, certified(asked, ["window_sums", "enumeration"]), exact=True)


def test_whatever_reads_few_letters_is_one_window() -> None:
    asked = problem(seeded(lambda: nn.Sequential(MODULES["relu"](), nn.ReLU())), most=2)
    check(asked, certified(asked, ["window_sums"]), exact=True)


def test_a_network_that_does_not_add_up_is_refused() -> None:
    asked = problem(seeded(MODULES["relu"]))
    tokens = torch.tensor(asked.sequences.tokens)
    sums = window_sum(network_of(asked.predictor, tokens[:1]))
    WindowTables(sums, 4).verify(tokens)
    for wrong in (replace(sums, constant=sums.constant + 1e-6), replace(sums, windows=sums.windows[:-1])):
        with pytest.raises(UnknownNetworkError, match="add up"):
            WindowTables(wrong, 4).verify(tokens)


def detector(
    motif: str, length: int, *pool: nn.Module, stride: int = 1, padding: int = 0, size: float = 20.0
) -> nn.Module:
    """A network that hears of one motif alone, so that random sequences show nothing of what it does with it."""
    net = nn.Sequential(nn.Conv1d(4, 1, len(motif), stride=stride, padding=padding), nn.ReLU(), *pool, nn.Flatten())
    net.append(nn.Linear(net(torch.zeros(1, 4, length)).shape[1], 1))
    first, last = net[0], net[-1]
    with torch.no_grad():
        first.weight.fill_(-1.0)
        first.bias.fill_(1.0 - len(motif))
        for place, letter in enumerate(motif):
            first.weight[0, "ACGT".index(letter), place] = 1.0
        last.weight.fill_(size)
        last.bias.fill_(-1.0)
    return net.eval()


@pytest.mark.parametrize(
    ("motif", "clean", "edited", "pool", "stride", "padding"),
    [
        ("TGTG", "GCAAAAAAG", "GCAAATGTG", (nn.MaxPool1d(2, 3, ceil_mode=True),), 2, 1),
        ("AGGT", "GCGTCGTGC", "GCGAGGTGC", (nn.AvgPool1d(3, 2, 1), nn.Tanh()), 2, 1),
        ("CGG", "AGTTAATGG", "AGTTACGGG", (nn.AdaptiveMaxPool1d(2),), 2, 1),
        ("CGG", "AGTTAATGG", "AGTTACGGG", (nn.AdaptiveAvgPool1d(3), nn.ReLU()), 1, 0),
        ("CGG", "AGTTAATGG", "AGTTACGGG", (nn.AvgPool1d(3, 2, 1, count_include_pad=False), nn.ReLU()), 1, 0),
    ],
)
def test_what_random_sequences_do_not_show_is_no_sum(
    motif: str, clean: str, edited: str, pool: tuple[nn.Module, ...], stride: int, padding: int
) -> None:
    """Pools whose units in a part of the record are others: a motif that is written flips what was certified."""
    module = detector(motif, len(clean), *pool, stride=stride, padding=padding)
    logits = [module(nn.functional.one_hot(torch.tensor(["ACGT".index(c) for c in text]), 4).T[None].float()).item()
              for text in (clean, edited)]  # fmt: skip
    assert logits[0] < 0 < logits[1]
    edits = sum(a != b for a, b in zip(clean, edited, strict=True))
    asked = problem(module, "binary", most=edits, texts=[clean])
    for methods in (["window_sums"], ["auto"]):
        standings = certified(asked, methods)
        assert standings[0].certified < edits
        check(asked, standings, exact=methods == ["auto"])


class Masked(nn.Module):
    """A class that is never predicted: its logit is minus infinity."""

    def __init__(self) -> None:
        super().__init__()
        self.net = layers(4, 3, nn.ReLU(), width=LENGTH)

    def forward(self, encoded: Tensor) -> Tensor:
        return self.net(encoded) + torch.tensor([0.0, 0.0, -torch.inf])


def test_infinite_logits_certify_nothing_by_sums() -> None:
    asked = problem(seeded(Masked), most=2)
    assert not any(one.proved_by for one in certified(asked, ["window_sums", "bounds"]))
    check(asked, certified(asked, ["auto"]), exact=True)


def test_a_proof_that_an_attack_contradicts_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = problem(seeded(MODULES["relu"], 8), texts=some_texts(n=8), most=2)
    assert any(one.broken for one in certified(asked, ["enumeration"]))
    monkeypatch.setattr(method.LinearWays, "safe", lambda ways, upper, _: torch.ones(len(upper), dtype=torch.bool))
    with pytest.raises(InternalError, match="reaches the goal"):
        certified(asked, ["window_sums"], attack="thorough")


def test_windows_that_are_read_out_alike_share_a_table() -> None:
    asked = problem(seeded(MODULES["3-mers"]))
    tables = WindowTables(window_sum(network_of(asked.predictor, torch.tensor(asked.sequences.tokens[:1]))), 4)
    assert len(tables._tables) == LENGTH - 2
    assert len({table.data_ptr() for table in tables._tables.values()}) == 1


def test_tables_and_crops_say_the_same() -> None:
    asked = problem(seeded(MODULES["branches"]))
    sums = window_sum(network_of(asked.predictor, torch.tensor(asked.sequences.tokens[:1])))
    tabulated, computed = WindowTables(sums, 4), WindowTables(sums, 4, tabulate=False)
    tokens = torch.randint(4, (30, LENGTH)).to(torch.uint8)
    for window in sums.windows:
        crop = tokens[:, window.start : window.end + 1]
        torch.testing.assert_close(tabulated.values(window, crop), computed.values(window, crop), atol=1e-12, rtol=1e-9)
    assert (tabulated.tolerance <= computed.tolerance * (1 + 1e-9)).all()


def test_the_model_stays_within_its_tolerance() -> None:
    for kind in ("relu", "branches", "ours", "pooled by mean"):
        asked = problem(seeded(MODULES[kind], 7))
        tokens = torch.randint(4, (200, LENGTH)).to(torch.uint8)
        network = network_of(asked.predictor, tokens[:1])
        with asked.predictor.attached():
            error = (asked.predictor.logits(tokens).double() - network.run(network.encode(tokens))).abs().amax(0)
        tolerance = WindowTables(window_sum(network), 4).tolerance
        assert (error <= tolerance).all()
        # And it is no blank cheque.
        assert (tolerance <= 1e5 * error + 1e-6).all()


def doubled(paid: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda best, choice, costs: paid(best, choice, tuple(2 * cost for cost in costs))


def frozen(choices: Callable[..., path.Choices]) -> Callable[..., path.Choices]:
    """Choices of a record whose middle may not change although it may."""

    def made(*given: object) -> path.Choices:
        whole = choices(*given)
        keep = [1 if 2 < place < 7 else 9 for place in range(LENGTH)]
        tokens = tuple(one[:n] for one, n in zip(whole.tokens, keep, strict=True))
        return path.Choices(tokens=tokens, costs=tuple(one[:n] for one, n in zip(whole.costs, keep, strict=True)))

    return made


FAULTS = {
    "a budget that pays half": (path, "paid", doubled(path.paid)),
    "letters that were never protected": (method, "_choices", frozen(method._choices)),
    "ways that are off inwards": (method.LinearWays, "safe", lambda ways, upper, _: (upper < 0.5).all(1)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = problem(seeded(MODULES["relu"], 8), texts=some_texts(n=8), most=2)
    check(asked, certified(asked, [WindowSums()]), exact=True)
    monkeypatch.setattr(*FAULTS[fault])
    with pytest.raises((AssertionError, InternalError)):
        check(asked, certified(asked, [WindowSums()]), exact=True)


class Absorbed(nn.Module):
    """Is 1 whatever the first letter, in exact arithmetic; in single precision a C there absorbs the 1."""

    def forward(self, encoded: Tensor) -> Tensor:
        large = 1e8 * encoded[:, 1, :1]
        return (large + 1) - large + 0.125 * encoded[:, 0, 1:2]


def test_rounding_inward_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = problem(Absorbed(), "binary", texts=["GGGTTTGGG"], most=1)
    assert "differs from the model" in certified(asked, ["window_sums"], attack="one_step")[0].reason
    # Even where that went unnoticed, the tolerance would keep the record open until the model is asked.
    monkeypatch.setattr(network, "_compare", lambda *_: None)
    standing = certified(asked, ["window_sums"], attack="one_step")[0]
    assert (standing.certified, standing.broken, standing.broken_by) == (0, 1, "window_sums")
    check(asked, [standing], exact=True)
    monkeypatch.setattr(method.LinearWays, "safe", lambda ways, upper, _: (upper < 0).all(1))
    with pytest.raises((AssertionError, InternalError)):
        check(asked, certified(asked, ["window_sums"], attack="one_step"), exact=False)
