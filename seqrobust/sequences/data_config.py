"""Data as a config states them: read or simulated, split, labelled, and described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from seqrobust.alphabet import alphabet_named
from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet, Targets, Task, encode_targets
from seqrobust.sequences.dividing.leakage import Leak
from seqrobust.sequences.dividing.splits import assign_splits, carve_split
from seqrobust.sequences.doubts import doubts
from seqrobust.sequences.patterns import with_patterns
from seqrobust.sequences.readers import Columns, read_sequences
from seqrobust.sequences.simulation import grammar_named, simulate, varied, with_shortcut
from seqrobust.sequences.wording import counted


class SimulateConfig(BaseModel):
    """Records from a built-in grammar, or from a grammar file."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    grammar: str = Field(description="name of a built-in grammar, or the path of a YAML grammar")
    n: int = Field(3000, ge=10)
    length: int | None = Field(None, ge=10)
    shortcut: float | None = Field(None, ge=0, le=1, description="strength of a spurious word outside the motifs")
    gc: float | None = Field(None, gt=0, lt=1)


class DataConfig(BaseModel):
    """Where records come from and which column holds what."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    path: Path | None = None
    simulate: SimulateConfig | None = None
    format: str | None = None
    alphabet: str | None = None
    id: str | None = None
    sequence: str | None = None
    target: str | tuple[str, ...] | None = None
    group: str | None = None
    cluster: str | None = None
    split: str | None = None
    regions: str | None = None
    genome: Path | None = None
    variants: str | None = None
    annotation: Path | None = None
    where: Mapping[str, Any] = Field(default_factory=dict)
    patterns: Mapping[str, str] = Field(default_factory=dict)
    max_length: int | None = Field(None, ge=1)
    drop_missing: bool = False
    labels: tuple[str, ...] | None = None
    fractions: Mapping[str, float] | None = None
    folds: Mapping[str, tuple[str, ...]] | None = None
    by_group: bool = True
    valid_fraction: float = Field(0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _one_source(self) -> DataConfig:
        if (self.path is None) == (self.simulate is None):
            raise ValueError("either path or simulate, and not both")
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the target columns, none for the usual ones."""
        return (self.target,) if isinstance(self.target, str) else self.target or ()

    @property
    def files(self) -> list[Path]:
        """Files that are read."""
        named = [self.path, self.genome, self.annotation]
        if self.simulate is not None and self.simulate.grammar.endswith((".yaml", ".yml")):
            named.append(Path(self.simulate.grammar))
        return [path for path in named if path is not None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """Records with their splits, their targets as numbers, and what was noticed on the way.

    ``leaks`` say how much of each split stands in the training records, where that was looked for.
    """

    sequences: SequenceSet
    targets: Targets
    notices: tuple[str, ...]
    leaks: tuple[Leak, ...] = ()

    def in_split(self, name: str) -> tuple[SequenceSet, Targets]:
        """One split. Raises DataError where it is empty."""
        part = self.sequences.in_split(name)
        assert self.sequences.splits is not None
        return part, self.targets.take((self.sequences.splits == name).nonzero()[0])


def load_data(config: DataConfig, task: Task, seed: int) -> Data:
    """Records ready for training: splits ``train``, ``valid`` and ``test``, targets as numbers.

    A validation split is cut from the training records where the file has none.

    Raises DataError for whatever cannot be read, or records without targets.
    """
    sequences, notices = _simulated(config, seed) if config.simulate else _read(config)
    if sequences.targets is None:
        raise DataError(
            "the records have no target",
            expected="a target column",
            fix="name it with data.target",
            where=_name(config),
        )
    if config.labels is None:
        _refuse_doubtful(sequences.targets, task, _name(config))
    targets = encode_targets(sequences.targets, task, config.labels)
    sequences = with_patterns(sequences, config.patterns) if config.patterns else sequences
    sequences = assign_splits(
        sequences, seed=seed, fractions=config.fractions, mapping=config.folds, by_group=config.by_group
    )
    assert sequences.splits is not None
    notices = (*notices, *_unused(sequences, config.folds))
    if "valid" not in sequences.splits:
        sequences = carve_split(sequences, seed=seed, fraction=config.valid_fraction, by_group=config.by_group)
        notices = (*notices, f"{config.valid_fraction:.0%} of the training records set aside for validation")
    return Data(sequences=sequences, targets=targets, notices=notices)


def _unused(sequences: SequenceSet, folds: Mapping[str, tuple[str, ...]] | None) -> Iterator[str]:
    """Splits that no stage asks for of itself, and that a mapping leaves to training what it does not name."""
    assert sequences.splits is not None
    names, counts = np.unique(sequences.splits, return_counts=True)
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        if name not in ("train", "valid", "test"):
            where = f"in the split {name}" if name else "in no split"
            yield f"{counted(count, 'record')} {where}: used where a section names it, and nowhere else (data.folds)"
    if folds is not None and "train" not in folds:
        rest = int((sequences.splits == "train").sum())
        yield f"trained on are all records that data.folds puts in no other split ({rest})"


def _refuse_doubtful(targets: pd.DataFrame, task: Task, where: str) -> None:
    """Raise DataError for classes that nobody means, before a model learns them; ``labels`` says they are meant."""
    grave = [doubt for name in targets for doubt in doubts(targets[name], task) if doubt.grave]
    if grave:
        raise DataError(
            "the classes to learn are doubtful",
            found=grave[0].text,
            fix=f"{grave[0].fix}; where it is meant, name the classes with data.labels",
            where=where,
        )


def _simulated(config: DataConfig, seed: int) -> tuple[SequenceSet, tuple[str, ...]]:
    made = config.simulate
    assert made is not None
    length = None if made.length is None else (made.length, made.length)
    grammar = varied(grammar_named(made.grammar), length=length, gc=made.gc)
    if made.shortcut is not None:
        grammar = with_shortcut(grammar, made.shortcut)
    sequences = simulate(grammar, made.n, seed=seed)
    assert sequences.targets is not None
    chosen = list(config.targets or sequences.targets.columns[:1])
    if missing := [name for name in chosen if name not in sequences.targets]:
        known = ", ".join(map(str, sequences.targets.columns))
        raise DataError("the grammar gives no such target", expected=known, found=missing[0], where="data.target")
    kept = replace(sequences, targets=sequences.targets[chosen])
    return kept, (f"{made.n} records simulated: {grammar.summary}",)


def _name(config: DataConfig) -> str:
    return str(config.path or f"grammar {config.simulate.grammar if config.simulate else ''}")


def _read(config: DataConfig) -> tuple[SequenceSet, tuple[str, ...]]:
    assert config.path is not None
    columns = Columns(
        id=config.id,
        sequence=config.sequence,
        targets=config.targets,
        group=config.group,
        cluster=config.cluster,
        split=config.split,
        regions=config.regions,
        drop_missing=config.drop_missing,
    )
    loaded = read_sequences(
        config.path,
        alphabet=alphabet_named(config.alphabet) if config.alphabet else None,
        format=config.format,
        columns=columns,
        genome=config.genome,
        variants=config.variants,
        annotation=config.annotation,
        where=config.where,
        max_length=config.max_length,
    )
    return loaded.sequences, loaded.notices
