"""Settings of an attack: threat, goal, searches and records. One class for Python, config files and options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, get_args

from seqrobust.attacks.shift_size import checked_size
from seqrobust.errors import ConfigError, ThreatError
from seqrobust.files import is_file
from seqrobust.options import DATA, GOAL, THREAT, Option, checked, names_of
from seqrobust.sequences.data_source import split_names

if TYPE_CHECKING:
    from seqrobust.alphabet import Alphabet
    from seqrobust.sequences import SequenceSet
    from seqrobust.threats import Budget, SubstitutionThreat

GoalName = Literal["auto", "untargeted", "targeted", "up", "down"]

DEFAULT_ATTACKS = ("auto",)
"""What is run where nothing is said."""

Settings = TypeVar("Settings", bound="ThreatSettings")


@dataclass(frozen=True, kw_only=True)
class ThreatSettings:
    """What an adversary may do.

    Attributes:
        budget: ``3``, ``1..5``, ``1,2,8`` or ``2%``.
        protect, only: region names; see :class:`~seqrobust.threats.SubstitutionThreat`.
        allow: rule for permitted letters.
        moves: what one edit is; see :func:`~seqrobust.threats.coding.parse_moves`.
        constraints: texts as in :mod:`seqrobust.threats.constraints.parsing`, such as ``gc:+-0.05``.
    """

    budget: Annotated[str | int, Option(help="Substitutions: 3, 1..5, or 2% of the editable.", panel=THREAT)] = "1..5"
    protect: Annotated[
        tuple[str, ...],
        Option(
            help="Regions or positions (1-35, M1) that may not change.",
            panel=THREAT,
            metavar="NAME[,NAME]",
            repeat=True,
        ),
    ] = ()
    only: Annotated[
        tuple[str, ...],
        Option(help="Regions or positions that alone may change.", panel=THREAT, metavar="NAME[,NAME]", repeat=True),
    ] = ()
    allow: Annotated[str, Option(help="any, transitions, blosum62:0, or a table.", panel=THREAT)] = "any"
    moves: Annotated[
        str,
        Option(
            help="What one edit is: substitutions, codons:CDS[:TABLE] or codons:CDS[gene=NAME] (synonymous; "
            "all proteins stay), "
            "indels[:left|right|free] (also insertions and deletions).",
            panel=THREAT,
        ),
    ] = "substitutions"
    constraints: Annotated[
        tuple[str, ...],
        Option(
            flag="--constraint",
            help="Edited sequences keep to gc:+-0.05, homopolymer:5, no-gain:TATAAT ...",
            panel=THREAT,
            metavar="KIND:RULE",
            repeat=True,
        ),
    ] = ()

    def __post_init__(self) -> None:
        from seqrobust.threats.budget import parse_budgets

        if both := set(self.protect) & set(self.only):
            raise ConfigError("a region is both protected and the only one to attack", found=", ".join(sorted(both)))
        parse_budgets(self.budget)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Ascending."""
        from seqrobust.threats.budget import parse_budgets

        return parse_budgets(self.budget)

    @property
    def files(self) -> list[Path]:
        """Files that the letter rule, the moves and the constraints name."""
        from seqrobust.threats.coding.parsing import moves_files
        from seqrobust.threats.constraints.parsing import constraint_files

        rule = Path(self.allow)
        return [
            *([rule] if is_file(rule) else []),
            *moves_files(self.moves),
            *(file for text in self.constraints for file in constraint_files(text)),
        ]

    def threat(self, alphabet: Alphabet | None = None) -> SubstitutionThreat:
        """The threat at the largest budget; constraints are read over the alphabet, and left out without one.

        Raises ThreatError for a constraint that cannot be read.
        """
        from seqrobust.threats import SubstitutionThreat
        from seqrobust.threats.constraints import parse_constraint

        return SubstitutionThreat(
            budget=self.budgets[-1],
            protect=self.protect,
            only=self.only,
            letters=self.allow,
            constraints=()
            if alphabet is None
            else tuple(parse_constraint(text, alphabet) for text in self.constraints),
        )


