"""What is guaranteed of networks of splice junctions: certified, attacked and exact shares, and seconds a record.

    python benchmarks/certify.py runs
    python benchmarks/certify.py runs --only splice_exact --records 593 --budget 1..16

Trains the shipped configs named in :data:`ASKED` (seed 1, into the folder, where a finished one is taken up again),
then certifies records of the test split, unrestricted and with GT and AG protected. *Certified* and *not broken* are
shares of all records looked at; *exact* is the share of records known at that budget; seconds are those of proofs, per
record. The last tables kept are in ``benchmarks/certify.md``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import seqrobust as sr
from seqrobust.resources import data_root
from seqrobust.sequences import SequenceSet

SIGNAL = ("donor_GT", "acceptor_AG")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A config, and what is asked of its model.

    Attributes:
        config: shipped.
        budget, records, seconds: asked unless the command line says otherwise.
    """

    config: str
    budget: str
    records: int
    seconds: float


ASKED = (
    Asked(config="splice_exact", budget="1..14", records=593, seconds=30.0),
    Asked(config="splice", budget="1..3", records=60, seconds=10.0),
    Asked(config="splice_robust", budget="1..3", records=60, seconds=10.0),
    Asked(config="splice_gru", budget="1..2", records=40, seconds=60.0),
)


def test_records(count: int) -> SequenceSet:
    """So many records of the test split, evenly drawn from it."""
    root = data_root()
    if root is None:
        raise SystemExit("set SEQROBUST_DATA to the folder that holds uci_splice")
    test = sr.read(root / "uci_splice" / "splice.tsv.gz", alphabet="DNA").in_split("test")
    rows = torch.linspace(0, len(test) - 1, min(count, len(test))).round().long()
    return test.take(rows.numpy())


def model_of(asked: Asked, folder: Path) -> Any:
    """The trained model, trained now where it is not there."""
    place = folder / asked.config
    if not (place / "model.ckpt").exists():
        sr.train(asked.config, place)
    return sr.load(place / "model.ckpt")


def lines_of(proof: sr.Result[Any], taken: float) -> list[str]:
    """A row per budget, then what the methods took."""
    metrics = proof.metrics
    lines = ["| k | certified, % | not broken, % | exact, % |", "| --- | ---: | ---: | ---: |"]
    for row in metrics["budgets"]:
        shares = (row["certified_accuracy"], row["robust_accuracy"], row["exact"])
        lines.append(f"| {row['budget']} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |")
        if not row["robust_accuracy"]:
            break
    table = proof.table
    tried = table[table["method"].notna() & (table["seconds"] > 0)]
    for name, rows in tried.groupby("method"):
        lines.append(
            f"\n{name}: {len(rows)} records, median {rows['seconds'].median():.3g} s of proof, "
            f"95 % within {rows['seconds'].quantile(0.95):.3g} s, most {rows['seconds'].max():.3g} s"
        )
    why = table["open_because"].dropna().str.replace(r"[\d,.e+]*\d", "n", regex=True).value_counts()
    lines += [f"\nopen: {count} records, {reason}" for reason, count in why.items()]
    return [*lines, f"\nall of it, attack and tables included: {taken:.0f} s"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of trained models")
    parser.add_argument("--only", help="one config")
    parser.add_argument("--records", type=int)
    parser.add_argument("--budget")
    parser.add_argument("--seconds", type=float)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for asked in ASKED:
        if given.only in (None, asked.config):
            model = model_of(asked, given.folder)
            records = test_records(given.records or asked.records)
            for name, protect in (("unrestricted", ()), ("GT and AG protected", SIGNAL)):
                started = time.monotonic()
                threat = sr.Substitutions(given.budget or asked.budget, protect=protect)
                limit = given.seconds or asked.seconds
                proof = sr.certify(model, records, threat, attacks="quick", time_limit=limit)
                print(f"\n## {asked.config}, {name}\n\n{len(records)} records.\n")
                print("\n".join(lines_of(proof, time.monotonic() - started)), flush=True)


if __name__ == "__main__":
    main()
