"""Count what an attack must never do, from the data table and results.parquet alone.

Imports nothing from seqrobust, so that a fault there cannot hide itself:

    python benchmarks/verify_results.py splice.tsv.gz runs/mine/results.parquet --protect donor_GT,acceptor_AG

Prints a line per kind of fault with its count; exit code 1 if any is not zero.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from Bio.Align import substitution_matrices

LETTERS = {"DNA": "ACGT", "RNA": "ACGU", "PROTEIN": "ACDEFGHIKLMNPQRSTVWY"}
KINDS = (
    "unknown id", "length changed", "protected letter edited", "letter outside the confined regions edited",
    "ambiguous letter edited", "letter not permitted", "over budget", "budget is not the share asked for",
    "n_edits wrong", "edits text wrong", "target is not the data's", "success not monotone in budget",
    "success given to a record that was not to be attacked", "success missing", "success contradicts predictions",
    "record missing a budget", "row given twice",
)  # fmt: skip


def read_table(path: Path, options: argparse.Namespace) -> pd.DataFrame:
    """Rows under the names a results table knows them by: the second of a name is called ``name#2``."""
    separator = "," if ".csv" in path.name else "\t"
    table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    for item in options.where:
        column, values = item.split("=", 1)
        table = table[table[column].isin(values.split(","))]
    given = table[options.id_column].str.strip() if options.id_column in table else pd.Series([""] * len(table))
    table.index = pd.Index(distinct([name or f"seq{row}" for row, name in enumerate(given, start=1)]))
    return table


def distinct(names: list[str]) -> list[str]:
    """``a a a`` as ``a a#2 a#3``, numbers that stand in the file already left out."""
    taken, count = set(names), dict.fromkeys(names, 0)
    made = []
    for name in names:
        count[name] += 1
        new = name
        if count[name] > 1:
            while (new := f"{name}#{count[name]}") in taken:
                count[name] += 1
            taken.add(new)
        made.append(new)
    return made


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


def switch_costs(rule: str) -> Callable[[str, str], float]:
    """What it costs to turn one letter into another; infinity where that is not permitted."""
    if rule == "any":
        return lambda old, new: 1
    if rule == "transitions":
        return lambda old, new: 1 if {old, new} in ({"A", "G"}, {"C", "T"}, {"C", "U"}) else math.inf
    if Path(rule).is_file():
        table = pd.read_csv(rule, sep=r"[\t,]", engine="python", index_col=0).fillna(0)
        return lambda old, new: float(table.loc[old, new]) or math.inf
    name, threshold = rule.split(":")
    matrix = substitution_matrices.load(name.upper())
    return lambda old, new: 1 if float(matrix[old, new]) >= float(threshold) else math.inf


def count_faults(table: pd.DataFrame, results: pd.DataFrame, options: argparse.Namespace) -> dict[str, int]:
    """Kind of fault to how often it occurs."""
    faults = dict.fromkeys(KINDS, 0)
    cost = switch_costs(options.allow)
    for row in results.to_dict("records"):
        if row["id"] in table.index:
            count_row_faults(table.loc[row["id"]], row, options, cost, faults)
        else:
            faults["unknown id"] += 1
    count_success_faults(results, options, faults)
    level = "budget_share" if "budget_share" in results else "budget"
    attacked = results[results["success"].notna()]
    for _, rows in attacked.groupby("id", sort=False):
        ascending = rows.assign(share=rows[level].astype(str).str.rstrip("%").astype(float)).sort_values("share")
        faults["success not monotone in budget"] += bool((ascending["success"].astype(int).diff() < 0).any())
    rows_of = results.groupby("id").size()
    faults["record missing a budget"] += int((rows_of < results[level].nunique()).sum())
    faults["row given twice"] += int(results.duplicated(["id", level]).sum())
    return faults


