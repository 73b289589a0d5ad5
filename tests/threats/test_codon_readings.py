"""Synonymous codons of genes as they come, every strand, join and frame, beside all there are by Biopython."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
import torch
from Bio.Seq import Seq
from threats_genes import all_synonymous, cds, codon_places, noise, orf, proteins, put, record_of, single_changes, write

from seqrobust.alphabet import DNA
from seqrobust.errors import InternalError, ThreatError
from seqrobust.sequences import SequenceSet, one_hot
from seqrobust.sequences.encoding import texts_from_tokens
from seqrobust.sequences.readers import read_sequences
from seqrobust.sequences.readings import Part, Reading
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, CodedThreat, CodonColumns, Codons
from seqrobust.threats.substitution import BoundThreat

LAYOUTS: dict[str, tuple[list[tuple[int, int, int]], int]] = {
    # Parts in the order they are read, and codon_start.
    "plus": ([(5, 26, 1)], 1),
    "minus": ([(5, 26, -1)], 1),
    "frame 2": ([(0, 22, 1)], 2),
    "frame 3, minus": ([(9, 32, -1)], 3),
    "two exons out of phase": ([(3, 13, 1), (20, 31, 1)], 1),
    "five exons, minus": ([(45, 49, -1), (36, 38, -1), (28, 33, -1), (20, 21, -1), (4, 13, -1)], 1),
    "five exons": ([(4, 9, 1), (12, 13, 1), (18, 25, 1), (30, 32, 1), (40, 46, 1)], 1),
    "over the origin": ([(46, 52, 1), (0, 12, 1)], 1),
    "over the origin within a codon, minus": ([(10, 0, -1), (52, 41, -1)], 1),
    "trans-spliced": ([(30, 40, -1), (3, 14, 1)], 1),
}
LENGTH = 52


def a_gene(name: str, seed: int = 0, table: int = 1) -> tuple[str, object]:
    """A record's text and its one feature."""
    parts, start = LAYOUTS[name]
    parts = [(min(a, b), max(a, b), strand) for a, b, strand in parts]
    rng = np.random.default_rng(seed)
    feature = cds(parts, codon_start=start, transl_table=table, gene="g")
    size = sum(b - a for a, b, _ in parts) - (start - 1)
    coding = noise(rng, start - 1) + orf(rng, size // 3, table) + noise(rng, size % 3)
    if start > 1:
        feature.location = _partial(feature.location)
    return put(noise(rng, LENGTH), feature, coding), feature


def _partial(location):  # type: ignore[no-untyped-def]
    """The same location, begun beyond its first letter."""
    from Bio.SeqFeature import AfterPosition, BeforePosition, SimpleLocation

    if location.strand == 1:
        return SimpleLocation(BeforePosition(location.start), location.end, 1)
    return SimpleLocation(location.start, AfterPosition(location.end), -1)


def bound(sequences: SequenceSet, k: int, region: str | None = "CDS") -> tuple[CodedSet, BoundThreat]:
    coded = CodedSet.of(sequences, Codons(source=sequences.alphabet, region=region))
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(k)), coded.coding)
    return coded, threat.bind(coded)


def member_texts(coded: CodedSet, threat: BoundThreat, k: int) -> set[str]:
    """Every member of the first record's set, by going through what is permitted."""
    clean = threat.tokens[0]
    others = [
        torch.nonzero(threat.permitted[0, :, column] & ~threat.clean[0, :, column]).flatten().tolist()
        for column in range(len(clean))
    ]
    rows = []
    for count in range(k + 1):
        for columns in combinations(range(len(clean)), count):
            for pieces in product(*(others[column] for column in columns)):
                row = clean.clone()
                row[list(columns)] = torch.tensor(pieces, dtype=torch.uint8)
                rows.append(row)
    stacked = torch.stack(rows)
    assert bool(threat.take(torch.zeros(len(rows), dtype=torch.int64)).contains(stacked).all())
    return set(texts_from_tokens(coded.coding.decode(stacked).numpy(), coded.plain.alphabet))


