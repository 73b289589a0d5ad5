"""Count what an attack must never do, from the data table and results.parquet alone.

Imports nothing from seqrobust, so that a fault there cannot hide itself:

    python benchmarks/verify_results.py splice.tsv.gz runs/mine/results.parquet --protect donor_GT,acceptor_AG

Prints a line per kind of fault with its count; exit code 1 if any is not zero.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from Bio.Align import substitution_matrices

LETTERS = {"DNA": "ACGT", "RNA": "ACGU", "PROTEIN": "ACDEFGHIKLMNPQRSTVWY"}


def read_table(path: Path, id_column: str, where: list[str]) -> pd.DataFrame:
    """Rows under the names a results table knows them by: the second of a name is called ``name#2``."""
    separator = "," if ".csv" in path.name else "\t"
    table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    for item in where:
        column, values = item.split("=", 1)
        table = table[table[column].isin(values.split(","))]
    repeat = table.groupby(id_column).cumcount()
    names = [
        name if count == 0 else f"{name}#{count + 1}" for name, count in zip(table[id_column], repeat, strict=True)
    ]
    table.index = pd.Index(names)
    return table


def intervals(text: str, names: list[str]) -> set[int]:
    """Positions covered by regions of those names (``*`` for any characters)."""
    wanted = [re.compile(".*".join(map(re.escape, name.split("*")))) for name in names]
    covered: set[int] = set()
    for item in filter(None, (part.strip() for part in text.split(";"))):
        name, _, span = item.rpartition(":")
        start, end = span.split("-")
        if any(pattern.fullmatch(name) for pattern in wanted):
            covered |= set(range(int(start), int(end)))
    return covered


def matched(sequence: str, patterns: list[str]) -> set[int]:
    """Positions covered by matches of regular expressions, overlapping ones included."""
    covered: set[int] = set()
    for pattern in patterns:
        for start in range(len(sequence)):
            if hit := re.compile(pattern).match(sequence, start):
                covered |= set(range(start, hit.end()))
    return covered


def switch_rule(rule: str) -> Callable[[str, str], bool]:
    """Whether one letter may become another."""
    if rule == "any":
        return lambda old, new: True
    if rule == "transitions":
        return lambda old, new: {old, new} in ({"A", "G"}, {"C", "T"}, {"C", "U"})
    name, threshold = rule.split(":")
    matrix = substitution_matrices.load(name.upper())
    return lambda old, new: float(matrix[old, new]) >= float(threshold)


def count_faults(table: pd.DataFrame, results: pd.DataFrame, options: argparse.Namespace) -> dict[str, int]:
    """Kind of fault to how often it occurs."""
    faults = dict.fromkeys(
        ["unknown id", "length changed", "protected letter edited", "letter outside the confined regions edited",
         "ambiguous letter edited", "letter not permitted", "over budget", "n_edits wrong", "edits text wrong",
         "success not monotone in budget", "success given for a wrong clean prediction", "success missing",
         "success contradicts predictions", "record missing a budget"], 0,
    )  # fmt: skip
    alphabet, allowed = LETTERS[options.alphabet], switch_rule(options.allow)
    for row in results.itertuples(index=False):
        if row.id not in table.index:
            faults["unknown id"] += 1
            continue
        source = table.loc[row.id]
        before = source[options.sequence_column].upper()[: options.max_length]
        after = row.adversarial_sequence
        if len(before) != len(after):
            faults["length changed"] += 1
            continue
        edits = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        regions = source[options.regions_column] if options.regions_column in table else ""
        protected = intervals(regions, options.protect) | matched(before, options.protect_pattern)
        faults["protected letter edited"] += len(protected & set(edits))
        if options.only:
            faults["letter outside the confined regions edited"] += len(set(edits) - intervals(regions, options.only))
        for place in edits:
            faults["ambiguous letter edited"] += before[place] not in alphabet
            faults["letter not permitted"] += after[place] not in alphabet or (
                before[place] in alphabet and not allowed(before[place], after[place])
            )
        faults["over budget"] += len(edits) > row.budget
        faults["n_edits wrong"] += len(edits) != row.n_edits
        faults["edits text wrong"] += row.edits != ";".join(f"{before[i]}{i + 1}{after[i]}" for i in edits)
    if options.goal == "untargeted":
        count_success_faults(results, faults)
    reached = results[results["success"].notna()].sort_values(["id", "budget"])
    drops = reached.groupby("id")["success"].apply(lambda column: bool((column.astype(int).diff() < 0).any()))
    faults["success not monotone in budget"] += int(drops.sum())
    rows = results.groupby("id").size()
    faults["record missing a budget"] += int((rows != rows.max()).sum())
    return faults


def count_success_faults(results: pd.DataFrame, faults: dict[str, int]) -> None:
    """Success against the predictions of a classifier."""
    right = results["clean_prediction"] == results["target"]
    faults["success given for a wrong clean prediction"] += int((results["success"].notna() & ~right).sum())
    faults["success missing"] += int((results["success"].isna() & right).sum())
    flipped = results["adversarial_prediction"] != results["target"]
    known = results["success"].notna()
    faults["success contradicts predictions"] += int((flipped != results["success"].fillna(value=False))[known].sum())


def main(arguments: list[str] | None = None) -> int:
    """Check, print, and tell the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--protect", type=lambda text: text.split(","), default=[])
    parser.add_argument("--protect-pattern", action="append", default=[], help="a regular expression")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--allow", default="any")
    parser.add_argument("--alphabet", default="DNA")
    parser.add_argument("--goal", default="untargeted", help="untargeted (checks predictions) or shift")
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--where", action="append", default=[], help="column=value,value")
    parser.add_argument("--id-column", default="id")
    parser.add_argument("--sequence-column", default="sequence")
    parser.add_argument("--regions-column", default="regions")
    options = parser.parse_args(arguments)
    results = pd.read_parquet(options.results)
    faults = count_faults(read_table(options.data, options.id_column, options.where), results, options)
    edited = int(results["n_edits"].sum())
    print(
        f"{len(results)} rows, {results['id'].nunique()} records, {edited} edits, largest budget {results.budget.max()}"
    )
    for kind, count in faults.items():
        print(f"{count:8d}  {kind}")
    return int(any(faults.values()))


if __name__ == "__main__":
    raise SystemExit(main())
