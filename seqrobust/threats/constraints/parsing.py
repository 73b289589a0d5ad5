"""Constraints from text, for the command line and configs.

::

    gc:0.3-0.7                       GC content from 0.3 to 0.7 (percentages are read too: gc:30%-70%)
    gc:+-0.05                        within 0.05 of the clean sequence's
    homopolymer:5                    no letter more than five times in a row
    no-gain:TATAAT,TTGACA            no hit of a pattern gained: IUPAC codes or PROSITE syntax
    no-loss:...   no-change:...      none lost; neither
    no-change:FILE                   weight matrices of a JASPAR, minimal MEME or MEME XML file, p-value 1e-4
    no-change:FILE#MA0139.1,GATA1    of some motifs of it only
    no-change:FILE@1e-5              at another p-value
    no-change:FILE@80%               from 80 % of the way from the worst score to the best on
    no-gain:+TATAAT                  a plus in front: on the given strand only (otherwise DNA is read on both)
    no-site:EcoRI,BamHI              no restriction site gained
    keep-site:EcoRI                  none lost
    markov:3@0.1:FILE                log-likelihood per letter at most 0.1 nats below the clean sequence's, under a
                                     Markov model of order 3 fitted on a file of sequences
    markov:3@q0.05:FILE              above the 5 % quantile of those sequences
    A; B; C                          all of them
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.files import home_expanded, is_file
from seqrobust.sequences.readers import read_sequences
from seqrobust.threats.constraints.base import Constraint
from seqrobust.threats.constraints.composition import GCContent
from seqrobust.threats.constraints.conjunction import AllOf
from seqrobust.threats.constraints.hits import Forbids
from seqrobust.threats.constraints.homopolymers import LongestRun
from seqrobust.threats.constraints.markov import MarkovModel, MarkovPlausibility
from seqrobust.threats.constraints.matrices import WeightMatrix, read_matrices
from seqrobust.threats.constraints.motif_hits import MotifHits, Pattern
from seqrobust.threats.constraints.restriction import RestrictionSites

_NUMBER = r"(\d+(?:\.\d*)?(?:e-?\d+)?|\.\d+(?:e-?\d+)?)"
_SHARE = rf"{_NUMBER}\s*(%?)"
# A pattern has none of these; an unlucky file name without any of them is found because it exists.
_OF_A_PATH = re.compile(r"[/\\#@.]")


def parse_constraint(text: str, alphabet: Alphabet) -> Constraint:
    """One constraint, or several joined by semicolons, from the grammar above.

    Args:
        text: the constraint.
        alphabet: what the letters mean; patterns, matrices and backgrounds are read over it.

    Raises ThreatError for text that cannot be read, or that says nothing about the alphabet; DataError for a file of
    background sequences that cannot be read.

    >>> from seqrobust.alphabet import DNA
    >>> parse_constraint("gc:0.3-0.7; homopolymer:5", DNA).describe()
    'GC content from 0.3 to 0.7, no letter more than 5 times in a row'
    """
    parts = [_one(part.strip(), alphabet) for part in text.split(";")]
    return parts[0] if len(parts) == 1 else AllOf(parts=tuple(parts))


def constraint_files(text: str) -> list[Path]:
    """The files that a constraint, or several joined by semicolons, names; those that exist."""
    named = []
    for part in text.split(";"):
        kind, _, rest = (piece.strip() for piece in part.partition(":"))
        if kind.lower() in ("no-gain", "no-loss", "no-change"):
            named.append(_matrix_file(rest.removeprefix("+").strip())[0])
        elif kind.lower() == "markov" and (found := _BACKGROUND.fullmatch(rest)):
            named.append(found[4])
    return [path for name in named if is_file(path := home_expanded(name))]


def _one(text: str, alphabet: Alphabet) -> Constraint:
    kind, _, rest = (part.strip() for part in text.partition(":"))
    if kind.lower() not in _KINDS:
        raise ThreatError(
            "unknown kind of constraint",
            expected=", ".join(f"{name}:..." for name in _KINDS),
            found=repr(text),
            fix="such as gc:0.3-0.7, homopolymer:5, no-gain:TATAAT or no-site:EcoRI",
        )
    try:
        return _KINDS[kind.lower()](rest, alphabet)
    except ThreatError as error:
        raise error.at(f"constraint {text!r}") from None


def _unreadable(what: str, expected: str, found: str) -> ThreatError:
    return ThreatError(f"{what} cannot be read", expected=expected, found=repr(found))


def _gc(text: str, alphabet: Alphabet) -> Constraint:
    if alphabet.name == "PROTEIN":
        raise ThreatError("GC content is defined for nucleotides only", found=f"alphabet {alphabet.name}")
    if change := re.fullmatch(rf"(?:\+-|±)\s*{_SHARE}", text):
        return GCContent(around_clean=_share(change[1], change[2]))
    if window := re.fullmatch(rf"{_SHARE}\s*-\s*{_SHARE}", text):
        return GCContent(low=_share(window[1], window[2]), high=_share(window[3], window[4]))
    raise _unreadable("a window of GC content", "such as gc:0.3-0.7 or gc:+-0.05", text)


def _share(number: str, percent: str) -> float:
    return float(number) / (100 if percent else 1)


def _homopolymer(text: str, alphabet: Alphabet) -> Constraint:
    if not re.fullmatch(r"\d{1,9}", text):
        raise _unreadable("a longest run", "a whole number, such as homopolymer:5", text)
    return LongestRun(limit=int(text))


def _motifs(forbids: Forbids) -> Callable[[str, Alphabet], Constraint]:
    def parse(text: str, alphabet: Alphabet) -> Constraint:
        target = text.removeprefix("+").strip()
        both = target == text.strip()
        found: tuple[Pattern | WeightMatrix, ...]
        if _OF_A_PATH.search(target) or is_file(target):
            found = _matrices(target, alphabet)
        else:
            found = tuple(Pattern(text=pattern.strip()) for pattern in target.split(","))
        rule = MotifHits(motifs=found, forbids=forbids, both_strands=both)
        rule.scans(alphabet)
        return rule

    return parse


def _matrices(text: str, alphabet: Alphabet) -> tuple[WeightMatrix, ...]:
    file, chosen, threshold = _matrix_file(text)
    if chosen is None and threshold is None:
        return read_matrices(_existing(file), alphabet)
    p_value, relative = _threshold("1e-4" if threshold is None else threshold.strip())
    names = () if chosen is None else tuple(name.strip() for name in chosen.split(","))
    return read_matrices(_existing(file), alphabet, names=names, p_value=p_value, relative=relative)


def _matrix_file(text: str) -> tuple[str, str | None, str | None]:
    """``FILE#NAMES@THRESHOLD`` in its parts. A file whose own name holds an @ or a # is taken as it is."""
    parts = None if is_file(home_expanded(text)) else re.fullmatch(r"(.+?)(?:#([^@]*))?(?:@([^@/\\]*))?", text)
    return (text, None, None) if parts is None else (parts[1].strip(), parts[2], parts[3])


