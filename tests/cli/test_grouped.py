"""Options in groups: what a command's signature becomes, and that every option is declared once."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import seqrobust_cli
import typer
from seqrobust_cli.grouped import grouped
from seqrobust_cli.main import app

from seqrobust.errors import ThreatError


@dataclass(frozen=True, kw_only=True)
class Colours:
    """Two options."""

    red: Annotated[int, typer.Option("--red", help="How much red.")]
    blue: Annotated[list[str] | None, typer.Option("--blue", help="Which blues.")] = None


def test_fields_stand_where_the_group_did_and_come_back_as_one() -> None:
    heard: list[object] = []
    made = typer.Typer()

    @made.command()
    @grouped
    def paint(
        *,
        first: Annotated[str, typer.Option("--first", help="First.")] = "x",
        colours: Colours,
        last: Annotated[bool, typer.Option("--last", help="Last.")] = False,
    ) -> None:
        """Paint."""
        heard.append((first, colours, last))

    command = typer.main.get_command(made)
    names = [one.name for one in command.params]
    assert [name for name in names if name in ("first", "red", "blue", "last")] == ["first", "red", "blue", "last"]
    assert command.help == "Paint."
    command.main(["--red", "3", "--blue", "sky", "--blue", "sea", "--last"], standalone_mode=False)
    command.main(["--red", "1"], standalone_mode=False)
    assert heard == [("x", Colours(red=3, blue=["sky", "sea"]), True), ("x", Colours(red=1), False)]
    with pytest.raises(Exception, match="red"):
        command.main([], standalone_mode=False)


def test_options_that_several_commands_share_are_declared_once() -> None:
    declared: Counter[str] = Counter()
    for path in Path(seqrobust_cli.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "typer.Option":
                declared.update(arg.value for arg in call.args if isinstance(arg, ast.Constant))
    shared = ["--budget", "--moves", "--goal", "--samples", "--sequence-column", "--memory", "--max-records"]
    assert [declared[option] for option in shared] == [1] * len(shared)


@pytest.mark.parametrize("name", ["attack", "evaluate", "compare"])
def test_what_one_edit_is_reaches_the_attack(name: str, files: Path) -> None:
    model = f"{files / 'model.py'}:build"
    models = ["--model", f"a={model}", "--model", f"b={model}"] if name == "compare" else ["--model", model]
    reading = ["--task", "classification", "--alphabet", "DNA", "--labels", "EI,IE,N", "--data", str(files / "dna.tsv")]
    with pytest.raises(ThreatError, match="unknown moves"):
        app(args=[name, *models, *reading, "--moves", "leaps"], standalone_mode=False)
