"""The command ``seqrobust``: sub-commands, and errors turned into exit codes 0, 1 (failed) and 2 (bad input)."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from functools import cache
from typing import Annotated

import typer

from seqrobust import __version__
from seqrobust.allocation import keep_freed_memory
from seqrobust.errors import InternalError, SeqRobustError
from seqrobust.report.printable import printable
from seqrobust_cli.analyses import commands
from seqrobust_cli.data import app as data_app
from seqrobust_cli.init import init
from seqrobust_cli.run import run
from seqrobust_cli.simulate import simulate
from seqrobust_cli.sweep import sweep
from seqrobust_cli.train import train

app = typer.Typer(
    help="Are predictions from DNA, RNA and protein sequence to be believed? Train, attack and audit sequence models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(run)
app.command()(train)
app.command()(sweep)
for _name, _command in commands().items():
    app.command(_name)(_command)
app.command("init")(init)
data_app.command()(simulate)
app.add_typer(data_app, name="data")


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere on the line.")] = False,
) -> None:
    """Options of every command."""
    if version:
        print(f"seqrobust {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line and leave with its exit code."""
    keep_freed_memory()
    # A scheduler's request to stop is heard like Ctrl-C: what is finished is kept, and it is said how to go on.
    signal.signal(signal.SIGTERM, _stopped)
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    sys.exit(_exit_code(arguments, debug=debug))


@cache
def _built() -> Callable[..., object]:
    """All commands and options, made ready once: who calls from Python may call often."""
    return typer.main.get_command(app)


def _exit_code(arguments: list[str], *, debug: bool) -> int:
    try:
        _built()(args=arguments)
    except SystemExit as stop:
        if _is_a_models(stop):
            _complain("error: the model ended the process (sys.exit), so there are no results")
            return 1
        return stop.code if isinstance(stop.code, int) else 0
    except BrokenPipeError:
        # Whoever was to read this has gone, such as `head`; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            raise
        return _explained(error)
    return 0


def _is_a_models(stop: SystemExit) -> bool:
    """Whether it was not the command line's own library that ended the process, but code that a user brought."""
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(stop.__traceback__)]
    ends = os.path.dirname(frames[-1]) if frames else ""
    return os.path.basename(ends) not in ("click", "typer", "_click", "rich", "seqrobust_cli")


def _stopped(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _explained(error: Exception) -> int:
    """Say what went wrong, without a traceback, and tell the exit code."""
    if isinstance(error, SeqRobustError):
        _complain(f"error: {error}")
        if isinstance(error, InternalError):
            _complain("this is a fault of seqrobust, not of your input; please report it")
        return error.exit_code
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        _complain(f"error: {error.strerror or error}{place}; what was finished is kept, --resume goes on from it")
        return 1
    _complain(f"error: {type(error).__name__}: {error}\n  what to do: run again with --debug and report the traceback")
    return 1


def _complain(text: str) -> None:
    print(printable(text), file=sys.stderr)


if __name__ == "__main__":
    main()
