"""What groups are compared in: folders of attacks, and the attacked file for its columns. No model is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from seqrobust.analysis.asked import Opening
from seqrobust.errors import ConfigError, DataError
from seqrobust.options import DATA, Option
from seqrobust.sequences.data_source import FileReading

if TYPE_CHECKING:
    from seqrobust.analysis.subgroups.outcomes import Outcomes

GROUP = "group"
"""The grouping by the data file's own group column."""
_NEEDED = ("id", "target", "budget", "clean_prediction", "adversarial_prediction", "success", "n_edits")


@dataclass(frozen=True, kw_only=True, eq=False)
class Attacked:
    """Records, what attacks made of them, and what else is known of them.

    Attributes:
        name: of the first attack, for titles.
        outcomes: of the attacks.
        columns: gives the values of columns, by name and one per record; without names that of the group column,
            nothing where there is none. None where nothing but the attacks is known.
    """

    name: str
    outcomes: Outcomes
    columns: Callable[[tuple[str, ...]], Mapping[str, Sequence[str]]] | None = None


@dataclass(frozen=True, kw_only=True)
class AttackedFolders(FileReading):
    """Attacks and the attacked file, as a user names them.

    Attributes:
        results: folders of attacks of the same budgets, or their ``results.parquet``.
        data: the file that holds the columns, read as :class:`~seqrobust.sequences.data_source.FileReading` says; None
            to compare classes alone.
    """

    results: Annotated[
        tuple[Path, ...],
        Option(
            flag="folder", help="Folders of attacks, such as seeds.", metavar="FOLDER...", repeat=True, argument=True
        ),
    ]
    data: Annotated[Path | None, Option(help="The attacked file, for its columns.", panel=DATA)] = None

    def __post_init__(self) -> None:
        if not self.results:
            raise ConfigError("subgroups are read off attacks", expected="a folder of an attack", found="none")

    @property
    def name(self) -> str:
        """What a folder of results is called after: the first attack's."""
        first = self.results[0].resolve()
        return first.parent.name if first.is_file() else first.name

    @property
    def files(self) -> list[Path]:
        """Files of the attacks that are read."""
        from seqrobust.analysis.earlier import files_of

        return [file for folder in self.results for file in files_of(folder)]

    def open(self, opening: Opening, *, action: str) -> Attacked:
        """The outcomes of the attacks. Raises InputError for folders that cannot be used, or do not fit together."""
        from seqrobust.analysis.earlier import AttackRun
        from seqrobust.analysis.subgroups.outcomes import read_outcomes

        runs = [AttackRun.read(folder, _NEEDED) for folder in self.results]
        if len(tasks := sorted({run.task for run in runs})) > 1:
            raise DataError("the attacks are on different tasks", found=", ".join(tasks))
        outcomes = read_outcomes([run.table for run in runs], runs[0].task, labelled=all(run.labelled for run in runs))
        known = None if self.data is None else lambda by: self._columns(by, outcomes.ids)
        return Attacked(name=self.name, outcomes=outcomes, columns=known)

    def _columns(self, by: tuple[str, ...], ids: Sequence[str]) -> dict[str, list[str]]:
        """Values of records in columns of the file, as text. Raises InputError for a file that does not hold them."""
        from seqrobust.sequences.readers import read_sequences

        assert self.data is not None
        loaded = read_sequences(
            self.data,
            format=self.format,
            columns=replace(self.columns, targets=by) if by else self.columns,
            genome=self.genome,
            variants=self.variants,
            annotation=self.annotation,
            where=self.where,
            max_length=None,
        ).sequences
        row = {name: index for index, name in enumerate(loaded.ids)}
        if missing := [name for name in ids if name not in row]:
            raise DataError(
                "attacked records are not in the data file",
                expected="the file the attack was made on, read alike (--id-column, --where)",
                found=f"{missing[0]!r} ({len(missing)} of {len(ids)} are missing)",
                where=str(self.data),
            )
        rows = [row[name] for name in ids]
        if by and loaded.targets is not None:
            return {name: [_text(value) for value in loaded.targets[name].iloc[rows]] for name in by}
        return {} if loaded.groups is None else {GROUP: [str(value) for value in loaded.groups[rows]]}


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)
