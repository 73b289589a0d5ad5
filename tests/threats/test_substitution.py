"""The closed form, projection, sampling and membership against brute force over every short sequence."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences import Region, SequenceSet, one_hot, tokens_from_texts
from seqrobust.threats import BoundThreat, Budget, SubstitutionThreat, bind, edits_as_text, parse_budgets, switch_costs

DNA_TEXT = st.text("ACGTN", min_size=1, max_size=4)
# Two letters dear, one switch forbidden: every branch of unequal costs.
COSTS = np.array([[0, 1, 2, 2], [1, 0, -1, 2], [2, 3, 0, 1], [1, 2, 1, 0]])


def members(threat: BoundThreat, alphabet: Alphabet) -> list[tuple[int, ...]]:
    """Every member of the first record's set, by walking all words and counting edits letter by letter."""
    clean = threat.tokens[0].tolist()
    found = []
    for word in itertools.product(range(alphabet.size + 2), repeat=len(clean)):
        cost = 0
        for column, (old, new) in enumerate(zip(clean, word, strict=True)):
            if old == new:
                continue
            if new >= alphabet.size or int(threat.blocked[0, column]) or not threat.permitted[0, new, column]:
                break
            cost += 1 if threat.costs is None else int(threat.costs[0, new, column])
        else:
            if cost <= int(threat.budget[0]):
                found.append(word)
    return found


def bound(text: str, budget: int, editable: list[bool], rule: str = "any", *, dear: bool = False) -> BoundThreat:
    tokens = torch.from_numpy(tokens_from_texts([text], DNA).copy())
    mask = torch.tensor([editable]) & (tokens < DNA.size)
    switches = torch.from_numpy(np.isfinite(switch_costs(rule, DNA)))
    units = None
    if dear:
        units = torch.from_numpy(COSTS)
        switches = switches & (units >= 0)
    return bind(tokens, mask, switches, torch.tensor([budget]), units=units)


@st.composite
def cases(draw: st.DrawFn) -> tuple[BoundThreat, Tensor]:
    text = draw(DNA_TEXT)
    editable = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    rule = draw(st.sampled_from(["any", "transitions"]))
    threat = bound(text, draw(st.integers(0, 5)), editable, rule, dear=draw(st.booleans()))
    seed = draw(st.integers(0, 2**31))
    # A coarse grid makes ties, the case where an order of preference shows.
    gradient = torch.randint(-3, 4, (1, DNA.size, len(text)), generator=torch.Generator().manual_seed(seed)).float()
    return threat, gradient


@settings(deadline=None, max_examples=150)
@given(cases())
def test_best_response_is_the_best_member(case: tuple[BoundThreat, Tensor]) -> None:
    threat, gradient = case
    words = torch.tensor(members(threat, DNA), dtype=torch.uint8)
    values = (one_hot(words, DNA) * gradient).sum((1, 2))
    response = threat.best_response(gradient)
    assert response.value.item() == pytest.approx(values.max().item(), abs=1e-5)
    assert (one_hot(response.tokens, DNA) * gradient).sum().item() == pytest.approx(values.max().item(), abs=1e-5)
    assert tuple(response.tokens[0].tolist()) in set(map(tuple, words.tolist()))


@settings(deadline=None, max_examples=60)
@given(cases())
def test_membership_and_reasons(case: tuple[BoundThreat, Tensor]) -> None:
    threat, _ = case
    inside = set(members(threat, DNA))
    words = list(itertools.product(range(DNA.size + 2), repeat=threat.tokens.shape[1]))
    many = threat.take(torch.zeros(len(words), dtype=torch.int64))
    tokens = torch.tensor(words, dtype=torch.uint8)
    assert many.contains(tokens).tolist() == [word in inside for word in words]
    assert [reason is None for reason in many.explain(tokens, DNA)] == [word in inside for word in words]


@settings(deadline=None, max_examples=60)
@given(cases())
def test_set_size_and_moves(case: tuple[BoundThreat, Tensor]) -> None:
    threat, _ = case
    inside = members(threat, DNA)
    assert threat.log_size().exp().item() == pytest.approx(len(inside))
    for word in inside[:20]:
        neighbours = {
            (*word[:i], letter, *word[i + 1 :])
            for i in range(len(word))
            for letter in range(DNA.size)
            if letter != word[i]
        } & set(inside)
        moves = threat.moves(torch.tensor([word], dtype=torch.uint8))[0]
        reached = {(*word[:i], letter, *word[i + 1 :]) for letter, i in torch.nonzero(moves).tolist()}
        assert reached == neighbours


