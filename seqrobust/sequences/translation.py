"""Proteins of readings by Biopython, and whether a reading is what its file says it is.

Nothing here knows how codons are edited: it is what edited sequences are held against.
"""

from __future__ import annotations

import warnings

from Bio import BiopythonWarning
from Bio.Data.IUPACData import protein_letters_3to1_extended
from Bio.Seq import Seq

from seqrobust.sequences.genetic_code import CODONS, known, products, starts
from seqrobust.sequences.readings import Reading

_LETTER_OF = {**{name.lower(): letter for name, letter in protein_letters_3to1_extended.items()}, "term": "*"}
_UNSURE = frozenset("XBZJ")


def spliced(reading: Reading, text: str) -> str:
    """The letters of a reading in the order they are read, as DNA; ``N`` for letters that are not on the record."""
    text = text.replace("U", "T")
    length, pieces = len(text), []
    for start, end, strand in reading.parts:
        inside = text[min(max(start, 0), length) : min(max(end, 0), length)]
        before = min(end, 0) - min(start, 0)
        piece = "N" * before + inside + "N" * (end - start - before - len(inside))
        pieces.append(str(Seq(piece).reverse_complement()) if strand < 0 else piece)
    return "".join(pieces)


def protein(reading: Reading, text: str, table: int) -> str:
    """What Biopython translates a reading to, codon by codon: stops as ``*``, what is not known as ``X``.

    Neither the first codon nor exceptions have their special meaning here; see :func:`stated_protein`.
    """
    letters = spliced(reading, text)[reading.phase :]
    with warnings.catch_warnings():
        # Of codes in which a codon has two meanings; the amino acid stands for both.
        warnings.simplefilter("ignore", BiopythonWarning)
        return str(Seq(letters[: len(letters) // 3 * 3]).translate(table=table))


def stated_protein(reading: Reading, text: str, table: int) -> str:
    """The protein as a file states it: begun with M, exceptions as they are meant, without the stop at the end."""
    residues = list(protein(reading, text, table))
    letters = spliced(reading, text)
    if begins(reading) and letters[:3] in starts(table):
        residues[:1] = "M"
    for number, meaning in exceptional(reading).items():
        if number < len(residues):
            residues[number] = _LETTER_OF.get(meaning.lower(), "X")
    found = "".join(residues)
    return found.rstrip("*")


def begins(reading: Reading) -> bool:
    """Whether the first codon is where the protein begins, as far as the file says."""
    return not reading.partial_start and reading.phase == 0


def exceptional(reading: Reading) -> dict[int, str]:
    """Codon number, from 0, to the meaning that the file gives it; one past the last for letters behind it."""
    if not reading.exceptions:
        return {}
    order = {letter: place for place, letter in enumerate(reading.letters().tolist())}
    found = {}
    for letters, product in reading.exceptions:
        places = [order[letter] for letter in letters if letter in order]
        if places:
            found[(min(places) - reading.phase) // 3] = product
    return found


def reading_problem(reading: Reading, text: str, table: int) -> str:
    """Why a record's reading cannot be believed letter by letter; empty where it can.

    It is unclear by itself, of an unknown code, stops on its way, breaks off within a codon without saying so, or is
    not the protein that the file gives.
    """
    if reading.unclear or not reading.whole:
        return reading.unclear
    if not known(table):
        return f"unknown genetic code {table}"
    order = set(reading.letters().tolist())
    if any(letter not in order for one in reading.exceptions for letter in one.letters):
        return "an exception lies outside it"
    if reading.translation:
        return _disagreement(reading, text, table)
    return _stop_on_the_way(reading, text, table) or _broken_off(reading)


def stops_on_the_way(reading: Reading, text: str, table: int) -> bool:
    """Whether a code reads a stop within a coding sequence that nothing explains."""
    return bool(_stop_on_the_way(reading, text, table))


def _stop_on_the_way(reading: Reading, text: str, table: int) -> str:
    residues, meant = protein(reading, text, table), exceptional(reading)
    # Several stops in a row end many a construct.
    for number, residue in enumerate(residues.rstrip("*")):
        if residue == "*" and number not in meant:
            return f"codon {number + 1} of {len(residues)} is a stop in genetic code {table}"
    return ""


def _broken_off(reading: Reading) -> str:
    count = len(reading.letters()) - reading.phase
    ended = exceptional(reading).get(count // 3, "").upper() == "TERM"
    if count % 3 and not reading.partial_end and not ended:
        return f"it has {count} letters, which is no whole number of codons"
    return ""


def _may_stop(reading: Reading, text: str, table: int) -> bool:
    """Whether the last whole codon is one that the code reads as a stop or an amino acid, by where it stands."""
    letters = spliced(reading, text)[reading.phase :]
    last = letters[: len(letters) // 3 * 3][-3:]
    return last in CODONS and len(products(table)[CODONS.index(last)]) > 1


def _disagreement(reading: Reading, text: str, table: int) -> str:
    found, given = stated_protein(reading, text, table), reading.translation
    if len(found) == len(given) + 1 and (found.endswith("X") or _may_stop(reading, text, table)):
        found = found[:-1]  # a stop that is not on the record, or one that elsewhere is an amino acid
    # A last codon of two letters can be enough to know its amino acid.
    extra = len(given) - len(found)
    if extra not in (0, 1) or (extra and (len(reading.letters()) - reading.phase) % 3 == 0):
        return f"its /translation has {len(given)} residues, the letters {len(found)} (genetic code {table})"
    for number, (ours, theirs) in enumerate(zip(found, given, strict=False)):
        initiator = number == 0 and begins(reading) and theirs == "M"
        # A stop that is read through is not made an ordinary codon by an unknown residue.
        unsure = ours != "*" and {ours, theirs} & _UNSURE
        if ours != theirs and not initiator and not unsure:
            return f"residue {number + 1} is {theirs} in its /translation and {ours} by its letters (code {table})"
    return ""