def loaded(path: Path) -> SequenceSet:
    if path.suffix in (".gff3", ".gtf"):
        return read_sequences(path.with_suffix(".fa"), alphabet=DNA, annotation=path).sequences
    return read_sequences(path).sequences


@pytest.mark.parametrize("suffix", [".gb", ".embl", ".gff3", ".gtf"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_members_are_all_synonymous_sequences(layout: str, suffix: str, tmp_path: Path) -> None:
    in_rows = suffix in (".gff3", ".gtf")
    if in_rows and ("origin" in layout or "trans" in layout):
        pytest.skip("rows of a linear annotation have no order of their own")
    text, feature = a_gene(layout, seed=len(layout))
    sequences = loaded(write(record_of(text, feature, circular="origin" in layout), tmp_path / f"x{suffix}"))
    first = 1 if LAYOUTS[layout][1] == 1 else 0
    for k in (1, 2):
        coded, threat = bound(sequences, k)
        assert member_texts(coded, threat, k) == all_synonymous(text, feature, k, first)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pulled_gradients_are_exact_differences_of_a_linear_model(layout: str, tmp_path: Path) -> None:
    text, feature = a_gene(layout, seed=3)
    coded, threat = bound(loaded(write(record_of(text, feature), tmp_path / "x.gb")), 1)
    coding = coded.coding
    weights = torch.randn(4, LENGTH, generator=torch.Generator().manual_seed(5))

    def value(columns: torch.Tensor) -> torch.Tensor:
        return (one_hot(coding.decode(columns), DNA) * weights).sum((1, 2))

    tokens = threat.tokens
    pulled = coding.pull(weights[None], tokens)
    gains = pulled - pulled.gather(1, tokens.long().clamp(max=63)[:, None])
    checked = 0
    for _, piece, column in torch.nonzero(threat.permitted & ~threat.clean).tolist():
        moved = tokens.clone()
        moved[0, column] = piece
        torch.testing.assert_close(gains[0, piece, column], (value(moved) - value(tokens))[0], atol=1e-5, rtol=1e-4)
        checked += 1
    assert checked > 5
    # So the closed form is the largest of all members.
    best = threat.best_response(pulled)
    everything = member_texts(coded, threat, 1)
    scores = [float((one_hot(_tokens(one), DNA) * weights).sum()) for one in everything]
    assert float(value(best.tokens)[0]) == pytest.approx(max(scores), abs=1e-4)


def _tokens(text: str) -> torch.Tensor:
    return torch.tensor([["ACGT".index(letter) for letter in text]], dtype=torch.uint8)


@pytest.mark.parametrize("layout", ["five exons, minus", "over the origin within a codon, minus"])
def test_mixtures_are_of_letters_where_they_stand(layout: str, tmp_path: Path) -> None:
    text, feature = a_gene(layout, seed=4)
    coded, threat = bound(loaded(write(record_of(text, feature), tmp_path / "x.gb")), 99)
    rng = torch.Generator().manual_seed(1)
    moved = threat.sample(torch.rand(1, coded.width + 1, dtype=torch.float64, generator=rng), full=True)
    assert not torch.equal(moved, threat.tokens)
    ends = [one_hot(coded.coding.decode(one), DNA) for one in (threat.tokens, moved)]
    points = [one_hot(one, coded.alphabet) for one in (threat.tokens, moved)]
    mixed = coded.coding.mixed(0.6 * points[0] + 0.4 * points[1], threat.tokens, ends[0])
    torch.testing.assert_close(mixed, 0.6 * ends[0] + 0.4 * ends[1])


# Several frames -------------------------------------------------------------------------------------------------------


def overlapping(seed: int, shift: int, strand: int) -> tuple[str, list[object]]:
    """Two open frames that share letters, found by trying."""
    rng = np.random.default_rng(seed)
    if strand == 1:
        shift = 1 + shift % 2  # another frame of the same strand
    for _ in range(10_000):
        length = 48
        first = cds([(2, 32, 1)], gene="A")
        second = cds([(11 + shift, 11 + shift + 30, strand)], gene="B")
        text = put(noise(rng, length), first, orf(rng, 10))
        if all("*" not in one[:-1] for one in proteins(text, [first, second])):
            return text, [first, second]
    raise AssertionError("no such frames")


@pytest.mark.parametrize("strand", [1, -1])
@pytest.mark.parametrize("seed", range(12))
def test_every_protein_of_overlapping_genes_is_kept(seed: int, strand: int, tmp_path: Path) -> None:
    text, features = overlapping(seed, seed % 3, strand)
    sequences = loaded(write(record_of(text, *features), tmp_path / "x.gb"))
    coded, threat = bound(sequences, 2)
    found = member_texts(coded, threat, 2)
    wanted = proteins(text, features)
    assert all(proteins(one, features) == wanted for one in found)
    # All that one codon's change can do is there, but for what would not go together with another.
    ones = member_texts(coded, bound(sequences, 1)[1], 1)
    brute = {text}.union(*single_changes(text, features[0], features), *single_changes(text, features[1], features))
    fixed = {place for feature in features for place in codon_places(feature)[0][0]}
    brute = {one for one in brute if all(one[place] == text[place] for place in fixed)}
    assert ones <= brute
    coding = coded.coding
    assert isinstance(coding, CodonColumns)
    # A change of B that takes letters of two codons of A is two edits.
    of_a = [set(places) for places, _ in codon_places(features[0])]
    missing = {one for one in brute - ones if _codons_hit(text, one, of_a) < 2}
    # In the standard code nothing of two frames is synonymous by itself and not beside another, here.
    assert (missing, [frames.conflicts for frames in coding.frames]) == (set(), [0])


def _codons_hit(text: str, edited: str, codons: list[set[int]]) -> int:
    changed = {place for place, (a, b) in enumerate(zip(text, edited, strict=True)) if a != b}
    return sum(bool(changed & codon) for codon in codons)


def test_synonyms_that_do_not_go_together_are_left_out() -> None:
    # In code 26 CTG is alanine: two switches, each synonymous in both frames, may not be so together.
    first = cds([(0, 30, 1)], transl_table=26)
    second = cds([(2, 29, 1)], transl_table=26)
    readings = [[Reading(parts=(Part(a, b, 1),), table=26, whole=False) for a, b in ((0, 30), (2, 29))]]
    conflicts = 0
    for seed in range(200):
        text = noise(np.random.default_rng(seed), 30)
        coded, threat = bound(SequenceSet.from_texts([text], DNA, readings=readings), 2)
        assert isinstance(coded.coding, CodonColumns)
        if found := coded.coding.frames[0].conflicts:
            conflicts += found
            wanted = proteins(text, [first, second])
            assert all(proteins(one, [first, second]) == wanted for one in member_texts(coded, threat, 2))
    assert conflicts > 3


def test_letters_of_several_frames_can_change_and_are_counted(tmp_path: Path) -> None:
    for seed in range(12):
        text, features = overlapping(seed, seed % 3, -1 if seed % 2 else 1)
        coded, threat = bound(loaded(write(record_of(text, *features), tmp_path / "x.gb")), 1)
        assert isinstance(coded.coding, CodonColumns)
        (frames,) = coded.coding.frames
        shared = set(features[0].location) & set(features[1].location)
        found = member_texts(coded, threat, 1)
        changing = {at for one in found for at, (a, b) in enumerate(zip(text, one, strict=True)) if a != b}
        assert (frames.shared, frames.shared_free) == (len(shared), len(shared & changing))
        said = f"{len(shared)} letters lie in more than one frame: {len(shared & changing)} can change"
        assert any(said in notice for notice in coded.coding.notices)


def test_one_gene_is_chosen_and_the_other_is_kept(tmp_path: Path) -> None:
    text, features = overlapping(3, 1, -1)
    sequences = loaded(write(record_of(text, *features), tmp_path / "x.gb"))
    both, a, b = (member_texts(*bound(sequences, 1, name), 1) for name in ("CDS", "CDS[gene=A]", "CDS[gene=B]"))
    wanted = proteins(text, features)
    for found, feature in ((a, features[0]), (b, features[1])):
        inside = set(feature.location)
        for one in found:
            assert proteins(one, features) == wanted
            assert all(x == y or place in inside for place, (x, y) in enumerate(zip(text, one, strict=True)))
    assert len(a) > 1
    assert len(b) > 1
    assert a <= both
    with pytest.raises(ThreatError, match=r"no coding sequence has that name[^$]*CDS\[gene=A\]"):
        bound(sequences, 1, "CDS[gene=C]")
    coded, _ = bound(sequences, 1, "CDS[gene=B]")
    assert "B; minus strand; genetic code 1" in coded.coding.describe("1")  # type: ignore[attr-defined]


def test_identical_and_spliced_readings_are_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    long = cds([(2, 20, 1), (30, 42, 1)], gene="long")
    short = cds([(2, 20, 1)], gene="short")
    coding = orf(rng, 5, stop=False)
    text = put(noise(rng, 50), long, coding + "TAA" + orf(rng, 4)[:9] + "TAA")
    text = put(text, short, coding + "TAA")
    text = put(text, long, coding + "CTC" + "GCGCTAACC" + "TAA")
    twin = cds([(2, 20, 1), (30, 42, 1)], gene="twin")
    one, threat = bound(loaded(write(record_of(text, long), tmp_path / "a.gb")), 2)
    two, same = bound(loaded(write(record_of(text, long, twin, short), tmp_path / "b.gb")), 2)
    assert member_texts(one, threat, 2) == member_texts(two, same, 2) == all_synonymous(text, long, 2)


# The last word --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["minus", "five exons", "over the origin"])
def test_a_changed_protein_is_an_internal_error(layout: str, tmp_path: Path) -> None:
    text, feature = a_gene(layout, seed=6)
    coded, threat = bound(loaded(write(record_of(text, feature), tmp_path / "x.gb")), 1)
    refused = 0
    places = coded.coding.places[0]  # type: ignore[attr-defined]
    for column in np.flatnonzero((places >= 0).any(1)).tolist():
        for piece in range(64):
            moved = coded.tokens.copy()
            moved[0, column] = piece
            edited = texts_from_tokens(coded.coding.decode(torch.from_numpy(moved)).numpy(), DNA)[0]
            if proteins(edited, [feature]) == proteins(text, [feature]):
                assert coded.written(moved)[0].text == edited
            else:
                refused += 1
                with pytest.raises(InternalError, match="changed the protein"):
                    coded.written(moved)
    assert refused > 100
    assert bool(threat.contains(threat.tokens).all())


def test_names_of_codons_are_their_own(tmp_path: Path) -> None:
    text = put(noise(np.random.default_rng(0), 30), feature := cds([(4, 8, -1), (20, 22, 1)]), "ATGAAA")
    feature = cds([(18, 24, -1), (6, 12, -1)], gene="g")
    text = put(text, feature, "ATGAAACTTTAA")
    coded, threat = bound(loaded(write(record_of(text, feature), tmp_path / "x.gb")), 1)
    names = {one.codon_edits for row in _moved(threat) for one in coded.written(row[None].numpy())}
    amino = {"AAA": "K2", "CTT": "L3", "TAA": "*4"}
    wanted = {
        f"{name}{codon}>{other}"
        for codon, name in amino.items()
        for other in ("".join(x) for x in product("ACGT", repeat=3))
        if other != codon and str(Seq(other).translate()) == str(Seq(codon).translate())
    }
    assert names == wanted


def _moved(threat: BoundThreat) -> list[torch.Tensor]:
    rows = []
    for _, piece, column in torch.nonzero(threat.permitted & ~threat.clean).tolist():
        row = threat.tokens[0].clone()
        row[column] = piece
        rows.append(row)
    return rows
