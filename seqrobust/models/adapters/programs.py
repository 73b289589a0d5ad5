"""Whole models in files: TorchScript, torch.export, ONNX, and folders of Hugging Face. Naming one runs its program."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqrobust.errors import ModelError
from seqrobust.models.adapters.base import Adapter
from seqrobust.models.adapters.form import Form

Opener = Callable[[Path], nn.Module]


def opener_of(path: Path) -> Opener | None:
    """How a file or folder that holds a whole model is opened; None for any other."""
    if path.is_dir():
        return _folder if (path / "config.json").is_file() else None
    if not path.is_file():
        return None
    if path.suffix.lower() == ".onnx":
        return _onnx
    names = _members(path)
    if any(name.endswith("/constants.pkl") and f"{name.rpartition('/')[0]}/data.pkl" in names for name in names):
        return _torchscript
    if any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names):
        return _exported
    return None


def form_of_file(path: Path, form: Form) -> Form:
    """How a file's model takes sequences, as far as the user does not say it: a folder of Hugging Face has a tokeniser,
    and a model whose logits are meant."""
    if not path.is_dir():
        return form
    own = form.vocabulary is None and form.takes == "onehot"
    return replace(
        form,
        takes="tokens" if own else form.takes,
        vocabulary=str(path) if own else form.vocabulary,
        output_of=form.output_of or "logits",
    )


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []


def _opened(path: Path, kind: str, load: Callable[[], Any]) -> Any:
    try:
        with warnings.catch_warnings():
            # Notices that a format is old, of which the user's command cannot make another.
            warnings.simplefilter("ignore")
            return load()
    except Exception as error:  # whatever torch makes of a damaged file
        raise ModelError(
            f"the {kind} cannot be opened",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            where=str(path),
            fix="write it anew with the torch that is installed here, or name a factory: --model file.py:factory",
        ) from error


def _torchscript(path: Path) -> nn.Module:
    def load() -> Any:
        return torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]

    module: nn.Module = _opened(path, "TorchScript program", load)
    return module


def _exported(path: Path) -> nn.Module:
    program = _opened(path, "exported program", lambda: torch.export.load(path))
    return Rows(program.module(), _fixed_rows(program))


def _fixed_rows(program: Any) -> int | None:
    """Records that an exported program takes at once, None for any number."""
    names = set(getattr(program.graph_signature, "user_inputs", ()))
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in names and isinstance(value := node.meta.get("val"), Tensor):
            return value.shape[0] if value.ndim and isinstance(value.shape[0], int) else None
    return None


def _onnx(path: Path) -> nn.Module:
    from seqrobust.models.adapters.onnx_file import onnx_module

    return onnx_module(path)


def _folder(path: Path) -> nn.Module:
    from seqrobust.models.adapters.huggingface import folder_module

    return folder_module(path)


class Rows(Adapter):
    """A module that takes a fixed number of records at once.

    Args:
        inner: the module; tensors that it returns have a row a record.
        rows: that it takes; None for any number.
    """

    tells = False  # a batch is sent in parts

    def __init__(self, inner: nn.Module, rows: int | None) -> None:
        super().__init__(inner)
        self.rows = rows

    def forward(self, encoded: Tensor, **told: Any) -> Any:
        """What the module returns for all records, the last batch filled up with its last record."""
        if self.rows is None or len(encoded) == self.rows:
            return self.inner(encoded, **told)
        parts = []
        for part in torch.split(encoded, self.rows):
            filled = torch.cat([part, part[-1:].expand(self.rows - len(part), *part.shape[1:])])
            parts.append(_cut(self.inner(filled), len(part)))
        return _joined(parts)


def _cut(output: Any, rows: int) -> Any:
    if isinstance(output, dict):
        return {name: _cut(part, rows) for name, part in output.items()}
    if isinstance(output, (tuple, list)):
        return tuple(_cut(part, rows) for part in output)
    return output[:rows] if isinstance(output, Tensor) else output


def _joined(parts: list[Any]) -> Any:
    first = parts[0]
    if isinstance(first, dict):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple):
        return tuple(_joined(list(column)) for column in zip(*parts, strict=True))
    return torch.cat(parts) if isinstance(first, Tensor) else first
