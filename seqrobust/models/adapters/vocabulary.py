"""Numbers of tokens: given one by one, read from a file, or found out by asking a tokeniser."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ModelError

_STARTS = ("[CLS]", "<cls>", "CLS", "[BOS]", "<bos>", "BOS", "<s>")
_ENDS = ("[SEP]", "<sep>", "SEP", "[EOS]", "<eos>", "EOS", "</s>")
_UNKNOWNS = ("[UNK]", "<unk>", "UNK")
_MOST_LETTERS = 8
"""The longest k of k-mer tokens that is tried."""
_TRIED = 24
"""Random sequences on which a tokeniser must agree with what was found out of it."""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Tokens of a fixed number of letters each, and what stands around them.

    Attributes:
        numbers: of the K^k words of k letters, in lexicographic order of the alphabet's letters.
        k: letters a token.
        stride: letters from one token to the next.
        unknown: number of a token that holds an unknown letter; None where there is none.
        start, end: numbers before the first token and behind the last.
    """

    numbers: tuple[int, ...]
    k: int
    stride: int
    unknown: int | None
    start: tuple[int, ...]
    end: tuple[int, ...]


def vocabulary_of(text: str, alphabet: Alphabet) -> Vocabulary:
    """The vocabulary that a user names.

    Args:
        text: ``A=5,C=6,...``; a file with a token a line (``vocab.txt``) or a JSON object of numbers (``vocab.json``,
            ``tokenizer.json``); or a folder with a tokeniser of Hugging Face, which is then asked.
        alphabet: of the sequences.

    Raises ModelError for what cannot be read, or does not give every letter a number.
    """
    path = Path(text)
    if path.is_dir():
        return asked(_tokeniser(path), alphabet, text)
    table = _table(path) if path.is_file() else _pairs(text)
    return _named(table, alphabet, text)


def _pairs(text: str) -> dict[str, int]:
    table: dict[str, int] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, number = item.rpartition("=")
        if not equals or not number.isdecimal() or not name or name in table:
            raise ModelError(
                "the numbers of tokens cannot be read",
                expected="A=5,C=6,G=7,T=8,N=9,CLS=1,SEP=2, each once, or the path of a file or folder",
                found=repr(item) if equals else f"{text!r}, which is no file either",
                where="--vocabulary",
            )
        table[name] = int(number)
    return table


def _table(path: Path) -> dict[str, int]:
    content = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix.lower() != ".json":
        return {line.rstrip("\r"): number for number, line in enumerate(content.split("\n")) if line.strip()}
    try:
        read: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError("the vocabulary is no JSON", found=str(error), where=str(path)) from None
    inner = read.get("model") if isinstance(read, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("vocab"), dict):
        read = inner["vocab"]
    if not isinstance(read, dict) or not all(type(number) is int for number in read.values()):
        raise ModelError(
            "the vocabulary is no table of numbers",
            expected='{"A": 5, "C": 6, ...}, or a tokenizer.json',
            found=type(read).__name__,
            where=str(path),
        )
    return read


def _named(table: Mapping[str, int], alphabet: Alphabet, where: str) -> Vocabulary:
    """Of tokens by name: single letters if all are there, else words of the fewest letters of which all are."""
    upper = {name.upper(): number for name, number in table.items()}
    for k in range(1, _MOST_LETTERS + 1):
        words = ["".join(letters) for letters in itertools.product(alphabet.letters, repeat=k)]
        if all(word in upper for word in words[:2]) or (k == 1 and words[0] in upper):
            break
    else:
        raise _lacking(alphabet.letters, where)
    if missing := [word for word in words if word not in upper]:
        raise _lacking(", ".join(missing[:8]), where)
    _check_one_length(upper, alphabet, k, where)
    specials = [
        next((table[name] for name in names if name in table), None)
        for names in (_STARTS, _ENDS, (alphabet.any_letter * k, *_UNKNOWNS))
    ]
    start, end, unknown = specials
    return Vocabulary(
        numbers=tuple(upper[word] for word in words),
        k=k,
        stride=1,
        unknown=unknown,
        start=() if start is None else (start,),
        end=() if end is None else (end,),
    )


def _check_one_length(names: Mapping[str, int], alphabet: Alphabet, k: int, where: str) -> None:
    """Raise ModelError where words of other lengths have numbers too: which is meant depends on their neighbours."""
    special = {name.upper() for names in (_STARTS, _ENDS, _UNKNOWNS) for name in names}
    other = [name for name in names if len(name) != k and name not in special and set(name) <= set(alphabet.letters)]
    if other:
        raise ModelError(
            "the vocabulary holds words of different lengths",
            expected=f"words of {k} letters alone" if k > 1 else "letters alone",
            found=", ".join(sorted(other)[:6]),
            where=where,
            fix="name a folder whose tokeniser can be asked; or, where its tokens vary in length (byte pairs), give "
            "the model as a function of texts, --takes strings; or give the numbers of letters one by one",
        )


