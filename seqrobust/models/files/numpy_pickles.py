"""Numbers and arrays of NumPy in files of weights, read by functions of our own instead of NumPy's.

A best loss that is a ``numpy.float64`` stands beside the weights in many a checkpoint, and makes torch refuse all of
it: NumPy's own functions would have to be called. Called with what a stranger wrote, these could be led astray (types
with pointers in them); so what is called here under their names only ever takes plain numbers out of bytes.
"""

from __future__ import annotations

import contextlib
import pickle
import re
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

_PLACES = ("numpy.core.multiarray", "numpy._core.multiarray")
_KINDS = "biufcSU"
"""Numbers and text; no objects, records or dates."""


class _Dtype:
    """A number type by its code, such as f8."""

    def __init__(self, code: object, *_: object) -> None:
        self.code, self.order = str(code), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1] if state[1] in ("<", ">") else "="

    def plain(self) -> np.dtype[Any]:
        try:
            found = np.dtype(self.order + self.code)
        except TypeError:
            found = np.dtype(object)
        if (
            not re.fullmatch(r"[a-zA-Z]\d{0,6}", self.code)
            or found.kind not in _KINDS
            or found.fields is not None
            or found.itemsize == 0
        ):
            raise pickle.UnpicklingError(f"Unsupported type numpy.dtype[{self.code[:20]}]")
        return found


class _Array:
    """An array while it is read."""

    value: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, columns_first, data = state
        if not isinstance(kind, _Dtype) or not isinstance(data, bytes):
            raise pickle.UnpicklingError("Unsupported type numpy.ndarray of objects")
        flat = np.frombuffer(data, kind.plain())
        self.value = flat.reshape(shape, order="F" if columns_first else "C").copy()


def _scalar(kind: object, data: object = b"") -> Any:
    if not isinstance(kind, _Dtype) or not isinstance(data, bytes):
        raise pickle.UnpicklingError("Unsupported type numpy scalar of objects")
    found = np.frombuffer(data, kind.plain())
    if len(found) != 1:
        raise pickle.UnpicklingError("Unsupported type numpy scalar of another size")
    return found[0]


def _reconstruct(*_: object) -> _Array:
    return _Array()


def read_as_numbers() -> AbstractContextManager[None]:
    """While it lasts, ``torch.load(weights_only=True)`` reads NumPy's numbers and arrays by the functions above."""
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 6):  # no functions under others' names
        return contextlib.nullcontext()
    named: list[Any] = [(_Dtype, "numpy.dtype"), (_Array, "numpy.ndarray")]
    for place in _PLACES:
        named += [(_scalar, f"{place}.scalar"), (_reconstruct, f"{place}._reconstruct")]
    found: AbstractContextManager[None] = torch.serialization.safe_globals(named)
    return found


def finished(content: Any) -> Any:
    """What was read, with arrays in place: as tensors where they are of floating point, for they can be weights."""
    if isinstance(content, _Array):
        value = content.value
        return torch.from_numpy(value.astype(value.dtype.newbyteorder("="))) if value.dtype.kind == "f" else value
    if isinstance(content, tuple) and any(isinstance(value, _Array) for value in content):
        return tuple(finished(value) for value in content)
    if isinstance(content, (dict, list)):
        # In place, for a state dict may carry more than its items.
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            content[key] = finished(value)
    return content
