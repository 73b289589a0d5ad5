"""``data describe`` and ``data check``: what they print and how they exit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from seqrobust_cli.data import app
from typer.testing import CliRunner

from seqrobust.errors import ConfigError, DataError

run = CliRunner()
TABLE = "id,sequence,label,split,kind,regions\n" + "".join(
    f"r{i},{'ACGT'[i % 4] * 3}{'ACGT'[i // 4 % 4] * 4}{'ACGT'[i // 16] * 5},{'ab'[i % 2]},{split},k{i % 2},tata:1-4\n"
    for i, split in enumerate(["train", "test"] * 32)
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "x.csv").write_text(TABLE)
    return tmp_path / "x.csv"


def test_describe_prints_tables(table: Path) -> None:
    result = run.invoke(app, ["describe", str(table)])
    assert result.exit_code == 0
    for words in ("guessed from the letters", "64", "12, 12, 12", "train 32, test 32", "classes of label", "tata"):
        assert words in result.output, result.output


def test_describe_gives_json(table: Path) -> None:
    result = run.invoke(app, ["describe", str(table), "--json", "--where", "kind=k0", "--target-column", "label"])
    told = json.loads(result.stdout)
    assert told["records"] == 32
    assert told["classes"] == {"label": {"a": {"train": 32}}}
    assert told["notices"] == ["alphabet DNA, guessed from the letters"]


def test_check_exits_2_where_there_is_an_error(table: Path) -> None:
    result = run.invoke(app, ["check", str(table), "--task", "binary"])
    assert result.exit_code == 2
    assert "no test record" in result.output
    assert "what to do" in result.output
    told = json.loads(run.invoke(app, ["check", str(table), "--json"]).stdout)
    assert told["errors"] == sum(problem["severity"] == "error" for problem in told["problems"]) > 0


def test_check_exits_0_on_warnings(tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text(">a\nACGTACGTAA\n>b\nACGTACGTAA\n")
    result = run.invoke(app, ["check", str(tmp_path / "x.fa")])
    assert result.exit_code == 0
    assert "0 errors, 1 warning" in result.output


def test_a_sound_file_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text(">a\nACGTACGTAA\n>b\nACGTACGTAC\n")
    result = run.invoke(app, ["check", str(tmp_path / "x.fa")])
    assert (result.exit_code, "nothing found" in result.output) == (0, True)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (["--task", "guess"], ConfigError, "unknown value"),
        (["--where", "split"], ConfigError, "cannot be read"),
        (["--where", "split=x"], DataError, "no row has split = x"),
        (["--alphabet", "XNA"], ConfigError, "unknown alphabet"),
        (["--format", "doc"], DataError, "unknown format"),
        (["--group-column", "locus"], DataError, "no such column"),
    ],
)
def test_mistaken_options_are_named(table: Path, options: list[str], error: type[Exception], words: str) -> None:
    result = run.invoke(app, ["check", str(table), *options])
    assert isinstance(result.exception, error)
    assert words in str(result.exception)


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, seqrobust_cli.data; print([m for m in ('torch', 'pandas', 'Bio', 'numpy') if m in sys.modules])"
    cli = Path(__file__).parents[2] / "cli"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(cli)}, check=True
    )
    assert done.stdout.strip() == "[]"