@settings(deadline=None, max_examples=150)
@given(cases(), st.integers(0, 2**31), st.sampled_from([0.3, 1.0, 5.0]))
def test_projection_is_nearest(case: tuple[BoundThreat, Tensor], seed: int, scale: float) -> None:
    """p is the projection of v exactly when <v - p, z - p> <= 0 for every corner z of the hull."""
    threat, _ = case
    point = scale * torch.randn(
        1, DNA.size, threat.tokens.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    projected = threat.project(point)
    if threat.costs is None:
        corners = one_hot(torch.tensor(members(threat, DNA), dtype=torch.uint8), DNA).double()
        known = (threat.tokens[0] < DNA.size)[None, None, :]
        slack = (((point - projected) * known) * (corners - projected)).sum((1, 2))
        assert slack.max().item() <= 1e-9
    columns = projected.sum(1)[0]
    assert torch.allclose(columns, (threat.tokens[0] < DNA.size).double(), atol=1e-9)
    assert projected.min().item() >= 0
    assert projected.masked_fill(threat.permitted, 0).abs().max().item() == 0
    weights = (~threat.clean).double() if threat.costs is None else threat.costs.clamp(min=0).double()
    assert (projected * weights).sum().item() <= threat.budget.item() + 1e-6


@settings(deadline=None, max_examples=40)
@given(cases(), st.integers(0, 2**31))
def test_projection_under_costs_is_optimal(case: tuple[BoundThreat, Tensor], seed: int) -> None:
    """Against an independent solver (SLSQP) on the same quadratic program."""
    from scipy.optimize import minimize

    threat, _ = case
    if threat.costs is None or not bool((threat.tokens[0] < DNA.size).all()):
        return
    point = torch.randn(1, 4, threat.tokens.shape[1], generator=torch.Generator().manual_seed(seed)).double()
    projected = threat.project(point)
    target, permitted = point.numpy().ravel(), threat.permitted.numpy().ravel()
    costs = threat.costs.clamp(min=0).numpy().ravel()
    shape = point.shape[1:]
    solved = minimize(
        lambda p: ((p - target) ** 2).sum(),
        threat.clean.numpy().ravel().astype(float),
        jac=lambda p: 2 * (p - target),
        bounds=[(0, 1 if ok else 0) for ok in permitted],
        constraints=[
            {"type": "eq", "fun": lambda p: p.reshape(shape).sum(0) - 1},
            {"type": "ineq", "fun": lambda p: float(threat.budget[0]) - (p * costs).sum()},
        ],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 300},
    )
    assert ((projected.numpy().ravel() - target) ** 2).sum() <= solved.fun + 1e-6


def test_projection_of_a_member_is_itself_and_large_protein_batches_agree_with_the_first_principle() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 20, (6, 80), generator=generator).to(torch.uint8)
    threat = bind(
        tokens, torch.ones(6, 80, dtype=torch.bool), torch.ones(20, 20, dtype=torch.bool), torch.full((6,), 7)
    )
    assert torch.allclose(threat.project(one_hot(tokens, PROTEIN)), one_hot(tokens, PROTEIN))
    point = torch.randn(6, 20, 80, generator=generator).double()
    projected = threat.project(point)
    # The corner that maximises <v - p, z> is given by the closed form, itself checked above by brute force.
    best = threat.best_response(point - projected).value
    assert (best - ((point - projected) * projected).sum((1, 2))).max().item() <= 1e-9


