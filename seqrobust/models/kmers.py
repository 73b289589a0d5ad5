"""Linear models of k-mer counts as modules: from a table of weights, or from a fitted pipeline of scikit-learn.

Attacks, certificates and all other analyses then take them like any network. Certificates are exact at every budget,
for a sum over k-mers is a sum over windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ModelError

_MOST = 1 << 24
"""Numbers of k-mers: single precision counts no further."""


class KmerModel(nn.Module):
    """Weights of k-mers summed over all positions, or averaged, plus a constant.

    A k-mer that holds an unknown letter counts for nothing.

    Args:
        tables: by k: (K^k, outputs) weights of k-mers in lexicographic order of the alphabet's letters.
        constant: (outputs,) that is added.
        alphabet: whose letters k-mers are made of.
        average: whether counts are divided by the number of k-mers of a record, for each k by itself.

    Raises ModelError for tables whose sizes do not fit.

    >>> from seqrobust.alphabet import DNA
    >>> weights = torch.zeros(16, 1)
    >>> weights[1] = 1.0  # AC
    >>> model = KmerModel({2: weights}, torch.zeros(1), DNA)
    >>> model(nn.functional.one_hot(torch.tensor([[0, 1, 0, 1]]), 4).transpose(1, 2).float()).tolist()
    [[2.0]]
    """

    letters: Tensor

    def __init__(
        self, tables: Mapping[int, Tensor], constant: Tensor, alphabet: Alphabet, *, average: bool = False
    ) -> None:
        super().__init__()
        for k, table in tables.items():
            if table.shape != (alphabet.size**k, len(constant)) or len(table) >= _MOST:
                expected = f"({alphabet.size**k}, {len(constant)}) for {k}-mers, fewer than {_MOST:,} rows"
                raise ModelError("a table of k-mers does not fit", expected=expected, found=str(tuple(table.shape)))
        self.average = average
        self.sizes = tuple(tables)
        self.tables = nn.ModuleList(_looked_up(table) for table in tables.values())
        self.constant = nn.Parameter(constant.float())
        self.register_buffer("letters", torch.arange(float(alphabet.size))[None, :, None])

    def forward(self, encoded: Tensor) -> Tensor:
        """(N, outputs) of (N, K, L) one-hot records."""
        letter, known = (encoded * self.letters).sum(1), encoded.sum(1)
        total: Tensor = self.constant
        for k, table in zip(self.sizes, self.tables, strict=True):
            number = torch.stack([part * float(encoded.shape[1] ** power) for power, part in _shifted(letter, k)]).sum(
                0
            )
            whole = torch.stack([part for _, part in _shifted(known, k)]).sum(0) >= k
            weights = table(number.long()) * whole.to(encoded.dtype)[..., None]
            total = total + (weights.mean(1) if self.average else weights.sum(1))
        return total


def _looked_up(table: Tensor) -> nn.Embedding:
    """A table as a layer."""
    layer = nn.Embedding(*table.shape)
    layer.weight = nn.Parameter(table.float())
    return layer


def _shifted(values: Tensor, k: int) -> list[tuple[int, Tensor]]:
    """(N, L - k + 1) of each letter of all k-mers, with the power of K that counts it: ends are told from the end, so
    that part of a record is read like a whole one."""
    return [(k - 1 - i, values[:, i : None if i == k - 1 else i + 1 - k]) for i in range(k)]


def kmer_model_of(vectorizer: Any, linear: Any, alphabet: Alphabet) -> KmerModel:
    """A fitted ``CountVectorizer(analyzer="char")`` and a fitted linear model of scikit-learn as a module.

    Args:
        vectorizer: counts of character n-grams; of one length or of several.
        linear: with ``coef_`` and ``intercept_``, such as LogisticRegression, LinearSVC, RidgeClassifier or Ridge. What
            the module gives are its decision values.
        alphabet: of the records.

    Raises ModelError for a vectorizer that does more than count, or counts other things than k-mers.
    """
    if getattr(vectorizer, "analyzer", None) != "char" or getattr(vectorizer, "binary", True):
        raise ModelError(
            "only counts of characters can be read",
            expected='a fitted CountVectorizer(analyzer="char"), not binary',
            found=str(vectorizer),
        )
    if hasattr(vectorizer, "idf_") or hasattr(vectorizer, "use_idf"):
        raise ModelError("weights by frequency divide by the length of a record's vector", found=str(vectorizer))
    coefficients = torch.as_tensor(linear.coef_).reshape(-1, len(vectorizer.vocabulary_)).double()
    constant = torch.as_tensor(linear.intercept_).double().reshape(-1)
    tables: dict[int, Tensor] = {}
    for text, column in vectorizer.vocabulary_.items():
        kmer = text.upper()
        if any(letter not in alphabet.letters for letter in kmer):
            raise ModelError(f"a k-mer is not of {alphabet.name}", found=repr(text))
        table = tables.setdefault(len(kmer), torch.zeros(alphabet.size ** len(kmer), len(coefficients)).double())
        number = 0
        for letter in kmer:
            number = number * alphabet.size + alphabet.letters.index(letter)
        table[number] += coefficients[:, column]
    return KmerModel(tables, constant.expand(len(coefficients)), alphabet)
