"""Readings as text, so that a table of records keeps the strands and frames that regions do not tell."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any
from urllib.parse import quote, unquote

from seqrobust.errors import DataError
from seqrobust.sequences.readings import Exceptional, Part, Reading, Readings

COLUMN = "coding_sequences"
"""The column of a table, or the key of a FASTA header, that holds them."""

_DEFAULTS = {field.name: field.default for field in fields(Reading)}


def readings_as_text(readings: Readings, record: int) -> str:
    """The coding sequences of a record, and what features there are, in one word without spaces.

    >>> readings = Readings.of([[Reading(parts=(Part(3, 9, -1),), gene="g")]])
    >>> parse_readings(readings_as_text(readings, 0)) == (readings.of_record[0], ())
    True
    """
    rows = [
        {name: value for name in _DEFAULTS if (value := getattr(one, name)) != _DEFAULTS[name]}
        for one in readings.of_record[record]
    ]
    text = json.dumps({"readings": rows, "features": sorted(readings.features)}, separators=(",", ":"))
    return quote(text, safe=":,[]{}")


def parse_readings(text: str) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
    """What :func:`readings_as_text` wrote: coding sequences, and names of features. Raises DataError for other text."""
    if not text.strip():
        return (), ()
    try:
        said = json.loads(unquote(text))
        return tuple(_reading(row) for row in said["readings"]), tuple(map(str, said["features"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(
            f"the column {COLUMN} cannot be read",
            expected="what this package writes there",
            found=f"{text[:60]!r} ({error})",
            fix="rename the column if it is your own",
        ) from None


def _reading(row: dict[str, Any]) -> Reading:
    parts = tuple(Part(*map(int, part)) for part in row.pop("parts"))
    exceptions = tuple(
        Exceptional(tuple(map(int, letters)), str(product)) for letters, product in row.pop("exceptions", ())
    )
    return Reading(parts=parts, exceptions=exceptions, **row)
