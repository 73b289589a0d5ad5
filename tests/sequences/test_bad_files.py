"""What users hand in by mistake: one row per mistake, with the words the message must hold."""

from __future__ import annotations

import bz2
import gzip
import lzma
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
    "unknown format": ({"x.fa": ">a\nAC\n"}, {"format": "sam"}, ["unknown format", "sam", "genbank"]),
    "table called fasta": ({"x.fa": "id,sequence\na,ACGT\n"}, {}, ["does not read as fasta", "--format csv"]),
    "fasta called csv": ({"x.csv": ">a\nACGT\n"}, {}, ["does not read as csv", "--format fasta"]),
    "fasta called genbank": ({"x.gb": ">a\nACGT\n"}, {}, ["does not read as genbank", "--format fasta"]),
    "text called parquet": ({"x.parquet": "id,sequence\n"}, {}, ["does not read as parquet"]),
    "damaged parquet": ({"x.parquet": b"PAR1 and no more"}, {}, ["Parquet", "damaged"]),
    "tabs called csv": ({"x.csv": "id\tsequence\na\tACGT\n"}, {}, ["no comma", "line 1", "--format tsv"]),
    "semicolons called tsv": ({"x.tsv": "id;sequence\na;ACGT\n"}, {}, ["no tab", "--format csv"]),
    "quote over lines": (
        {"x.csv": 'id,note,sequence\na,x,ACGT\nb,"open,ACGT\nc,close",ACGT\n'},
        {},
        ["does not end on its line", "line 3", "x.csv", "Parquet"],
    ),
    "quote never closed": ({"x.csv": 'id,sequence,y\na,ACGT,"pos\nb,ACGT,neg\n'}, {}, ["quote", "line 2"]),
    "quote closed early": ({"x.csv": 'id,sequence,y\na,ACGT,"5" end"\n'}, {}, ["follows its closing quote", "line 2"]),
    "text behind the quote": ({"x.csv": '# c\n\nid,sequence\n\n"a" b,ACGT\n'}, {}, ["closing quote", "line 5"]),
    "row names of R": ({"x.tsv": "id\tsequence\n1\ta\tACGT\n"}, {}, ["too many", "line 2", "row.names"]),
    "an excel workbook": ({"x.csv": b"PK\x03\x04 xl/workbook.xml"}, {}, ["Excel", "CSV UTF-8"]),
    "a zip archive": ({"x.fa": b"PK\x03\x04 x.fa"}, {}, ["ZIP", "unzip"]),
    "a tar archive": ({"x.fa.gz": b"x.fa".ljust(257, b"\0") + b"ustar"}, {}, ["tar archive", "unpack"]),
    "a web page": ({"x.fa": "<!DOCTYPE html><p>log in</p>"}, {}, ["web page", "download"]),
    "features as data": ({"x.gff3": "a\ts\texon\t1\t4\t.\t+\t.\t.\n"}, {}, ["features", "--annotation"]),
    "variants as data": ({"x.vcf.gz": "##fileformat=VCFv4.2\n"}, {}, ["variants", "genome"]),
    "alignment": ({"x.sto": "# STOCKHOLM 1.0\na AC-G\n//\n"}, {}, ["an alignment", "ungapped", "FASTA"]),
    "packed alignment": ({"x.aln.gz": "CLUSTAL W\n\na ACGT\n"}, {}, ["an alignment"]),
    "json": ({"x.jsonl": '{"id":"a","sequence":"ACGT"}\n'}, {}, ["JSON", "read_json"]),
    "array": ({"x.npy": b"\x93NUMPY\x01\0" + bytes(99)}, {}, ["arrays", "argmax"]),
    "arrays called csv": ({"x.csv": b"PK\x03\x04" + bytes(26) + b"a.npy" + bytes(99)}, {"format": "csv"}, ["arrays"]),
    "pickle": ({"x.tsv": b"\x80\x04\x95" + bytes(99)}, {}, ["pickle", "to_parquet"]),
    "feather": ({"x.parquet": b"ARROW1" + bytes(99)}, {}, ["Feather", "to_parquet"]),
    "file of R": ({"x.csv": b"RDX3\nX\n" + bytes(99)}, {}, ["R objects", "write.csv"]),
    "pdf": ({"x.fa": b"%PDF-1.7\n" + bytes(99)}, {}, ["a PDF"]),
    "database": ({"x.csv": b"SQLite format 3\0" + bytes(99)}, {}, ["database", "CSV"]),
    "spaces in a table": ({"x.csv": "id,sequence\na,ACGT ACGT\n"}, {}, ["' '", "remove the spaces", "'a'"]),
    "numbered sequence": ({"x.csv": "id,sequence\na,1ACGT\n"}, {"alphabet": DNA}, ["'1'", "position numbers"]),
    "marks of the ends": ({"x.fa": ">a\n5'-ACGT-3'\n"}, {"alphabet": DNA}, ["'5'", "marks of its ends"]),
    "header again": ({"x.csv": "id,sequence,y\na,ACGT,1\n\nid,sequence,y\nb,ACGT,0\n"}, {}, ["again", "line 4"]),
    "utf-16 without a mark": ({"x.csv": "id,sequence\na,ACGT\n".encode("utf-16-le")}, {}, ["NUL", "UTF-16"]),
    "fastq cut short": ({"x.fastq": "@a\nACGT\n+\nII\n"}, {}, ["cannot be read as fastq", "x.fastq"]),
    "not xz": ({"x.fa.xz": ">a\nACGT\n"}, {}, ["not xz", "x.fa.xz"]),
    "cut xz": ({"x.fa.xz": lzma.compress(b">a\nACGT\n")[:-9]}, {}, ["xz file is damaged"]),
    "cut bzip2": ({"x.fa.bz2": bz2.compress(b">a\nACGT\n")[:-9]}, {}, ["bzip2 file is damaged"]),
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
    "no header": ({"x.csv": "a,ACGTACGT,1\nb,ACGTACGA,0\n"}, {}, ["looks like a record", "columns' names"]),
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
    "genome that is no fasta": (
        {"g.fa": "chr1 ACGT\n", "x.bed": "chr1\t0\t4\n"},
        {"genome": "g.fa"},
        ["genome cannot be read", "whole FASTA", "g.fa"],
    ),
    "genome with a nameless sequence": (
        {"g.fa": ">\nACGT\n", "x.bed": "chr1\t0\t4\n"},
        {"genome": "g.fa"},
        ["genome cannot be read", "Bad sequence name"],
    ),
    "genome cut short": (
        {"g.fa": gzip.compress(b">chr1\n" + b"ACGT" * 99)[:-9], "x.bed": "chr1\t0\t4\n"},
        {"genome": "g.fa"},
        ["genome cannot be read", "g.fa"],
    ),
    "genome with a name twice": (
        {"g.fa": ">chr1\nACGT\n>chr1\nAC\n", "x.bed": "chr1\t0\t4\n"},
        {"genome": "g.fa"},
        ["stands twice", "chr1", "rename"],
    ),
    "bed of wrong blocks": (
        {**GENOME, "x.bed": "chr1\t0\t8\tn\t0\t+\t0\t8\t0\t2\t2,3\t0,6\n"},
        {"genome": "g.fa"},
        ["blocks", "line 1"],
    ),
    "bed of numbers as R writes them": ({**GENOME, "x.bed": "chr1\t0\t1e+05\n"}, {"genome": "g.fa"}, ["whole numbers"]),
    "annotation beyond its chromosome": (
        {**GENOME, "x.bed": "chr1\t0\t4\n", "a.gff3": "chr1\ts\texon\t7\t9\t.\t+\t.\t.\n"},
        {"genome": "g.fa", "annotation": "a.gff3"},
        ["leaves its record", "7 to 9", "Is_circular"],
    ),
    "circle of another length": (
        {
            "x.fa": ">a\nACGTACGT\n",
            "x.gff": "a\ts\tregion\t1\t7\t.\t+\t.\tIs_circular=true\na\ts\texon\t6\t9\t.\t+\t.\t.\n",
        },
        {"annotation": "x.gff"},
        ["a circle of 7", "has 8", "line 2"],
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
    "annotation of no kind": ({"x.fa": ">a\nACGT\n"}, {"annotation": "x.sam"}, ["unknown kind", "x.sam", ".gff3"]),
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
    "xml of something else": ({"x.xml": "<plan><body/></plan>"}, {}, ["uniprot-xml", "x.xml"]),
    "broken xml": ({"x.xml": "<uniprot><entry>"}, {}, ["uniprot-xml", "x.xml"]),
    "protein read as dna": ({"x.fa": ">a\nMKVLAE\n"}, {"alphabet": DNA}, ["'L'", "position 4", "DNA"]),
    "a character nobody sees": (
        {"x.csv": "id,sequence\nb,ACGT\na,ACG\u200bT\n"},
        {},
        ["U+200B ZERO WIDTH SPACE", "'a'", "position 4", "x.csv"],
    ),
    "a dash of a word processor": ({"x.fa": ">a\nACG\u2013T\n"}, {}, ["U+2013 EN DASH", "position 4"]),
    "dna and rna": (
        {"x.fa": ">a\nACGUUG\n>b\nACGTTG\n>c\nGGUU\n"},
        {},
        ["both T and U", "T in 1 record, U in 2 records", "line 3", "no --alphabet"],
    ),
    "dna and rna, told": ({"x.fa": ">a\nACGU\n>b\nACGT\n"}, {"alphabet": DNA}, ["both T and U", "line 1"]),
    "files joined without a line end": ({"x.fa": ">a\nACGT>b\nACGTACGTACGT\n"}, {}, ["'>'", "joined", "position 5"]),
    "locus run into its length": (
        {"x.gbk": GENBANK.replace("X1                        20 bp", "NODE_1_length_19176_cov_13.663121 bp") + "//\n"},
        {},
        ["LOCUS", "line 1", "runs into the length", "whole"],
    ),
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
