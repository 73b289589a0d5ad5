"""Real files, with the figures that their publishers state."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from Bio import SeqIO

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.sequences import Region
from seqrobust.sequences.checks import check
from seqrobust.sequences.readers import Columns, read_sequences
from seqrobust.sequences.regions import parse_regions
from seqrobust.sequences.summary import describe


def test_splice_junctions(data_root: Path) -> None:
    loaded = read_sequences(data_root / "uci_splice" / "splice.tsv.gz")
    records = loaded.sequences
    summary = describe(records)
    assert (summary.records, summary.alphabet, summary.copies.distinct) == (3190, "DNA", 3005)
    assert {name: sum(counts.values()) for name, counts in summary.classes["label"].items()} == {
        "EI": 767,
        "IE": 768,
        "N": 1655,
    }
    assert summary.ambiguous == {"N": 56, "D": 2, "R": 1, "S": 1}
    assert summary.splits == {"train": 2597, "test": 593}
    assert summary.copies.across == {}
    assert summary.copies.conflicting == 1
    assert summary.groups_across == ()
    assert len(set(records.ids)) == 3190
    assert any("12 repeated ids" in notice for notice in loaded.notices)
    donor = records.regions.cover(["donor_GT"], (len(records), records.width))
    sites = Counter(text[30:32] for text, here in zip(records.texts, donor, strict=True) if here.any())
    assert sites["GT"] / sum(sites.values()) > 0.98
    assert [p.text for p in check(records, "classification") if p.severity == "error"] == [
        "1 sequence with more than one label: no model can be right on all of them"
    ]


def test_every_reader_of_tables_agrees_with_pandas(data_root: Path) -> None:
    for path in sorted(data_root.glob("*/*.tsv.gz")):
        frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        records = read_sequences(path).sequences
        assert records.texts == frame["sequence"].str.upper().tolist(), path
        if "regions" in frame:
            for row in range(0, len(frame), 97):
                assert records.regions.of(row) == parse_regions(frame["regions"][row]), path


def test_promoters_measured(data_root: Path) -> None:
    path = data_root / "ecoli_sigma70_mpra" / "sigma70.tsv.gz"
    columns = Columns(targets=("log2_expression", "label_active"), group="background")
    records = read_sequences(path, columns=columns, where={"kind": "designed"}).sequences
    summary = describe(records)
    assert (summary.records, summary.lengths.min, summary.lengths.max) == (10898, 150, 150)
    assert summary.splits == {"train": 7641, "valid": 1157, "test": 2100}
    assert summary.groups == 8
    assert {name: sum(c.values()) for name, c in summary.classes["label_active"].items()}["1"] == 2624
    assert "log2_expression" not in summary.classes
    minus_10 = {text[108:114] for text in records.texts}
    assert len(minus_10) == 8


def test_fitness_of_gb1(data_root: Path) -> None:
    columns = Columns(targets=("fitness",), split="two_vs_rest")
    records = read_sequences(data_root / "flip_gb1" / "gb1.tsv.gz", columns=columns).sequences
    summary = describe(records)
    assert records.alphabet is PROTEIN
    assert (summary.records, summary.lengths.max) == (8733, 56)
    assert summary.ranges["fitness"].min == 0
    assert summary.splits == {"train": 381, "valid": 43, "test": 8309}


def test_enzymes_keep_their_ligands(data_root: Path) -> None:
    records = read_sequences(
        data_root / "uniprot_enzymes" / "enzymes.tsv.gz", columns=Columns(targets=("ec1",))
    ).sequences
    summary = describe(records)
    assert (summary.records, summary.copies.within, summary.copies.across) == (4260, 34, {})
    assert summary.groups == 2305
    assert "BINDING[[4Fe-4S] cluster]" in records.regions.names
    assert all(name.startswith(("ACT_SITE", "BINDING[")) for name in records.regions.names)
    by_name = {region.name: region for region in summary.regions}
    assert by_name["ACT_SITE"].records == 4260


def test_genpept_regions_are_those_of_the_table(data_root: Path) -> None:
    folder = data_root / "uniprot_enzymes"
    path = folder / "metalloprotease_vs_dehydrogenase.gp.gz"
    flat = read_sequences(path, columns=Columns(targets=("EC_number",))).sequences
    table = read_sequences(folder / "enzymes.tsv.gz").sequences
    row_of = {name: row for row, name in enumerate(table.ids)}
    assert len(flat) == 324
    assert flat.targets is not None
    assert flat.targets["EC_number"].str.contains(r"1\.1\.1|3\.4\.24").all()
    for row, name in enumerate(flat.ids):
        assert flat.texts[row] == table.texts[row_of[name]]
        assert sorted(flat.regions.of(row)) == sorted(table.regions.of(row_of[name]))


def test_the_catalytic_glutamate_is_a_glutamate(data_root: Path) -> None:
    folder = data_root / "uniprot_enzymes"
    where = {"binary": "metalloprotease", "ps00142": _patterns(folder / "enzymes.tsv.gz")}
    records = read_sequences(folder / "enzymes.tsv.gz", where=where).sequences
    active = records.regions.cover(["ACT_SITE"], (len(records), records.width))
    assert len(records) == 71
    assert all("E" in bytes(letters[here]).decode() for letters, here in zip(records.letters, active, strict=True))


def _patterns(path: Path) -> list[str]:
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return sorted(set(frame["ps00142"]) - {""})


def test_the_published_leak_is_found(data_root: Path) -> None:
    records = read_sequences(data_root / "ienhancer2l" / "ienhancer2l.tsv.gz").sequences
    assert describe(records).copies.across == {"train / independent": 100}
    assert any(p.severity == "error" and p.text.startswith("100 sequences") for p in check(records))


FLAT = {
    "1MRR_A.gp": ("genbank", ["1MRR_A"]),
    "NP_416719.gbwithparts": ("genbank", ["NP_416719.1"]),
    "protein_refseq2.gb": ("genbank", ["NP_034640.1"]),
    "O95832.txt": ("swiss", ["O95832"]),
    "P16235.txt": ("swiss", ["P16235"]),
    "P39896.txt": ("swiss", ["P39896"]),
    "P60904.txt": ("swiss", ["P60904"]),
    "Q13639.txt": ("swiss", ["Q13639"]),
    "Q13639.xml": ("uniprot-xml", ["Q13639"]),
    "multi_ex.txt": ("swiss", ["P00750", "P56540", "Q51858", "Q51481", "Q8NE62", "P00981", "P28799", "Q01436"]),
}


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.filterwarnings("ignore::Bio.BiopythonWarning")
def test_flat_files_hold_what_biopython_reads(data_root: Path, name: str) -> None:
    parser, ids = FLAT[name]
    path = data_root / "flatfile_samples" / name
    with path.open("rb" if parser == "uniprot-xml" else "r") as handle:
        expected = [(record.id, str(record.seq).upper()) for record in SeqIO.parse(handle, parser)]
    records = read_sequences(path).sequences
    assert records.alphabet is PROTEIN
    assert list(zip(records.ids, records.texts, strict=True)) == expected
    assert list(records.ids) == ids
    assert len(records.regions) > 0


@pytest.mark.parametrize("name", ["P16235.txt", "Q13639.txt", "Q13639.xml"])
def test_seven_membrane_helices(data_root: Path, name: str) -> None:
    records = read_sequences(data_root / "flatfile_samples" / name).sequences
    helices = [region for region in records.regions.of(0) if region.name == "TRANSMEM"]
    assert len(helices) == 7
    assert all(15 <= end - start <= 30 for _, start, end in helices)


def test_xml_and_flat_file_tell_the_same(data_root: Path) -> None:
    folder = data_root / "flatfile_samples"
    flat, xml = (read_sequences(folder / f"Q13639.{suffix}").sequences for suffix in ("txt", "xml"))
    assert flat.texts == xml.texts
    assert sorted(flat.regions.of(0)) == sorted(xml.regions.of(0))


def test_bonds_join_cysteines(data_root: Path) -> None:
    for name in ("P16235.txt", "O95832.txt", "Q13639.xml", "multi_ex.txt"):
        records = read_sequences(data_root / "flatfile_samples" / name).sequences
        bonds = records.regions.cover(["DISULFID"], (len(records), records.width))
        assert set(records.letters[bonds].tolist()) == {ord("C")}, name


def test_old_and_new_binding_sites(data_root: Path) -> None:
    folder = data_root / "flatfile_samples"
    old = read_sequences(folder / "multi_ex.txt").sequences
    assert {n for n in old.regions.names if n.startswith("NP_BIND")} == {"NP_BIND[ATP]", "NP_BIND[FAD]"}
    assert old.regions.of(1)[0] == Region("CHAIN", 0, 74)
    new = read_sequences(folder / "P39896.txt").sequences
    assert new.regions.of(0)[1:] == [
        Region("ACT_SITE", 245, 246),
        Region("BINDING[S-adenosyl-L-methionine]", 199, 200),
        Region("BINDING[S-adenosyl-L-methionine]", 225, 228),
    ]
    sites = read_sequences(folder / "1MRR_A.gp").sequences.regions
    assert Region("Site[tyrosyl radical]", 121, 122) in sites.of(0)
    assert Region("Site[diiron center [ion binding]]", 83, 84) in sites.of(0)


def test_a_file_written_from_a_table_reads_the_same(data_root: Path, tmp_path: Path) -> None:
    table = read_sequences(data_root / "uci_splice" / "splice.tsv.gz").sequences
    assert table.targets is not None
    with gzip.open(tmp_path / "splice.fa.gz", "wt") as handle:
        for row, (name, text) in enumerate(zip(table.ids, table.texts, strict=True)):
            regions = ";".join(f"{n}:{s}-{e}" for n, s, e in table.regions.of(row))
            handle.write(f">{name} label={table.targets['label'][row]} regions={regions}\n{text}\n")
    fasta = read_sequences(tmp_path / "splice.fa.gz", alphabet=DNA).sequences
    assert fasta.ids == table.ids
    assert fasta.targets is not None
    assert fasta.targets["label"].tolist() == table.targets["label"].tolist()
    np.testing.assert_array_equal(fasta.letters, table.letters)
    np.testing.assert_array_equal(fasta.regions.start, table.regions.start)
