"""Codings: what one edit is, beside Biopython, edit distances by dynamic programming, and differences of functions."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
import torch
from Bio.Seq import Seq
from torch import Tensor

from seqrobust.alphabet import DNA, PROTEIN, RNA, Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences import Region, SequenceSet, one_hot
from seqrobust.sequences.encoding import texts_from_tokens
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, CodedThreat, Coding, Codons, Indels, Moves, parse_moves
from seqrobust.threats.constraints import parse_constraint
from seqrobust.threats.substitution import BoundThreat


def bound(texts: list[str], coding: Moves, k: int, **rules: object) -> tuple[CodedSet, BoundThreat]:
    regions = rules.pop("regions", None)
    plain = SequenceSet.from_texts(texts, coding.source, regions=regions)  # type: ignore[arg-type]
    coded = CodedSet.of(plain, coding)
    threat = SubstitutionThreat(budget=Budget(k), **rules)  # type: ignore[arg-type]
    return coded, CodedThreat.of(threat, coded.coding).bind(coded)


def members(threat: BoundThreat, record: int = 0) -> Tensor:
    """Every (C,) member of one record, by going through all that is permitted."""
    permitted = threat.permitted[record]
    clean = threat.tokens[record]
    choices = [
        torch.nonzero(column).flatten().tolist() or [int(now)] for column, now in zip(permitted.T, clean, strict=True)
    ]
    found = []
    budget = int(threat.budget[record])
    for count in range(budget + 1):
        for columns in itertools.combinations(range(len(clean)), count):
            others = [[piece for piece in choices[c] if piece != int(clean[c])] for c in columns]
            for pieces in itertools.product(*others):
                row = clean.clone()
                row[list(columns)] = torch.tensor(pieces, dtype=torch.uint8)
                found.append(row)
    return torch.stack(found)


def decoded(coding: Coding, tokens: Tensor) -> list[str]:
    return texts_from_tokens(coding.decode(tokens).numpy(), coding.source)


@cache
def distance(a: str, b: str) -> int:
    """Levenshtein."""
    if not a or not b:
        return len(a) + len(b)
    return min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))


# Insertions and deletions ---------------------------------------------------------------------------------------------


def test_one_edit_is_edit_distance_one() -> None:
    coding = Indels(source=DNA, anchor="free")
    _, threat = bound(["ACCG"], coding, 1)
    every = {"".join(letters) for n in (3, 4, 5) for letters in itertools.product("ACGT", repeat=n)}
    assert set(decoded(coding, members(threat))) == {text for text in every if distance("ACCG", text) <= 1}


def test_members_lie_within_the_edit_distance_and_few_are_missing() -> None:
    coding = Indels(source=DNA, anchor="free")
    _, threat = bound(["ACA"], coding, 2)
    found = set(decoded(coding, members(threat)))
    every = {"".join(letters) for n in range(1, 6) for letters in itertools.product("ACGT", repeat=n)}
    near = {text for text in every if distance("ACA", text) <= 2}
    assert found <= near
    # Left out is what takes two letters in one gap.
    assert all(len(text) == 5 for text in near - found)


def test_the_anchored_end_keeps_its_place() -> None:
    for anchor, deleted, grown in (("left", "CGTN", "AACG"), ("right", "NCGT", "ACGT")):
        coding = Indels(source=DNA, anchor=anchor)  # type: ignore[arg-type]
        coded, _ = bound(["ACGT"], coding, 1)
        columns = torch.tensor(coded.tokens).repeat(2, 1)
        columns[0, 1] = DNA.size
        columns[1, 0] = 0
        assert decoded(coding, columns) == [deleted, grown]


def test_names_of_edits_and_the_text_that_is_seen() -> None:
    for anchor, seen in (("left", "RGTTAN"), ("right", "NRGTTA"), ("free", "RGTTA")):
        coding = Indels(source=DNA, anchor=anchor)  # type: ignore[arg-type]
        coded, _ = bound(["RCGTAA"], coding, 3)
        columns = coded.tokens.copy()
        columns[0, 3], columns[0, 11], columns[0, 6] = 4, 4, 3
        (written,) = coded.written(columns)
        assert written == (seen, "C2del;3_4insT;A6del", 3, None)
        assert decoded(coding, torch.from_numpy(columns)) == [seen.replace("R", "N")]


def test_protected_regions_are_not_broken_up() -> None:
    coding = Indels(source=DNA, anchor="free")
    regions = [[Region("core", 2, 5)]]
    _, threat = bound(["AACGTAA"], coding, 2, protect=("core",), regions=regions)
    texts = decoded(coding, members(threat))
    assert len(texts) > 100
    assert all("CGT" in text for text in texts)
    assert "AATCGTAA" in texts  # right before it
    _, inside = bound(["AACGTAA"], coding, 2, only=("core",), regions=regions)
    assert all(text.startswith("AA") and text.endswith("AA") for text in decoded(coding, members(inside)))


def test_an_unknown_letter_stays_and_the_end_is_the_records_own() -> None:
    coding = Indels(source=DNA, anchor="left")
    coded, threat = bound(["ANC", "ACGTA"], coding, 1)
    assert coded.lengths.tolist() == [7, 11]
    texts = set(decoded(coding, members(threat)))
    assert {len(text) for text in texts} == {3}
    assert "NCN" in texts
    assert "AAN" in texts
    assert not any(text[1] in "GT" and text[2] == "C" for text in texts - {"ATN"})
    assert not bool(threat.permitted[0, :, 7:].any())


def test_a_share_is_of_letters() -> None:
    plain = SequenceSet.from_texts(["ACGTACGTAC"], DNA)
    coded = CodedSet.of(plain, Indels(source=DNA))
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget.parse("20%")), Indels(source=DNA))
    assert threat.bind(coded).budget.tolist() == [2]
    assert "deletions at no more than 20% of the editable positions (" in threat.describe()
    # A count is not cut to them: letters can be inserted beside one that is unknown.
    _, unknown = bound(["NN"], Indels(source=DNA, anchor="free"), 2)
    assert "ANCN" in decoded(Indels(source=DNA, anchor="free"), members(unknown))


# First order ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moves",
    [Indels(source=DNA, anchor=anchor) for anchor in ("left", "right", "free")]
    + [Codons(source=DNA, region="cds"), Indels(source=PROTEIN)],
    ids=["left", "right", "free", "codons", "protein"],
)
def test_pulled_gradients_are_gains_of_a_linear_function(moves: Moves) -> None:
    rng = np.random.default_rng(1)
    source = moves.source  # type: ignore[attr-defined]
    letters = source.letters
    texts = ["".join(rng.choice(list(letters), n)) for n in (11, 8)]
    texts[0] = texts[0][:4] + source.any_letter + texts[0][5:]
    coded, threat = bound(texts, moves, 1, regions=[[Region("cds", 1, 10)], [Region("cds", 2, 8)]])
    coding = coded.coding
    weights = torch.randn(coding.source.size, 24, generator=torch.Generator().manual_seed(2))

    def value(columns: Tensor) -> Tensor:
        seen = one_hot(coding.decode(columns), coding.source)
        return (seen * weights[:, : seen.shape[2]]).sum((1, 2))

    # Not at the clean sequence only: also where some edits are in already.
    starts = torch.tensor(coded.tokens)
    for _ in range(3):
        width = coding.decode(starts).shape[1]
        # A function that is linear in what it sees, and sees what has grown too.
        pad = 2 if getattr(coding, "anchor", "") == "free" else 0
        gradient = weights[:, : width + pad].expand(len(starts), -1, -1)
        pulled = coding.pull(gradient, starts)
        for record in range(2):
            now = value(starts[record : record + 1])
            for column in range(starts.shape[1]):
                token = int(starts[record, column])
                if token >= coding.alphabet.size:
                    continue
                others = torch.nonzero(threat.permitted[record, :, column]).flatten().tolist()
                moved = starts[record].repeat(len(others), 1)
                moved[:, column] = torch.tensor(others, dtype=torch.uint8)
                gains = pulled[record, others, column] - pulled[record, token, column]
                torch.testing.assert_close(gains, value(moved) - now, atol=1e-4, rtol=1e-4)
        starts = _edited(starts, threat, rng)


def _edited(tokens: Tensor, threat: BoundThreat, rng: np.random.Generator) -> Tensor:
    moved = tokens.clone()
    for record in range(len(tokens)):
        for column in rng.permutation(tokens.shape[1])[:3].tolist():
            if others := torch.nonzero(threat.permitted[record, :, column]).flatten().tolist():
                moved[record, column] = int(rng.choice(others))
    return moved


# Codons ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alphabet", [DNA, RNA], ids=["DNA", "RNA"])
@pytest.mark.parametrize("table", [1, 2, 11])
def test_the_protein_stays_and_every_synonym_is_reached(alphabet: Alphabet, table: int) -> None:
    every = ["".join(letters) for letters in itertools.product(alphabet.letters, repeat=3)]
    # Behind a first codon that no protein begins with, so that nothing but the code decides.
    for codon in every:
        coded, threat = bound([f"CCC{codon}"], Codons(source=alphabet, table=table), 1)
        product = str(Seq(codon).translate(table=table))
        synonyms = {other for other in every if str(Seq(other).translate(table=table)) == product}
        found = {text[3:] for text in decoded(coded.coding, members(threat)) if text.startswith("CCC")}
        assert found == synonyms


def test_whole_codons_in_frame_and_nothing_else() -> None:
    moves = Codons(source=DNA, region="cds")
    text = "GGATGCTTNTACGTTAAGG"
    regions = [[Region("cds", 2, 17), Region("site", 5, 6)]]
    coded, threat = bound([text], moves, 2, regions=regions)
    proteins, seen = set(), decoded(coded.coding, members(threat))
    for edited in seen:
        assert (edited[:2], edited[17:], len(edited)) == ("GG", "GG", len(text))
        proteins.add(str(Seq(edited[2:17]).translate()))
    assert proteins == {str(Seq(text[2:17]).translate())}
    # The frame reads ATG CTT NTA CGT TAA: five synonyms, then none for what holds an N, five, two.
    assert len(seen) == 1 + (5 + 5 + 2) + (5 * 5 + 5 * 2 + 5 * 2)
    kept_set, kept = bound([text], moves, 2, regions=regions, protect=("site",))
    assert {edited[5:8] for edited in decoded(kept_set.coding, members(kept))} == {"CTT"}
    for column, why in ((4, "has to stay"), (5, "it is protected"), (6, "has to stay")):
        edited = torch.tensor(coded.tokens)
        edited[0, column] = (edited[0, column] + 1) % 64
        assert why in str(kept.explain(edited, coded.alphabet)[0])


def test_codons_count_as_one_edit_and_are_written_by_their_letters() -> None:
    coded, threat = bound(["ATGTCAA"], Codons(source=DNA), 1)
    texts = decoded(coded.coding, members(threat))
    row = members(threat)[[text == "ATGAGCA" for text in texts].index(True)]
    (written,) = coded.written(row[None].numpy())
    assert written == ("ATGAGCA", "T4A;C5G;A6C", 1, "S2TCA>AGC")


def test_mixtures_of_codons_are_mixtures_of_letters() -> None:
    coded, _ = bound(["GATGCTTAC"], Codons(source=DNA, region="cds"), 2, regions=[[Region("cds", 1, 7)]])
    coding = coded.coding
    tokens = torch.tensor(coded.tokens)
    points = one_hot(tokens, coding.alphabet)
    other = points.clone()
    codon = coding.triplets.index("AGG")  # type: ignore[attr-defined]
    other[0, :, -1] = 0
    other[0, codon, -1] = 1
    ends = [
        one_hot(coding.decode(tokens), DNA),
        one_hot(torch.tensor([[2, 0, 3, 2, 0, 2, 2, 0, 1]], dtype=torch.uint8), DNA),
    ]
    mixed = coding.mixed(0.75 * points + 0.25 * other, tokens, ends[0])
    torch.testing.assert_close(mixed, 0.75 * ends[0] + 0.25 * ends[1])


def test_letter_rules_and_constraints_hold_for_the_sequence() -> None:
    moves = Codons(source=DNA)
    coded, transitions = bound(["TCACGT"], moves, 2, letters="transitions")
    seen = decoded(coded.coding, members(transitions))
    assert {a + b for text in seen for a, b in zip("TCACGT", text, strict=True) if a != b} <= {"AG", "GA", "CT", "TC"}
    assert len(seen) > 3
    coded, tight = bound(["TCACGT"], moves, 2, constraints=(parse_constraint("gc:+-0", DNA),))
    every = members(tight)
    inside = [bool(tight.take(torch.zeros(1, dtype=torch.int64)).contains(row[None])) for row in every]
    gc = [sum(letter in "GC" for letter in text) == 3 for text in decoded(coded.coding, every)]
    assert inside == gc
    assert 0 < sum(gc) < len(gc)


def test_a_share_is_of_codons_that_can_change() -> None:
    plain = SequenceSet.from_texts(["ATG" + "CTT" * 5 + "TGG" * 4], DNA)
    coded = CodedSet.of(plain, Codons(source=DNA))
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget.parse("40%")), coded.coding)
    assert threat.bind(coded).budget.tolist() == [2]


# Text -----------------------------------------------------------------------------------------------------------------


def test_moves_are_read() -> None:
    assert parse_moves("substitutions", DNA) is None
    codons = [parse_moves(text, DNA) for text in ("codons", "codons:CDS", "codons:CDS[a:b]:11", "codons::2")]
    found = [(one.region, one.table) for one in codons if isinstance(one, Codons)]
    assert found == [(None, None), ("CDS", None), ("CDS[a:b]", 11), (None, 2)]
    anchors = [parse_moves(text, PROTEIN) for text in ("indels", "indels:right", "indels:free")]
    assert [one.anchor for one in anchors if isinstance(one, Indels)] == ["left", "right", "free"]


@pytest.mark.parametrize(
    ("text", "alphabet", "said"),
    [
        ("codon", DNA, "unknown moves"),
        ("indels:middle", DNA, "unknown moves"),
        ("substitutions:2", DNA, "unknown moves"),
        ("codons", PROTEIN, "codons are of nucleotides"),
        ("codons::7", DNA, "unknown genetic code"),
        ("codons:11", DNA, "stands behind a region"),
    ],
)
def test_moves_that_cannot_be_read(text: str, alphabet: Alphabet, said: str) -> None:
    with pytest.raises(ThreatError, match=said):
        parse_moves(text, alphabet)


def test_records_that_cannot_be_written_in_codons() -> None:
    plain = SequenceSet.from_texts(["ACGTACGT"], DNA, regions=[[Region("cds", 0, 6), Region("cds", 4, 8)]])
    with pytest.raises(ThreatError, match="no region has that name"):
        CodedSet.of(plain, Codons(source=DNA, region="CDS"))
    with pytest.raises(ThreatError, match="costs one"):
        Indels(source=DNA).costs(np.array([[0.0, 2.0], [2.0, 0.0]]))
    with pytest.raises(ThreatError, match="costs one"):
        CodedSet.of(plain, Codons(source=DNA)).coding.costs(np.array([[0.0, 2.0], [2.0, 0.0]]))


def test_short_records_are_no_trouble() -> None:
    for texts in (["A"], ["AC", "ACGT"], ["N"]):
        for coding in (Codons(source=DNA), Indels(source=DNA), Indels(source=DNA, anchor="free")):
            coded, threat = bound(texts, coding, 5)  # type: ignore[arg-type]
            everything = threat.sample(torch.rand(len(texts), coded.width + 1, dtype=torch.float64), full=True)
            assert coded.coding.decode(everything).shape[0] == len(texts)
            assert decoded(coded.coding, torch.tensor(coded.tokens)) == texts
            assert bool(threat.contains(everything).all())
