"""LOCUS lines of GenBank files whose name has run into the length (Prokka), or holds spaces (SnapGene).

Both are ordinary in the field and no parser takes them apart. What they mean is beyond doubt where the length is one
that the record's own letters confirm; only such lines are written anew, and it is said.
"""

from __future__ import annotations

import re

from seqrobust.sequences.wording import counted

_LOCUS = re.compile(r"^LOCUS[ \t].*$", re.MULTILINE)
_PLAIN = re.compile(r"LOCUS\s+\S+(\s+\d+\s+(bp|aa|rc)\b|\s*$)")
_ODD = re.compile(r"LOCUS\s+(?P<before>\S.*\d)\s+(?P<unit>bp|aa)\b(?P<rest>.*)$")
_ORIGIN = re.compile(r"^ORIGIN.*\n((?:[ \t]*\d+[ \t].*\n?)*)", re.MULTILINE)
_MOLECULE = re.compile(r"(?:[dms]s-)?\w*[DR]NA", re.IGNORECASE)
_DATE = re.compile(r"\d\d?-[A-Za-z]{3}-\d{4}")


def mend_locus_lines(text: str) -> tuple[str, tuple[str, ...]]:
    """GenBank text whose odd LOCUS lines are plain, and notices of what was changed.

    A line is left as it is (and for the parser to refuse) where its number is not the count of the record's letters.
    """
    pieces, at, names = [], 0, []
    for line in _LOCUS.finditer(text):
        if _PLAIN.match(line[0]) is None and (mended := _mended(line[0], _letters(text, line.end()))) is not None:
            pieces += [text[at : line.start()], mended[1]]
            at = line.end()
            names.append(mended[0])
    return "".join([*pieces, text[at:]]), _said(names)


def _said(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    more = " and so on" if len(names) > 1 else ""
    lines = counted(len(names), "LOCUS line")
    return (f"{lines} whose name runs into the length or holds spaces: the name is read as {names[0]!r}{more}",)


def _letters(text: str, start: int) -> int:
    """How many letters the record around ``start`` has under ORIGIN."""
    end = text.find("\n//", start)
    origin = _ORIGIN.search(text, start, end + 1 if end >= 0 else len(text))
    return sum(map(str.isalpha, origin[1])) if origin else 0


def _mended(line: str, letters: int) -> tuple[str, str] | None:
    """The name and a line of eight fields; None where the count of ``letters`` does not stand before its unit."""
    found = _ODD.match(line)
    if found is None or letters == 0 or not found["before"].endswith(str(letters)):
        return None
    words = found["before"].removesuffix(str(letters))
    ran_together, spaced = not words.endswith((" ", "\t")), len(words.split()) > 1
    if not words or ran_together == spaced:  # "My plasmid 1580" over 80 letters is a sequence cut short
        return None
    name = "_".join(words.split())
    return name, f"LOCUS       {name} {letters} {found['unit']} {_rest(found['rest'].split(), found['unit'])}"


def _rest(fields: list[str], unit: str) -> str:
    """Molecule, topology, division and date, in the order and with the stand-ins that the format has for them."""

    def first(pattern: str | re.Pattern[str], otherwise: str) -> str:
        return next((field for field in fields if re.fullmatch(pattern, field)), otherwise)

    molecule = first(_MOLECULE, "PROTEIN" if unit == "aa" else "DNA")
    division = first("(?!DNA|RNA)[A-Z]{3}", "UNK")
    return f"{molecule} {first('linear|circular', 'linear')} {division} {first(_DATE, '01-JAN-1980')}"
