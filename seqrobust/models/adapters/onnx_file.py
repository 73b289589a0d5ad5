"""A model in ONNX: as a torch module where onnx2torch can make one, else by onnxruntime, which only scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from seqrobust.errors import ModelError
from seqrobust.models.adapters.functions import BlackBox
from seqrobust.models.adapters.programs import Rows

_NEEDED = "pip install 'seqrobust[onnx]'"


def onnx_module(path: Path) -> nn.Module:
    """A module that says what the file's program says. Raises ModelError where no library can run it."""
    session = _session(path)
    converted = _converted(path)
    if session is None and converted is None:
        raise ModelError("a model in ONNX needs a library to run it", where=str(path), fix=_NEEDED)
    if converted is not None:
        return converted
    assert session is not None
    takes = session.get_inputs()
    if len(takes) != 1:
        raise ModelError(
            "the program takes several inputs",
            expected="one, the sequences",
            found=", ".join(f"{one.name} {one.shape}" for one in takes),
            where=str(path),
            fix="name a factory that gives the others: --model file.py:factory",
        )
    rows = takes[0].shape[0] if takes[0].shape else None
    return Rows(BlackBox(_Session(session, takes[0]), None), rows if isinstance(rows, int) else None)


class _Session:
    """A program of onnxruntime as a function of arrays; several outputs by name."""

    def __init__(self, session: Any, taken: Any) -> None:
        self._session = session
        self._name = taken.name
        self._kind = {"tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(int64)": np.int64}.get(
            taken.type, np.float32
        )
        self._outputs: Sequence[str] = [one.name for one in session.get_outputs()]

    def __call__(self, encoded: Any) -> Any:
        """What the program gives for (N, ...)."""
        given = self._session.run(None, {self._name: np.asarray(encoded).astype(self._kind)})
        return given[0] if len(given) == 1 else dict(zip(self._outputs, given, strict=True))


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        return None
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever the library makes of a damaged file
        raise ModelError(
            "the file cannot be opened as ONNX",
            found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            where=str(path),
        ) from error


def _converted(path: Path) -> nn.Module | None:
    """The program as a torch module; None where the converter is not there or does not know an operation."""
    try:
        from onnx2torch import convert
    except Exception:  # it also fails on import, beside a torchvision made for another torch
        return None
    try:
        module: nn.Module = convert(str(path))
    except Exception:  # an operation without a twin: scores are still to be had
        return None
    return module
