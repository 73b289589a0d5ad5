"""``seqrobust data simulate`` writes what it is asked for and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from seqrobust_cli.simulate import simulate
from typer.testing import CliRunner

from seqrobust.errors import ConfigError
from seqrobust.sequences.readers import read_sequences
from seqrobust.sequences.simulation import EXAMPLES

app = typer.Typer()
app.command()(simulate)


def output(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_it_writes_records_and_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "promoter.tsv.gz"
    options = ("--n", 100, "--length", "80-90", "--seed", 1, "--shortcut", 0.6, "--gc", 0.45)
    said = output("promoter", *options, "--shortcut-splits", "train,valid", "--out", path)
    sequences = read_sequences(path).sequences
    assert len(sequences) == 100
    assert 80 <= sequences.lengths.min() < sequences.lengths.max() <= 90
    assert "shortcut" in sequences.regions.names
    assert "100 records of 80 to 90 DNA letters" in said
    assert "promoter: train 35, valid 5, test 10" in said
    before = path.read_bytes()
    output("promoter", *options, "--shortcut-splits", "train,valid", "--out", path)
    assert path.read_bytes() == before


def test_a_grammar_file(tmp_path: Path) -> None:
    grammar = tmp_path / "mine.yaml"
    grammar.write_text(
        "name: mine\nalphabet: PROTEIN\nlength: 30\nmotifs: {K: {pattern: KDEL}}\n"
        "classes: {er: {arrangements: [[{motif: K, window: [-4, null]}]]}, other: {}}\n"
    )
    output(grammar, "--n", 20, "--out", tmp_path / "x.fa")
    assert sum(text.endswith("KDEL") for text in read_sequences(tmp_path / "x.fa").sequences.texts) == 10


def test_the_list_has_a_line_for_each_grammar() -> None:
    assert [line.split()[0] for line in output("--list").splitlines()] == list(EXAMPLES)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "GRAMMAR is missing"),
        (("promoter",), "--out is missing"),
        (("nope", "--out", "x.tsv"), "no grammar"),
        (("promoter", "--out", "x.tsv", "--n", "0"), "at least one"),
        (("promoter", "--out", "x.tsv", "--length", "long"), "length"),
        (("promoter", "--out", "x.tsv", "--length", "20"), "too short"),
        (("promoter", "--out", "x.tsv", "--shortcut", "2"), "share"),
        (("promoter", "--out", "x.tsv", "--shortcut-word", "ACGTACGT"), "without strength"),
        (("promoter", "--out", "x.tsv", "--fractions", "1,2"), "fractions"),
        (("promoter", "--out", "x.tsv", "--fractions", "0.5,0.1,0.1"), "sum to 1"),
        (("zinc-site", "--out", "x.tsv", "--gc", "0.4"), "nucleotides"),
    ],
)
def test_bad_input_says_what_to_do(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CliRunner().invoke(app, list(arguments), catch_exceptions=False)
