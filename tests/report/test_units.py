"""What a budget counts is called by its name: letters, codons, or edits where letters come and go."""

from __future__ import annotations

from typing import Any

import pytest

from seqrobust.analysis.compare.picture import transfer_table
from seqrobust.analysis.outcomes.budget_curve import allowed
from seqrobust.analysis.outcomes.sentences import answer
from seqrobust.analysis.outcomes.tables import budget_table


@pytest.mark.parametrize(
    ("moves", "column", "within", "axis"),
    [
        (None, "letters", "at most 3 letters changed", "letters the adversary may change"),
        ("codons:CDS", "codons", "at most 3 codons changed", "codons the adversary may change"),
        ("indels:right", "edits", "at most 3 edits", "edits the adversary may make"),
    ],
)
def test_budgets_are_called_by_their_unit(moves: str | None, column: str, within: str, axis: str) -> None:
    row = {"budget": 3, "attack_success_rate": 0.5, "robust_accuracy": 0.4}
    attack: dict[str, Any] = {"task": "binary", "budgets": [row], "n": 40, "clean_accuracy": 0.9}
    if moves is not None:
        attack["moves"] = moves
    assert budget_table(attack).columns[0] == column
    assert answer(attack)[0].startswith(f"With {within}, ")
    assert allowed(attack) == axis
    assert transfer_table({"budget": 3, "pairs": []}, column.rstrip("s")).caption == f"With {within}"
