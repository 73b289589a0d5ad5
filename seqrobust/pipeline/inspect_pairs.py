"""Where an inspection's adversarial sequences come from: the folder of an earlier attack, or an attack made now."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.inside import Pairs, make_pairs
from seqrobust.attacks import attacks_named, scores_for
from seqrobust.errors import ConfigError, DataError
from seqrobust.models.predictor import Predictor
from seqrobust.pipeline.attack_stage import AttackSettings, attack_problem, run_shards
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.sequences.encoding import tokens_from_texts

_NEEDED = ("id", "budget", "success", "n_edits", "adversarial_sequence")


def attack_files(folder: Path) -> list[Path]:
    """Files of an attack's folder that are read. Raises ConfigError where there are no results."""
    results = folder / "results.parquet"
    if not results.is_file():
        raise ConfigError(
            "the folder holds no attack",
            expected="results.parquet, as seqrobust attack writes it",
            where=str(folder),
            fix="give a folder of seqrobust attack or run, or leave --attack out to attack now",
        )
    return [results, *(file for file in [folder / "manifest.json"] if file.is_file())]


def read_attack(folder: Path) -> pd.DataFrame:
    """Results of an attack. Raises DataError for a table without the columns of one."""
    try:
        table = pd.read_parquet(attack_files(folder)[0])
    except (OSError, ValueError) as error:
        raise DataError("the table cannot be read", found=str(error)[:160], where=str(folder)) from None
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise DataError(
            "the table holds no attack's results",
            expected=", ".join(_NEEDED),
            found="no " + ", ".join(missing),
            where=str(folder / "results.parquet"),
        )
    return table


def threat_of(folder: Path, settings: AttackSettings) -> AttackSettings:
    """Settings with the threat that the folder's attack had, as far as its manifest says."""
    path = folder / "manifest.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["config"]
        told = config.get("settings") or config.get("attack") or {}
        kept = {key: told[key] for key in ("protect", "only", "allow", "constraints", "moves") if told.get(key)}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return settings
    listed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()}
    return replace(settings, **listed)


def attacked_now(
    predictor: Predictor,
    sequences: SequenceSet,
    targets: Targets | None,
    settings: AttackSettings,
    folder: RunFolder,
    progress: Progress,
    *,
    seed: int,
    memory: int | None,
) -> pd.DataFrame:
    """Results of an attack made now, whose shards are kept in the folder."""
    problem = attack_problem(predictor, sequences, targets, settings, seed=seed)
    progress.start("attack", len(problem.sequences))
    scores = scores_for(predictor, memory=memory)
    folder.parts.mkdir(exist_ok=True)
    return run_shards(
        problem,
        attacks_named(settings.attacks),
        lambda shard: folder.parts / f"part-{shard:05d}.parquet",
        progress,
        scores,
    )


def pairs_of(
    results: pd.DataFrame, sequences: SequenceSet, settings: AttackSettings, progress: Progress, *, seed: int
) -> Pairs:
    """Of every record the adversarial sequence at its smallest successful budget, and random edits beside it.

    Records that were not fooled are left out, as are sequences of another length than their record; that is said.
    Raises DataError where none is left, or where the sequences are no edits of these records.
    """
    chosen = results[results["success"].fillna(value=False).astype(bool)].drop_duplicates("id")
    if chosen.empty:
        progress.say("the attack reached its goal on no record: its last sequences are inspected as they are")
        chosen = results[results["n_edits"] > 0].drop_duplicates("id", keep="last")
    rows = {name: row for row, name in enumerate(sequences.ids)}
    known = chosen[chosen["id"].isin(list(rows))]
    texts = dict(zip(known["id"], known["adversarial_sequence"], strict=True))
    same = [name for name, text in texts.items() if len(text) == sequences.lengths[rows[name]]]
    if len(same) < len(texts):
        progress.say(f"{len(texts) - len(same):,} sequences of another length than their record are left out")
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
