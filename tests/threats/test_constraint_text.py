"""What constraints say of a refusal, how they are written as text, and what is refused of that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from Bio import motifs
from constraint_toys import JASPAR

from seqrobust.alphabet import DNA, PROTEIN, RNA
from seqrobust.errors import DataError, ThreatError
from seqrobust.sequences import SequenceSet
from seqrobust.threats.constraints import AllOf, MarkovModel, MarkovPlausibility, WeightMatrix, parse_constraint

# What reasons say -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "clean", "edited", "reason"),
    [
        ("gc:0.3-0.7", "ACGT", "CCGC", "GC content 1.0000 is above the limit 0.7000"),
        ("gc:0.3-0.7", "AAAC", "AAAA", "GC content 0.0000 is below the limit 0.2500"),
        ("homopolymer:3", "AACAAC", "AAAAAC", "A stands 5 times in a row at 1-5, the limit is 3"),
        ("no-gain:TAWT", "CTACTC", "CTATTC", "TAWT gains a hit at 2-5 on the given strand"),
        ("no-loss:GATA", "CTATCC", "CTACCC", "GATA loses a hit at 2-5 on the reverse strand"),
        ("no-site:EcoRI", "GAATTA", "GAATTC", "EcoRI (GAATTC) gains a hit at 1-6 on both strands"),
    ],
)
def test_reasons(rule: str, clean: str, edited: str, reason: str) -> None:
    tokens = torch.tensor(SequenceSet.from_texts([edited], DNA).tokens[0])
    sequences = SequenceSet.from_texts([clean], DNA)
    assert parse_constraint(rule, DNA).bind(sequences).reason(tokens, 0) == reason
    both = parse_constraint(f"gc:+-1; {rule}", DNA)
    assert isinstance(both, AllOf)
    assert both.bind(sequences).reason(tokens, 0) == f"{both.parts[1].describe()}: {reason}"


def test_reasons_give_scores(tmp_path: Path) -> None:
    path = tmp_path / "motifs.jaspar"
    path.write_text(JASPAR)
    bound = parse_constraint(f"no-loss:{path}#second@1e-3", DNA).bind(SequenceSet.from_texts(["TGACGAACT"], DNA))
    spoilt = torch.tensor(SequenceSet.from_texts(["TGACTAACT"], DNA).tokens[0])
    found = re.fullmatch(
        r"MA0002.1 second loses a hit at 2-8 on the given strand: "
        r"its score is (-?\d+\.\d\d) bits, the limit is (\d+\.\d\d)",
        bound.reason(spoilt, 0) or "",
    )
    assert found
    with path.open() as handle:
        odds = list(motifs.parse(handle, "jaspar"))[1].counts.normalize(pseudocounts=0.25).log_odds()
    assert float(found[1]) == pytest.approx(float(odds.calculate("GACTAAC")), abs=0.04)
    assert float(found[2]) > float(found[1])
    unknown = torch.tensor(SequenceSet.from_texts(["TGACNAACT"], DNA).tokens[0])
    assert "it holds an unknown letter" in (bound.reason(unknown, 0) or "")


# Text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "unknown kind"),
        ("gc", "cannot be read"),
        ("gc:0.7-0.3", "runs upwards"),
        ("gc:0.3-1.7", "between 0 and 1"),
        ("gc:+-2", "between 0 and 1"),
        ("gc:many", "cannot be read"),
        ("gc:0.3-0.7;", "unknown kind"),
        ("homopolymer:0", "at least one letter"),
        ("homopolymer:2.5", "cannot be read"),
        ("no-gain:", "empty"),
        ("no-gain:TAJT", "cannot be read over DNA"),
        ("no-gain:TATA,", "empty"),
        ("no-gain:nowhere/motifs.jaspar", "does not exist"),
        ("no-gain:motifs@1e-4", "does not exist"),
        ("no-site:EcoRV,EcoRQ", "unknown restriction enzyme"),
        ("no-site:", "unknown restriction enzyme"),
        ("markov:3", "cannot be read"),
        ("markov:3@0.1:", "cannot be read"),
        ("markov:3@0.1:nowhere.fa", "does not exist"),
        ("codon:3", "unknown kind"),
    ],
)
def test_bad_text(text: str, words: str) -> None:
    with pytest.raises(ThreatError, match=words) as caught:
        parse_constraint(text, DNA)
    assert caught.value.expected or caught.value.found or caught.value.fix


@pytest.mark.parametrize("text", ["gc:0.3-0.7", "no-site:EcoRI", "no-gain:TANB-B-J-1"])
def test_text_that_says_nothing_about_protein(text: str) -> None:
    with pytest.raises(ThreatError):
        parse_constraint(text, PROTEIN)


@pytest.mark.parametrize(
    ("suffix", "words"),
    [
        ("@x", "cannot be read"),
        ("@", "cannot be read"),
        ("@2", "between 0 and 1"),
        ("@120%", "at most 1"),
        ("#third", "no motif has that name"),
        ("#", "no motif has that name"),
        ("@1e-2#first", "cannot be read"),
        ("#first,third@1e-2", "third"),
        ("@1e-9", "too short"),
    ],
)
def test_bad_thresholds_and_names(suffix: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "motifs.jaspar"
    path.write_text(JASPAR)
    with pytest.raises(ThreatError) as caught:
        parse_constraint(f"no-gain:{path}{suffix}", DNA)
    assert words in str(caught.value)
    with pytest.raises(ThreatError, match="other letters"):
        parse_constraint(f"no-gain:{path}", PROTEIN)


@pytest.mark.parametrize(
    "content", ["", "hello\n", ">a\nA [ 1 2\n", ">a\nA [x]\nC [1]\nG [1]\nT [1]\n", "MEME version 4\n"]
)
def test_bad_motif_files(content: str, tmp_path: Path) -> None:
    path = tmp_path / "motifs.txt"
    path.write_text(content)
    with pytest.raises(ThreatError) as caught:
        parse_constraint(f"no-gain:{path}", DNA)
    assert str(path) in str(caught.value)


def test_bad_backgrounds(tmp_path: Path) -> None:
    path = tmp_path / "background.fa"
    path.write_text(">a\nACGT\n")
    for text, words in (("11@0.1", "out of reach"), ("4@0.1", "no 5 known letters"), ("1@q2", "between 0 and 1")):
        with pytest.raises(ThreatError, match=words):
            parse_constraint(f"markov:{text}:{path}", DNA)
    path.write_text(">a\nAC!T\n")
    with pytest.raises(DataError):
        parse_constraint(f"markov:1@0.1:{path}", DNA)
    model = MarkovModel.fit(SequenceSet.from_texts(["ACGT"], DNA), 1)
    with pytest.raises(ThreatError, match="other letters"):
        MarkovPlausibility(model=model, margin=0.1).bind(SequenceSet.from_texts(["ACGU"], RNA))
    with pytest.raises(ThreatError, match="one limit"):
        MarkovPlausibility(model=model)


@pytest.mark.parametrize(
    "change",
    [
        {"counts": ((1.0, 2.0),)},
        {"counts": ()},
        {"relative": 1.5},
        {"p_value": 0.0},
        {"pseudocount": 0.0},
        {"background": (0.5, 0.5, 0.5, 0.5)},
    ],
)
def test_bad_matrices(change: dict[str, object]) -> None:
    given: dict[str, object] = {"name": "m", "letters": "ACGT", "counts": ((1.0, 0.0, 0.0, 0.0),) * 8}
    assert WeightMatrix(**given).scan(DNA).width == 8  # type: ignore[arg-type]
    with pytest.raises(ThreatError, match="m"):
        WeightMatrix(**(given | change))  # type: ignore[arg-type]
