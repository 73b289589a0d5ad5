"""Every invariant of an audit: what is right passes under every kind of threat, and one broken thing is caught.

Tables are those of real attacks on small nets; each is then spoiled in one way, as a fault in a search, a coding or a
writer would spoil it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from audit_toys import HOW, LENGTH, RECORDS, Net, _attacked, broken, other, rewritten, some, spoiled, table_of, verdicts
from torch import Tensor

import seqrobust as sr
from seqrobust.analysis.asked import Opening
from seqrobust.analysis.attack.study import prepare
from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.invariants import OF_WRITING, checked, checked_together
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.audit.recount import letter_price
from seqrobust.api.subjects import subject_of
from seqrobust.attacks.settings import AttackSettings
from seqrobust.sequences.marks import content_mark
from seqrobust.threats.letters import switch_costs


@pytest.fixture(scope="module")
def usual() -> AttackTable:
    return table_of(protect=("core",))


GRID: dict[str, dict[str, Any]] = {
    "any": {},
    "protected": {"protect": ("core",)},
    "confined, by pattern": {"only": ("co*",)},
    "transitions": {"allow": "transitions"},
    "shares": {"budget": "5%,20%", "protect": ("core",)},
    "left": {"moves": "indels:left", "protect": ("core",)},
    "right": {"moves": "indels:right", "allow": "transitions"},
    "free": {"moves": "indels:free", "only": ("core",)},
    "free by share": {"moves": "indels:free", "budget": "10%"},
    "left, motifs": {"moves": "indels:left", "only": ("core",), "constraints": ("no-change:GAW",)},
    "free, motifs": {"moves": "indels:free", "constraints": ("no-change:GW; no-gain:CCC",)},
    "codons": {"moves": "codons"},
    "codons by share": {"moves": "codons", "budget": "40%"},
    "constraints": {"constraints": ("gc:+-0.06; homopolymer:3", "no-gain:TATA", "no-site:EcoRI")},
    "targeted": {"target_label": "y"},
}


@pytest.mark.parametrize("name", GRID)
def test_what_is_right_passes(name: str) -> None:
    table = table_of(records=some(letters="ACGT", unknown="codons" not in name), **GRID[name])
    found = verdicts(table)
    assert (table.results["n_edits"] > 0).any()
    # A quick search may be outdone by lot, which is another matter.
    others = {name: one.verdict for name, one in found.items() if name != "random control behind the search"}
    assert set(others.values()) <= {"holds", "not checked"}, others
    assert ("proteins kept" in found) == ("codons" in name)
    assert ("constraints kept" in found) == ("constraints" in GRID[name])
    assert found["scores asked again"].forwards <= 32


@pytest.mark.parametrize("target_label", [None, "x", "-y"])
def test_several_labels_pass(target_label: str | None) -> None:
    values = np.random.default_rng(0).integers(0, 2, (RECORDS, 2))
    table: pd.DataFrame = pd.DataFrame(values, columns=["x", "y"])
    records = replace(some(), targets=table)
    how = {**HOW, "task": "multilabel"}
    found = sr.attack(Net(), records, 2, attacks="quick", random_draws=2, target_label=target_label, **how)
    verdicts = {one.name: one.verdict for one in found.audit.outcomes}
    assert verdicts["scores asked again"] == verdicts["metrics against the table"] == "holds"
    # What a checkpoint records is of all labels together.
    assert verdicts["clean accuracy as recorded"] == "not checked"


def test_regions_are_meant_as_the_threat_means_them() -> None:
    """A name that holds a star is itself before it is a pattern; the threat and the recount agree on every letter."""
    spans = [{"a*": (2, 4), "ab": (6, 9), "a(b)": (11, 12)} for _ in range(RECORDS)]
    records = sr.records(some(unknown=False).texts, alphabet="DNA", regions=spans)
    for names in (("a*",), ("a(b)",), ("ab", "a*"), ("*b",), ("*b*",)):
        for how in ({"protect": names}, {"only": names}):
            table = table_of(records=records, **how)
            allowed = table.problem.threat.editable(records)
            for place in range(LENGTH):
                wrong = rewritten(table, 2, {place: other(table, 2, place)})
                caught = verdicts_of_edits(wrong)["protected letters in place"].verdict == "broken"
                assert caught != allowed[0, place], (names, how, place)


def verdicts_of_edits(table: AttackTable) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in checked(table, OF_WRITING)}


def test_a_region_that_nobody_knows_is_not_guessed_at(usual: AttackTable) -> None:
    threat = replace(usual.problem.threat, only=("elsewhere",))
    table = replace(usual, problem=replace(usual.problem, threat=threat))
    assert verdicts_of_edits(table)["protected letters in place"].verdict == "not checked"


@pytest.mark.parametrize("goal", ["up", "down"])
def test_a_regression_passes(goal: str) -> None:
    subject = subject_of(Net(outputs=1), some(), name="net", labelled=False, task="regression", alphabet="DNA")
    settings = AttackSettings(budget="1..2", attacks=("quick",), random_draws=3, goal=goal)
    ready = prepare(subject, settings, Opening(device="cpu"))
    found = _attacked(ready)
    table = AttackTable(problem=ready.problem, results=found.results, metrics=found.metrics)
    assert not broken(table)
    assert "scores asked again" in broken(spoiled(table, 0, clean_score=99.0, adversarial_score=99.0))


@pytest.mark.parametrize(("texts", "verdict"), [(["ACGTACGT"] * 3, "holds"), (["ACGTACGT", "TTTTACGT"], "doubtful")])
def test_one_answer_to_one_sequence_is_no_alarm(texts: list[str], verdict: str) -> None:
    flat = Net(outputs=1)
    flat.weight.data.zero_()
    flat.pair.data.zero_()
    subject = subject_of(flat, texts, name="net", labelled=False, task="regression", alphabet="DNA", labels=("v",))
    settings = AttackSettings(budget="1..2", attacks=("one_step",), random_draws=1, goal="up", delta=0.1)
    ready = prepare(subject, settings, Opening(device="cpu"))
    found = _attacked(ready)
    table = AttackTable(problem=ready.problem, results=found.results, metrics=found.metrics, moves="letters")
    assert verdicts(table)["answers differ"].verdict == verdict


def a_row(table: AttackTable) -> int:
    return int(np.flatnonzero((table.results["n_edits"] > 0) & (table.results["budget"] == 3))[0])


SPOILED: dict[str, Callable[[AttackTable, int], AttackTable]] = {
    "edits within budget": lambda t, row: rewritten(t, row, {i: other(t, row, i) for i in (10, 11, 12, 13)}),
    "protected letters in place": lambda t, row: rewritten(t, row, {5: other(t, row, 5)}),
    "edits as they are said": lambda t, row: spoiled(t, row, edits="A1C"),
    "records in and out": lambda t, row: spoiled(t, row, id="nobody"),
    "metrics against the table": lambda t, _: replace(t, metrics={**(t.metrics or {}), "clean_accuracy": 0.111}),
    "scores asked again": lambda t, _: replace(t, results=t.results.assign(adversarial_score=7.25)),
}


@pytest.mark.parametrize("name", SPOILED)
def test_one_broken_thing_is_caught(name: str, usual: AttackTable) -> None:
    assert not broken(usual)
    assert name in broken(SPOILED[name](usual, a_row(usual)))


def test_letters_that_the_rule_forbids_are_caught() -> None:
    table = table_of(allow="transitions")
    row = a_row(table)
    place = int(np.flatnonzero([letter == "A" for letter in table.sequences.texts[table.record[row]]])[0])
    assert "letters permitted" in broken(rewritten(table, row, {place: "C"}))
    assert "letters permitted" not in broken(rewritten(table, row, {place: "G"}))


def test_an_unknown_letter_that_was_edited_is_caught(usual: AttackTable) -> None:
    assert "protected letters in place" in broken(rewritten(usual, 0, {2: "A"}))


def test_numbers_of_edits_are_counted(usual: AttackTable) -> None:
    row = a_row(usual)
    assert broken(spoiled(usual, row, n_edits=int(usual.results["n_edits"][row]) + 1)) >= {"edits as they are said"}


def test_a_row_that_is_missing_or_there_twice_is_caught(usual: AttackTable) -> None:
    for results in (usual.results.iloc[:-1], pd.concat([usual.results, usual.results.iloc[:1]])):
        assert broken(replace(usual, results=results.reset_index(drop=True))) == {"records in and out"}


@pytest.mark.parametrize(
    ("constraint", "edits"), [("gc:+-0.01", "GC"), ("homopolymer:2", "AAAA"), ("no-gain:GGGGG", "GGGGG")]
)
def test_a_constraint_that_is_broken_is_caught(constraint: str, edits: str) -> None:
    records = some(letters="AT", unknown=False)
    table = table_of(records=records, constraints=(constraint,))
    after = records.texts[0][:10] + edits + records.texts[0][10 + len(edits) :]
    assert "constraints kept" not in broken(table)
    assert "constraints kept" in broken(spoiled(table, 2, adversarial_sequence=after))


def test_a_changed_protein_is_caught() -> None:
    records = sr.records(["ATGCTTAGAGGTTCACTTGCACGTCTTTAA"] * 4, alphabet="DNA", targets=list("xyxy"))
    table = table_of(records=records, moves="codons")
    row = int(np.flatnonzero(table.results["n_edits"] > 0)[0])
    assert not broken(table)
    # CTT is leucine, CCT proline; one letter and one codon, as is said.
    before = records.texts[0]
    wrong = spoiled(
        table, row, adversarial_sequence=before[:4] + "C" + before[5:], edits="T5C", codon_edits="L2CTT>CCT", n_edits=1
    )
    assert broken(wrong) >= {"proteins kept"}
    assert "residue 2" in verdicts(wrong)["proteins kept"].found


@pytest.mark.parametrize("moves", ["indels:left", "indels:free"])
def test_an_insertion_into_a_protected_region_is_caught(moves: str) -> None:
    table = table_of(moves=moves, protect=("core",))
    row, before = 3 * 1 + 2, table.sequences.texts[1]
    letter = next(one for one in "ACGT" if one != before[5])
    grown = before[:5] + letter + before[5:]
    seen = grown[:LENGTH] if moves == "indels:left" else grown
    wrong = spoiled(table, row, adversarial_sequence=seen, edits=f"5_6ins{letter}", n_edits=1)
    assert "protected letters in place" in broken(wrong)
    assert "edits as they are said" not in broken(wrong)
    assert "edits as they are said" in broken(spoiled(wrong, row, edits=f"6_7ins{letter}"))


def test_a_protected_letter_that_is_cut_off_is_caught() -> None:
    texts = some(unknown=False).texts
    records = sr.records(texts, alphabet="DNA", targets=list("xyxyxyxy"), regions=[{"last": (LENGTH - 2, LENGTH)}] * 8)
    table = table_of(records=records, moves="indels:left", protect=("last",))
    assert "protected letters in place" not in broken(table)
    text = records.texts[0]
    wrong = spoiled(table, 0, adversarial_sequence="A" + text[:-1], edits="0_1insA", n_edits=1)
    assert "protected letters in place" in broken(wrong)


def test_success_that_falls_is_caught(usual: AttackTable) -> None:
    row = int(np.flatnonzero(usual.success & (usual.results["budget"] == 2))[0])
    assert "larger budgets never worse" in broken(spoiled(usual, row + 1, success=False))


def test_an_objective_that_falls_is_caught() -> None:
    table = table_of(goal="auto", budget="1..2")
    row = int(np.flatnonzero(table.attacked & ~table.success & (table.results["budget"] == 2))[0])
    assert "larger budgets never worse" in broken(spoiled(table, row, objective=-50.0))


def test_a_model_that_drifts_is_caught() -> None:
    module = Net()
    table = table_of(module)
    assert not broken(table)
    with torch.no_grad():
        module.pair[0] += 0.05
    assert broken(table) == {"scores asked again"}


def test_a_model_that_heeds_its_batch_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of()

    def heeds(encoded: Tensor) -> Tensor:
        out: Tensor = Net.forward(module, encoded)
        return out + (out.std(0) if len({tuple(row) for row in out.tolist()}) > 1 else 0)

    module = table.predictor.module
    assert isinstance(module, Net)
    monkeypatch.setattr(module, "forward", heeds)
    assert "a sequence alone" in verdicts(table)["scores asked again"].found


@pytest.mark.parametrize(("recorded", "verdict"), [(None, "not checked"), ("right", "holds"), (0.01, "broken")])
def test_clean_accuracy_is_held_against_the_checkpoint(usual: AttackTable, recorded: Any, verdict: str) -> None:
    assert usual.targets is not None
    assert usual.metrics is not None
    mark = content_mark(usual.sequences, usual.targets)
    accuracy = usual.metrics["clean_accuracy"] if recorded == "right" else recorded
    found = verdicts(replace(usual, recorded=None if recorded is None else {mark: accuracy}))
    assert found["clean accuracy as recorded"].verdict == verdict
    elsewhere = verdicts(replace(usual, recorded={"another": 0.01}))
    assert elsewhere["clean accuracy as recorded"].verdict == "not checked"


def test_a_mark_is_of_letters_and_targets() -> None:
    records = some()
    subject = subject_of(Net(), records, name="net", labelled=True, **HOW)
    assert subject.targets is not None
    mark = content_mark(records, subject.targets)
    assert content_mark(replace(records, ids=[f"r{i}" for i in range(RECORDS)]), subject.targets) == mark
    assert content_mark(records.take(range(7)), subject.targets.take(np.arange(7))) != mark
    turned = replace(subject.targets, values=1 - subject.targets.values)
    assert content_mark(records, turned) != mark


@pytest.mark.parametrize("rule", ["any", "transitions", "blosum62:0", "table"])
@pytest.mark.parametrize("alphabet", ["DNA", "RNA", "PROTEIN"])
def test_prices_of_letters_are_those_of_the_threat(rule: str, alphabet: str, tmp_path: Path) -> None:
    """Two readings of the rule, by two codes; where the threat refuses a rule there is nothing to compare."""
    known = sr.alphabet.DNA if alphabet == "DNA" else getattr(sr.alphabet, alphabet)
    if rule == "table":
        cells = np.random.default_rng(0).integers(0, 4, (known.size, known.size)) / 2
        path = tmp_path / "rule.tsv"
        pd.DataFrame(cells, index=list(known.letters), columns=list(known.letters)).to_csv(path, sep="\t")
        rule = str(path)
    elif (rule == "transitions") == (alphabet == "PROTEIN") or (rule == "blosum62:0") == (alphabet != "PROTEIN"):
        rule = "any"
    price, costs = letter_price(rule), switch_costs(rule, known)
    for i, old in enumerate(known.letters):
        for j, new in enumerate(known.letters):
            assert i == j or price(old, new) == costs[i, j], (old, new)


def test_several_tables_come_to_one_outcome(usual: AttackTable) -> None:
    row = a_row(usual)
    tables = {"a": usual, "b": rewritten(usual, row, {5: other(usual, row, 5)})}
    found = {one.name: one for one in checked_together(tables, "each", OF_WRITING)}
    assert found["each: protected letters in place"].verdict == "broken"
    assert found["each: protected letters in place"].found.startswith("b: ")
    assert found["each: edits within budget"].verdict == "holds"
    assert found["each: edits within budget"].rows == 2 * len(usual.results)
