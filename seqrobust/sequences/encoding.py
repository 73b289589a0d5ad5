"""Text, tokens and one-hot: each way by table look-up on a whole batch, never letter by letter.

=========  ==================  ====================================================================
form       type                meaning
=========  ==================  ====================================================================
letters    uint8 (N, L)        upper-case ASCII, NUL behind a sequence's end; keeps ambiguity codes
tokens     uint8 (N, L)        0..K-1 letters, K unknown, K+1 padding
one-hot    float32 (N, K, L)   unknown and padding columns are zeros (or 1/K for unknown, on request)
=========  ==================  ====================================================================
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import ILLEGAL, Alphabet
from seqrobust.errors import DataError
from seqrobust.sequences.kinds import Unknown as Unknown
from seqrobust.sequences.wording import counted

_UPPER = bytes(range(256)).upper()
_CACHE = 1 << 18
"""Entries of a one-hot matrix that are read at a time."""


def letters_from_texts(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(N, L) upper-case ASCII codes, NUL-padded to the longest text, and the (N,) lengths.

    A character outside ASCII becomes ``?``, which no alphabet holds, so that it is reported with its place.
    """
    # NUL marks padding, so one inside a text must not pass for it.
    joined = "".join(texts).encode("ascii", "replace").translate(_UPPER).replace(b"\0", b"?")
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    longest = int(lengths.max(initial=0))
    flat = np.frombuffer(joined, np.uint8)
    if len(flat) == len(texts) * longest:
        return flat.reshape(len(texts), longest), lengths
    letters = np.zeros((len(texts), longest), np.uint8)
    letters[np.arange(longest) < lengths[:, None]] = flat
    return letters, lengths


def check_characters(texts: Sequence[str], ids: Sequence[str] | None = None) -> None:
    """Raises DataError that names the first character outside of ASCII, which may be one that nobody sees."""
    if all(map(str.isascii, texts)):
        return
    row = next(row for row, text in enumerate(texts) if not text.isascii())
    column = next(column for column, letter in enumerate(texts[row]) if not letter.isascii())
    letter = texts[row][column]
    said = f"U+{ord(letter):04X} {unicodedata.name(letter, 'without a name')}"
    strange = sum(not text.isascii() for text in texts)
    raise DataError(
        "a character is no letter of any alphabet",
        found=f"{said}: {letter!r}" if letter.isprintable() else f"{said}, which is not to be seen",
        where=f"record {repr(ids[row]) if ids else f'number {row + 1}'}, position {column + 1}",
        fix=f"remove it; {counted(strange, 'record')} hold such characters" if strange > 1 else "remove it",
    )


def texts_from_letters(letters: NDArray[np.uint8], lengths: NDArray[np.int64]) -> list[str]:
    """The N texts of an (N, L) array of ASCII codes."""
    width = letters.shape[1]
    blob = letters.tobytes().decode("ascii")
    return [blob[row * width : row * width + int(length)] for row, length in enumerate(lengths)]


def tokens_from_letters(
    letters: NDArray[np.uint8], alphabet: Alphabet, ids: Sequence[str] | None = None
) -> NDArray[np.uint8]:
    """(N, L) tokens. Raises DataError that names the first record and position with a character of no meaning."""
    # A bytearray rather than bytes: torch warns of memory that cannot be written to.
    blob = bytearray(np.ascontiguousarray(letters)).translate(alphabet.token_table)
    tokens = np.frombuffer(blob, np.uint8).reshape(letters.shape)
    if bytes([ILLEGAL]) in blob:
        row, column = (int(i) for i in np.argwhere(tokens == ILLEGAL)[0])
        raise _illegal_letter(chr(letters[row, column]), alphabet, ids[row] if ids else f"number {row + 1}", column)
    return tokens


def _illegal_letter(letter: str, alphabet: Alphabet, record: str, column: int) -> DataError:
    fix = "check the file, or choose another --alphabet"
    if letter in "TU" and alphabet.name in ("DNA", "RNA"):
        fix = f"this looks like {'RNA: use --alphabet RNA' if letter == 'U' else 'DNA: use --alphabet DNA'}"
    elif letter in "-.":
        fix = "remove alignment gaps: positions are counted on the ungapped sequence"
    elif letter.isspace():
        fix = "remove the spaces inside sequences (blocks of ten, line breaks)"
    elif letter.isdigit() or letter in "'’′":
        fix = "a sequence is letters alone: remove position numbers and marks of its ends (5', 3')"
    elif letter == ">":
        fix = "two files were joined without a line end between them: part them before the >"
    elif letter == "*":
        fix = "a stop inside a protein cannot be read; cut or drop the record"
    return DataError(
        f"a character is neither a letter nor an ambiguity code of {alphabet.name}",
        expected=f"{alphabet.letters} or {''.join(sorted(alphabet.ambiguity))}, in either case",
        found=repr(letter),
        where=f"record {record!r}, position {column + 1}",
        fix=fix,
    )


