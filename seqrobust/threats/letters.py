"""Letter rules: which letter may take the place of which, and what the switch costs.

A rule is one (K, K) table of costs, row = letter now, column = letter put there: infinity where the switch is not
permitted, zero on the diagonal (staying is always permitted and free), one where nothing else is said.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet, similarity_matrix, transition_table
from seqrobust.errors import ThreatError
from seqrobust.files import is_file


def switch_costs(rule: str, alphabet: Alphabet) -> NDArray[np.float64]:
    """The (K, K) cost table of a rule.

    Args:
        rule: ``any``; ``transitions`` (A-G and C-T only); ``MATRIX:t`` for switches that a substitution matrix of
            Biopython scores at least t (``blosum62:0`` keeps conservative changes); or the path of a table.
        alphabet: the letters of the table's rows and columns.

    A table is a tab- or comma-separated K x K file with letters as header and first column; 0 or an empty cell
    forbids a switch, a positive number is its cost.

    Raises ThreatError for an unknown rule, an unreadable table or a negative cost.

    >>> from seqrobust.alphabet import PROTEIN
    >>> costs = switch_costs("blosum62:1", PROTEIN)
    >>> costs[PROTEIN.token("I"), [PROTEIN.token("V"), PROTEIN.token("D")]].tolist()
    [1.0, inf]
    """
    name, colon, threshold = rule.partition(":")
    if rule.lower() == "any":
        permitted = np.ones((alphabet.size, alphabet.size), bool)
    elif rule.lower() == "transitions":
        permitted = transition_table(alphabet)
    elif is_file(rule):
        return _table_from_file(Path(rule), alphabet)
    elif colon:
        permitted = similarity_matrix(alphabet, name) >= _number(threshold, rule)
    else:
        raise ThreatError(
            "unknown rule for permitted letters",
            expected="any, transitions, MATRIX:threshold (blosum62:0) or the path of a table that exists",
            found=repr(rule),
        )
    costs = np.where(permitted, 1.0, np.inf)
    np.fill_diagonal(costs, 0)
    return costs


def _number(text: str, rule: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ThreatError("a matrix threshold is a number", expected="such as blosum62:0", found=repr(rule)) from None


def _table_from_file(path: Path, alphabet: Alphabet) -> NDArray[np.float64]:
    try:
        table = pd.read_csv(path, sep=r"[\t,]", engine="python", index_col=0, comment="#").fillna(0)
        table.index, table.columns = table.index.astype(str).str.strip(), table.columns.astype(str).str.strip()
        costs = table.loc[list(alphabet.letters), list(alphabet.letters)].to_numpy(np.float64)
    except Exception as error:  # pandas fails with any type of error, whatever its input makes it stumble on
        raise ThreatError(
            "a table of permitted letters cannot be read",
            expected=f"{alphabet.size} x {alphabet.size} numbers, {alphabet.letters} as header and first column",
            found=(str(error).splitlines() or [type(error).__name__])[0][:200],
            where=str(path),
        ) from None
    if not np.isfinite(costs).all() or (costs < 0).any():
        raise ThreatError("a cost is a positive number, or 0 to forbid a switch", where=str(path))
    costs = np.where(costs == 0, np.inf, costs)
    np.fill_diagonal(costs, 0)
    return costs