@dataclass(frozen=True, kw_only=True)
class AttackSettings(ThreatSettings):
    """What an adversary may do, wants and tries, and on which records.

    Attributes:
        attacks: names of attacks or presets, tried in this order on the records that still stand.
        goal: ``auto`` is ``untargeted``, or ``up`` for regression.
        target_label: the class that a targeted attack wants; for multilabel the label that it has named where it is
            not, or after a minus sign the one that it takes away where it is.
        delta: the shift that counts as success: a number in the output's units, ``1sd``, or ``2fold`` on a log2 scale;
            by default one standard deviation of the training targets. See :mod:`seqrobust.attacks.shift_size`.
        output: name of the regression value that is shifted; by default the first.
        max_records: attack only so many records, drawn at random; where classes are uneven, as many of each as its
            share comes to, and one at least.
        random_draws: random sequences scored beside each record and budget.
    """

    attacks: Annotated[
        tuple[str, ...],
        Option(
            flag="--attack",
            help="quick, standard (the default), thorough, or searches in order.",
            panel=GOAL,
            metavar="NAME[,NAME]",
            read=names_of,
        ),
    ] = DEFAULT_ATTACKS
    goal: Annotated[GoalName, Option(help="auto, untargeted, targeted, up or down.", panel=GOAL)] = "auto"
    target_label: Annotated[
        str | None,
        Option(
            help="The class a targeted attack wants; of several labels the one it sets, or takes away (-NAME).",
            panel=GOAL,
        ),
    ] = None
    delta: Annotated[
        float | str | None,
        Option(
            help="Shift of a regression that counts: 0.5, 1sd (of the training targets, the default), 2fold (log2).",
            panel=GOAL,
            metavar="SHIFT",
        ),
    ] = None
    output: Annotated[str | None, Option(help="Which regression value is shifted.", panel=GOAL)] = None
    max_records: Annotated[int | None, Option(help="A random sample of records.", panel=DATA, least=1)] = None
    random_draws: Annotated[int, Option(help="Random controls per budget.", panel=GOAL, least=1)] = 10

    def __post_init__(self) -> None:
        from seqrobust.attacks.presets import attacks_named

        super().__post_init__()
        checked("--goal", self.goal, get_args(GoalName))
        attacks_named(self.attacks)
        if self.delta is not None:
            checked_size(self.delta)
        if self.random_draws < 1:
            raise ConfigError("the random control needs a draw", found=str(self.random_draws), where="random_draws")
        if self.max_records is not None and self.max_records < 1:
            raise ConfigError("an attack needs a record", found=str(self.max_records), where="max_records")


def keeps_truth(settings: ThreatSettings) -> bool:
    """Whether the threat states that edits leave what is true of a record: it protects regions, or all proteins.

    Nothing else does: edits confined to a region, or to like residues, may well be what matters.
    """
    synonymous = settings.moves.startswith("codons") and "@protein" not in settings.moves
    return bool(settings.protect) or synonymous


def resolved(settings: Settings, sequences: SequenceSet) -> Settings:
    """The settings with region names split at commas, unless a name of the records holds them itself.

    Raises ThreatError for a place by number or for one class that no record has; such a name may be a typing error.
    """
    regions, shape = sequences.regions, (len(sequences), sequences.width)
    known = set(regions.names)
    protect, only = split_names(settings.protect, known), split_names(settings.only, known)
    for name in (*protect, *only):
        if name in regions.named(name) and name not in known and not regions.cover([name], shape).any():
            raise ThreatError(
                "no record has that place",
                expected=", ".join(regions.names[:20]) or "positions within the records, such as 1-35",
                found=repr(name),
            )
    return replace(settings, protect=protect, only=only)