def tokens_from_texts(texts: Sequence[str], alphabet: Alphabet) -> NDArray[np.uint8]:
    """(N, L) tokens of N texts, padded to the longest.

    >>> from seqrobust.alphabet import DNA
    >>> tokens_from_texts(["ACGT", "nt"], DNA).tolist()
    [[0, 1, 2, 3], [4, 3, 5, 5]]
    """
    return tokens_from_letters(letters_from_texts(texts)[0], alphabet)


def texts_from_tokens(tokens: NDArray[np.uint8], alphabet: Alphabet) -> list[str]:
    """The N texts of (N, L) tokens; an unknown letter reads ``N`` (``X`` in protein)."""
    # bytes.translate looks up 256 entries without an index array: a third faster than indexing.
    letters = np.frombuffer(tokens.tobytes().translate(_padded(alphabet.letter_table)), np.uint8).reshape(tokens.shape)
    return texts_from_letters(letters, _lengths(tokens, alphabet))


def one_hot(tokens: Tensor, alphabet: Alphabet, unknown: Unknown = "zeros") -> Tensor:
    """One-hot float32 (N, K, L) of (N, L) tokens, on the tokens' device.

    >>> from seqrobust.alphabet import DNA
    >>> one_hot(torch.tensor([[3, 4]], dtype=torch.uint8), DNA, "uniform")[0, :, 1]
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    shape = (tokens.shape[0], alphabet.size, tokens.shape[1])
    codes = torch.arange(alphabet.size, dtype=tokens.dtype, device=tokens.device)[None, :, None]
    # Writing the comparison straight into floats saves a pass; NumPy asks for huge pages, which torch.empty does not.
    fresh = torch.from_numpy(np.empty(shape, np.float32)) if tokens.device.type == "cpu" else None
    encoded = torch.empty(shape, device=tokens.device) if fresh is None else fresh
    torch.eq(tokens[:, None, :], codes, out=encoded)
    if unknown == "uniform":
        encoded.add_((tokens == alphabet.unknown)[:, None, :], alpha=1 / alphabet.size)
    return encoded


def tokens_from_one_hot(encoded: Tensor, alphabet: Alphabet) -> Tensor:
    """(N, L) tokens of an (N, K, L) one-hot tensor; a column that is no letter's becomes unknown.

    Padding cannot be told from an unknown letter in a one-hot tensor: it comes back as unknown.
    """
    if encoded.device.type != "cpu":
        return _first_ones(encoded, alphabet)
    columns = encoded.detach().numpy()
    tokens = np.empty(encoded.shape[::2], np.uint8)
    # Unknown plus a negative offset where a row holds the one, wrapping in uint8; blocks that fit into the cache.
    offsets = (np.arange(alphabet.size) - alphabet.unknown).astype(np.uint8)
    block = max(1, _CACHE // max(1, alphabet.size * encoded.shape[2]))
    for start in range(0, len(columns), block):
        hot = (columns[start : start + block] == 1).view(np.uint8)
        found = np.einsum("nkl,k->nl", hot, offsets, out=tokens[start : start + block])
        if np.count_nonzero(hot) > np.count_nonzero(found):  # a column with two ones: offsets have added up
            return _first_ones(encoded, alphabet)
    return torch.from_numpy(tokens + np.uint8(alphabet.unknown))


def _first_ones(encoded: Tensor, alphabet: Alphabet) -> Tensor:
    highest, letter = encoded.max(dim=1)
    return torch.where(highest == 1, letter, alphabet.unknown).to(torch.uint8)


def _padded(table: NDArray[np.uint8]) -> bytes:
    """A table of K + 2 entries as the 256 that ``bytes.translate`` wants."""
    return table.tobytes().ljust(256, bytes([ILLEGAL]))


def _lengths(tokens: NDArray[np.uint8], alphabet: Alphabet) -> NDArray[np.int64]:
    """(N,): letters before the padding."""
    return np.asarray(np.count_nonzero(tokens != alphabet.padding, axis=1), np.int64)


def reverse_complement(tokens: NDArray[np.uint8], alphabet: Alphabet) -> NDArray[np.uint8]:
    """(N, L) tokens of the other strand, each record reversed within its own length.

    >>> from seqrobust.alphabet import DNA
    >>> texts_from_tokens(reverse_complement(tokens_from_texts(["AACG", "TN"], DNA), DNA), DNA)
    ['CGTT', 'NA']
    """
    blob = tokens.tobytes().translate(_padded(alphabet.complement_table))
    flipped = np.frombuffer(blob, np.uint8).reshape(tokens.shape)[:, ::-1]
    lengths = _lengths(tokens, alphabet)
    width = tokens.shape[1]
    if (lengths == width).all():
        return np.ascontiguousarray(flipped)
    # Reversal puts the padding in front; a per-row roll brings it behind again.
    columns = (np.arange(width) + (width - lengths)[:, None]) % max(width, 1)
    return np.take_along_axis(flipped, columns, axis=1)
