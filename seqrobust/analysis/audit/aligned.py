"""Which clean letter each letter of a written sequence is, read off the names of its edits and nothing else."""

from __future__ import annotations

import re

_DELETED = re.compile(r"\D(\d+)del")
_INSERTED = re.compile(r"(\d+)_\d+ins")


def clean_places(length: int, edits: str, anchor: str) -> list[int]:
    """Per letter of the written sequence the 0-based place of the clean one that it is or replaces; -1 for none.

    Args:
        length: letters of the clean record.
        edits: names joined by semicolons: ``A5G``, ``A5del``, ``5_6insG``.
        anchor: which end stays where it is (``left``, ``right``), or ``free``.
    """
    names = edits.split(";")
    gone = {int(found[1]) - 1 for name in names if (found := _DELETED.fullmatch(name))}
    grown_at = [int(found[1]) for name in names if (found := _INSERTED.match(name))]
    places: list[int] = []
    for place in range(length + 1):
        places += [-1] * grown_at.count(place)
        if place < length and place not in gone:
            places.append(place)
    if anchor == "free":
        return places or [-1]
    missing = [-1] * max(length - len(places), 0)
    return (places + missing)[:length] if anchor == "left" else (missing + places)[len(missing + places) - length :]
