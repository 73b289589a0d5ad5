"""Several labels in one field: told from class names, and taken apart.

``nucleus;cytosol``, ``nucleus|cytosol``, ``['nucleus', 'cytosol']``, ``0110`` and ``[0, 1, 1, 0]`` all say that a
record has two labels of several. Read as class names, every combination that occurs would be a class of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import DataError, LabelError

_SEPARATORS = (";", "|", ",")
_RARE_SEPARATORS = ("/", "+", "&")
"""What stands in many a name too, and joins labels only where every part comes again elsewhere."""
_FEW = 3
_NUMBER = re.compile(r"[+-]?\d[\d.]*,[\d.,]*\d(?:[eE][+-]?\d+)?")
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


@dataclass(frozen=True, kw_only=True)
class LabelFields:
    """How the fields of a column hold several labels.

    Attributes:
        joined: what stands between names; empty for lists and for strings of 0 and 1.
        places: how many 0 or 1 each field holds, a label by its place; 0 where labels are named.
        words: the same for people, such as ``names joined by '|'``.
    """

    joined: str = ""
    places: int = 0
    words: str

    def parts(self, text: str) -> list[str]:
        """The names, or the 0 and 1, of a field."""
        if self.joined:
            return [part for piece in text.split(self.joined) if (part := piece.strip())]
        listed = _listed(text)
        if listed is not None:
            return listed
        return _digits(text) if self.places else [text] if text else []


def label_fields(texts: Iterable[str]) -> LabelFields | None:
    """How fields hold several labels; None where they look like one class name each.

    >>> label_fields(["a|b", "a", "b|c", "c"]).words
    "names joined by '|'"
    >>> label_fields(["kinase, serine", "kinase, tyrosine"]) is None, label_fields(["01", "10"]) is None
    (True, True)
    """
    distinct = sorted({text.strip() for text in texts} - {""})
    if not distinct:
        return None
    return _by_place(distinct) or _lists(distinct) or _names(distinct)


def label_matrix(
    texts: Sequence[str], labels: Sequence[str] | None, where: str
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The labels of N fields, and (N, T) 0 or 1.

    Args:
        texts: the fields, empty for a record without labels.
        labels: names in output order; None for those that occur, sorted (numbers from 0 for strings of 0 and 1).
        where: the column, for messages.

    Raises LabelError for a label that is none of ``labels``, DataError for another number of places or no label at all.
    """
    texts = [text.strip() for text in texts]
    whole, distinct = set(labels or ()), sorted(set(texts) - {""})
    # Of a column that is known to hold several labels a few fields are enough.
    fields = None if whole.issuperset(distinct) else _by_place(distinct, classes=True) or label_fields(distinct)
    fields = fields or _joined_anyhow(distinct, whole)
    if fields.places:
        return _of_places(texts, fields, labels, where)
    sets = [[text] if text in whole else fields.parts(text) for text in texts]
    found = {name for names in sets for name in names}
    known = tuple(labels) if labels else tuple(sorted(found))
    if unseen := found - set(known):
        raise LabelError("unknown labels", expected=", ".join(known), found=", ".join(sorted(unseen)[:8]), where=where)
    if not known:
        raise DataError("no record has a label", where=where, fix="choose another target column")
    values = np.array([[name in names for name in known] for names in map(set, sets)], np.float32)
    return known, values.reshape(len(sets), len(known))


def _of_places(
    texts: Sequence[str], fields: LabelFields, labels: Sequence[str] | None, where: str
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    if labels and len(labels) != fields.places:
        raise DataError(
            "the number of labels differs from the places in a field",
            expected=f"{len(labels)} places, one for each of {', '.join(labels[:8])}",
            found=f"{fields.places} in {texts[0]!r}",
            where=where,
        )
    if "" in texts:
        raise DataError(
            "a record has no labels, not even 0",
            found=f"{texts.count('')} of {len(texts)} fields empty",
            where=where,
            fix="fill them in, or drop these rows from the file",
        )
    known = tuple(labels or map(str, range(fields.places)))
    return known, np.array([[float(one) for one in fields.parts(text)] for text in texts], np.float32)


def _digits(text: str) -> list[str]:
    """The 0 and 1 of ``0110``, ``0,1,1,0`` or ``0 1 1 0``; none for other text."""
    pieces = re.split(r"[\s,;|]+", text) if not text.isdecimal() else list(text)
    return pieces if set(pieces) <= {"0", "1"} else []


def _by_place(distinct: Sequence[str], *, classes: bool = False) -> LabelFields | None:
    """Fields of 0 and 1, equally many; also those of just one 1 each where these are not to be taken for classes."""
    rows = [_digits(text if (listed := _listed(text)) is None else " ".join(listed)) for text in distinct]
    places = len(rows[0])
    if places < 2 or any(len(row) != places for row in rows):
        return None
    if not classes and all(row.count("1") == 1 for row in rows):
        return None
    return LabelFields(places=places, words=f"a 0 or 1 for each of {places} labels")


def _lists(distinct: Sequence[str]) -> LabelFields | None:
    rows = [_listed(text) for text in distinct]
    if all(row is not None for row in rows) and any(len(row) > 1 for row in rows if row is not None):
        return LabelFields(words="lists of names")
    return None


def _listed(text: str) -> list[str] | None:
    """The items of ``['a', 'b']``, ``["a" "b"]`` or ``[a, b]``; None for what is not in brackets."""
    if len(text) < 2 or _BRACKETS.get(text[0]) != text[-1]:
        return None
    inner = text[1:-1].strip()
    if _QUOTED.search(inner):
        return [first or second for first, second in _QUOTED.findall(inner)]
    pieces = inner.split(",") if "," in inner else inner.split()
    return [part for piece in pieces if (part := piece.strip())]


def _names(distinct: Sequence[str]) -> LabelFields | None:
    for separator in (*_SEPARATORS, *_RARE_SEPARATORS):
        joined = [text for text in distinct if separator in text.rstrip(separator)]
        if not joined or (separator == "," and all(map(_NUMBER.fullmatch, joined))):
            continue
        fields = LabelFields(joined=separator, words=f"names joined by {separator!r}")
        rows = [fields.parts(text) for text in joined]
        if any(len(set(row)) < len(row) or len(row) < 2 for row in rows):
            continue
        times = Counter(part for text in distinct for part in fields.parts(text))
        parts = {part for row in rows for part in row}
        again = sum(times[part] > 1 for part in parts)
        rare = separator in _RARE_SEPARATORS
        if (again == len(parts) and len(rows) >= _FEW) if rare else 2 * again >= len(parts):
            return fields
    return None


def _joined_anyhow(texts: Sequence[str], labels: Collection[str]) -> LabelFields:
    """By what leaves known labels between it, else by the first separator that occurs, if any."""
    candidates = [
        LabelFields(joined=one, words=f"names joined by {one!r}")
        for one in (*_SEPARATORS, *_RARE_SEPARATORS)
        if any(one in text for text in texts)
    ]
    known = (one for one in candidates if all(part in labels for text in texts for part in one.parts(text)))
    usual = (one for one in candidates if one.joined in _SEPARATORS)
    return next(known, next(usual, LabelFields(words="one name")))