def _lacking(what: str, where: str) -> ModelError:
    return ModelError(
        "the vocabulary lacks letters",
        expected="a number for every letter, or for every word of k letters",
        found=f"none for {what}",
        where=where,
        fix="tokens of varying length (byte pairs) have no place for single letters: give the model as a function of "
        "texts, --takes strings",
    )


# A tokeniser that is asked ----------------------------------------------------------------------------------------


def _tokeniser(folder: Path) -> Callable[[str], Sequence[int]]:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise ModelError(
            "a tokeniser of Hugging Face needs its library", fix="pip install 'seqrobust[hf]'", where=str(folder)
        ) from None
    try:
        found = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever the library makes of a folder
        raise ModelError(
            "the folder holds no tokeniser that can be opened",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            where=str(folder),
            fix="give the numbers: --vocabulary A=5,C=6,...; a tokeniser with code of its own is not run",
        ) from error
    return lambda text: list(found(text)["input_ids"])


def asked(tokenise: Callable[[str], Sequence[int]], alphabet: Alphabet, where: str) -> Vocabulary:
    """What a tokeniser does, found out by asking it, where each token stands for a fixed number of letters.

    Args:
        tokenise: from a text to numbers.
        alphabet: of the texts.
        where: for messages.

    Raises ModelError where numbers depend on more than the letters of their place, as those of byte pairs do.
    """
    draw = np.random.default_rng(0)

    def drawn(length: int) -> str:
        return "".join(draw.choice(list(alphabet.letters), length))

    sizes = [len(tokenise(drawn(length))) for length in (48, 96)]
    per_letter = (sizes[1] - sizes[0]) / 48
    spell = per_letter > 0 and round(1 / per_letter)
    if not spell or abs(per_letter * spell - 1) > 1e-9:
        raise _lacking("single letters: its tokens vary in length", where)
    found = next(
        (
            one
            for k in ([spell] if spell > 1 else range(1, _MOST_LETTERS + 1))
            if alphabet.size**k <= 1 << 16 and (one := _scheme(tokenise, alphabet, k, spell, sizes[0])) is not None
        ),
        None,
    )
    if found is None:
        raise _lacking("single letters, and none for words of k letters: its tokens vary in length", where)
    for _ in range(_TRIED):
        text = drawn(int(draw.integers(16, 80)) * found.stride)
        if list(tokenise(text)) != spelled(found, text, alphabet):
            raise _lacking("words of fixed length: its tokens depend on what stands beside them", where)
    return found


def _scheme(
    tokenise: Callable[[str], Sequence[int]], alphabet: Alphabet, k: int, stride: int, size: int
) -> Vocabulary | None:
    """Words of k letters, a token each, if that is how 48 letters gave ``size`` tokens."""
    around = size - ((48 - k) // stride + 1)
    if around < 0:
        return None
    # What stands before the first token is what two texts of other letters share at their heads.
    first, other = (list(tokenise(letter * 48)) for letter in alphabet.letters[:2])
    before = next((place for place, (a, b) in enumerate(zip(first, other, strict=False)) if a != b), 0)
    if before > around:
        return None
    numbers = []
    for word in map("".join, itertools.product(alphabet.letters, repeat=k)):
        got = list(tokenise(word))
        if len(got) != around + 1:
            return None
        numbers.append(got[before])
    strange = list(tokenise(alphabet.any_letter * k))
    return Vocabulary(
        numbers=tuple(numbers),
        k=k,
        stride=stride,
        unknown=strange[before] if len(strange) == around + 1 else None,
        start=tuple(first[:before]),
        end=tuple(first[len(first) - (around - before) :]),
    )


def spelled(vocabulary: Vocabulary, text: str, alphabet: Alphabet) -> list[int]:
    """Numbers of a text's tokens; of one that holds an unknown letter, the unknown number."""
    numbers = list(vocabulary.start)
    for place in range(0, len(text) - vocabulary.k + 1, vocabulary.stride):
        word, number = text[place : place + vocabulary.k], 0
        if any(letter not in alphabet.letters for letter in word):
            assert vocabulary.unknown is not None
            numbers.append(vocabulary.unknown)
            continue
        for letter in word:
            number = number * alphabet.size + alphabet.letters.index(letter)
        numbers.append(vocabulary.numbers[number])
    return [*numbers, *vocabulary.end]