def count_row_faults(
    source: pd.Series,
    row: dict[str, object],
    options: argparse.Namespace,
    cost: Callable[[str, str], float],
    faults: dict[str, int],
) -> None:
    """What one row says against the record it is about."""
    alphabet = LETTERS[options.alphabet.upper()]
    before = source[options.sequence_column].strip().upper()[: options.max_length]
    if options.alphabet.upper() == "PROTEIN":
        before = before.removesuffix("*")
    after = str(row["adversarial_sequence"])
    if options.target_column:
        faults["target is not the data's"] += not same_value(source[options.target_column], row["target"])
    if len(before) != len(after):
        faults["length changed"] += 1
        return
    edits = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    regions = source.get(options.regions_column, "")
    closed = intervals(regions, options.protect) | matched(before, options.protect_pattern)
    open_ = intervals(regions, options.only) if options.only else set(range(len(before)))
    faults["protected letter edited"] += len(closed & set(edits))
    faults["letter outside the confined regions edited"] += len(set(edits) - open_)
    known = [i for i in edits if before[i] in alphabet]
    faults["ambiguous letter edited"] += len(edits) - len(known)
    costs = [cost(before[i], after[i]) if after[i] in alphabet else math.inf for i in known]
    faults["letter not permitted"] += costs.count(math.inf)
    spent = sum(value for value in costs if value < math.inf)
    # With a table of costs and a percentage, the budget stands in units of its own; the share is what was asked for.
    budget = int(str(row["budget"]))
    if "budget_share" in row:
        editable = sum(before[i] in alphabet for i in open_ - closed if i < len(before))
        budget = math.floor(editable * float(str(row["budget_share"]).rstrip("%")) / 100 + 1e-9)
        if not Path(options.allow).is_file():
            faults["budget is not the share asked for"] += budget != row["budget"]
    faults["over budget"] += spent > budget + 1e-9
    faults["n_edits wrong"] += len(edits) != row["n_edits"]
    faults["edits text wrong"] += row["edits"] != ";".join(f"{before[i]}{i + 1}{after[i]}" for i in edits)


def same_value(text: str, value: object) -> bool:
    """Whether a cell of the data and a target agree, as text or as numbers of single precision."""
    try:
        return text.strip() == str(value) or math.isclose(float(text), float(str(value)), rel_tol=1e-6)
    except ValueError:
        return False


def count_success_faults(results: pd.DataFrame, options: argparse.Namespace, faults: dict[str, int]) -> None:
    """Success against the predictions, and null exactly where the record was not to be attacked."""
    clean, found, target = (results[name] for name in ("clean_prediction", "adversarial_prediction", "target"))
    if options.goal in ("up", "down"):
        due = clean.notna()
        moved = (found - clean) * (1 if options.goal == "up" else -1)
        # Within a rounding of the threshold either answer is right.
        unsure = (moved - options.delta).abs() < 1e-5 * max(options.delta, 1)
        reached = moved >= options.delta
    elif options.goal == "untargeted":
        due, reached, unsure = clean == target, found != target, clean != clean
    else:
        wanted = options.goal.removeprefix("targeted:")
        due, reached, unsure = (clean == target) & (target != wanted), found == wanted, clean != clean
    said = results["success"].notna()
    claimed = results["success"].fillna(value=False).astype(bool)
    faults["success given to a record that was not to be attacked"] += int((said & ~due).sum())
    faults["success missing"] += int((~said & due).sum())
    faults["success contradicts predictions"] += int(((claimed != reached) & said & ~unsure).sum())


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("data", type=Path, help="TSV or CSV, also .gz")
    made.add_argument("results", type=Path, help="results.parquet of seqrobust attack or run")
    made.add_argument("--protect", type=lambda text: text.split(","), default=[], metavar="NAME[,NAME]")
    made.add_argument("--protect-pattern", action="append", default=[], help="a regular expression")
    made.add_argument("--only", type=lambda text: text.split(","), default=[], metavar="NAME[,NAME]")
    made.add_argument("--allow", default="any", help="any, transitions, blosum62:0, or a table")
    made.add_argument("--alphabet", default="DNA", help="DNA, RNA or PROTEIN")
    made.add_argument("--goal", default="untargeted", help="untargeted, targeted:LABEL, up or down")
    made.add_argument("--delta", type=float, default=1.0, help="shift that counts as success with up and down")
    made.add_argument("--max-length", type=int)
    made.add_argument("--where", action="append", default=[], help="column=value,value")
    made.add_argument("--id-column", default="id")
    made.add_argument("--sequence-column", default="sequence")
    made.add_argument("--regions-column", default="regions")
    made.add_argument("--target-column", help="compare the targets with this column")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Check, print, and tell the exit code."""
    options = parser().parse_args(arguments)
    results = pd.read_parquet(options.results)
    faults = count_faults(read_table(options.data, options), results, options)
    edited = int(results["n_edits"].sum())
    print(f"{len(results)} rows, {results['id'].nunique()} records, {edited} edits")
    print(f"largest budget {results['budget'].max()}, success in {int(results['success'].sum())} rows")
    for kind, count in faults.items():
        print(f"{count:8d}  {kind}")
    return int(any(faults.values()))


if __name__ == "__main__":
    raise SystemExit(main())
