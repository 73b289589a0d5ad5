"""Code that a user names: imported so that the files beside it are found, and its faults are told as its own.

Two models may each come with a file called ``layers.py``. Python knows one module by that name; so the neighbours of a
file are marked with their folder, and forgotten when a file of another folder is read.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import sysconfig
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from seqrobust.errors import ModelError
from seqrobust.files import is_file

_FOLDER = "__seqrobust_folder__"


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """While it lasts, the Python files of a folder can be imported by name, before any others of that name."""
    for name, module in list(sys.modules.items()):
        if getattr(module, "__dict__", {}).get(_FOLDER, folder) != folder:
            del sys.modules[name]
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        _forget(str(folder))
        for name in set(sys.modules) - before:
            if _stands_in(folder, name):
                setattr(sys.modules[name], _FOLDER, folder)


@contextmanager
def working_folder_importable() -> Iterator[None]:
    """While it lasts, packages of the working folder can be imported, behind all that is installed."""
    folder = os.getcwd()
    sys.path.append(folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        # The user's code may have changed the path too: ours is the last one.
        if folder in sys.path:
            del sys.path[len(sys.path) - 1 - sys.path[::-1].index(folder)]


def _forget(folder: str) -> None:
    if folder in sys.path:
        sys.path.remove(folder)


def _stands_in(folder: Path, name: str) -> bool:
    """Whether a module is a file or package directly in the folder (and not in an environment beneath it)."""
    module, top = sys.modules[name], name.split(".")[0]
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)
    if not file or not Path(file).is_relative_to(folder):
        return False
    return Path(file).relative_to(folder).parts[:1] in ((top,), (f"{top}.py",))


def code_from_file(path: Path) -> ModuleType:
    """A file's code, run. Raises ModelError where there is none, or it fails."""
    if not is_file(path):
        raise ModelError("there is no such file", where=str(path))
    # Named by its place, for two models may both be called net.py.
    unique = f"seqrobust_user_{path.stem}_{zlib.crc32(str(path.resolve()).encode()):08x}"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise ModelError("the file is no Python code", where=str(path))
    code = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up by name.
    sys.modules[unique] = code
    try:
        spec.loader.exec_module(code)
    except (Exception, SystemExit) as error:
        del sys.modules[unique]
        raise users_error("the model's code fails when it is read", error, str(path)) from error
    return code


def code_from_package(name: str) -> ModuleType:
    """An importable module. Raises ModelError where there is none, or it fails."""
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if not isinstance(error, ModuleNotFoundError) or not f"{name}.".startswith(f"{error.name}."):
            raise users_error("the model's code fails when it is read", error, name) from error
        raise ModelError(
            "the model's package cannot be imported",
            found=str(error),
            where=name,
            fix="install it into this environment, or name a file: path/to/file.py:factory",
        ) from None


def users_error(problem: str, error: BaseException, where: str) -> ModelError:
    """What a user's code raised, and the line of it to look at."""
    return ModelError(
        problem,
        found=f"{type(error).__name__}: {error}",
        where=", at ".join(part for part in (where, _line(error)) if part),
        fix="run it by itself first; --debug shows the whole traceback",
    )


def _line(error: BaseException) -> str | None:
    """The deepest line of the user's own, or of a library they call."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    ours = Path(__file__).parent
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    frames = [frame for frame in frames if Path(frame.filename).parent != ours]
    own = [frame for frame in frames if not _installed(frame.filename)]
    chosen = (own or frames)[-1:]
    return f"{chosen[0].filename}, line {chosen[0].lineno}" if chosen else None


def _installed(filename: str) -> bool:
    return "site-packages" in filename or filename.startswith(sysconfig.get_path("stdlib"))
