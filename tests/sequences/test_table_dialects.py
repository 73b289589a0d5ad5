"""Tables as spreadsheets, R and pandas write them, against the csv module, pandas and pyarrow; no row may get lost."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from seqrobust.errors import DataError
from seqrobust.sequences import encode_targets
from seqrobust.sequences.readers import Columns, Loaded, read_sequences

ROWS = [["id", "sequence", "label"], ["r1", "ACGTACGTAC", "1"], ["r2", "TTGACAGCTA", "0"], ["r3", "GGCATTACGC", "1"]]


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def table(separator: str = ",", end: str = "\n") -> str:
    return "".join(separator.join(row) + end for row in ROWS)


def rows_of(loaded: Loaded) -> list[list[str]]:
    records = loaded.sequences
    assert records.targets is not None
    labels = map(str, records.targets.iloc[:, 0].tolist())
    return [list(row) for row in zip(records.ids, records.texts, labels, strict=True)]


def test_a_lone_quote_in_a_tsv_swallows_nothing(tmp_path: Path) -> None:
    text = 'id\tnote\tsequence\tlabel\nq1\t"abc\tAAAACCCC\t1\nq2\tplain\tCCCCGGGG\t0\n'
    text += 'q3\tend"\tTTTTAAAA\t1\nq4\t5" x\tGGGGTTTT\t0\n'
    path = written(tmp_path / "x.tsv", text)
    reference = list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows_of(read_sequences(path)) == [[row["id"], row["sequence"], row["label"]] for row in reference]
    assert read_sequences(path, columns=Columns(id="note")).sequences.ids == ('"abc', "plain", 'end"', '5" x')


@pytest.mark.parametrize("separator", ["\t", ","])
def test_fields_that_r_and_pandas_put_into_quotes_lose_them(tmp_path: Path, separator: str) -> None:
    frame = pd.DataFrame(ROWS[1:], columns=ROWS[0])
    frame.loc[0, "id"] = 'a "quoted" name'
    path = tmp_path / ("x.tsv" if separator == "\t" else "x.csv")
    frame.to_csv(path, sep=separator, index=False, quoting=csv.QUOTE_ALL)
    assert rows_of(read_sequences(path)) == frame.to_numpy().tolist()


_FIELD = st.text(st.sampled_from("ab \",;\t'#x"), min_size=1, max_size=6).filter(
    lambda text: text.strip() == text != ""
)


@given(st.lists(_FIELD, min_size=1, max_size=5, unique=True))
def test_what_the_csv_module_quotes_is_read_as_it_was(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    handle = io.StringIO()
    csv.writer(handle, lineterminator="\n").writerows([["id", "sequence"], *([name, "ACGT"] for name in ids)])
    path = written(tmp_path_factory.mktemp("csv") / "x.csv", handle.getvalue())
    assert list(read_sequences(path).sequences.ids) == ids


@given(st.lists(st.text(st.sampled_from('ab",\n'), max_size=4), min_size=3, max_size=9))
def test_a_csv_is_read_as_the_csv_module_reads_it_or_refused(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str]
) -> None:
    text = "id,sequence\n" + "".join(f"r{i}{piece},ACGT\n" for i, piece in enumerate(pieces))
    path = written(tmp_path_factory.mktemp("csv") / "x.csv", text)
    try:
        ids = read_sequences(path).sequences.ids
    except DataError:
        return
    rows = [row for row in list(csv.reader(io.StringIO(text)))[1:] if row]
    # A record without an id is called after its place.
    assert list(ids) == [row[0].strip() or f"seq{number}" for number, row in enumerate(rows, start=1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sep=,\n" + table(), "','"),
        ("sep=;\r\n" + table(";", "\r\n"), "';'"),
        ('"sep=\t"\n' + table("\t"), "parts the fields"),
        ("# made by x, y\n#\n\n" + table(), "2 lines beginning with #"),
        ("#" + table(), ""),
        (table(";"), "semicolons"),
        ("id, sequence ,label\n" + table().split("\n", 1)[1], ""),
        ("id,sequence,label,,\n" + "".join(",".join(row) + ",,\n" for row in ROWS[1:]) + ",,,,\n,,,,\n", "2 rows"),
        (table(end="\r"), ""),
        ("\ufeff" + table(end="\r\n"), ""),
    ],
)
def test_what_stands_above_and_around_a_table(tmp_path: Path, text: str, said: str) -> None:
    for name in ("x.csv", "x.txt"):
        loaded = read_sequences(written(tmp_path / name, text))
        assert rows_of(loaded) == ROWS[1:]
        assert any(said in notice for notice in loaded.notices)


def test_a_comment_above_does_not_move_the_lines_of_errors(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "# c\n\nid,sequence\na,ACGT\n\nb,\n")
    with pytest.raises(DataError, match="line 6"):
        read_sequences(path)


@pytest.mark.parametrize("above", ["# c\n" * 3000, "\n" * 1500, "# c\n" * 999, "# c\n" * 1000, "# c\n" * 1001])
def test_however_much_stands_above_a_table(tmp_path: Path, above: str) -> None:
    assert rows_of(read_sequences(written(tmp_path / "x.csv", above + table()))) == ROWS[1:]


def test_a_column_without_a_name_behind_the_others_is_no_id(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "sequence,label,\nACGT,1,good\nACGA,0,bad\n")
    assert read_sequences(path).sequences.ids == ("seq1", "seq2")


def test_a_parquet_file_under_another_name(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["\ufeffa", "b"], "sequence": ["ACGT", "ACGA"]})
    frame.to_parquet(tmp_path / "x.data")
    assert read_sequences(tmp_path / "x.data").sequences.texts == ["ACGT", "ACGA"]


def test_a_text_that_begins_like_bzip2(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "BZh9,id,sequence\n1,a,ACGT\n")
    assert read_sequences(path).sequences.ids == ("a",)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["x.tsv", "x.txt"])
def test_unicode_text_of_excel(tmp_path: Path, name: str, encoding: str) -> None:
    mark = "" if encoding in ("utf-16", "utf-32") else "\ufeff"
    loaded = read_sequences(written(tmp_path / name, (mark + table("\t", "\r\n")).encode(encoding)))
    assert rows_of(loaded) == ROWS[1:]
    assert any("as Excel writes it" in notice for notice in loaded.notices)


def test_decimal_commas_of_a_table_with_semicolons(tmp_path: Path) -> None:
    text = "id;sequence;y;n\nr1;ACGT;0,5;1,012\nr2;ACGA;-1,25;2,000\nr3;ACGC;3;17,500\n"
    path = written(tmp_path / "x.csv", text)
    loaded = read_sequences(path, columns=Columns(targets=("y", "n")))
    reference = pd.read_csv(io.StringIO(text), sep=";", decimal=",")
    assert loaded.sequences.targets is not None
    assert pd.to_numeric(loaded.sequences.targets["y"]).tolist() == reference["y"].tolist()
    assert loaded.sequences.targets["n"].tolist() == ["1,012", "2,000", "17,500"], "may be thousands: left alone"
    assert any("decimal commas read as points in column 'y'" in notice for notice in loaded.notices)


def test_an_index_column_without_a_name(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sequence": ["ACGT", "ACGA"], "label": [0, 1]}, index=["geneA", "geneB"])
    frame.to_csv(tmp_path / "x.csv")
    frame.to_parquet(tmp_path / "x.parquet")
    for name in ("x.csv", "x.parquet"):
        loaded = read_sequences(tmp_path / name)
        assert loaded.sequences.ids == ("geneA", "geneB")
        assert any("without a name" in notice for notice in loaded.notices)
    frame.reset_index(drop=True).to_csv(tmp_path / "y.csv")
    assert read_sequences(tmp_path / "y.csv").sequences.ids == ("seq1", "seq2")


def _zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": _zstd}


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["x.csv", "x.fa", "x.txt"])
def test_packed_files(tmp_path: Path, suffix: str, name: str) -> None:
    plain = table().encode() if name != "x.fa" else b">r1 label=1\nACGTACGTAC\n"
    half = len(plain) // 2
    pack = PACKERS[suffix]
    expected = rows_of(read_sequences(written(tmp_path / name, plain)))
    assert rows_of(read_sequences(written(tmp_path / f"{name}.{suffix}", pack(plain)))) == expected
    joined = pack(plain[:half]) + pack(plain[half:])
    assert rows_of(read_sequences(written(tmp_path / f"{name}.{suffix}", joined))) == expected, "several members"
    assert rows_of(read_sequences(written(tmp_path / name, pack(plain)))) == expected, "packed under a plain name"


def test_long_lines_are_read_whole(tmp_path: Path) -> None:
    sequence = "ACGT" * (5 << 20)
    records = read_sequences(written(tmp_path / "x.csv", f"id,sequence\na,{sequence}\nb,ACGT\n")).sequences
    assert records.lengths.tolist() == [len(sequence), 4]


FRAME = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "sequence": ["ACGT", "ACGA", "ACGC", "ACGG"],
        "label": ["x", "y", "x", "y"],
        "split": ["train", "train", "test", "test"],
        "cluster": ["c1", "c1", "c2", "c2"],
    }
)


@pytest.mark.parametrize("levels", [["id"], ["split", "id"], ["cluster", "split", "id"], ["label"]])
def test_named_index_levels_of_parquet_are_columns(tmp_path: Path, levels: list[str]) -> None:
    FRAME.set_index(levels).to_parquet(tmp_path / "x.parquet")
    records = read_sequences(tmp_path / "x.parquet").sequences
    assert records.ids == tuple(FRAME["id"])
    assert records.targets is not None
    assert records.targets["label"].tolist() == FRAME["label"].tolist()
    assert records.splits is not None
    assert records.splits.tolist() == FRAME["split"].tolist()
    assert records.groups is not None
    assert records.groups.tolist() == FRAME["cluster"].tolist()


def test_a_range_index_with_a_name_is_a_column(tmp_path: Path) -> None:
    frame = FRAME.drop(columns="id").set_index(pd.RangeIndex(10, 14, name="id"))
    frame.to_parquet(tmp_path / "x.parquet")
    assert read_sequences(tmp_path / "x.parquet").sequences.ids == ("10", "11", "12", "13")


def test_rows_left_by_a_filter_have_no_index_column(tmp_path: Path) -> None:
    FRAME[FRAME["split"] == "test"].to_parquet(tmp_path / "x.parquet")
    records = read_sequences(tmp_path / "x.parquet")
    assert records.sequences.ids == ("c", "d")


def test_an_index_level_that_contradicts_a_column_is_refused(tmp_path: Path) -> None:
    FRAME.set_index(pd.Index([1, 2, 3, 4], name="label")).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="index has the name of a column"):
        read_sequences(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.array(["a", "b", None]), ["a", "b", ""]),
        (pa.array(["a", "b", None], pa.large_string()), ["a", "b", ""]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array([b"a", b"b", b"c"]), ["a", "b", "c"]),
        (pa.array([["a", "b"], ["c"], []]), ["a;b", "c", ""]),
        (pa.array([["a"] * 9, ["c"], []]), ["a" * 9, "c", ""]),
        (
            pa.array([1, 2, None], pa.timestamp("us", "UTC")),
            [f"1970-01-01 00:00:00.00000{i}+00:00" for i in (1, 2)] + [""],
        ),
        (pa.array([["ab", "c"], ["d"], []]), ["ab;c", "d", ""]),
        (pa.array([1, None, 3], pa.int64()), ["1", "", "3"]),
        (pa.array([True, False, None]), ["True", "False", ""]),
        (pa.array([0.5, None, 2.0]), ["0.5", "", "2"]),
    ],
)
@pytest.mark.parametrize("nullable", [False, True])
def test_cells_of_parquet(tmp_path: Path, kind: pa.Array, expected: list[str], nullable: bool) -> None:
    made = pa.table({"sequence": ["ACGT", "ACGA", "ACGC"], "group": kind})
    if nullable:
        try:
            made.to_pandas().convert_dtypes().to_parquet(tmp_path / "x.parquet")
        except (TypeError, ValueError, pa.ArrowException):
            pytest.skip("pandas has no nullable type for it")
    else:
        parquet.write_table(made, tmp_path / "x.parquet")
    groups = read_sequences(tmp_path / "x.parquet").sequences.groups
    assert groups is not None
    assert groups.tolist() == [value or f"only seq{row + 1}" for row, value in enumerate(expected)]


def test_a_sequence_may_be_a_list_of_letters(tmp_path: Path) -> None:
    pd.DataFrame({"seq": [list("ACGT"), list("AC")], "label": [["a", "b"], ["a"]]}).to_parquet(tmp_path / "x.parquet")
    loaded = read_sequences(tmp_path / "x.parquet")
    assert loaded.sequences.texts == ["ACGT", "AC"]
    assert loaded.sequences.targets is not None
    assert encode_targets(loaded.sequences.targets, "multilabel").values.tolist() == [[1, 1], [1, 0]]


def test_dates_are_no_measurements(tmp_path: Path) -> None:
    days = pd.Series(pd.to_datetime(["2020-01-01", None]))
    pd.DataFrame({"sequence": ["ACGT", "ACGA"], "label": days, "took": days - days[0]}).to_parquet(
        tmp_path / "x.parquet"
    )
    for name in ("label", "took"):
        targets = read_sequences(tmp_path / "x.parquet", columns=Columns(targets=(name,))).sequences.targets
        assert targets is not None
        with pytest.raises(DataError):
            encode_targets(targets, "regression")


def test_a_column_twice_in_parquet(tmp_path: Path) -> None:
    columns = [pa.array(["ACGT"]), pa.array(["x"]), pa.array(["y"])]
    parquet.write_table(pa.table(columns, names=["sequence", "label", "label"]), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="stands twice"):
        read_sequences(tmp_path / "x.parquet")


def test_lists_of_numbers_are_refused_where_they_are_used(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"sequence": ["ACGT", "ACGA"], "label": [[0.5, 1], [1, 0]], "extra": [np.zeros(2), np.ones(2)]}
    )
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="column 'label' holds several values"):
        read_sequences(tmp_path / "x.parquet")
    frame.drop(columns="label").to_parquet(tmp_path / "x.parquet")
    assert len(read_sequences(tmp_path / "x.parquet").sequences) == 2
