"""Black boxes: a function, or an estimator of scikit-learn, that takes texts or arrays and has no gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ModelError
from seqrobust.models.kmers import kmer_model_of


class BlackBox(nn.Module):
    """A function outside torch as a module, of which no gradient is to be had.

    Sequences that are alike are asked about once.

    Args:
        function: from a list of texts, or from one-hot (N, K, L) float32 in the model's own axes and channels, to
            anything NumPy takes for an array (N,) or (N, ...); what is not a number or an array is handed on as it is.
        alphabet: of the texts; None where it takes arrays.

    >>> from seqrobust.alphabet import DNA
    >>> counts = BlackBox(lambda texts: [text.count("G") for text in texts], DNA)
    >>> counts(torch.eye(4)[None]).tolist()
    [1.0]
    """

    def __init__(self, function: Callable[[Any], Any], alphabet: Alphabet | None) -> None:
        super().__init__()
        self.function = function
        self.alphabet = alphabet

    def forward(self, encoded: Tensor) -> Any:
        """What the function returns for records without padding."""
        distinct, place = np.unique(encoded.detach().cpu().numpy(), axis=0, return_inverse=True)
        asked = distinct if self.alphabet is None else texts_of(distinct, self.alphabet)
        with torch.no_grad():
            returned = self.function(asked)
        rows = torch.as_tensor(place.reshape(-1))
        return _rows(returned, rows, len(asked), encoded.device)


def texts_of(encoded: np.ndarray[Any, Any], alphabet: Alphabet) -> list[str]:
    """Texts of (N, K, L) one-hot records without padding; a column without a one is an unknown letter."""
    tokens = np.where(encoded.max(1) > 0.5, encoded.argmax(1), alphabet.unknown)
    return [bytes(row).decode() for row in alphabet.letter_table[tokens].astype(np.uint8)]


def _rows(value: Any, rows: Tensor, asked: int, device: torch.device) -> Any:
    """What was returned, with a row for each record, in tensors."""
    if isinstance(value, dict):
        return {name: _rows(part, rows, asked, device) for name, part in value.items()}
    if isinstance(value, tuple) or (isinstance(value, list) and value and isinstance(value[0], (Tensor, np.ndarray))):
        if not (len(value) == asked and all(np.ndim(part) < 2 for part in value)):
            return tuple(_rows(part, rows, asked, device) for part in value)
        value = np.stack([np.asarray(part) for part in value])
    if not isinstance(value, Tensor):
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ModelError(
                "the function does not return numbers",
                expected=f"an array of {asked} rows",
                found=f"{type(value).__name__} of {array.dtype}",
                fix="return scores or probabilities; names of classes say too little",
            )
        value = torch.as_tensor(array.astype(np.float64 if array.dtype == np.float64 else np.float32))
    if value.ndim == 0 or len(value) != asked:
        raise ModelError(
            "the function does not return a row for each record",
            expected=f"{asked} rows",
            found=f"shape {tuple(value.shape)}",
        )
    return value.to(device)[rows.to(device)]


def is_estimator(thing: object) -> bool:
    """Whether it is a fitted estimator, or pipeline, as scikit-learn has them."""
    return not isinstance(thing, (nn.Module, type)) and callable(getattr(thing, "predict", None))


def estimator_function(
    estimator: Any, *, labels: Sequence[str] | None, measured: bool
) -> tuple[Callable[[Any], Any], tuple[str, ...] | None]:
    """What an estimator says of records, and the names of its classes where it has any.

    Probabilities where it has them, else decision values, else (of a classifier) one for the class it names; of a
    regressor its predictions. What takes arrays gets one row a record, where it does not take (N, K, L).

    Args:
        estimator: fitted.
        labels: what the user calls the outputs.
        measured: whether it is a regressor that is wanted.

    Raises ModelError where its classes are not those labels in that order.
    """
    if measured:
        return estimator.predict, None
    names = class_names(estimator, labels)
    for name in ("predict_proba", "decision_function"):
        if callable(getattr(estimator, name, None)):
            return getattr(estimator, name), names
    known = np.asarray(getattr(estimator, "classes_", ()))

    def named(records: Any) -> Any:
        return (np.asarray(estimator.predict(records))[:, None] == known).astype(np.float32)

    return named, names


def class_names(estimator: object, labels: Sequence[str] | None) -> tuple[str, ...] | None:
    """What an estimator calls its classes, in its order; None where it has none.

    Raises ModelError where the user calls them the same in another order.
    """
    classes = tuple(str(name) for name in getattr(estimator, "classes_", ()))
    if labels is not None and set(labels) == set(classes) and tuple(labels) != classes:
        raise ModelError(
            "the estimator's classes stand in another order",
            expected=f"--labels {','.join(classes)}",
            found=f"--labels {','.join(labels)}",
        )
    return classes or None


def linear_of_kmers(thing: object, alphabet: Alphabet) -> nn.Module | None:
    """A pipeline that counts k-mers and weighs them, as a module of its decision values, for which certificates are
    exact; None for anything else.

    Decision values are what probabilities are made of: logits of logistic regression. They are compared with the
    pipeline's own on random sequences, for a pipeline may do more than its steps' names say.
    """
    steps = getattr(thing, "steps", None)
    if not isinstance(steps, list) or len(steps) != 2 or not hasattr(steps[1][1], "coef_"):
        return None
    (_, counts), (_, linear) = steps
    try:
        made = kmer_model_of(counts, linear, alphabet)
        own = getattr(thing, "decision_function", None) or thing.predict  # type: ignore[attr-defined]
        draw = np.random.default_rng(0)
        texts = ["".join(draw.choice([*alphabet.letters], 64)) for _ in range(8)]
        tokens = torch.tensor([[alphabet.letters.index(letter) for letter in text] for text in texts])
        with torch.no_grad():
            ours = made(nn.functional.one_hot(tokens, alphabet.size).transpose(1, 2).float()).numpy()
        expected = np.asarray(own(texts), float).reshape(len(texts), -1)
    except Exception:  # whatever a pipeline raises: it is asked as it is then
        return None
    alike = ours.shape == expected.shape and np.allclose(ours, expected, rtol=1e-4, atol=1e-4)
    return made if alike else None
