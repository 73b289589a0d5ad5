"""What users hand in by mistake: one row per mistake, with the words the message must hold."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.errors import DataError
from seqrobust.sequences.readers import Columns, read_sequences

GENOME = {"g.fa": ">chr1\nACGTACGT\n"}
GENBANK = """LOCUS       X1                        20 bp    DNA     linear   UNK 01-JAN-1980
FEATURES             Location/Qualifiers
     exon            1..3
ORIGIN
        1 acgtacgtac gtacgtacgt
"""

Files = Mapping[str, str | bytes]
Row = tuple[Files, dict[str, Any], list[str]]

ROWS: dict[str, Row] = {
    "missing file": ({}, {"path": "no.fa"}, ["no such file", "no.fa"]),
    "folder": ({}, {"path": "."}, ["folder"]),
    "empty": ({"x.fa": ""}, {}, ["empty", "x.fa"]),
    "blank lines only": ({"x.csv": "\n\n \n"}, {}, ["empty", "x.csv"]),
    "unknown suffix": ({"x.xyz": "hello"}, {}, ["format", "x.xyz", ".fasta", "--format"]),
    "unknown format": ({"x.fa": ">a\nAC\n"}, {"format": "fastq"}, ["unknown format", "fastq", "genbank"]),
    "table called fasta": ({"x.fa": "id,sequence\na,ACGT\n"}, {}, ["does not read as fasta", "--format csv"]),
    "fasta called csv": ({"x.csv": ">a\nACGT\n"}, {}, ["does not read as csv", "--format fasta"]),
    "fasta called genbank": ({"x.gb": ">a\nACGT\n"}, {}, ["does not read as genbank", "--format fasta"]),
    "text called parquet": ({"x.parquet": "id,sequence\n"}, {}, ["does not read as parquet"]),
    "damaged parquet": ({"x.parquet": b"PAR1 and no more"}, {}, ["Parquet", "damaged"]),
    "tabs called csv": ({"x.csv": "id\tsequence\na\tACGT\n"}, {}, ["no comma", "line 1", "--format tsv"]),
    "semicolons called csv": ({"x.csv": "id;sequence\na;ACGT\n"}, {}, ["no comma", "semicolons"]),
    "not gzip": ({"raw:x.fa.gz": ">a\nACGT\n"}, {"path": "x.fa.gz"}, ["not gzip", "x.fa.gz"]),
    "cut gzip": ({"raw:x.fa.gz": gzip.compress(b">a\nACGT\n")[:-9]}, {"path": "x.fa.gz"}, ["damaged", "x.fa.gz"]),
    "not text": ({"x.csv": b"id,sequence\na,AC\nb,\xff\xfe\n"}, {}, ["not text", "line 3", "UTF-8"]),
    "space in fasta": ({"x.fa": ">a b\nACGT\nAC GT\n"}, {}, ["space", "line 3"]),
    "empty record": ({"x.fa": ">a\n>b\nACGT\n"}, {}, ["empty", "line 1", "x.fa"]),
    "illegal letter": ({"x.fa": ">a\nACGT\n>b\nACJT\n"}, {"alphabet": DNA}, ["'J'", "'b'", "position 3", "x.fa"]),
    "gap": ({"x.fa": ">b\nACGTACGTACGT-ACGT\n"}, {}, ["'-'", "position 13", "gaps"]),
    "stop inside": ({"x.faa": ">b\nMKV*LAEDQ\n"}, {}, ["'*'", "position 4", "stop"]),
    "rna as dna": ({"x.fa": ">b\nACGU\n"}, {"alphabet": DNA}, ["'U'", "--alphabet RNA"]),
    "header twice": ({"x.csv": "id,sequence,id\na,ACGT,b\n"}, {}, ["twice", "'id'", "line 1"]),
    "row too short": ({"x.csv": "id,sequence,y\na,ACGT,1\n\nb,ACGT\n"}, {}, ["too few", "line 4", "x.csv"]),
    "row too long": ({"x.tsv": "id\tsequence\na\tACGT\t1\n"}, {}, ["too many", "line 2"]),
    "header only": ({"x.csv": "id,sequence\n"}, {}, ["no record", "x.csv"]),
    "no sequence column": ({"x.csv": "id,dna\na,ACGT\n"}, {}, ["id, dna", "--sequence-column"]),
    "empty sequence": ({"x.csv": "id,sequence\na,ACGT\nb,\n"}, {}, ["empty", "line 3"]),
    "missing column": (
        {"x.csv": "id,sequence\na,ACGT\n"},
        {"columns": Columns(targets=("label",))},
        ["no such column", "'label'", "id, sequence"],
    ),
    "missing group": (
        {"x.fa": ">a k=1\nACGT\n"},
        {"columns": Columns(group="locus")},
        ["no such column", "'locus'", "id, sequence, k", "x.fa"],
    ),
    "bad region": ({"x.csv": "sequence,regions\nACGT,\nACGT,e:1\n"}, {}, ["region", "line 3", "'e:1'"]),
    "bad region in fasta": ({"x.fa": ">a\nAC\n>b regions=e\nACGT\n"}, {}, ["region", "line 3", "'e'"]),
    "region outside": ({"x.csv": "id,sequence,regions\nq,ACGT,e:1-9\n"}, {}, ["leaves", "e:1-9", "'q'", "x.csv"]),
    "region reversed": ({"x.csv": "id,sequence,regions\nq,ACGT,e:3-1\n"}, {}, ["empty", "e:3-1", "'q'"]),
    "nothing left": (
        {"x.csv": "sequence,split\nACGT,train\nACGT,test\n"},
        {"where": {"split": "valid"}},
        ["split = valid", "'test', 'train'"],
    ),
    "filter on no column": ({"x.csv": "sequence\nACGT\n"}, {"where": {"kind": "x"}}, ["'kind'", "sequence"]),
    "length of nought": ({"x.fa": ">a\nACGT\n"}, {"max_length": 0}, ["at least one letter", "0"]),
    "bed without genome": ({"x.bed": "chr1\t0\t4\n"}, {}, ["intervals", "--genome"]),
    "bed, no genome file": ({"x.bed": "chr1\t0\t4\n"}, {"genome": "g.fa"}, ["no such genome", "g.fa"]),
    "bed beyond the end": (
        {**GENOME, "x.bed": "chr1\t0\t4\nchr1\t4\t9\n"},
        {"genome": "g.fa"},
        ["leaves its chromosome", "at most 8", "line 2"],
    ),
    "bed, unknown chromosome": (
        {**GENOME, "x.bed": "1\t0\t4\n"},
        {"genome": "g.fa"},
        ["does not hold", "chr1", "'1'", "line 1"],
    ),
    "bed, start after end": ({**GENOME, "x.bed": "chr1\t4\t4\n"}, {"genome": "g.fa"}, ["cannot be read", "line 1"]),
    "bed, two fields": ({**GENOME, "x.bed": "#h\nchr1\t4\n"}, {"genome": "g.fa"}, ["cannot be read", "line 2"]),
    "bed, odd strand": ({**GENOME, "x.bed": "chr1\t1\t4\tn\t0\tx\n"}, {"genome": "g.fa"}, ["strand", "line 1"]),
    "bed of comments": ({**GENOME, "x.bed": "#h\n"}, {"genome": "g.fa"}, ["no interval"]),
    "genome in plain gzip": (
        {"g.fa.gz": ">chr1\nACGT\n", "x.bed": "chr1\t0\t4\n"},
        {"genome": "g.fa.gz"},
        ["random access", "gunzip"],
    ),
    "genome with ragged lines": (
        {"g.fa": ">chr1\nAC\nACGT\nAC\n", "x.bed": "chr1\t0\t4\n"},
        {"genome": "g.fa"},
        ["random access", "lines of one length"],
    ),
    "gff beyond the end": (
        {"x.fa": ">a\nACGT\n", "x.gff": "a\ts\texon\t1\t5\t.\t+\t.\t.\n"},
        {"annotation": "x.gff"},
        ["leaves its record", "1 to 5", "line 1", "x.gff"],
    ),
    "gff of eight fields": (
        {"x.fa": ">a\nACGT\n", "x.gff": "##gff-version 3\na\ts\texon\t1\t4\t.\t+\t.\n"},
        {"annotation": "x.gff"},
        ["nine fields", "line 2"],
    ),
    "gff counted from nought": (
        {"x.fa": ">a\nACGT\n", "x.gff": "a\ts\texon\t0\t4\t.\t+\t.\t.\n"},
        {"annotation": "x.gff"},
        ["1 <= start", "line 1"],
    ),
    "gff of another genome": (
        {"x.fa": ">a\nACGT\n", "x.gff": "q\ts\texon\t1\t4\t.\t+\t.\t.\n"},
        {"annotation": "x.gff"},
        ["no feature", "'a'", "'q'"],
    ),
    "annotation of no kind": ({"x.fa": ">a\nACGT\n"}, {"annotation": "x.psl"}, ["unknown kind", "x.psl", ".gff3"]),
    "genbank cut short": ({"x.gb": GENBANK}, {}, ["cannot be read as genbank", "x.gb"]),
    "genbank without sequence": (
        {"x.gb": GENBANK.split("ORIGIN")[0] + "CONTIG      join(Y1:1..20)\n//\n"},
        {},
        ["no sequence", "X1", "full"],
    ),
    "genbank of another length": ({"x.gb": GENBANK.replace(" gtacgtacgt", "") + "//\n"}, {}, ["20", "10", "x.gb"]),
    "swissprot cut short": (
        {"x.txt": "ID   T_HUMAN    Reviewed;    20 AA.\nAC   P1;\n"},
        {},
        ["cannot be read as swissprot", "x.txt"],
    ),
    "xml of something else": ({"x.xml": "<html><body/></html>"}, {}, ["uniprot-xml", "x.xml"]),
    "broken xml": ({"x.xml": "<uniprot><entry>"}, {}, ["uniprot-xml", "x.xml"]),
    "protein read as dna": ({"x.fa": ">a\nMKVLAE\n"}, {"alphabet": DNA}, ["'L'", "position 4", "DNA"]),
    "digit in protein": ({"x.fa": ">a\nMKV1AE\n"}, {"alphabet": PROTEIN}, ["'1'", "position 4"]),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_mistake_is_named(row: Row, tmp_path: Path) -> None:
    files, options, words = row
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        packed = name.endswith(".gz") and not name.startswith("raw:")
        (tmp_path / name.removeprefix("raw:")).write_bytes(gzip.compress(data) if packed else data)
    given = dict(options)
    path = tmp_path / given.pop("path", next((name for name in files if name.startswith("x.")), ""))
    for option in ("genome", "annotation"):
        if option in given:
            given[option] = tmp_path / given[option]
    with pytest.raises(DataError) as caught:
        read_sequences(path, **given)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    assert "Traceback" not in message
