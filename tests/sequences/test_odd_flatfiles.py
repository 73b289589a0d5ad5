"""GenBank and EMBL files as programs write them: an odd LOCUS line hides no sequence, an odd heading no feature."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from Bio import SeqIO

from seqrobust.errors import DataError
from seqrobust.sequences.readers import read_sequences
from seqrobust.sequences.readers.locus import mend_locus_lines

BODY = """DEFINITION  test.
ACCESSION
VERSION
FEATURES             Location/Qualifiers
     CDS             join(70..80,1..4)
ORIGIN
        1 acgttgcaag gcttacgatc aggctattga cagctagctc agtcctaggt atggcattac
       61 gccatagacc atgaccatac
//
"""
PLAIN = "LOCUS       plain                     80 bp    DNA     circular BCT 01-JAN-2020\n"
ODD = {
    "NODE_1_length_191762_cov_13.6631": "NODE_1_length_191762_cov_13.663180 bp   DNA circular BCT 01-JAN-2020",
    "contig_80": "contig_8080 bp    DNA     circular    01-JAN-2020",
    "My_Plasmid_pX(1)": "My Plasmid pX(1)        80 bp ds-DNA     circular SYN 01-JAN-2020",
    "my_plasmid_12": "my plasmid 12 80 bp DNA circular",
}


@pytest.mark.filterwarnings("ignore::Bio.BiopythonParserWarning")  # of fields that do not stand in the old columns
@pytest.mark.parametrize("name", ODD)
def test_an_odd_locus_line_is_read_as_its_plain_twin(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.gbk"
    path.write_text(f"LOCUS       {ODD[name]}\n{BODY}{PLAIN}{BODY}")
    loaded = read_sequences(path)
    assert list(loaded.sequences.ids) == [name, "plain"]
    truth = next(SeqIO.parse(io.StringIO(PLAIN + BODY), "genbank"))
    assert loaded.sequences.texts == [str(truth.seq)] * 2
    assert loaded.sequences.regions.of(0) == loaded.sequences.regions.of(1)
    assert any(f"read as '{name}'" in notice for notice in loaded.notices)
    mended = next(SeqIO.parse(io.StringIO(mend_locus_lines(path.read_text())[0]), "genbank"))
    for key in ("topology", "molecule_type"):
        assert mended.annotations[key].removeprefix("ds-") == truth.annotations[key]


@pytest.mark.parametrize(
    "length", ["1800 bp DNA", "my plasmid 180 bp DNA", "my plasmid 800 bp DNA", "NODE_1_81 bp DNA"]
)
def test_a_length_that_the_letters_do_not_confirm_is_not_mended(length: str, tmp_path: Path) -> None:
    path = tmp_path / "x.gbk"
    path.write_text(f"LOCUS       {length}\n{BODY}")
    with pytest.raises(DataError, match="LOCUS line cannot be taken apart"):
        read_sequences(path)


def test_plain_lines_are_left_as_they_are() -> None:
    text = f"{PLAIN}{BODY}LOCUS       minimal\n{BODY}"
    assert mend_locus_lines(text) == (text, ())


EMBL = """ID   X1; SV 1; linear; genomic DNA; STD; PRO; 20 bp.
FH   Key             Location/Qualifiers
FH
FT   exon            3..12
FT                   /gene="g"
XX
SQ   Sequence 20 BP;
     acgtacgtac gtacgtacgt        20
//
"""
GENBANK = f"{PLAIN}{BODY}"
HEADINGS = {
    "as published": ("x.embl", EMBL),
    "embl in lower case": (
        "x.embl",
        EMBL.replace("FH   Key             Location/Qualifiers\nFH", "FH   key  location\nfh"),
    ),
    "embl without": ("x.embl", EMBL.replace("FH   Key             Location/Qualifiers\nFH\n", "")),
    "genbank with fewer spaces": ("x.gb", GENBANK.replace("FEATURES             ", "FEATURES    ")),
    "genbank in upper case": ("x.gb", GENBANK.replace("Location/Qualifiers", "LOCATION/QUALIFIERS ")),
}


@pytest.mark.parametrize("name", HEADINGS)
def test_no_feature_is_lost_under_an_odd_heading(name: str, tmp_path: Path) -> None:
    file, text = HEADINGS[name]
    (tmp_path / file).write_text(text * 2)
    sequences = read_sequences(tmp_path / file).sequences
    spans = [[(region.start, region.end) for region in sequences.regions.of(row)] for row in range(2)]
    assert spans == [[(2, 12)] if file == "x.embl" else [(69, 80), (0, 4)]] * 2
