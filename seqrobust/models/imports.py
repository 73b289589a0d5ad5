"""The user's own files that a file of code imports: what they say decides results as much as the file itself.

Found by reading the code and not by running it, so that the same files are found whatever was imported before. A name
that is put together as the program runs is not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from seqrobust.files import is_file


def imported_files(file: Path, root: Path | None = None) -> list[Path]:
    """Files beside a file of code that it imports, and what those import, sorted; without the file itself.

    Args:
        file: the code.
        root: the folder that absolute imports begin at; None for the file's own.
    """
    root = file.parent if root is None else root
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        for one in _imported(waiting.pop(), root):
            if one not in found and one != file:
                found.add(one)
                waiting.append(one)
    return sorted(found)


def code_file(reference: str) -> tuple[Path, Path] | None:
    """The file of ``file.py:name`` or ``package.module:name``, and where its imports begin; None for installed code."""
    place = reference.rpartition(":")[0]
    if place.endswith(".py"):
        return (Path(place), Path(place).parent) if is_file(place) else None
    named = _named(Path(), place.split("."))
    return (named[-1], Path()) if named and len(named) == place.count(".") + 1 else None


def _imported(file: Path, root: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _named(root, name.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            above = root if node.level == 0 else file.parent.joinpath(*[".."] * (node.level - 1))
            parts = node.module.split(".") if node.module else []
            yield from _named(above, parts)
            for name in node.names:
                yield from _named(above, [*parts, name.name])


def _named(root: Path, parts: list[str]) -> list[Path]:
    """The files of ``a.b.c``: of every package on the way, and of the module itself, as far as they are there."""
    found: list[Path] = []
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        candidates = [place / "__init__.py", place.with_name(f"{place.name}.py")] if place.name else []
        one = next((path for path in candidates if is_file(path)), None)
        if one is not None:
            found.append(one)
        elif not place.is_dir():
            break
    return found
