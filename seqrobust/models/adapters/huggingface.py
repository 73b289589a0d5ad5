"""A folder of Hugging Face: the model that its ``config.json`` names, read without a network and without its code."""

from __future__ import annotations

import json
from pathlib import Path

from torch import nn

from seqrobust.errors import ModelError


def folder_module(path: Path) -> nn.Module:
    """The model of a folder.

    Args:
        path: holds ``config.json`` and weights, as ``save_pretrained`` writes them.

    Raises ModelError where the library is absent, or the model cannot be opened.
    """
    try:
        import transformers
    except ImportError:
        raise ModelError(
            "a model of Hugging Face needs its library", where=str(path), fix="pip install 'seqrobust[hf]'"
        ) from None
    named = _architecture(path)
    kind = getattr(transformers, named, None)
    if kind is None:
        raise ModelError(
            "the model has code of its own, which is not run",
            expected="an architecture of the transformers library",
            found=named,
            where=str(path / "config.json"),
            fix="open it in a factory of yours, and name that: --model file.py:factory --takes tokens",
        )
    try:
        module: nn.Module = kind.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever the library makes of a folder
        raise ModelError(
            "the model of this folder cannot be opened",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            where=str(path),
        ) from error
    return module.float()


def _architecture(path: Path) -> str:
    file = path / "config.json"
    try:
        names = json.loads(file.read_text(encoding="utf-8"))["architectures"]
        return str(names[0])
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise ModelError(
            "the folder's config.json names no architecture",
            expected='"architectures": ["..."], as save_pretrained writes it',
            where=str(file),
        ) from None
