"""Insertions and deletions under constraints and protection: every script of edits against rules in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from threats_edit_scripts import (
    Hits,
    Script,
    gc,
    hits_changed,
    longest_run,
    markov,
    pattern_hits,
    scripts,
    site_hits,
)

from seqrobust.alphabet import DNA
from seqrobust.sequences import Region, SequenceSet
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, CodedThreat, Indels
from seqrobust.threats.constraints import parse_constraint
from seqrobust.threats.substitution import BoundThreat

ANCHORS = ("left", "right", "free")
Verdict = Callable[[str, Script], bool]
BACKGROUND = ["ACGATCTTGACGTACGATCAAAA", "GGATCCGATTTACGCATNNACG"]


def by_hits(find: Callable[[str], Hits], width: int, forbids: str) -> Verdict:
    def allows(clean: str, script: Script) -> bool:
        gained, lost = hits_changed(find(clean), find(script.text), script.seen, width)
        return not ((gained and forbids != "loss") or (lost and forbids != "gain"))

    return allows


def same_gc(clean: str, script: Script) -> bool:
    return math.isnan(gc(script.text)) or abs(gc(script.text) - gc(clean)) < 1e-9


def plausible(clean: str, script: Script) -> bool:
    likelihood = cache(markov(BACKGROUND, 2))
    before, after = likelihood(clean), likelihood(script.text)
    return math.isnan(before) or math.isnan(after) or after >= before - 0.1 - 1e-8


RULES: dict[str, tuple[str, Verdict]] = {
    "gc": ("gc:+-0", same_gc),
    "runs": ("homopolymer:2", lambda clean, one: longest_run(one.text) <= max(2, longest_run(clean))),
    "no-site": ("no-site:MboI", by_hits(lambda text: site_hits("MboI", text), 4, "gain")),
    "keep-site": ("keep-site:MboI", by_hits(lambda text: site_hits("MboI", text), 4, "loss")),
    "no-gain": ("no-gain:GAW", by_hits(lambda text: pattern_hits("GAW", text), 3, "gain")),
    "no-change": ("no-change:GNTC", by_hits(lambda text: pattern_hits("GNTC", text), 4, "change")),
    "wide": ("no-gain:ACGATNTTGA", by_hits(lambda text: pattern_hits("ACGATNTTGA", text), 10, "gain")),
    "markov": ("markov:2@0.1:{background}", plausible),
}


@pytest.fixture
def background(tmp_path: Path) -> Path:
    path = tmp_path / "background.fa"
    path.write_text("".join(f">{i}\n{text}\n" for i, text in enumerate(BACKGROUND)))
    return path


def bound(text: str, anchor: str, k: int, rule: str = "", **regions: str) -> tuple[CodedSet, BoundThreat]:
    plain = SequenceSet.from_texts([text], DNA, regions=[[Region("head", 0, 2), Region("tail", 6, 9)]])
    coding = Indels(source=DNA, anchor=anchor)  # type: ignore[arg-type]
    coded = CodedSet.of(plain, coding)
    threat = SubstitutionThreat(
        budget=Budget(k),
        constraints=(parse_constraint(rule, DNA),) if rule else (),
        **{name: (region,) for name, region in regions.items()},  # type: ignore[arg-type]
    )
    return coded, CodedThreat.of(threat, coding).bind(coded)


def told(coded: CodedSet, threat: BoundThreat, every: list[Script]) -> list[bool]:
    """What the package says of each script, and that it reads it as the same sequence."""
    columns = torch.tensor(coded.tokens).repeat(len(every), 1)
    for row, script in enumerate(every):
        for column, letter in script.changes.items():
            columns[row, column] = "ACGT".index(letter) if letter else DNA.size
    assert [one.text for one in _all(coded, len(every)).written(columns.numpy())] == [one.text for one in every]
    return threat.take(torch.zeros(len(every), dtype=torch.int64)).contains(columns).tolist()


def _all(coded: CodedSet, count: int) -> CodedSet:
    return coded.take([0] * count)


@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize("name", RULES)
def test_a_script_is_a_member_where_plain_python_allows_it(name: str, anchor: str, background: Path) -> None:
    rule, allows = RULES[name]
    text = "CGATCTTGA"
    every = list(scripts(text, 2 if name in ("gc", "no-site", "no-change") else 1, anchor, lambda _: False))
    coded, threat = bound(text, anchor, 2, rule.format(background=background))
    found = told(coded, threat, every)
    wanted = [allows(text, script) for script in every]
    assert [one for one, a, b in zip(every, found, wanted, strict=True) if a != b] == []
    # What is wider than the record can only come where lengths are free.
    assert 0 < sum(wanted) < len(every) + (name == "wide" and anchor != "free")


@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize("regions", [{"protect": "tail"}, {"protect": "head"}, {"only": "head"}, {"only": "tail"}])
def test_letters_that_may_not_change_stay_in_view(anchor: str, regions: dict[str, str]) -> None:
    text, spans = "CGANCTTGA", {"head": range(2), "tail": range(6, 9)}
    ((kind, name),) = regions.items()
    held = {i for i in range(len(text)) if (i in spans[name]) == (kind == "protect")}
    every = list(scripts(text, 2, anchor, held.__contains__))
    coded, threat = bound(text, anchor, 2, **regions)
    wanted = [held <= {origin for _, origin in script.seen} for script in every]
    assert told(coded, threat, every) == wanted
    cut = len(text) - 1 if anchor == "left" else 0
    assert all(wanted) == (anchor == "free" or cut not in held)


def test_protecting_the_rest_is_confining_to_the_region() -> None:
    text = "CGANCTTGA"
    plain = SequenceSet.from_texts([text], DNA, regions=[[Region("head", 0, 3), Region("rest", 3, 9)]])
    coding = Indels(source=DNA, anchor="left")
    coded = CodedSet.of(plain, coding)
    one, other = (
        CodedThreat.of(SubstitutionThreat(budget=Budget(2), **{kind: (name,)}), coding).bind(coded)  # type: ignore[arg-type]
        for kind, name in (("only", "head"), ("protect", "rest"))
    )
    every = torch.randint(0, 5, (400, coded.width), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    few = torch.rand(every.shape, generator=torch.Generator().manual_seed(1)) < 0.1
    every = torch.where(few, every, torch.tensor(coded.tokens))
    rows = torch.zeros(len(every), dtype=torch.int64)
    assert one.take(rows).contains(every).tolist() == other.take(rows).contains(every).tolist()


def test_reasons_name_what_came_what_went_and_what_was_cut() -> None:
    text = "CGATCTTGA"
    coded, threat = bound(text, "left", 2, "no-gain:TTGA", protect="tail")
    columns = torch.tensor(coded.tokens)
    columns[0, 4] = 0
    assert threat.explain(columns, coded.alphabet) == ["letter 9, which may not change, is cut off"]
    # With a letter deleted behind it everything stays in view, and the hit at the end is where it was.
    columns[0, 9] = DNA.size
    assert threat.explain(columns, coded.alphabet) == [None]
    coded, threat = bound(text, "free", 2, "no-change:GATC")
    columns = torch.tensor(coded.tokens)
    columns[0, 0] = 1
    assert threat.explain(columns, coded.alphabet) == [None]
    columns[0, 6] = 1
    assert threat.explain(columns, coded.alphabet) == ["no change of GATC: GATC loses a hit at 2-5 on both strands"]
    coded, threat = bound("CGATTTTGA", "free", 1, "no-gain:GATTTTT")
    columns = torch.tensor(coded.tokens)
    columns[0, 6] = 3
    assert threat.explain(columns, coded.alphabet) == [
        "no gain of GATTTTT: GATTTTT gains a hit at 2-8 on the given strand"
    ]


def test_hits_in_records_of_several_lengths() -> None:
    texts = ["CGATCTTGA", "GATC", "TTGATCA", "A"]
    coding = Indels(source=DNA, anchor="free")
    coded = CodedSet.of(SequenceSet.from_texts(texts, DNA), coding)
    threat = CodedThreat.of(
        SubstitutionThreat(budget=Budget(1), constraints=(parse_constraint("no-change:GATC", DNA),)), coding
    ).bind(coded)
    allows = by_hits(lambda text: pattern_hits("GATC", text), 4, "change")
    for record, text in enumerate(texts):
        every = list(scripts(text, 1, "free", lambda _: False))
        rows = torch.full((len(every),), record)
        columns = torch.tensor(coded.tokens)[rows]
        for row, script in enumerate(every):
            for column, letter in script.changes.items():
                columns[row, column] = "ACGT".index(letter) if letter else DNA.size
        assert threat.take(rows).contains(columns).tolist() == [allows(text, script) for script in every]
