"""What is found of nets that hide their gradients, and what is claimed, against exact answers by enumeration.

    python benchmarks/masked_zoo.py
    python benchmarks/masked_zoo.py --evaluate --records 18 --length 14

Every net of ``tests/masked_zoo`` is asked as a user would ask: the model, records and the budgets 1 and 2. *exact* are
records that one, or two, edits flip, by plain calls on every neighbour; *missed* and *made up* are what differs. The
last tables kept are in ``benchmarks/masked_zoo.md``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "masked_zoo"))

from zoo_list import zoo
from zoo_run import Outcome, outcome

HEAD = "| net | kind | attacked | exact | found | missed | made up | verdict | false claims | s |"


def row(found: Outcome) -> str:
    """One line of the table."""
    animal = found.animal
    if found.refused:
        return f"| {animal.name} | {animal.kind} | refused: {found.refused} | | | | | | | {found.seconds:.1f} |"
    pairs = [f"{one} / {two}" for one, two in (found.exact, found.found, found.missed, found.made_up)]
    if animal.kind == "random":
        pairs = ["", pairs[1], "", ""]
    cells = [animal.name, animal.kind, str(found.attacked), *pairs, found.verdict, str(len(found.wrong))]
    return "| " + " | ".join([*cells, f"{found.seconds:.1f}"]) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--records", type=int, default=24)
    parser.add_argument("--length", type=int, default=20)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(HEAD)
    print("|" + " --- |" * HEAD.count(" | ") + " --- |")
    for animal in zoo():
        print(row(outcome(animal, count=asked.records, length=asked.length, evaluate=asked.evaluate)), flush=True)


if __name__ == "__main__":
    main()
