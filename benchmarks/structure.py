"""How the upper third of the code is built: files, lines, functions, parameters, and what ought not to be repeated.

Counts the library above the attacks (``analysis``, ``pipeline`` where there is one, ``run``, ``api``, ``report``) and
the command line, in this checkout or in another one::

    python benchmarks/structure.py            # this checkout
    python benchmarks/structure.py ../older   # another one
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

UPPER = ("seqrobust/analysis", "seqrobust/pipeline", "seqrobust/run", "seqrobust/api", "seqrobust/report")
CLI = ("cli/seqrobust_cli",)
TASKS = r"\"(?:binary|classification|multilabel|regression)\""
COUNTED = {
    "dict[str, Any]": r"dict\[str, Any\]",
    "RunFolder(": r"\bRunFolder\(",
    "comparisons with a task's name": rf"(?:==|!=) {TASKS}|\bin \({TASKS}",
    "branches on a property of a task": r"\.(?:measured|exclusive|independent|softmax|two_sided)\b(?!\()",
    "*Command dataclasses": r"^class \w+Command\b",
    "functions that print in the command line": r"^def _?print",
}


def sources(root: Path, folders: tuple[str, ...]) -> list[Path]:
    return [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]


def functions(path: Path) -> Iterator[tuple[int, int]]:
    """Lines (docstring aside) and parameters of every function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False)
            size = (node.end_lineno or 0) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
            given = node.args
            yield size, len(given.args) + len(given.kwonlyargs) + len(given.posonlyargs)


def spread(values: list[int]) -> str:
    if not values:
        return "-"
    median, high = np.percentile(values, [50, 90])
    return f"{median:.0f} / {high:.0f} / {max(values)}"


def rows(root: Path) -> Iterator[tuple[str, str]]:
    for name, folders in (("upper third", UPPER), ("command line", CLI)):
        files = sources(root, folders)
        lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in files]
        found = [one for path in files for one in functions(path)]
        yield f"{name}: files, lines", f"{len(files)}, {sum(lines):,}"
        yield f"{name}: lines a file, median / p90 / most", spread(lines)
        yield f"{name}: lines a function", spread([size for size, _ in found])
        yield f"{name}: parameters a function", spread([count for _, count in found])
    everything = sources(root, (*UPPER, *CLI))
    folders = {path.parent for path in everything}
    yield "most files in a folder", str(max(sum(one.parent == folder for one in everything) for folder in folders))
    yield from over_the_limits(root)
    whole = sources(root, ("seqrobust", "cli"))
    for name, pattern in COUNTED.items():
        count = sum(len(re.findall(pattern, path.read_text(encoding="utf-8"), re.M)) for path in whole)
        yield f"whole package: {name}", str(count)


def over_the_limits(root: Path) -> Iterator[tuple[str, str]]:
    """What is longer, wider or more crowded than a reader should have to bear, in the whole tree."""
    everything = sources(root, ("seqrobust", "cli", "tests", "benchmarks"))
    crowds = Counter(path.parent for path in everything)
    found = [one for path in everything for one in functions(path)]
    yield (
        "whole tree: files of more than 400 lines",
        str(sum(len(path.read_text(encoding="utf-8").splitlines()) > 400 for path in everything)),
    )
    yield "whole tree: folders of more than 25 files", str(sum(count > 25 for count in crowds.values()))
    yield "whole tree: functions of more than 60 lines", str(sum(size > 60 for size, _ in found))
    yield "whole tree: functions of more than 12 parameters", str(sum(count > 12 for _, count in found))


if __name__ == "__main__":
    for measure, value in rows(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]):
        print(f"| {measure} | {value} |")
