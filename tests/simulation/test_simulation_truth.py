"""Every record is what its label, regions and columns say, by scans that share no code with the simulator."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from Bio.Data import IUPACData
from Bio.Seq import Seq

from seqrobust.alphabet import DNA, PROTEIN, RNA
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.simulation import (
    EXAMPLES,
    SHORTCUT,
    Activity,
    Arrangement,
    Grammar,
    Interaction,
    Motif,
    Placement,
    SequenceClass,
    example,
    gc_background,
    simulate,
    swiss_prot_background,
    textbook_motif,
    uniform_background,
    varied,
    with_shortcut,
)


def targets_of(sequences: SequenceSet) -> pd.DataFrame:
    assert sequences.targets is not None
    return sequences.targets


def gaps_between(text: str, first: str, second: str) -> list[int]:
    """Letters between every match of one regular expression and every later match of another."""
    ends = [match.start() + len(match.group(1)) for match in re.finditer(f"(?=({first}))", text)]
    starts = [match.start() for match in re.finditer(f"(?={second})", text)]
    return [start - end for end in ends for start in starts if start >= end]


def within_one(word: str) -> str:
    """A regular expression of all words at most one letter off."""
    return "(?:" + "|".join(word[:i] + "." + word[i + 1 :] for i in range(len(word))) + ")"


def test_promoters_hold_the_spacing_once_and_others_never() -> None:
    sequences = simulate(example("promoter"), 800, seed=3)
    minus35, minus10 = within_one("TTGACA"), within_one("TATAAT")
    for record, (text, label) in enumerate(zip(sequences.texts, targets_of(sequences)["label"], strict=True)):
        gaps, swapped = gaps_between(text, minus35, minus10), gaps_between(text, minus10, minus35)
        right = sum(16 <= gap <= 18 for gap in gaps)
        wrong = sum(4 <= gap <= 11 or 23 <= gap <= 32 for gap in gaps) + sum(16 <= gap <= 18 for gap in swapped)
        assert (right, wrong) == {"promoter": (1, 0), "decoy": (0, 1), "background": (0, 0)}[label]
        regions = {region.name: text[region.start : region.end] for region in sequences.regions.of(record)}
        assert set(regions) == (set() if label == "background" else {"minus35", "minus10"})
        assert all(re.fullmatch({"minus35": minus35, "minus10": minus10}[name], word) for name, word in regions.items())


def test_enhancers_have_order_strand_and_spacing() -> None:
    sequences = simulate(with_shortcut(example("enhancer"), 0.5), 800, seed=4)
    for text, label in zip(sequences.texts, targets_of(sequences)["label"], strict=True):
        gaps = gaps_between(text, "CAG[AG]TG", "[AT]GATA[AG]")
        inverted = gaps_between(text, "CAG[AG]TG", "[CT]TATC[AT]")
        swapped = gaps_between(text, "[AT]GATA[AG]", "CAG[AG]TG")
        right = sum(8 <= gap <= 10 for gap in gaps)
        wrong = sum(gap <= 5 or 13 <= gap <= 25 for gap in gaps)
        wrong += sum(8 <= gap <= 10 for gap in inverted) + sum(8 <= gap <= 10 for gap in swapped)
        assert (right, wrong) == {"enhancer": (1, 0), "decoy": (0, 1), "background": (0, 0)}[label]


def test_zinc_sites_and_their_look_alikes() -> None:
    sequences = simulate(with_shortcut(example("zinc-site"), 0.5), 600, seed=5)
    labels = targets_of(sequences)["label"]
    names = set()
    for record, (text, label) in enumerate(zip(sequences.texts, labels, strict=True)):
        right = re.findall(r"(?=HE..H.{16,20}NE..SD)", text)
        assert len(right) == (label == "protease")
        words = {region.name: text[region.start : region.end] for region in sequences.regions.of(record)}
        names |= set(words)
        patterns = {
            "HExxH": "HE..H",
            "NExxSD": "NE..SD",
            "HExxH-broken": "HQ..H",
            "AExxH": "AE..H",
            SHORTCUT: "DYKDDDDK",
        }
        assert all(re.fullmatch(patterns[name], word) for name, word in words.items())
    assert names == {"HExxH", "NExxSD", "HExxH-broken", "AExxH", SHORTCUT}


def test_every_motif_of_an_expression_record_was_placed() -> None:
    sequences = simulate(example("expression"), 500, seed=6)
    words = {"AP1": "TGA[CG]TCA", "ETS": "CCGGAAGT", "GC-box": "GGGGCGGGG", "GFI1": "AAATCAC[AT]GC"}
    targets = targets_of(sequences)
    for record, text in enumerate(sequences.texts):
        other = str(Seq(text).reverse_complement())
        planted = {region.name: region for region in sequences.regions.of(record)}
        for name, word in words.items():
            starts = [match.start() for match in re.finditer(f"(?={word})", text)]
            assert starts == ([planted[name].start] if name in planted else [])
            assert targets[f"has_{name}"][record] == (name in planted)
            if name != "AP1":  # Its own reverse complement.
                assert not re.search(word, other)


def test_activity_is_the_sum_it_is_said_to_be() -> None:
    sequences = simulate(example("expression"), 500, seed=7)
    targets = targets_of(sequences)
    for record in range(len(sequences)):
        placed = {region.name: region for region in sequences.regions.of(record)}
        expected = 1.0 + sum({"AP1": 1.0, "ETS": 0.8, "GC-box": 0.6, "GFI1": -1.2}[name] for name in placed)
        if {"AP1", "ETS"} <= set(placed):
            first, second = sorted((placed["AP1"], placed["ETS"]), key=lambda region: region.start)
            expected += second.start - first.end <= 20
        assert targets["activity_exact"][record] == pytest.approx(expected)
    noise = targets["activity"] - targets["activity_exact"]
    assert noise.std() == pytest.approx(0.2, abs=0.02)
    assert abs(noise.mean()) < 0.03
    assert (targets["positive"] == (targets["activity_exact"] > 1.5)).all()


# ---- a scan of any grammar, by brute force ----


def letters_of(motif: Motif, alphabet: str) -> list[str]:
    """Accepted letters of a plain IUPAC pattern."""
    values = {"DNA": IUPACData.ambiguous_dna_values, "RNA": IUPACData.ambiguous_rna_values}
    return [values[alphabet].get(code, code) if alphabet in values else code for code in motif.pattern]


def starts_of(text: str, motif: Motif, orientation: str, alphabet: str) -> set[int]:
    columns = letters_of(motif, alphabet)
    turned = [str(Seq(letters).complement() if alphabet == "DNA" else letters) for letters in reversed(columns)]
    found = set()
    for strand, used in (("forward", columns), ("reverse", turned)):
        if orientation in (strand, "either"):
            for start in range(len(text) - len(used) + 1):
                wrong = sum(text[start + i] not in accepted for i, accepted in enumerate(used))
                found |= {start} if wrong <= motif.mismatches else set()
    return found


def occurrences_of(text: str, arrangement: Arrangement, grammar: Grammar) -> list[tuple[int, ...]]:
    motifs = [grammar.motif(placement.motif) for placement in arrangement]
    widths = [len(motif.pattern) for motif in motifs]
    allowed = []
    for placement, motif, width in zip(arrangement, motifs, widths, strict=True):
        low, high = placement.window
        low, high = (low + len(text) if low < 0 else low), (len(text) if high is None else high % (len(text) + 1))
        starts = starts_of(text, motif, placement.orientation, grammar.alphabet.name)
        allowed.append(sorted(start for start in starts if low <= start and start + width <= high))
    found = []
    for starts in itertools.product(*allowed):
        gaps = [starts[i] - starts[i - 1] - widths[i - 1] for i in range(1, len(starts))]
        limits = [placement.gap for placement in arrangement[1:]]
        if all(low <= gap and (high is None or gap <= high) for gap, (low, high) in zip(gaps, limits, strict=True)):
            found.append(starts)
    return found


A, B, C = (
    Motif(name="A", pattern="CACGTG", fidelity=0.8, mismatches=1),
    Motif(name="B", pattern="WGATAR"),
    Motif(name="C", pattern="GGNCC", fidelity=0.9, mismatches=1),
)


def grammar_of(classes: tuple[SequenceClass, ...], **options: object) -> Grammar:
    base = {
        "name": "g",
        "summary": "",
        "alphabet": DNA,
        "background": gc_background(DNA, 0.5),
        "length": (50, 70),
        "motifs": (A, B, C),
    }
    return Grammar(**{**base, "classes": classes, **options})  # type: ignore[arg-type]


THREE = grammar_of(
    (
        SequenceClass(
            name="right",
            arrangements=(
                (
                    Placement(motif="A"),
                    Placement(motif="B", gap=(2, 6), orientation="either"),
                    Placement(motif="C", gap=(0, 9)),
                ),
            ),
        ),
        SequenceClass(
            name="pair",
            arrangements=((Placement(motif="A"), Placement(motif="B", gap=(2, 6), orientation="either")),),
            share=0.5,
        ),
        SequenceClass(
            name="far",
            arrangements=(
                (Placement(motif="A", window=(0, 20)), Placement(motif="B", gap=(10, 14), orientation="reverse")),
                (Placement(motif="B", gap=(0, None)), Placement(motif="A", gap=(1, 3), window=(-30, None))),
            ),
        ),
        SequenceClass(name="none"),
    ),
    positive="pair",
)


@pytest.mark.parametrize("shortcut", [False, True])
def test_a_record_holds_its_own_arrangement_once_and_no_other(shortcut: bool) -> None:
    grammar = with_shortcut(THREE, 0.7, word="TTTTTTTA") if shortcut else THREE
    sequences = simulate(grammar, 400, seed=8)
    kinds = {made.name: made for made in grammar.classes}
    targets = targets_of(sequences)
    for record, (text, label) in enumerate(zip(sequences.texts, targets["label"], strict=True)):
        starts = tuple(region.start for region in sequences.regions.of(record) if region.name != SHORTCUT)
        found = {
            name: [ways for arrangement in made.arrangements for ways in occurrences_of(text, arrangement, grammar)]
            for name, made in kinds.items()
        }
        assert found[label] == ([starts] if label != "none" else [])
        # The pair is part of the right grammar, and of that one only, and only as planted.
        expected = {
            "right": [starts] if label == "right" else [],
            "far": [starts] if label == "far" else [],
            "none": [],
        }
        expected["pair"] = [starts[:2]] if label in ("right", "pair") else []
        assert found == expected
        assert targets["positive"][record] == (label == "pair")
        for name, motif in (("A", A), ("B", B), ("C", C)):
            assert targets[f"has_{name}"][record] == bool(starts_of(text, motif, "either", "DNA"))


def test_without_strays_no_motif_stands_outside_its_place() -> None:
    sequences = simulate(replace(THREE, strays=False), 200, seed=9)
    for record, text in enumerate(sequences.texts):
        planted = {(region.name, region.start) for region in sequences.regions.of(record)}
        found = {(motif.name, start) for motif in (A, B, C) for start in starts_of(text, motif, "either", "DNA")}
        assert found == planted


def test_reverse_placements_read_on_the_other_strand() -> None:
    motif = Motif(name="m", pattern="AACCGT")
    kinds = {
        name: SequenceClass(name=name, arrangements=((Placement(motif="m", orientation=name),),))
        for name in ("forward", "reverse")
    }  # type: ignore[arg-type]
    sequences = simulate(grammar_of(tuple(kinds.values()), motifs=(motif,)), 60, seed=1)
    for record, label in enumerate(targets_of(sequences)["label"]):
        (region,) = sequences.regions.of(record)
        assert sequences.texts[record][region.start : region.end] == {"forward": "AACCGT", "reverse": "ACGGTT"}[label]


def test_either_orientation_is_a_fair_coin() -> None:
    motif = Motif(name="m", pattern="AACCGT")
    made = SequenceClass(name="c", arrangements=((Placement(motif="m", orientation="either"),),))
    sequences = simulate(grammar_of((made,), motifs=(motif,)), 1000, seed=1)
    words = [sequences.texts[i][r.start : r.end] for i in range(1000) for r in sequences.regions.of(i)]
    assert words.count("AACCGT") == pytest.approx(500, abs=70)
    assert set(words) == {"AACCGT", "ACGGTT"}


def test_a_window_counted_from_the_end_holds_the_end() -> None:
    kdel = textbook_motif("KDEL")
    grammar = grammar_of(
        (
            SequenceClass(name="retained", arrangements=((Placement(motif="KDEL", window=(-4, None)),),)),
            SequenceClass(name="decoy", arrangements=((Placement(motif="KDEL", window=(0, -4)),),)),
        ),
        alphabet=PROTEIN,
        background=swiss_prot_background(),
        motifs=(kdel,),
        length=(20, 40),
    )
    sequences = simulate(grammar, 200, seed=1)
    for text, label in zip(sequences.texts, targets_of(sequences)["label"], strict=True):
        assert "KDEL" in text
        assert text.endswith("KDEL") == (label == "retained")


def test_rna_works_like_dna() -> None:
    motif = Motif(name="SD", pattern="AGGAGG")
    classes = (SequenceClass(name="bound", arrangements=((Placement(motif="SD"),),)), SequenceClass(name="free"))
    grammar = grammar_of(classes, alphabet=RNA, background=uniform_background(RNA), motifs=(motif,))
    sequences = simulate(grammar, 100, seed=1)
    for text, label in zip(sequences.texts, targets_of(sequences)["label"], strict=True):
        assert text.count("AGGAGG") == (label == "bound")
        assert "T" not in text


def test_mismatches_lower_the_activity_of_a_class() -> None:
    activity = Activity(effects={"A": 2.0}, interactions=(Interaction(motifs=("A", "C"), effect=5.0),))
    made = SequenceClass(name="c", arrangements=((Placement(motif="A"), Placement(motif="B")),))
    sequences = simulate(grammar_of((made, SequenceClass(name="none")), activity=activity), 200, seed=1)
    targets = targets_of(sequences)
    consensus = np.array(
        [
            any(sequences.texts[i][r.start : r.end] == "CACGTG" for r in sequences.regions.of(i) if r.name == "A")
            for i in range(200)
        ]
    )
    own = (targets["label"] == "c").to_numpy()
    assert 20 < consensus.sum() < own.sum() - 20
    np.testing.assert_allclose(targets["activity_exact"][consensus], 2.0)
    assert (targets["activity_exact"][own & ~consensus] < 1.9).all()
    assert (targets["activity_exact"][own & ~consensus] > 0).all()
    assert (targets["activity_exact"][~own] == 0).all()


@pytest.mark.parametrize("name", list(EXAMPLES))
@pytest.mark.parametrize("length", [(60, 60), (70, 130)])
def test_every_example_can_be_drawn_at_other_lengths(name: str, length: tuple[int, int]) -> None:
    sequences = simulate(varied(example(name), length=length), 60, seed=0)
    assert sequences.lengths.min() >= length[0]
    assert sequences.lengths.max() <= length[1]
    assert (length[0] == length[1]) == (len(set(sequences.lengths.tolist())) == 1)
    sequences._check()
