"""A model that takes tokens by number, with the gradient of a one-hot input.

On sequences it is the model itself. What its first layer looks up is multilinear in one-hot letters: the row of a word
of k letters is the sum of all rows, each times the product of its letters' entries. So gradients with respect to
one-hot input are those of a module that multiplies one-hot words with the embedding's weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ModelError
from seqrobust.models.adapters.base import Adapter
from seqrobust.models.adapters.vocabulary import Vocabulary


class Tokens(Adapter):
    """A module that takes (N, T) int64 numbers of tokens.

    Gradients reach the letters where the numbers are looked up as they are given, by ``nn.Embedding``, or made one-hot;
    a model that computes with the numbers first is scored rightly, and has no gradient.

    Args:
        inner: the module.
        vocabulary: numbers of words, and what stands around them.
        alphabet: of the one-hot rows.
    """

    numbers: Tensor
    tells = False  # tokens are not letters, and what stands behind a record's end is none

    def __init__(self, inner: nn.Module, vocabulary: Vocabulary, alphabet: Alphabet) -> None:
        super().__init__(inner)
        self.vocabulary = vocabulary
        self.alphabet = alphabet
        self.register_buffer("numbers", torch.tensor(vocabulary.numbers), persistent=False)

    def forward(self, encoded: Tensor, **told: Any) -> Any:
        """What the module returns for the tokens of (N, K, L) records without padding."""
        words = self._words(encoded)
        known = words.sum(1)
        if self.vocabulary.unknown is None and bool((known < 0.5).any()):
            raise ModelError(
                "a record holds an unknown letter, and the vocabulary has no number for it",
                expected=f"{self.alphabet.any_letter}=NUMBER in --vocabulary",
                fix="or leave such records out",
            )
        # Rounded, for relaxed columns sum to one only nearly.
        own = torch.where(known > 0.5, self.numbers[words.argmax(1)], self.vocabulary.unknown or 0)
        ids = torch.cat([self._around(own, self.vocabulary.start), own, self._around(own, self.vocabulary.end)], 1)
        with _LookUps(ids, words, self):
            return self.inner(ids, **told)

    def rows(self, words: Tensor, weight: Tensor) -> Tensor:
        """(N, T, D) rows of (V, D) weights, for words and what stands around them."""
        table = weight[self.numbers]
        own = words.to(weight.dtype).transpose(1, 2) @ table
        if self.vocabulary.unknown is not None:
            own = own + (1 - words.sum(1))[..., None].to(weight.dtype) * weight[self.vocabulary.unknown]
        around = [
            weight[torch.tensor(numbers, dtype=torch.int64, device=weight.device)].expand(len(own), -1, -1)
            for numbers in (self.vocabulary.start, self.vocabulary.end)
        ]
        return torch.cat([around[0], own, around[1]], 1)

    def _words(self, encoded: Tensor) -> Tensor:
        """(N, K^k, T) one-hot words, lexicographic."""
        k, stride = self.vocabulary.k, self.vocabulary.stride
        count = (encoded.shape[2] - k) // stride + 1
        if count < 1:
            raise ModelError("a record is shorter than a token", expected=f"{k} letters", found=str(encoded.shape[2]))
        if left := (encoded.shape[2] - k) % stride:
            raise ModelError(
                "a record's last letters are no whole token",
                expected=f"a length of {k} and a multiple of {stride}",
                found=f"{encoded.shape[2]} letters, {left} too many",
                fix="cut the records, --max-length",
            )
        words = torch.ones_like(encoded[:, :1, :count])
        for place in range(k):
            letters = encoded[:, :, place : place + (count - 1) * stride + 1 : stride]
            words = (words[:, :, None] * letters[:, None]).flatten(1, 2)
        return words

    @staticmethod
    def _around(own: Tensor, numbers: tuple[int, ...]) -> Tensor:
        return torch.tensor(numbers, dtype=own.dtype, device=own.device).expand(len(own), -1)


class _LookUps(TorchFunctionMode):
    """While it lasts, what is looked up by these numbers comes from the words instead."""

    def __init__(self, ids: Tensor, words: Tensor, tokens: Tokens) -> None:
        super().__init__()
        self._ids, self._words, self._tokens = ids, words, tokens

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is nn.functional.embedding and self._are_ours(args[0] if args else kwargs.get("input")):
            weight = args[1] if len(args) > 1 else kwargs["weight"]
            return self._tokens.rows(self._words, weight)
        if func is nn.functional.one_hot and self._are_ours(args[0] if args else kwargs.get("input")):
            size = args[1] if len(args) > 1 else kwargs.get("num_classes", -1)
            if size > 0:
                return self._tokens.rows(self._words, torch.eye(size, device=self._words.device))
        return func(*args, **kwargs)

    def _are_ours(self, ids: object) -> bool:
        """Whether they are the numbers that were given, or a view of all of them."""
        return isinstance(ids, Tensor) and (
            ids is self._ids
            or (
                ids.shape == self._ids.shape and ids.dtype == self._ids.dtype and ids.data_ptr() == self._ids.data_ptr()
            )
        )
