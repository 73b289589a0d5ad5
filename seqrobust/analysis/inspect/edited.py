"""Where an inspection's adversarial sequences come from: the folder of an earlier attack, or an attack made now."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from seqrobust.analysis.inspect.pairs import Pairs, make_pairs
from seqrobust.analysis.inspect.settings import InspectSettings
from seqrobust.analysis.room import Work
from seqrobust.analysis.shards import run_shards
from seqrobust.attacks import Problem, attacks_for, scores_for
from seqrobust.attacks.settings import AttackSettings
from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.encoding import tokens_from_texts

NEEDED = ("id", "budget", "success", "n_edits", "adversarial_sequence")


def attacked_now(problem: Problem, settings: InspectSettings, work: Work) -> pd.DataFrame:
    """Results of an attack made now, whose shards are kept."""
    work.progress.start("attack", len(problem.sequences))
    scores = scores_for(problem.predictor, memory=work.memory)
    parts, attacks = work.parts, attacks_for(problem.predictor, settings.attacks)
    results = run_shards(problem, attacks, lambda shard: parts / f"part-{shard:05d}.parquet", work.progress, scores)
    for notice in scores.notices:
        work.notice(notice)
    return results


def pairs_of(
    results: pd.DataFrame,
    sequences: SequenceSet,
    settings: AttackSettings,
    notice: Callable[[str], None],
    *,
    seed: int,
) -> Pairs:
    """Of every record the adversarial sequence at its smallest successful budget, and random edits beside it.

    Records that were not fooled are left out, as are sequences of another length than their record; there is a notice
    of those. Raises DataError where none is left, or where the sequences are no edits of these records.
    """
    chosen = results[results["success"].fillna(value=False).astype(bool)].drop_duplicates("id")
    if chosen.empty:
        notice("the attack reached its goal on no record: its last sequences are inspected as they are")
        chosen = results[results["n_edits"] > 0].drop_duplicates("id", keep="last")
    rows = {name: row for row, name in enumerate(sequences.ids)}
    known = chosen[chosen["id"].isin(list(rows))]
    texts = dict(zip(known["id"], known["adversarial_sequence"], strict=True))
    same = [name for name, text in texts.items() if len(text) == sequences.lengths[rows[name]]]
    if len(same) < len(texts):
        notice(f"{len(texts) - len(same):,} sequences of another length than their record are left out")
    if not same:
        raise DataError(
            "no adversarial sequence is left to inspect",
            expected="a record of the data that the attack edited, with as many letters as before",
            found=f"{len(results):,} results, {len(chosen):,} sequences, {len(known):,} of records in the data",
            fix="give the data that was attacked (and its --split), or a larger budget",
        )
    if settings.max_records is not None and len(same) > settings.max_records:
        kept = np.sort(np.random.default_rng(seed).permutation(len(same))[: settings.max_records])
        same = [same[number] for number in kept]
    part = sequences.take(np.array([rows[name] for name in same]))
    tokens = np.full(part.tokens.shape, part.alphabet.padding, np.uint8)
    found = tokens_from_texts([texts[name] for name in same], part.alphabet)
    tokens[:, : found.shape[1]] = found
    _check_edits(part, tokens)
    threat = settings.threat(sequences.alphabet)
    return make_pairs(part, tokens, threat, draws=settings.random_draws, seed=seed)


def _check_edits(sequences: SequenceSet, tokens: np.ndarray) -> None:
    changed = (sequences.tokens != tokens).sum(1)
    for row, count in enumerate(changed):
        if count == 0 or count > sequences.lengths[row] // 2 + 1:
            raise DataError(
                "an adversarial sequence is no edit of its record",
                expected="a few letters changed",
                found=f"{count} of {sequences.lengths[row]} letters",
                where=f"record {sequences.ids[row]!r}",
                fix="give the data that was attacked",
            )
