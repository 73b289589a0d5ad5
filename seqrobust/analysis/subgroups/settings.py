"""Settings of a comparison of groups: which columns, what of small groups, and how groups are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from seqrobust.errors import ConfigError
from seqrobust.options import Option, checked, names_in

Small = Literal["pool", "leave-out"]
Against = Literal["auto", "pairs", "rest"]
FEWEST_DRAWS = 99
"""Draws with which a permutation test can reach a p-value of 0.01 at all."""


@dataclass(frozen=True, kw_only=True)
class SubgroupsSettings:
    """Settings of a comparison of groups.

    Attributes:
        by: columns whose values are groups; the file's group column where there are none.
        cut: those of the columns whose whole numbers are measurements, to be cut into groups of one size.
        within_class: names are exchanged only among records of one class.
        min_records: records below which a group is small.
        small: whether small groups become one, or are left out.
        against: every pair, each group against the rest, or by the number of groups.
        draws: of a permutation test.
    """

    by: Annotated[
        tuple[str, ...],
        Option(
            help="Columns whose values are groups; else the file's group column. The class is always looked at.",
            metavar="COLUMN[,COLUMN]",
            repeat=True,
            read=names_in,
        ),
    ] = ()
    cut: Annotated[
        tuple[str, ...],
        Option(
            help="Of those, whole numbers to cut into four groups; fractions always are.",
            metavar="COLUMN[,COLUMN]",
            repeat=True,
            read=names_in,
        ),
    ] = ()
    within_class: Annotated[bool, Option(help="Compare groups among records of one class alone.")] = False
    min_records: Annotated[int, Option(help="A smaller group is pooled.", least=2)] = 10
    small: Annotated[Small, Option(help="Small groups: pool or leave-out.")] = "pool"
    against: Annotated[Against, Option(help="Compare pairs, or each with the rest.")] = "auto"
    draws: Annotated[int, Option(help="Draws of a permutation test.", least=FEWEST_DRAWS)] = 9999

    def __post_init__(self) -> None:
        checked("--small", self.small, get_args(Small))
        checked("--against", self.against, get_args(Against))
        if self.min_records < 2:
            raise ConfigError(
                "a group has records", expected="2 or more", found=str(self.min_records), where="--min-records"
            )
        if self.draws < FEWEST_DRAWS:
            raise ConfigError(
                "a permutation test needs draws",
                expected=f"{FEWEST_DRAWS} or more",
                found=str(self.draws),
                where="--draws",
            )
        if other := [name for name in self.cut if name not in self.by]:
            raise ConfigError(
                "a column is cut that is not compared", found=other[0], where="--cut", fix="name it in --by"
            )
