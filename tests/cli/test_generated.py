"""Commands made from settings: what is typed, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from seqrobust_cli.generated import command
from seqrobust_cli.main import app
from typer.testing import CliRunner

from seqrobust.errors import ThreatError
from seqrobust.options import Option, names_in, names_of
from seqrobust.run.derived import derived


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One field of every kind."""

    folders: Annotated[tuple[Path, ...], Option(help="Some.", flag="folder", repeat=True, argument=True)]
    order: Annotated[int, Option(help="Small.", least=0, most=5)] = 3
    parts: Annotated[tuple[str, ...], Option(help="Parts.", read=names_of, typed="one,two")] = ("one", "two")
    by: Annotated[tuple[str, ...], Option(help="Columns.", repeat=True, read=names_in)] = ()
    draw: Annotated[bool, Option(help="None.", flag="--no-picture", yes=True)] = True
    device: Annotated[str, Option(help="Where.")] = "auto"


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Folders whose files are named by a property."""

    places: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """Of one name each."""
        return [Path(place) / "results.parquet" for place in self.places]


def called(*words: str) -> tuple[Any, int, str]:
    made: list[Any] = []
    app = typer.Typer()
    app.command()(
        command("Help.", "", {"settings": Settings}, lambda settings: made.append(settings), hidden=("device",))
    )
    found = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    return (made or [None])[0], found.exit_code, found.output


def test_arguments_and_options_become_settings() -> None:
    settings, code, _ = called("a", "b", "--order", "5", "--parts", "two", "--by", "x,y", "--by", "z", "--no-picture")
    assert code == 0
    assert settings == Settings(folders=(Path("a"), Path("b")), order=5, parts=("two",), by=("x", "y", "z"), draw=False)


def test_what_is_not_typed_has_its_default() -> None:
    settings, code, _ = called("a")
    assert code == 0
    assert settings == Settings(folders=(Path("a"),))


@pytest.mark.parametrize("words", [(), ("a", "--order", "6"), ("a", "--order", "-1"), ("a", "--device", "cpu")])
def test_what_cannot_be_is_refused(words: tuple[str, ...]) -> None:
    settings, code, _ = called(*words)
    assert settings is None
    assert code == 2


def test_help_states_defaults_as_they_are_typed() -> None:
    _, _, said = called("--help")
    assert "[default: one,two]" in said
    assert "folder" in said.lower()
    assert "--device" not in said


def test_files_of_one_name_all_count(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.parquet").write_text(name)
    places = tuple(str(tmp_path / name) for name in ("one", "two", "three"))
    found = derived({"": Folders(places=places)}).files
    assert [path.parent.name for path in found.values()] == ["one", "two", "three"]


@pytest.mark.parametrize("name", ["attack", "evaluate", "compare"])
def test_what_one_edit_is_reaches_the_attack(name: str, files: Path) -> None:
    model = f"{files / 'model.py'}:build"
    models = ["--model", f"a={model}", "--model", f"b={model}"] if name == "compare" else ["--model", model]
    reading = ["--task", "classification", "--alphabet", "DNA", "--labels", "EI,IE,N", "--data", str(files / "dna.tsv")]
    with pytest.raises(ThreatError, match="unknown moves"):
        app(args=[name, *models, *reading, "--moves", "leaps"], standalone_mode=False)
