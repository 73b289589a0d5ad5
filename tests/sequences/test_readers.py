"""Every reader on small hand-made files, against Biopython where it reads them too."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from Bio import SeqIO
from Bio.Seq import Seq
from Bio.SeqFeature import BeforePosition, CompoundLocation, ExactPosition, SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.sequences import Region
from seqrobust.sequences.readers import Columns, Loaded, guess_alphabet, read_sequences

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file (packed, if its name ends in .gz) and gives its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return tmp_path / name

    return write_file


def regions_of(loaded: Loaded) -> list[list[Region]]:
    return [loaded.sequences.regions.of(row) for row in range(len(loaded.sequences))]


FASTA = """>a label=EI group=x split=train regions=donor:2-4;exon:0-2
ACGTA
CG
>b some words label=N split=test group=y
acgtn

>a
TTT
"""


def test_fasta_headers_act_as_columns(write: Write) -> None:
    loaded = read_sequences(write("x.fa", FASTA))
    records = loaded.sequences
    assert records.ids == ("a", "b", "a#2")
    assert records.texts == ["ACGTACG", "ACGTN", "TTT"]
    assert records.targets is not None
    assert records.targets["label"].tolist() == ["EI", "N", ""]
    assert records.splits is not None
    assert records.splits.tolist() == ["train", "test", ""]
    assert records.groups is not None
    assert records.groups.tolist() == ["x", "y", "only a"]
    assert regions_of(loaded) == [[Region("donor", 2, 4), Region("exon", 0, 2)], [], []]
    for words in (
        "DNA, guessed",
        "1 repeated id",
        "lower-case letters in 1 record",
        "column 'label'",
        "1 record without",
    ):
        assert any(words in notice for notice in loaded.notices), words


def test_fasta_reads_what_biopython_reads(write: Write) -> None:
    random = Random(0)
    letters = "ACGTNRYacgt"
    text = ""
    for number in range(50):
        sequence = "".join(random.choices(letters, k=random.randint(1, 300)))
        width = random.choice([60, 70, 1000])
        text += f">r{number} x\n" + "\n".join(sequence[i : i + width] for i in range(0, len(sequence), width)) + "\n"
    path = write("x.fasta.gz", text)
    with gzip.open(path, "rt") as handle:
        expected = [(record.id, str(record.seq).upper()) for record in SeqIO.parse(handle, "fasta")]
    records = read_sequences(path).sequences
    assert list(zip(records.ids, records.texts, strict=True)) == expected


def test_fasta_from_windows(write: Write) -> None:
    records = read_sequences(write("x.fa", "\ufeff>a label=x\r\nACGT\r\nAC\r\n\r\n>b\r\nTT\r\n\r\n")).sequences
    assert (records.ids, records.texts) == (("a", "b"), ["ACGTAC", "TT"])


def test_records_without_a_name_are_numbered(write: Write) -> None:
    loaded = read_sequences(write("x.fa", ">\nACGT\n>b\nTT\n"))
    assert loaded.sequences.ids == ("seq1", "b")
    assert any("1 record without an id" in notice for notice in loaded.notices)


def test_a_uniprot_header_keeps_its_words(write: Write) -> None:
    path = write("x.faa", ">sp|P1|N_X A protein OS=Homo sapiens OX=9606 GN=ABC PE=1\nMKV*\n")
    loaded = read_sequences(path, columns=Columns(targets=("OS", "OX")))
    assert loaded.sequences.targets is not None
    assert loaded.sequences.targets.to_dict("list") == {"OS": ["Homo sapiens"], "OX": [9606]}
    assert loaded.sequences.texts == ["MKV"]
    assert any("trailing * removed from 1 record" in notice for notice in loaded.notices)


TABLE = [
    ["name", "Seq", "class", "fold", "cluster", "regions", "activity"],
    ["r1", "ACGT", "NA", "0", "c1", "BINDING[Fe:S]:0-2", "0.5"],
    ["r2", "ACGTT", "N", "1", "c2", "", "1e-3"],
    ["r3", "GG", "null", "1", "", "x:0-1;y:1-2", "-2"],
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.CSV.gz", "x.tsv.gz", "x.txt"])
def test_tables_read_alike_however_they_are_written(write: Write, name: str, mark: str, end: str) -> None:
    separator = "," if ".csv" in name.lower() else "\t"
    text = mark + end.join(separator.join(row) for row in TABLE) + end + end
    columns = Columns(split="fold", targets=("class", "activity"))
    loaded = read_sequences(write(name, text), columns=columns)
    records = loaded.sequences
    assert records.ids == ("r1", "r2", "r3")
    assert records.texts == ["ACGT", "ACGTT", "GG"]
    assert records.targets is not None
    assert records.targets["class"].tolist() == ["NA", "N", "null"]
    assert records.targets["activity"].tolist() == ["0.5", "1e-3", "-2"]
    assert records.splits is not None
    assert records.splits.tolist() == ["0", "1", "1"]
    assert records.groups is not None
    assert records.groups.tolist() == ["c1", "c2", "only r3"]
    assert regions_of(loaded) == [
        [Region("BINDING[Fe:S]", 0, 2)],
        [],
        [Region("x", 0, 1), Region("y", 1, 2)],
    ]


def test_a_table_of_sequences_called_na(write: Write) -> None:
    records = read_sequences(write("x.csv", "id,sequence\nNA,NA\nnan,NAN\n"), alphabet=PROTEIN).sequences
    assert records.ids == ("NA", "nan")
    assert records.texts == ["NA", "NAN"]


def test_quoted_fields_may_hold_separators(write: Write) -> None:
    path = write("x.csv", 'id,sequence,regions\n"a,1",ACGT,"BINDING[a, b]:0-2"\n')
    loaded = read_sequences(path)
    assert loaded.sequences.ids == ("a,1",)
    assert regions_of(loaded) == [[Region("BINDING[a, b]", 0, 2)]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["3", "10", "-2"], [3, 10, -2]),
        (["007", "7"], ["007", "7"]),
        (["1.10", "1.1"], ["1.10", "1.1"]),
        (["1", ""], ["1", ""]),
        (["9" * 30, "1"], ["9" * 30, "1"]),
    ],
)
def test_only_plain_whole_numbers_become_numbers(write: Write, values: list[str], expected: list[object]) -> None:
    text = "sequence,label\n" + "".join(f"ACGT,{value}\n" for value in values)
    targets = read_sequences(write("x.csv", text)).sequences.targets
    assert targets is not None
    assert targets["label"].tolist() == expected


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": [7, 8, 9], "seq": ["ACGT", "ACG", "AC"], "y": [0.5, 1.5, np.nan], "group": [1.0, None, 2.0]}
    )
    frame.to_parquet(tmp_path / "x.parquet")
    loaded = read_sequences(tmp_path / "x.parquet", columns=Columns(targets=("y",)))
    records = loaded.sequences
    assert records.ids == ("7", "8", "9")
    assert records.targets is not None
    assert records.targets["y"].dtype == np.float64
    assert records.groups is not None
    assert records.groups.tolist() == ["1", "only 8", "2"]


def test_where_compares_as_text(write: Write) -> None:
    path = write("x.csv", "id,sequence,fold,kind\na,ACGT,1,u\nb,ACGT,2,u\nc,ACGT,1,v\nd,ACGT,3,u\n")
    assert read_sequences(path, where={"fold": 1}).sequences.ids == ("a", "c")
    assert read_sequences(path, where={"fold": ["1", "3"], "kind": "u"}).sequences.ids == ("a", "d")


def test_lines_are_named_after_filtering(write: Write) -> None:
    path = write("x.csv", "id,sequence,k,regions\na,ACGT,1,\n\nb,ACGT,2,bad\n")
    with pytest.raises(Exception, match="line 4"):
        read_sequences(path, where={"k": 2})


def test_max_length_cuts_and_says_so(write: Write) -> None:
    loaded = read_sequences(write("x.csv", "sequence,regions\nACGTACGT,x:2-7\nAC,\n"), max_length=4)
    assert loaded.sequences.texts == ["ACGT", "AC"]
    assert regions_of(loaded)[0] == [Region("x", 2, 4)]
    assert "1 record cut to 4 letters" in loaded.notices


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["ACGTN", "acgt"], "DNA"),
        (["ACGUU"], "RNA"),
        (["ACG"], "DNA"),
        (["ACGTRYSWKM"], "PROTEIN"),
        (["ACGTACRY"], "DNA"),
        (["ACGTACGTACGT-ACGTACGTACGT"], "DNA"),
        (["MKVLAAGDE"], "PROTEIN"),
        (["NNNNNN"], "DNA"),
        (["GAVLIT", "MKRSTNHQ"], "PROTEIN"),
    ],
)
def test_the_alphabet_is_guessed(texts: list[str], name: str) -> None:
    assert guess_alphabet(texts).name == name


def a_genbank(tmp_path: Path) -> Path:
    record = SeqRecord(Seq("ACGTACGTACGTACGTACGT"), id="X1.1", name="X1", annotations={"molecule_type": "DNA"})
    record.features = [
        SeqFeature(SimpleLocation(0, 20), "source", qualifiers={"organism": ["E. coli"], "strain": ["K12"]}),
        SeqFeature(SimpleLocation(BeforePosition(0), ExactPosition(4)), "exon"),
        SeqFeature(
            CompoundLocation([SimpleLocation(2, 5, 1), SimpleLocation(8, 12, 1)]), "CDS", qualifiers={"gene": "g"}
        ),
        SeqFeature(SimpleLocation(14, 18, -1), "regulatory", qualifiers={"regulatory_class": ["minus_10;signal"]}),
    ]
    SeqIO.write([record], tmp_path / "x.gb", "genbank")
    return tmp_path / "x.gb"


def test_genbank_features_become_regions(tmp_path: Path) -> None:
    loaded = read_sequences(a_genbank(tmp_path), columns=Columns(targets=("strain", "gene")))
    assert loaded.sequences.ids == ("X1.1",)
    assert loaded.sequences.alphabet is DNA
    assert regions_of(loaded) == [
        [
            Region("exon", 0, 4),
            Region("CDS", 2, 5),
            Region("CDS", 8, 12),
            Region("regulatory[minus_10,signal]", 14, 18),
        ]
    ]
    assert loaded.sequences.targets is not None
    assert loaded.sequences.targets.to_dict("list") == {"strain": ["K12"], "gene": ["g"]}


SWISS = """ID   TEST_HUMAN              Reviewed;          20 AA.
AC   P00001;
DT   01-JAN-2000, integrated into UniProtKB/Swiss-Prot.
DT   01-JAN-2000, sequence version 1.
DT   01-JAN-2000, entry version 1.
DE   RecName: Full=Test; EC=1.2.3.4;
OS   Homo sapiens (Human).
OC   Eukaryota.
OX   NCBI_TaxID=9606;
PE   1: Evidence at protein level;
FT   SIGNAL          <1..?
FT   PEPTIDE         ?3..>6
FT   DISULFID        5..15
FT                   /evidence="ECO:0000250"
FT   BINDING         7..9
FT                   /ligand="NAD(+)"
FT                   /ligand_id="ChEBI:CHEBI:57540"
FT   BINDING         10
FT                   /ligand="[4Fe-4S] cluster; x"
FT   ACT_SITE        12
FT                   /note="Proton donor"
SQ   SEQUENCE   20 AA;  2000 MW;  0000000000000000 CRC64;
     MKTAYIAKQR QISFVKSHFS