@pytest.mark.parametrize("dear", [False, True])
@pytest.mark.parametrize("full", [False, True])
def test_samples_are_uniform(dear: bool, full: bool) -> None:
    threat = bound("ACGN", 2, [True, True, True, True], dear=dear)
    inside = members(threat, DNA)
    spend = threat.take(torch.zeros(len(inside), dtype=torch.int64)).spent(torch.tensor(inside, dtype=torch.uint8))
    eligible = {word for word, cost in zip(inside, spend.tolist(), strict=True) if cost == 2 or not full}
    draws = 40 * len(eligible)
    many = threat.take(torch.zeros(draws, dtype=torch.int64))
    uniforms = torch.rand(draws, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    counts = Counter(map(tuple, many.sample(uniforms, full=full).tolist()))
    assert set(counts) <= eligible
    assert chisquare([counts[word] for word in sorted(eligible)]).pvalue > 1e-3


def test_sample_spends_what_can_be_spent_when_the_budget_cannot() -> None:
    threat = bound("AC", 5, [True, False])
    drawn = threat.sample(torch.full((1, 3), 0.5, dtype=torch.float64), full=True)
    assert threat.spent(drawn).tolist() == [1]


def test_large_sets_are_drawn_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    threat = bind(
        torch.zeros(9, 12, dtype=torch.uint8),
        torch.ones(9, 12, dtype=torch.bool),
        torch.ones(4, 4, dtype=torch.bool),
        torch.arange(9),
    )
    uniforms = torch.rand(9, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    whole, size = threat.sample(uniforms, full=True), threat.log_size()
    monkeypatch.setattr("seqrobust.threats.substitution._TABLE_CELLS", 250)
    assert len(threat._pieces()) > 3
    assert torch.equal(threat.sample(uniforms, full=True), whole)
    assert torch.equal(threat.log_size(), size)
    assert threat.spent(whole).tolist() == list(range(9))


def test_dual_norm_does_not_depend_on_the_rows_beside_it() -> None:
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randint(0, 4, (5, 30), generator=generator).to(torch.uint8)
    threat = bind(
        tokens, torch.rand(5, 30, generator=generator) > 0.3, torch.ones(4, 4, dtype=torch.bool), torch.arange(5)
    )
    gradient = torch.randn(5, 4, 30, generator=generator)
    together = threat.best_response(gradient)
    for row in range(5):
        alone = threat.take(torch.tensor([row])).best_response(gradient[row : row + 1])
        assert torch.equal(alone.tokens[0], together.tokens[row])
        assert torch.equal(alone.value[0], together.value[row])


# The threat on records --------------------------------------------------------------------------------------------


def records() -> SequenceSet:
    return SequenceSet.from_texts(
        ["ACGTN", "GGG"], DNA, ids=["a", "b"], regions=[[Region("core", 1, 3), Region("edge", 2, 5)], []]
    )


def test_protect_and_only() -> None:
    threat = SubstitutionThreat(budget=Budget(2), protect=("core",), only=("edge",))
    assert threat.editable(records()).tolist() == [[False, False, False, True, False], [False] * 5]
    reasons = threat.bind(records()).explain(torch.tensor([[1, 0, 2, 3, 4], [2, 2, 2, 5, 5]], dtype=torch.uint8), DNA)
    assert reasons == [
        "A1C: the position may not change: it lies outside the regions the adversary is confined to",
        None,
    ]


def test_unknown_region_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ThreatError, match="core, edge"):
        SubstitutionThreat(budget=Budget(1), protect=("cor",)).bind(records())


def test_budget_beyond_the_editable_positions_is_cut() -> None:
    assert SubstitutionThreat(budget=Budget(99), protect=("core",)).bind(records()).budget.tolist() == [2, 3]


def test_isoleucine_is_nearer_to_valine_than_to_aspartate() -> None:
    """The orientation of a similarity matrix, once published the wrong way round."""
    switches = SubstitutionThreat(budget=Budget(1), letters="blosum62:1").switches(PROTEIN)
    i, v, d = (PROTEIN.token(letter) for letter in "IVD")
    assert switches[i, v]
    assert not switches[i, d]


def test_costs_from_a_table(tmp_path: object) -> None:
    path = f"{tmp_path}/costs.tsv"
    rows = "\n".join(
        f"{a}\t" + "\t".join(str(max(int(c), 0) * 0.5) for c in row) for a, row in zip("ACGT", COSTS, strict=True)
    )
    with open(path, "w") as handle:
        handle.write("\tA\tC\tG\tT\n" + rows + "\n")
    threat = SubstitutionThreat(budget=Budget(1), letters=path).bind(SequenceSet.from_texts(["CC"], DNA))
    assert threat.unit == 0.5
    assert threat.budget.tolist() == [2]
    tokens = torch.tensor([[0, 0], [1, 3], [0, 3], [2, 1]], dtype=torch.uint8)
    assert threat.take(torch.zeros(4, dtype=torch.int64)).contains(tokens).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("nonsense", "unknown rule"),
        ("blosum62:x", "threshold is a number"),
        ("blosum99:0", "unknown substitution matrix"),
        ("nowhere/table.tsv", "unknown rule"),
    ],
)
def test_bad_rules(rule: str, words: str) -> None:
    with pytest.raises(ThreatError, match=words):
        switch_costs(rule, PROTEIN)


@pytest.mark.parametrize(
    "content", ["", "A\tC\n1\t2\n", "\tA\tC\tG\tT\nA\t0\t-1\t1\t1\nC\t1\t0\t1\t1\nG\t1\t1\t0\t1\nT\t1\t1\t1\t0\n"]
)
def test_bad_tables(content: str, tmp_path: object) -> None:
    path = f"{tmp_path}/table.tsv"
    with open(path, "w") as handle:
        handle.write(content)
    with pytest.raises(ThreatError):
        switch_costs(path, DNA)


def test_transitions_are_not_for_proteins() -> None:
    with pytest.raises(ThreatError, match="nucleotides only"):
        switch_costs("transitions", PROTEIN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", ["3"]), ("1..3", ["1", "2", "3"]), ("5,1", ["1", "5"]), ("1%, 2.5%", ["1%", "2.5%"]), ("0", ["0"])],
)
def test_budget_lists(text: str, expected: list[str]) -> None:
    assert [str(budget) for budget in parse_budgets(text)] == expected


@pytest.mark.parametrize("text", ["", "-1", "5..1", "1,2%", "many", "1.5", "101%", "nan", "9" * 20, "1..100000000"])
def test_bad_budgets(text: str) -> None:
    with pytest.raises(ThreatError):
        parse_budgets(text)


def test_percentages_round_down() -> None:
    assert Budget.parse("3%").counts(np.array([100, 99, 0])).tolist() == [3, 2, 0]


def test_edits_as_text() -> None:
    assert edits_as_text("ACGT", "ACGT") == ""
    assert edits_as_text("ACGT", "TCGA") == "A1T;T4A"
