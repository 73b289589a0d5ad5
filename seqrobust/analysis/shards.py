"""Attacks shard by shard: each kept in a file as it is finished, so that an interrupted run does not repeat it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from seqrobust.analysis.pieces import keeping, whole
from seqrobust.analysis.results import results_table
from seqrobust.analysis.rows_sent import ROWS_SENT, joined
from seqrobust.attacks import Attack, Problem, Scores, run_shard
from seqrobust.files import replacing
from seqrobust.progress import Progress
from seqrobust.sequences.fasta_headers import fasta_header


def run_shards(
    problem: Problem,
    attacks: Sequence[Attack],
    part_of: Callable[[int], Path],
    progress: Progress,
    scores: Scores,
    *,
    before: int = 0,
) -> pd.DataFrame:
    """The results of those attacks, shard by shard; a shard whose file is there already is read instead.

    Args:
        problem: what is attacked.
        attacks: tried in this order at each budget.
        part_of: the file of a shard.
        progress: a stage has been started; told of records done, ``before`` those of this call.
        scores: answers for neighbours.
    """
    tables = []
    with problem.predictor.attached():
        for number, records in enumerate(problem.shards()):
            part = part_of(number)
            if not whole(part, progress.say):
                advance = partial(_advance, progress, before + int(records[0]), len(records))
                sent_before = problem.predictor.rows_sent
                run = run_shard(problem, attacks, records, advance, scores=scores.renewed())
                table = results_table(problem, records, run, [attack.name for attack in attacks])
                table.attrs[ROWS_SENT] = problem.predictor.rows_sent - sent_before
                with keeping(part) as temporary:
                    table.to_parquet(temporary, index=False)
            tables.append(pd.read_parquet(part))
            progress.advance(before + int(records[-1]) + 1)
    return joined(tables)


def _advance(progress: Progress, before: int, records: int, share: float) -> None:
    progress.advance(before + share * records)


def write_results(path: Path, results: pd.DataFrame) -> None:
    """``results.parquet``, and ``adversarial.fa`` with every sequence that reached its goal, at its smallest budget.

    Ids that are not one word are percent-encoded in the FASTA file, as :mod:`seqrobust.sequences.fasta_headers` says.
    """
    with replacing(path / "results.parquet") as temporary:
        results.to_parquet(temporary, index=False)
    reached = results[results["success"].fillna(value=False).astype(bool)].drop_duplicates("id")
    with replacing(path / "adversarial.fa") as temporary, temporary.open("w", encoding="utf-8") as handle:
        for row in reached.itertuples(index=False):
            said = {
                "budget": row.budget,
                "edits": row.edits,
                "attack": row.attack,
                "clean": row.clean_prediction,
                "adversarial": row.adversarial_prediction,
            }
            handle.write(f">{fasta_header(str(row.id), said)}\n{row.adversarial_sequence}\n")