//
"""


def test_swissprot_features_become_regions(write: Write) -> None:
    for name in ("x.txt", "x.dat", "x.swiss.gz"):
        loaded = read_sequences(write(name, SWISS), columns=Columns(targets=("EC_number", "organism")))
        assert regions_of(loaded) == [
            [
                Region("PEPTIDE", 2, 6),
                Region("DISULFID", 4, 5),
                Region("DISULFID", 14, 15),
                Region("BINDING[NAD(+)]", 6, 9),
                Region("BINDING[[4Fe-4S] cluster, x]", 9, 10),
                Region("ACT_SITE", 11, 12),
            ]
        ]
        assert loaded.sequences.targets is not None
        assert loaded.sequences.targets.iloc[0].tolist() == ["1.2.3.4", "Homo sapiens (Human)"]
        assert "no region for 1 feature with an unknown end" in loaded.notices


XML = """<?xml version="1.0" encoding="UTF-8"?>
<uniprot xmlns="http://uniprot.org/uniprot">
<entry dataset="Swiss-Prot" created="2000-01-01" modified="2000-01-01" version="1">
<accession>P00001</accession><name>TEST_HUMAN</name>
<protein><recommendedName><fullName>Test</fullName><ecNumber>1.2.3.4</ecNumber></recommendedName></protein>
<organism><name type="scientific">Homo sapiens</name><dbReference type="NCBI Taxonomy" id="9606"/></organism>
<proteinExistence type="evidence at protein level"/>
<feature type="binding site"><location><begin position="7"/><end position="9"/></location>
<ligand><name>NAD(+)</name><dbReference type="ChEBI" id="CHEBI:57540"/></ligand></feature>
<feature type="signal peptide"><location><begin position="1"/><end status="unknown"/></location></feature>
<feature type="active site"><location><position position="12"/></location></feature>
<sequence length="20" mass="2000" checksum="0" modified="2000-01-01" version="1">MKTAYIAKQRQISFVKSHFS</sequence>
</entry></uniprot>
"""


def test_uniprot_xml_features_have_the_flat_files_names(write: Write) -> None:
    loaded = read_sequences(write("x.xml.gz", XML))
    assert loaded.sequences.texts == ["MKTAYIAKQRQISFVKSHFS"]
    assert regions_of(loaded) == [[Region("BINDING[NAD(+)]", 6, 9), Region("ACT_SITE", 11, 12)]]


GENOME = ">chr1\nACGTACGTAC\nGTTTTTAAAC\n>chr2 words\nGGGGGccccc\n"
BED = (
    "# comment\ntrack name=x\nbrowser position\n"
    + "chr1\t2\t8\tpeak\t5\t+\nchr1\t6\t14\t.\t7\t-\n\nchr2\t0\t6\tpeak\t9\t.\n"
)


def test_bed_cuts_the_genome_on_either_strand(write: Write) -> None:
    genome = write("genome.fa", GENOME)
    for name in ("x.bed", "x.bed.gz"):
        loaded = read_sequences(write(name, BED), genome=genome, columns=Columns(targets=("score",), group="chrom"))
        records = loaded.sequences
        whole = "ACGTACGTACGTTTTTAAAC"
        assert records.texts == [whole[2:8], str(Seq(whole[6:14]).reverse_complement()), "GGGGGC"]
        assert records.ids == ("peak", "chr1:6-14(-)", "peak#2")
        assert records.targets is not None
        assert records.targets["score"].tolist() == [5, 7, 9]
        assert records.groups is not None
        assert records.groups.tolist() == ["chr1", "chr1", "chr2"]


def test_an_index_that_cannot_be_written_is_kept_elsewhere(write: Write, tmp_path: Path) -> None:
    genome = write("g.fa", GENOME)
    (tmp_path / "g.fa.fai").mkdir()
    assert read_sequences(write("x.bed", "chr2\t1\t4\n"), genome=genome).sequences.texts == ["GGG"]


def test_bed_of_three_columns(write: Write) -> None:
    records = read_sequences(write("x.bed", "chr2 1 4\r\n"), genome=write("g.fa", GENOME)).sequences
    assert (records.ids, records.texts) == (("chr2:1-4",), ["GGG"])


GFF = """##gff-version 3
a\tsrc\texon\t1\t3\t.\t+\t.\tID=e1
a\tsrc\tbinding%20site\t2\t2\t.\t+\t.\tID=b1;Name=Fe%3BS
zzz\tsrc\texon\t1\t900\t.\t+\t.\t.
##FASTA
>a
ACGT
"""


def test_gff_features_are_put_on_records(write: Write) -> None:
    data = write("x.csv", "id,sequence,regions\na,ACGT,own:3-4\nb,ACGT,\n")
    loaded = read_sequences(data, annotation=write("x.gff3.gz", GFF))
    assert regions_of(loaded) == [[Region("own", 3, 4), Region("exon", 0, 3), Region("binding site[Fe,S]", 1, 2)], []]
    assert "1 feature of x.gff3.gz on no record" in loaded.notices


def test_a_bed_annotation_is_counted_from_nought(write: Write) -> None:
    data = write("x.fa", ">a\nACGT\n>b\nACGT\n")
    loaded = read_sequences(data, annotation=write("marks.bed", "b\t0\t2\tmotif\nb\t3\t4\n"))
    assert regions_of(loaded) == [[], [Region("motif", 0, 2), Region("interval", 3, 4)]]


def test_annotation_of_a_genome_follows_its_intervals(write: Write) -> None:
    """Chromosome 5-9 (0-based) on chr1:2-8 and, turned round, on the other strand's chr1:6-14."""
    annotation = write("genes.gff", "chr1\ts\tTATA\t6\t9\t.\t+\t.\t.\n")
    loaded = read_sequences(write("x.bed", BED), genome=write("g.fa", GENOME), annotation=annotation)
    assert regions_of(loaded) == [[Region("TATA", 3, 6)], [Region("TATA", 5, 8)], []]
    whole = "ACGTACGTACGTTTTTAAAC"
    assert loaded.sequences.texts[0][3:6] == whole[5:8]
    assert loaded.sequences.texts[1][5:8] == str(Seq(whole[6:9]).reverse_complement())
