"""``--help`` names every option, and loads nothing heavy to do so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import click
import pytest
import typer
from seqrobust_cli.main import app, main

from seqrobust.errors import ConfigError
from seqrobust.run.registry import ANALYSES

Run = Callable[..., int]

COMMANDS = ["run", "train", "sweep", *ANALYSES, "init", "data describe", "data check", "data simulate"]


def command(path: str) -> click.Command:
    found = typer.main.get_command(app)
    for name in path.split():
        found = found.commands[name]  # type: ignore[attr-defined]
    return found


def leaves(group: click.Command, before: str = "") -> list[str]:
    inner = getattr(group, "commands", None)
    if inner is None:
        return [before.strip()]
    return [path for name, one in inner.items() for path in leaves(one, f"{before} {name}")]


def test_every_command_is_looked_at() -> None:
    assert sorted(leaves(typer.main.get_command(app))) == sorted(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_help_names_every_option(
    path: str, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(*path.split(), "--help") == 0
    said = capsys.readouterr().out
    for option in command(path).params:
        assert option.opts[0].lstrip("-") in said.lower() or option.opts[0] in said, option.opts
        assert getattr(option, "help", None), option.opts


@pytest.mark.parametrize("arguments", [[], ["data"], ["--help"]])
def test_without_a_command_there_is_help(arguments: list[str], run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(*arguments)
    heard = capsys.readouterr()
    assert "Usage" in heard.out + heard.err


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["run"], ["attack", "--data", "x"], ["attack", "--nonsense"], ["attack", "--batch-size", "0"]],
)
def test_a_wrong_call_is_bad_input(arguments: list[str], run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_help_of_no_command_loads_anything_heavy() -> None:
    code = (
        "import sys, seqrobust_cli.main as main\n"
        f"for path in {COMMANDS!r}:\n"
        "    assert main._exit_code([*path.split(), '--help'], debug=False) == 0\n"
        "heavy = {'torch', 'pandas', 'numpy', 'Bio', 'scipy', 'matplotlib', 'pytorch_lightning'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr.strip() == "[]"


@pytest.mark.parametrize("line", ["--debug run nowhere.yaml", "run nowhere.yaml --debug"])
def test_debug_lets_the_error_through(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["seqrobust", *line.split()])
    with pytest.raises(ConfigError, match="cannot be read"):
        main()
    monkeypatch.setattr(sys, "argv", ["seqrobust", "run", "nowhere.yaml"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
