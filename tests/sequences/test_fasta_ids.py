"""Ids that are not one word: what is written is read back to the same ids, here and, decoded, by Biopython."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from Bio import SeqIO
from hypothesis import given
from hypothesis import strategies as st

from seqrobust.alphabet import DNA
from seqrobust.analysis.shards import write_results
from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.fasta_headers import fasta_header, id_of, keys_of
from seqrobust.sequences.readers import read_sequences
from seqrobust.sequences.writing import write_sequences

IDS = [
    "gene 1",
    "gene 2",
    "HLA-A*01:01, exon 2",
    "sp|P1|X_Y",
    "a;b=c",
    "1-Mar",
    "x\ny",
    ">odd",
    "tab\tid",
    "é·_",
    'id="q"',
    "label=1 split=test",
    "label=1",
    "a/b/../c",
    "A#2",
    "A",
    "50%",
    "gene%201",
    "no\u00a0break",
    "id=x",
]


def results(ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ids,
            "budget": 1,
            "edits": "A1C;C2T",
            "attack": "greedy",
            "clean_prediction": "Homo sapiens",
            "adversarial_prediction": "a b=c\nsplit=test",
            "success": True,
            "adversarial_sequence": ["ACGT"] * len(ids),
        }
    )


def test_adversarial_sequences_keep_their_ids(tmp_path: Path) -> None:
    write_results(tmp_path, results(IDS))
    loaded = read_sequences(tmp_path / "adversarial.fa")
    assert list(loaded.sequences.ids) == IDS
    assert loaded.sequences.splits is None
    with (tmp_path / "adversarial.fa").open() as handle:
        words = [record.id for record in SeqIO.parse(handle, "fasta")]
    assert len(set(words)) == len(IDS)
    assert pd.read_parquet(tmp_path / "results.parquet")["id"].tolist() == IDS


@given(st.lists(st.text(st.sampled_from("ab =%2|\n\té>#\u200b"), min_size=1, max_size=8), min_size=1, unique=True))
def test_every_id_is_one_word_of_its_own(ids: list[str]) -> None:
    titles = [fasta_header(name, {"k": "v w"}) for name in ids]
    assert [id_of(title) for title in titles] == ids
    assert all(keys_of(title)["k"] == "v w" for title in titles)
    words = [title.split()[0] for title in titles]
    assert len(set(words)) == len(ids)
    for word, name in zip(words, ids, strict=True):
        assert name in (word, unquote(word))


def test_written_records_are_read_back(tmp_path: Path) -> None:
    records = SequenceSet.from_texts(["ACGT"] * len(IDS), DNA, ids=IDS, groups=[f"g {i}" for i in range(len(IDS))])
    for name in ("x.fa", "x.fa.gz", "x.parquet"):
        write_sequences(records, tmp_path / name)
        read = read_sequences(tmp_path / name, alphabet=DNA).sequences
        assert read.ids == records.ids
        assert read.groups is not None
        assert records.groups is not None
        assert read.groups.tolist() == records.groups.tolist()
    tables = records.take([i for i, name in enumerate(IDS) if not set(name) & set("\n\t")])
    for name in ("x.csv", "x.tsv"):
        write_sequences(tables, tmp_path / name)
        assert read_sequences(tmp_path / name, alphabet=DNA).sequences.ids == tables.ids


@pytest.mark.parametrize(
    ("name", "group"), [("x.fa", "a b=c"), ("x.fa", "a\nb"), ("x.csv", "a\nb"), ("x.tsv", "a\tb"), ("x.tsv.gz", "a\r")]
)
def test_what_a_format_cannot_carry_is_refused(tmp_path: Path, name: str, group: str) -> None:
    records = SequenceSet.from_texts(["ACGT"], DNA, ids=["r"], groups=[group])
    with pytest.raises(DataError, match=r"cannot stand in a FASTA header|holds a line break"):
        write_sequences(records, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_headers_of_others_are_read_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text(">a%20b some words id=7\nACGT\n>label=x\nACGA\n")
    assert read_sequences(tmp_path / "x.fa").sequences.ids == ("a%20b", "label=x")
