"""Threats as values: what an adversary may do, stated once and given to any analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Threat:
    """What an adversary may do; made by :func:`Substitutions`, :func:`Codons` or :func:`Indels`.

    Attributes:
        budget: texts such as ``1..5`` or ``2%``; every budget in it is answered.
        protect, only: names of regions that may not change, or outside which nothing may.
        allow: which letter may replace which: ``any``, ``transitions``, ``blosum62:0`` or the path of a table.
        moves: what one edit is.
        constraints: what an edited sequence must look like, such as ``gc:+-0.05``.
    """

    budget: str
    protect: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    allow: str = "any"
    moves: str = "substitutions"
    constraints: tuple[str, ...] = ()

    def settings(self) -> dict[str, Any]:
        """As keywords of :class:`~seqrobust.attacks.settings.AttackSettings`."""
        return dict(vars(self))


def Substitutions(
    budget: int | str,
    *,
    protect: Sequence[str] = (),
    only: Sequence[str] = (),
    allow: str = "any",
    constraints: Sequence[str] = (),
) -> Threat:
    """At most so many letters changed.

    Args:
        budget: 5 answers for every number of changes from 1 to 5; a text is one as the command line takes it: ``3``,
            ``1,2,8``, ``2%`` of the editable positions.
        protect: names of regions that may not change.
        only: names of regions outside which nothing may change.
        allow: which letter may replace which.
        constraints: what an edited sequence must still look like.

    >>> Substitutions(3, protect=["core"]).budget
    '1..3'
    """
    return _threat(budget, protect, only, allow, "substitutions", constraints)


def Codons(
    budget: int | str,
    *,
    region: str | None = None,
    table: int | None = None,
    usage: float | str | None = None,
    protein: int | str | None = None,
    protect: Sequence[str] = (),
    only: Sequence[str] = (),
    constraints: Sequence[str] = (),
) -> Threat:
    """At most so many codons replaced by synonymous ones; the protein stays the same, or all but ``protein`` of it.

    Args:
        budget: as for :func:`Substitutions`, counted in codons.
        region: name of the coding regions; None where records are coding from their first letter to their last.
        table: NCBI's number of the genetic code; None for the records' own, or the standard code.
        usage: only codons that make up this share of those of their meaning, counted in the records: ``0.1``; or in a
            table: ``0.1:usage.tsv``. None for any.
        protein: so many amino acids may change: ``1``; or by a rule: ``2:blosum62:0``. None for none.
        protect, only, constraints: as for :func:`Substitutions`.

    >>> Codons(2, region="CDS").moves, Codons(2, region="CDS", usage=0.1, protein=1).moves
    ('codons:CDS', 'codons:CDS@usage:0.1@protein:1')
    """
    if table is not None and region is None:
        moves = f"codons::{table}"
    else:
        moves = ":".join(["codons", *([region] if region else []), *([str(table)] if table is not None else [])])
    moves += f"@usage:{usage}" if usage is not None else ""
    moves += f"@protein:{protein}" if protein is not None else ""
    return _threat(budget, protect, only, "any", moves, constraints)


def Indels(
    budget: int | str,
    *,
    anchor: str = "left",
    protect: Sequence[str] = (),
    only: Sequence[str] = (),
    allow: str = "any",
    constraints: Sequence[str] = (),
) -> Threat:
    """At most so many letters substituted, inserted or deleted.

    Args:
        budget: as for :func:`Substitutions`, counted in edits.
        anchor: which end of a record stays where it is: ``left``, ``right``, or ``free`` where its length may change.
        protect, only, allow, constraints: as for :func:`Substitutions`.
    """
    return _threat(budget, protect, only, allow, f"indels:{anchor}", constraints)


def _threat(
    budget: int | str,
    protect: Sequence[str],
    only: Sequence[str],
    allow: str,
    moves: str,
    constraints: Sequence[str],
) -> Threat:
    return Threat(
        budget=f"1..{budget}" if isinstance(budget, int) else budget,
        protect=_names(protect),
        only=_names(only),
        allow=allow,
        moves=moves,
        constraints=_names(constraints),
    )


def _names(names: Sequence[str]) -> tuple[str, ...]:
    """One name is a list of one: a text is a sequence of letters, and nobody means that."""
    return (names,) if isinstance(names, str) else tuple(names)