def _threshold(text: str) -> tuple[float, float | None]:
    """The p-value, and the relative score where there is one."""
    found = re.fullmatch(_SHARE, text)
    if not found:
        raise _unreadable("a threshold", "a p-value such as @1e-4 or a relative score such as @80%", text)
    return (1e-4, float(found[1]) / 100) if found[2] else (float(found[1]), None)


def _sites(forbids: Forbids) -> Callable[[str, Alphabet], Constraint]:
    def parse(text: str, alphabet: Alphabet) -> Constraint:
        rule = RestrictionSites(enzymes=tuple(name.strip() for name in text.split(",")), forbids=forbids)
        rule.scans(alphabet)
        return rule

    return parse


_BACKGROUND = re.compile(rf"(\d{{1,3}})\s*@\s*(q?){_NUMBER}\s*:\s*(.+)")


def _markov(text: str, alphabet: Alphabet) -> Constraint:
    found = _BACKGROUND.fullmatch(text)
    if not found:
        raise _unreadable(
            "a background model", "ORDER@MARGIN:FILE or ORDER@qQUANTILE:FILE, such as markov:3@0.1:genome.fa", text
        )
    order, limit = int(found[1]), float(found[3])
    background = read_sequences(_existing(found[4]), alphabet=alphabet).sequences
    model = MarkovModel.fit(background, order)
    if found[2]:
        return MarkovPlausibility(model=model, floor=model.quantile(background, limit))
    return MarkovPlausibility(model=model, margin=limit)


def _existing(text: str) -> Path:
    path = home_expanded(text)
    if not is_file(path):
        raise ThreatError("a file does not exist", expected="the path of a file", found=repr(text))
    return path


_KINDS: dict[str, Callable[[str, Alphabet], Constraint]] = {
    "gc": _gc,
    "homopolymer": _homopolymer,
    "no-gain": _motifs("gain"),
    "no-loss": _motifs("loss"),
    "no-change": _motifs("change"),
    "no-site": _sites("gain"),
    "keep-site": _sites("loss"),
    "markov": _markov,
}
