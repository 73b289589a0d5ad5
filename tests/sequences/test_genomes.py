"""Pieces of a genome against plain slices of its text, whatever index lies beside it and however it is packed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from pathlib import Path
from random import Random

import pytest
from Bio import bgzf
from Bio.Seq import Seq

from seqrobust.sequences.readers import Loaded, read_sequences
from seqrobust.sequences.readers.genome_index import index_fits

Sequences = dict[str, str]


def a_genome(seed: int, lengths: tuple[int, ...] = (700, 60, 333)) -> Sequences:
    random = Random(seed)
    return {f"chr{i}": "".join(random.choices("ACGT", k=n)) for i, n in enumerate(lengths, start=1)}


def fasta(sequences: Sequences, width: int = 60, end: str = "\n") -> bytes:
    text = ""
    for name, sequence in sequences.items():
        text += f">{name} some words{end}"
        text += "".join(sequence[at : at + width] + end for at in range(0, len(sequence), width))
    return text.encode()


def a_bed(path: Path, sequences: Sequences, seed: int = 0) -> tuple[Path, list[str]]:
    """A BED file of random intervals, and what plain slices of the text hold there."""
    random, lines, expected = Random(seed), [], []
    for _ in range(40):
        name = random.choice(list(sequences))
        start = random.randrange(len(sequences[name]))
        end = random.randint(start + 1, len(sequences[name]))
        strand = random.choice("+-.")
        piece = sequences[name][start:end]
        expected.append(str(Seq(piece).reverse_complement()) if strand == "-" else piece)
        lines.append(f"{name}\t{start}\t{end}\t.\t0\t{strand}\n")
    path.write_text("".join(lines))
    return path, expected


def cut(tmp_path: Path, genome: Path, sequences: Sequences) -> Loaded:
    """The pieces of a genome, held to slices."""
    bed, expected = a_bed(tmp_path / "x.bed", sequences)
    loaded = read_sequences(bed, genome=genome)
    assert loaded.sequences.texts == expected
    return loaded


def newer(path: Path) -> None:
    os.utime(path, (2e9, 2e9))


def test_an_index_is_made_and_used_again(tmp_path: Path) -> None:
    genome, sequences = tmp_path / "g.fa", a_genome(0)
    genome.write_bytes(fasta(sequences))
    for _ in range(2):
        assert not any("index" in notice for notice in cut(tmp_path, genome, sequences).notices)
    assert (tmp_path / "g.fa.fai").is_file()


OTHERS = {
    "other lengths": fasta(a_genome(1, (640, 90, 363))),
    "other names": fasta({f"{name}b": text for name, text in a_genome(0).items()}),
    "other lines": fasta(a_genome(0), width=50),
    "other line ends": fasta(a_genome(0), end="\r\n"),
    "other order": fasta(dict(reversed(a_genome(0).items()))),
    "one more": fasta({**a_genome(0), "chr4": "ACGT"}),
    "one less": fasta(dict(list(a_genome(0).items())[:2])),
    "as many bytes, other lines": fasta({"chr1": a_genome(0)["chr1"][:120]}, width=80),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_the_index_of_another_genome_is_not_used(tmp_path: Path, other: bytes, packed: bool) -> None:
    genome = tmp_path / ("g.fa.gz" if packed else "g.fa")
    sequences = a_genome(0) if other != OTHERS["as many bytes, other lines"] else {"chr1": a_genome(0)["chr1"][:120]}
    put(genome, other, packed)
    cut(tmp_path, genome, read_back(other))
    put(genome, fasta(sequences), packed)
    for suffix in (".fai", ".gzi"):
        if (index := Path(f"{genome}{suffix}")).exists():
            newer(index)
    loaded = cut(tmp_path, genome, sequences)
    assert any("belongs to another file" in notice for notice in loaded.notices)


def put(path: Path, data: bytes, packed: bool) -> None:
    if not packed:
        path.write_bytes(data)
        return
    with bgzf.BgzfWriter(str(path), "wb") as handle:
        for at in range(0, len(data), 200):  # many small blocks
            handle.write(data[at : at + 200])
            handle.flush()


def read_back(data: bytes) -> Sequences:
    records = [record.split("\n", 1) for record in data.decode().replace("\r", "").split(">")[1:]]
    return {title.split()[0]: body.replace("\n", "") for title, body in records}


@pytest.mark.parametrize("packed", [False, True])
def test_another_genome_of_the_same_layout_needs_no_new_index(tmp_path: Path, packed: bool) -> None:
    genome = tmp_path / ("g.fa.gz" if packed else "g.fa")
    put(genome, fasta(a_genome(0)), packed)
    cut(tmp_path, genome, a_genome(0))
    genome.unlink()
    put(genome, fasta(a_genome(5)), packed)
    for suffix in (".fai", ".gzi"):
        if (index := Path(f"{genome}{suffix}")).exists():
            newer(index)
    cut(tmp_path, genome, a_genome(5))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("packed", [False, True])
def test_an_index_fits_its_own_file_and_no_other(tmp_path: Path, seed: int, packed: bool) -> None:
    random = Random(seed)
    lengths = tuple(random.randint(1, 400) for _ in range(random.randint(1, 5)))
    genome, end = tmp_path / ("g.fa.gz" if packed else "g.fa"), random.choice(["\n", "\r\n"])
    data = fasta(a_genome(seed, lengths), random.randint(3, 90), end)
    data = data.rstrip() if random.random() < 0.5 else data
    put(genome, data, packed)
    cut(tmp_path, genome, a_genome(seed, lengths))
    fai, gzi = Path(f"{genome}.fai"), Path(f"{genome}.gzi")
    assert index_fits(genome, fai, gzi)
    longer = data.replace(b">chr1 some words" + end.encode(), b">chr1 some words" + end.encode() + b"A")
    put(genome, longer, packed)
    assert not index_fits(genome, fai, gzi)
    fai.write_text("chr1\t5\n")
    assert not index_fits(genome, fai, gzi)


PACKERS = {
    "g.fa.gz": gzip.compress,
    "g.fa": gzip.compress,
    "g.fa.bz2": bz2.compress,
    "g.fa.xz": lzma.compress,
    "blank lines.fa": lambda data: data.replace(b">", b"\n>") + b"\n\n\n",
    "ragged.fa": lambda data: data.replace(b"ACG", b"A\nCG"),
    "long last line.fa": lambda data: data.replace(b"\n>chr2", data.split(b"\n")[1] * 3 + b"\n>chr2"),
    "old mac.fa": lambda data: data.replace(b"\n", b"\r"),
    "byte-order mark.fa": lambda data: b"\xef\xbb\xbf" + data,
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_genome_that_cannot_be_indexed_as_it_stands(tmp_path: Path, name: str) -> None:
    sequences, data = a_genome(0), PACKERS[name](fasta(a_genome(0)))
    if name == "long last line.fa":
        sequences = read_back(data)
        assert len(sequences["chr1"]) > len(a_genome(0)["chr1"])
    (tmp_path / name).write_bytes(data)
    loaded = cut(tmp_path, tmp_path / name, sequences)
    assert any("unpacked for this run" in notice or "tidy copy" in notice for notice in loaded.notices)
    assert {path.name for path in tmp_path.iterdir()} == {name, "x.bed"}


def test_comments_above_a_genome_do_not_spoil_its_index(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_bytes(b";made by hand\n;again\n" + fasta(a_genome(0)))
    for _ in range(2):
        assert not any("index" in notice for notice in cut(tmp_path, tmp_path / "g.fa", a_genome(0)).notices)


def test_soft_masked_letters_are_cut_as_upper_case(tmp_path: Path) -> None:
    sequences = {"chr1": "acgtNNACGTacgt" * 9}
    (tmp_path / "g.fa").write_bytes(fasta(sequences))
    bed, expected = a_bed(tmp_path / "x.bed", sequences)
    assert read_sequences(bed, genome=tmp_path / "g.fa").sequences.texts == [text.upper() for text in expected]


PEAKS = {
    "x.narrowPeak": ("chr1\t10\t40\tp1\t0\t.\t5.2\t-1\t-1\t12\n", "signalValue", "5.2"),
    "x.broadPeak.gz": ("chr1\t10\t40\tp1\t0\t+\t5.2\t7.5\t-1\n", "pValue", "7.5"),
    "x.bedGraph": ("track type=bedGraph\nchr1\t10\t40\t0.75\n", "value", "0.75"),
    "x.bed": ('track type=bedGraph name="x"\nchr1\t10\t40\t0.75\n', "value", "0.75"),
    "x.bdg": ("chr1 10 40 0.75\n", "value", "0.75"),
    "x.gappedPeak": (
        "chr1\t10\t40\tp1\t0\t.\t10\t40\t0\t2\t5,10\t0,20\t5.2\t7.5\t9\n",
        "qValue",
        "9",
    ),
}


@pytest.mark.parametrize("name", PEAKS)
def test_peaks_and_signals_are_bed(tmp_path: Path, name: str) -> None:
    from seqrobust.sequences.readers import Columns

    text, column, value = PEAKS[name]
    sequences = a_genome(0)
    (tmp_path / "g.fa").write_bytes(fasta(sequences))
    data = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    loaded = read_sequences(tmp_path / name, genome=tmp_path / "g.fa", columns=Columns(targets=(column,)))
    assert loaded.sequences.texts == [sequences["chr1"][10:40]]
    assert loaded.sequences.targets is not None
    assert [str(given) for given in loaded.sequences.targets[column]] == [value]
    assert loaded.sequences.ids[0] in ("p1", "chr1:10-40", "chr1:10-40(+)")


def test_headings_and_names_like_tracks(tmp_path: Path) -> None:
    sequences = {"track1": "ACGTACGTAA", "browser_2": "TTGGCCTTGG"}
    (tmp_path / "g.fa").write_bytes(fasta(sequences))
    (tmp_path / "x.bed").write_text("chrom\tstart\tend\ntrack1\t0\t4\nbrowser_2\t2\t6\n")
    assert read_sequences(tmp_path / "x.bed", genome=tmp_path / "g.fa").sequences.texts == ["ACGT", "GGCC"]
